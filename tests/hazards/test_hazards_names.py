"""What a fix calls the streams and events of a program: as it does itself, where that is known."""

import linecache
import re
import textwrap

import pytest
import torch
from only import only

SETUP = """
    import torch
    one, two = torch.Stream("mtia"), torch.Stream("mtia")
    x = torch.ones(8, device="mtia")
    torch.mtia.synchronize()
"""


@pytest.fixture
def reported(empty, tmp_path):
    """What the sanitizer finds in a program's `run()`, and the place of a line of its text."""

    def of(program, name="own.py", folder="."):
        file = tmp_path / folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(textwrap.dedent(SETUP) + textwrap.dedent(program))
        linecache.checkcache(str(file))
        scope = {}
        exec(compile(file.read_text(), str(file), "exec"), scope)
        with empty.sanitizer() as report:
            scope["run"]()
        torch.mtia.synchronize()
        return report

    return of


def fix_of(report):
    """The only fix and its legend, without file, lines and ids."""
    found = only(report)
    text = re.sub(r"line \S*\.py:\d+", "line", f"{found.fix} ({found.legend})")
    return re.sub(r"\b(s|mtia:0/)[1-9]\d*", r"\1N", text)


FUNCTION = """
    def run():
        with one:
            x.add_(1)
        {first}
        with two:
            x.mul_(2)
        {last}
"""
TWO, NAMES = "insert `two.{}` before line", "two is mtia:0/N, one is mtia:0/N"
EVENTS = {
    "its own": ("done = one.record_event()", "", "done", ""),
    "made before": ("e = torch.Event(); e.record(one)", "", "e", ""),
    "handed over": ("e = torch.Event(); one.record_event(e)", "", "e", ""),
    "of a list": ("e = [torch.Event()]; e[0].record(one)", "", "e[0]", ""),
    "of an index": ("i = 0; e = [torch.Event()]; e[i].record(one)", "", "event", "e[i]"),
    "bound anew": ("done = one.record_event()", "done = None", "event", "done"),
    "of a loop": ("for e in [torch.Event()]: e.record(one); kept = e", "", "event", "e"),
}


@pytest.mark.parametrize("way", EVENTS)
def test_an_event_is_called_as_the_line_that_waits_can_call_it(reported, way):
    first, last, here, there = EVENTS[way]
    fix = fix_of(reported(FUNCTION.format(first=first, last=last)))
    called = f", `{there}` there" if there else ""
    assert fix == f"{TWO.format(f'wait_event({here})')}, for the event of line{called} ({NAMES})"


def test_an_event_of_the_round_before_is_not_what_its_name_means_in_this_one(reported):
    program = """
    def run():
        events = [torch.Event(), torch.Event()]
        for k in range(4):
            e = events[k % 2]
            {}
            with two:
                x.mul_(2)
            with one:
                x.add_(1)
            e.record(one)
    """
    written, read = (
        reported(program.format("pass")),
        reported(program.format("one.wait_stream(two)")),
    )
    for report in (written, read):
        fixes = [found.fix for found in report if "for the event of line" in found.fix]
        assert "`two.wait_event(event)`" in only(fixes) and fixes[0].endswith(", `e` there")


CLASS = """
    class Loader:
        def __init__(self, copying):
            self.copying = copying
            {more}

        def load(self):
            with {this}.copying:
                x.add_(1)

        def use(self):
            with torch.accelerator.current_stream():
                x.mul_(2)
            x.sum()

    def run():
        {program}
"""
CURRENT = "insert `torch.accelerator.current_stream().wait_stream({})` before line ({})"
OWN = CURRENT.format("self.copying", "self.copying is mtia:0/N")
ELSEWHERE = CURRENT.format("sN", "sN is mtia:0/N, `{}.copying` of line")
CLASSES = {
    "of one object": ("", "self", "l = Loader(one); l.load(); l.use()", OWN),
    "bound at two places": (
        "self.copying = self.copying",
        "self",
        "l = Loader(one); l.load(); l.use()",
        ELSEWHERE.format("self"),
    ),
    "of two objects": (
        "",
        "self",
        "l, k = Loader(one), Loader(two); l.load(); l.use(); torch.mtia.synchronize(); k.load()",
        ELSEWHERE.format("self"),
    ),
    "of an object of another name": (
        "global it; it = self",
        "it",
        "l = Loader(one); l.load(); l.use()",
        ELSEWHERE.format("it"),
    ),
}


@pytest.mark.parametrize("way", CLASSES)
def test_what_is_an_attribute_here_is_one_in_another_method(reported, way):
    more, this, program, expected = CLASSES[way]
    assert fix_of(reported(CLASS.format(more=more, this=this, program=program))) == expected


