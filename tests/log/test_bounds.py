"""However much there is to show, a picture and a text have a bound and say what they leave out."""

import re

import in_us
import pytest
import torch
from drawings import call, command, heap_log, memory, moves, outcome, racing_log, some_heap, steady

import mtia_lab
from mtia_lab import Log, draw
from mtia_lab.hazards import find_hazards
from mtia_lab.log.log import FIRST, LAST, SHOWN
from mtia_lab.log.units import microseconds

TEXT, SVG = 50_000, 500_000  # characters, at most
SIZE = 2000


def passes(size):
    """Forward and backward of many commands each."""
    half = list(steady(size))
    return Log(
        [*half[: size // 2], call("hasPrimaryContext", marker="backward"), *half[size // 2 :]]
    )


def nested(size):
    """As many `with stream:`."""
    return Log(moves([(0, 1, 0), (0, 0, 0)] * (size // 2)), {0: (0, 0, 0)})


def leak(size):
    """Blocks that are never freed, the first half before the log."""
    blocks = [in_us.memory("alloc", 0, 0, 1024 * k, 512, 0.0, 0, None) for k in range(size)]
    return Log(
        blocks[size // 2 :], initial_memory=[memory("segment_alloc", 0, 9), *blocks[: size // 2]]
    )


def crowd(size):
    """As many host threads."""
    return Log([call("setDevice", (0, k % 3, 0), thread=k) for k in range(size)])


LOGS = {
    "steady": steady(SIZE, streams=7),
    "passes": passes(SIZE),
    "nested": nested(SIZE),
    "heap": some_heap(1, SIZE),
    "leak": leak(SIZE),
    "crowd": crowd(SIZE),
    "races": racing_log(4, 600),
    "long names": Log(
        [command(k, "kernel", (0, 0), (k, k, k + 1), name="x" * 10**5) for k in (1, 2)]
    ),
    "long calls": Log([call("f" * 10**5, (0, 1, 0), args="y" * 10**5, error="z" * 10**5)] * 3),
}
DRAWN = ("timeline", "filmstrip", "threads", "devices", "memory", "backward")


@pytest.mark.parametrize("name", LOGS)
def test_nothing_that_shows_a_log_is_without_a_bound(name):
    log = LOGS[name]
    pictures = {
        kind: getattr(draw, kind)(log) for kind in DRAWN if (kind, name) != ("devices", "races")
    }
    pictures["calls"] = draw.calls({"x": log})
    for kind, picture in pictures.items():
        assert len(picture.text) < TEXT and len(picture.svg) < SVG, kind
    texts = {"repr": repr(log), "str": str(log), "summary": repr(mtia_lab.summary(log))}
    texts |= {f"a {type(record).__name__}": repr(record) for record in log}
    for kind, text in texts.items():
        assert len(text) < TEXT, kind


def test_reports_have_a_bound_and_slices():
    log = racing_log(4, 600)
    report = find_hazards(log)
    assert len(report) > 20
    rest = len(report) - 20
    assert f"\n\n... and {rest} more: report[20:] has them" in repr(report)
    assert len(repr(report)) < TEXT
    assert list(report[20:]) == list(report)[20:] and isinstance(report[20:], type(report))
    picture = draw.hazards(report)
    assert len(picture.text) < TEXT and len(picture.svg) < SVG


def test_a_long_log_shows_its_ends_and_says_how_to_see_the_rest():
    log = steady(SHOWN + 5)
    lines = repr(log).split("\n")
    assert lines[0] == "Log of 0 calls and 65 commands"
    assert len(lines) == 2 + FIRST + 1 + LAST
    assert lines[2 + FIRST] == "... 25 more: log[30:90] are the next, log.to_text() all"
    assert str(log) == repr(log)
    whole = log.to_text().split("\n")
    assert len(whole) == 2 + len(log)
    assert lines[: 2 + FIRST] == whole[: 2 + FIRST] and lines[-LAST:] == whole[-LAST:]
    assert "... " not in repr(log[:SHOWN]) and len(repr(log[:SHOWN]).split("\n")) == 2 + SHOWN


def test_a_film_names_the_part_of_the_log_that_has_the_other_frames():
    log = nested(SIZE)
    picture = draw.filmstrip(log)
    sentence = r"\.\.\. (\d+) more frames: draw\.filmstrip\(log\[(\d+):(\d+)\]\)"
    found = re.search(sentence, picture.text.replace(",", ""))
    count, begin, end = map(int, found.groups())
    assert count == end - begin == SIZE - 60
    assert "more frames" in picture.svg
    part = draw.filmstrip(log[begin : begin + 50])
    assert "more frames" not in part.text and part.text.count("setDevice") == 50
    numbers = [int(n) for n in re.findall(r"^ *(\d+) setDevice", picture.text, re.MULTILINE)]
    assert numbers == [*range(1, 41), *range(SIZE - 19, SIZE + 1)]


def test_a_film_of_many_threads_draws_the_busiest():
    log = Log([*crowd(20), *moves([(0, 1, 0), (0, 2, 0)], thread=13)])
    picture = draw.filmstrip(log)
    assert "... 12 more threads, with fewer frames: draw.threads(log) has all" in picture.text
    assert picture.text.count("t13 ") == 3
    assert "... 1,960 more: threads({name: state}) draws some" in draw.threads(crowd(SIZE)).text


def test_memory_shows_the_peak_of_a_long_log():
    blocks = [
        memory(action, 4 * (k % 7), 1 + (k == 700), time=k)
        for k in range(1000)
        for action in ("alloc", "free")
    ]
    picture = draw.memory(Log([memory("segment_alloc", 0, 40), *blocks]))
    assert "allocated: peak 2 MiB" in picture.svg
    begin, end = map(int, re.search(r"log\[(\d+):(\d+)\]", picture.text).groups())
    assert end - begin == 400 and begin < 1400 < end
    assert f"log[{begin}:{end}]" in picture.svg
    assert "log.memory has all" in draw.memory(leak(SIZE)).text
    assert "log[" not in draw.memory(heap_log()).text


def test_backward_draws_what_is_next_to_the_turn():
    log = passes(SIZE)
    picture = draw.backward(log)
    assert picture.text.count("850 before: draw.timeline(log) has all") == 1
    assert picture.text.count("850 after: draw.timeline(log) has all") == 1
    rows = re.findall(r"^ *(\d+)  mtia.* (\S+) +\S+$", picture.text, re.MULTILINE)
    drawn = log.commands[SIZE // 2 - 150 : SIZE // 2 + 150]
    assert rows == [(f"{n}", microseconds(c.start)) for n, c in enumerate(drawn, 1)]


def test_calls_of_a_line_have_a_bound():
    picture = draw.calls({"x": nested(SIZE)})
    assert "... 1,970 more calls, in its log[20:1990]" in picture.text
    assert "... 1,970 more calls, in its log[20:1990]" in picture.svg


# --- wrong arguments ------------------------------------------------------------------------------

WRONG = {
    "a log": (3.5, None, "x", [], {}, object),
    "a report": (3.5, None, "x", Log()),
}
OF_A_LOG = (
    *(getattr(draw, name) for name in DRAWN if name not in ("threads", "memory")),
    mtia_lab.summary,
    mtia_lab.find_hazards,
    mtia_lab.explore,
    lambda log: mtia_lab.write_trace(log, "run.json"),
    lambda log: draw.calls({"x": log}),
)


@pytest.mark.parametrize("function", OF_A_LOG)
@pytest.mark.parametrize("given", WRONG["a log"])
def test_what_takes_a_log_says_so(function, given):
    with pytest.raises(
        TypeError, match=r"\(\) takes a log, what `with mtia_lab.record\(\) as log:`"
    ):
        function(given)


OTHERS = [
    (
        lambda: draw.hazards(Log()),
        "hazards() takes a report, .*, not a Log; make one: mtia_lab.find",
    ),
    (lambda: draw.hazards(3.5), "hazards() takes a report"),
    (lambda: draw.hazard(Log()), "hazard() takes a finding"),
    (lambda: draw.timeline(Log(), 5), "timeline() takes as findings a report"),
    (lambda: draw.timeline(Log(), ["x"]), "timeline() takes as findings a report"),
    (lambda: mtia_lab.explore(Log(), 5), "explore() takes as findings a report"),
    (lambda: draw.memory(5), "memory() takes a log, .*, or what torch.mtia.snapshot() returned"),
    (lambda: draw.memory({}), "memory() takes a log"),
    (lambda: draw.memory(Log(), "0"), "memory() takes as device a number, not a str"),
    (lambda: draw.filmstrip(Log(), device_count="2"), "filmstrip() takes as device_count a number"),
    (lambda: draw.filmstrip(Log(), captions=5), "filmstrip() takes as captions pairs"),
    (lambda: draw.filmstrip(Log(), captions=["x"]), "filmstrip() takes as captions pairs"),
    (lambda: draw.threads(5), "threads() takes a log, .*, or a mapping"),
    (lambda: draw.calls(Log()), "calls() takes a mapping of logs"),
    (lambda: draw.ladder(3.5), "ladder() takes ladders"),
    (lambda: draw.ladder({"x": 5}), "ladder() takes ladders"),
    (lambda: draw.ladder({"x": int}, dummy=5), "ladder() takes as dummy names"),
    (lambda: draw.ladder_of(3.5), "ladder_of() takes a class, not a float"),
    (lambda: draw.route(3.5), "route() takes a table"),
    (lambda: draw.route({"x": 5}), "route() takes a table"),
    (lambda: draw.route({"x": {"a": "kernel"}}, 5), "route() takes as ends a mapping"),
    (lambda: draw.wiring(1, {}), "wiring() takes measured facts"),
    (lambda: draw.clauses(5), "clauses() takes outcomes"),
    (lambda: draw.clauses([5]), "clauses() takes outcomes"),
    (lambda: draw.processes(5), "a process is a mapping"),
    (lambda: draw.processes({"name": "p"}, branch=5), "processes() takes as branch a word or two"),
    (lambda: mtia_lab.configure(5), "the schedule is 5; give a name, such as"),
    (lambda: mtia_lab.write_trace(Log(), 5), "write_trace() takes after the log a path"),
    (lambda: mtia_lab.summary([call("f")]), r"mtia_lab.Log(records)"),
    (lambda: mtia_lab.summary(mtia_lab.record()), "begin a block with it"),
    (lambda: mtia_lab.open_trace(None), "open_trace() takes a path, not None"),
    (lambda: mtia_lab.open_trace(Log()), "open_trace() takes a path, not a Log"),
    (lambda: mtia_lab.open_log(None), "open_log() takes a path, not None"),
    (lambda: mtia_lab.trial(3, schedule="every"), "trial() takes a function, not an int"),
    (lambda: mtia_lab.trial(int, schedule=None), "trial() takes as schedule a name, .*, not None"),
    (lambda: mtia_lab.museum.look("trl"), "look() takes one of museum.collection(), not a str"),
    (lambda: mtia_lab.launch(5), "the name of a kernel is a string, not int"),
]


@pytest.mark.parametrize(("wrong", "said"), OTHERS)
def test_a_wrong_argument_is_named_with_what_is_taken(wrong, said):
    pattern = re.escape(said).replace(r"\.\*", ".*")
    with pytest.raises(TypeError, match=pattern):
        wrong()


TOO_MUCH = [
    lambda: draw.filmstrip(Log(), device_count=10**6),
    lambda: draw.filmstrip(Log(), device_count=0),
    lambda: draw.calls({str(k): Log() for k in range(100)}),
    lambda: draw.ladder({"x": [str(k) for k in range(10**4)]}),
    lambda: draw.route({"x": {str(k): "kernel" for k in range(10**4)}}),
    lambda: draw.wiring({str(k): k for k in range(10**4)}, {}),
    lambda: draw.processes({"name": "p", "steps": ["x"] * 10**4}),
    lambda: draw.processes({"name": "p", "steps": [{"name": "q"}] * 10**4}),
    lambda: draw.clauses([outcome("a.b")] * 10**4),
]


@pytest.mark.parametrize("draws", TOO_MUCH)
def test_facts_that_no_picture_has_room_for_are_refused(draws):
    with pytest.raises(ValueError, match="room for"):
        draws()


def test_a_live_report_is_no_log_but_has_one(lab):
    with lab.sanitizer() as report:
        torch.empty(1, device="mtia")
    with pytest.raises(TypeError, match="give its `log`"):
        draw.timeline(report)
