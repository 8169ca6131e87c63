"""Names that users choose are only ever shown: whatever they are, nothing is read out of them.

A program with a race, a freed block that is poisoned and a backward has its kernels and the file of
its lines called by one name after the other, among them all that has a meaning in a log.
"""

import re

import pytest
import torch
from drawings import Drawing

import mtia_lab
from mtia_lab import draw
from mtia_lab.explorer.model import Model
from mtia_lab.log import lines
from mtia_lab.log.replay import Heap
from mtia_lab.log.trace import trace_events

NAMES = {
    "quotes": "\"'`\\",
    "a script": "</script><script>alert(1)</script><img src=x onerror=alert(1)>",
    "lines": "a\nb\r\n\u2028c\t\x00\x1b[31m",
    "emoji": "\U0001f600 \u5b57 e\u0301",
    "10 kB": "x" * 10_000,
    "a stream": "mtia:0/3",
    "a marker": "poison",
    "an old marker": "hasPrimaryContext",
    "a direction": "H2D",
    "an event": "event 1",
    "an event's arguments": "event 1, mtia:0/1",
    "a method": "guard.record",
    "a tensor": "float32[2, 3] strides [1, 3]",
}

PROGRAM = """
def program(lab, name, one, two):
    x = torch.ones(64, requires_grad=True, device="mtia")
    with one:
        y = torch.ones(64, device="mtia")
        lab.launch(name)
    with two:
        y.mul_(2)
    del y
    lab.launch(name)
    (x * 2).sum().backward()
"""


def recorded(lab, name):
    """The log and the report of the program, with poison; its file has the name, too."""
    scope = {"torch": torch}
    exec(compile(PROGRAM, name.replace("/", "|").replace("\0", "") + ".py", "exec"), scope)
    streams = [torch.Stream("mtia:0") for _ in range(2)]
    lab.configure(poison=True)
    with lab.sanitizer() as report:
        scope["program"](lab, name, *streams)
    torch.mtia.synchronize()
    lab.configure(poison=False)
    return report.log, report


@pytest.fixture(scope="module")
def usual():
    """The same with names that mean nothing."""
    mtia_lab.load()
    mtia_lab.reset()  # whatever tests came before, as for the others
    return recorded(mtia_lab, "k")


@pytest.fixture(params=NAMES)
def named(request, lab):
    """Its log and report with one of the names."""
    return recorded(lab, NAMES[request.param])


def trace(log):
    """The arrows of its trace, by what they are."""
    found = {}
    for _, event in trace_events(log):
        if event["ph"] == "s":
            found.setdefault(event["name"], []).append(event)
    return found


def shape(report):
    """What was found, without the names of lines and streams."""
    found = (*report, *report.hints)
    return [(f.kind, f.count, f.first.action, f.second.action, len(f.memory)) for f in found]


def test_hazards_are_the_same(named, usual):
    assert len(usual[1]) == 2
    assert shape(named[1]) == shape(usual[1])


def test_what_has_a_meaning_of_its_own_is_no_name(named, usual):
    found = []
    for log, _ in (named, usual):
        launches = {call.id for call in log.calls if call.method == "lab.launch"}
        launched = [c for c in log.commands if c.call in launches]
        assert [(c.marker, c.direction) for c in launched] == [(None, None)] * 2
        turns = [call for call in log.calls if call.marker == "backward"]
        assert {turn.method for turn in turns} == {"hooks.hasPrimaryContext"}
        poisoned = [c.type for c in log.commands if c.marker == "poison"]
        assert poisoned
        holes = len(Heap(log, 0).of("poisoned"))
        found.append((len(turns), poisoned, holes, len(trace(log)["launch"])))
    assert found[0] == found[1]


def test_pictures_are_well_formed(named):
    log, report = named
    pictures = [
        draw.timeline(log, report),
        draw.devices(log),
        draw.memory(log),
        draw.backward(log),
        draw.filmstrip(log[:12]),
        draw.calls({"a": log[:12]}),
        draw.hazards(report),
        *map(draw.hazard, report),
    ]
    for picture in pictures:
        drawing = Drawing(picture)
        assert not drawing.all("script") and not drawing.all("img")
        assert picture.text.isascii() and max(map(len, picture.text.split("\n"))) < 400


def test_the_explorers_page_holds_names_as_data(named, usual):
    pages = []
    for log, report in (named, usual):
        assert Model(log).describe(1)
        html = mtia_lab.explore(log, report)._repr_mimebundle_()["text/html"]
        pages.append([tag.split()[0] for tag in re.findall(r"<[^>]*>", html)])
    assert pages[0] == pages[1] and pages[0].count("<script>") == 1


def test_a_kernel_called_poison_poisons_nothing(lab):
    with lab.record() as log:
        x = torch.ones(64, device="mtia")
        del x
        lab.launch("poison")
    assert "free" in [memory.action for memory in log.memory]
    assert Heap(log, 0).of("poisoned") == []


class Names(str):
    """The name of a file, at each look at which another file is named, as when an object ends."""

    def named(self):
        lines.FILE_NAMES[f"/of/{len(lines.FILE_NAMES)}.py"] = f"{len(lines.FILE_NAMES)}.py"

    def __eq__(self, other):
        self.named()
        return str(self) == other

    def __ne__(self, other):
        self.named()
        return str(self) != other

    def __hash__(self):
        self.named()
        return hash(str(self))


def test_a_file_may_be_named_while_names_are_looked_at(monkeypatch):
    names = lines._FileNames({"/here/a.py": Names("a.py"), "/there/b.py": Names("b.py")})
    monkeypatch.setattr(lines, "FILE_NAMES", names)
    assert lines.written("b.py:3") == "b.py:3"
    assert names._unlike_others("/elsewhere/b.py") == "elsewhere/b.py"
    assert len(names) > 4