USES = {
    "wait_event": "{}.wait_event(main.record_event())",
    "wait": "main.record_event().wait({})",
    "wait_stream": "{}.wait_stream({})",
    "record_event": "{}.record_event()",
    "record": "torch.Event().record({})",
    "synchronize": "{}.synchronize()",
    "query": "{}.query()",
    "set_stream": "torch.accelerator.set_stream({})\n    torch.accelerator.set_stream(main)",
    "stream": "\n    with torch.mtia.stream({}):\n        pass",
}


@pytest.mark.parametrize("way", USES)
def test_every_way_to_use_a_stream_tells_its_name(reported, way):
    """The race is on lines that name no stream: another function's."""
    use = USES[way]
    told = "\n    ".join(use.replace("{}", name) for name in ("own", "other"))
    program = f"""
def enter(stream, work):
    with stream:
        work()
def run(own=one, other=two):
    main = torch.accelerator.current_stream()
    {told}
    enter(own, lambda: x.add_(1))
    enter(other, lambda: [
        x.mul_(2),
    ])
"""
    named = "other is mtia:0/N, own is mtia:0/N"
    assert fix_of(reported(program)) == f"insert `other.wait_stream(own)` before line ({named})"


def test_a_loop_over_streams_names_the_one_that_is_entered(reported):
    program = """
    def run():
        for s in (one, two):
            with s:
                x.add_(1)
    """
    fix = fix_of(reported(program))
    assert (
        fix == "insert `s.wait_stream(sN)` before line (s is mtia:0/N, sN is mtia:0/N, `s` of line)"
    )


def test_no_object_of_the_program_is_asked_or_kept(reported):
    """Its names are in the text; what stands for them may do anything when it is looked at."""
    program = """
    import weakref
    class Shy:
        def __repr__(self): raise AssertionError("asked")
        __getattr__ = __str__ = __eq__ = __hash__ = __repr__
    gone = []
    def run():
        shy = Shy()
        gone.append(weakref.ref(shy))
        with one:
            x.add_(1)
        with two:
            x.mul_(2)
        del shy
        assert gone[0]() is None, "kept"
    """
    assert "two.wait_stream(one)" in fix_of(reported(program))


def test_a_program_whose_text_is_gone_has_ids(empty, streams):
    one, two = streams
    scope = {"one": one, "two": two, "x": torch.ones(8, device="mtia")}
    torch.mtia.synchronize()
    with empty.sanitizer() as report:
        exec("with one: x.add_(1)\nwith two: x.mul_(2)", scope)
    assert only(report).fix == (
        f"insert `s{two.stream_id}.wait_stream(s{one.stream_id})` before line <string>:2"
    )


def test_two_files_of_one_name_are_told_apart(reported, tmp_path):
    """In the log by as much of the path as it takes, to the reader by the whole."""
    program = FUNCTION.format(first="pass", last="")
    reports = [reported(program, "loop.py", folder) for folder in ("a", "b")]
    sites = [only(report).second.site.rpartition(":")[0] for report in reports]
    assert sites == ["loop.py", "b/loop.py"]
    for folder, report in zip("ab", reports, strict=True):
        assert f"before line {tmp_path / folder / 'loop.py'}:" in only(report).fix
        assert f"line {tmp_path / folder / 'loop.py'}:" in " ".join(repr(report[0]).split())


AFTER = """
    def run():
        w = torch.ones(8, device="mtia", requires_grad=True)
        main = torch.accelerator.current_stream()
        two.wait_stream(main)
        with two:
            y = (w * x).sum()
            y.backward()
        main.wait_event(torch.Event())
        w.grad.add_(1)
"""
BEFORE = """
    def run():
        w = torch.ones(8, device="mtia", requires_grad=True)
        y = (w * x).sum()
        torch.mtia.synchronize()
        with one:
            x.data.add_(1)
        y.backward()
"""
BACKWARD = {
    AFTER: "insert `main.wait_stream(two)` before line own.py:15",
    BEFORE: "insert `torch.mtia.default_stream(0).wait_stream(one)` before line own.py:13",
}


@pytest.mark.parametrize("program", BACKWARD, ids=["after it", "before it"])
def test_what_backward_does_is_of_its_line_and_a_fix_goes_there(reported, program):
    report = reported(program)
    assert re.sub(r"\S*own", "own", only(report).fix) == BACKWARD[program]
    line = 13
    text = " ".join(repr(report).split())
    assert re.search(rf"backward of line \S*own.py:{line}", text) and "of yours" not in text
