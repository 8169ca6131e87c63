"""The log: any text in it, read by several threads, copied, sliced."""

import copy
import io
import json
import pickle
import random
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

import pytest
import torch
from drawings import call, heap_log, memory, moves, racing_log, some_heap, some_log
from hypothesis import given, settings
from hypothesis import strategies as st

import mtia_lab
from mtia_lab import Log, draw
from mtia_lab.device import simulator
from mtia_lab.errors import cut
from mtia_lab.explorer.model import Model
from mtia_lab.explorer.payload import payload
from mtia_lab.log.records import Call, Command
from mtia_lab.log.trace import write_trace

# What str.splitlines, JSON, XML, HTML, terminals and narrow locales each take for something else.
TEXTS = (
    "caf\u2028e caf\u2029e",
    "a\x85b\x0b\x0c\x1c\x1d\x1e",
    "nul\0",
    "half \ud800 \udcff",
    "\x1b[31mred\x1b[0m\x07\x7f\x9b",
    "one\ntwo\r\nthree",
    "\"quoted\" 'and' \\ back {braces}",
    "</script><b x=1>&amp;]]>",
    "\ufffe\uffff\U0001fffe\U0001f600\u200b\u202e",
    "\u0645\u0631\u062d\u0628\u0627 \u4f60\u597d caf\u00e9",
)


def known(text):
    """How the log has a text: half a pair of surrogates has no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


@pytest.fixture
def named(lab):
    """For each text, a kernel of that name; each fails with it."""

    def fail(text):
        raise ValueError(text)

    errors = []
    with lab.record(values=True, host=True) as log:
        for text in TEXTS:
            lab.launch(text, effect=lambda text=text: fail(text))
            with pytest.raises(RuntimeError) as raised:
                torch.mtia.synchronize()
            errors.append(str(raised.value))
    return log, errors


def test_any_text_is_read_and_ends_the_recording(lab, named):
    log, _ = named
    assert [command.name for command in log.commands] == list(map(known, TEXTS))
    before = len(log)
    lab.launch("after")
    assert len(log) == before
    torch.mtia.synchronize()


def test_a_log_that_cannot_be_read_ends_its_recording_all_the_same(lab, monkeypatch):
    def refuse(*arguments):
        raise MemoryError

    with pytest.raises(MemoryError), lab.record() as log:
        lab.launch("k")
        monkeypatch.setattr(simulator, "record_read", refuse)
    monkeypatch.undo()
    torch.mtia.synchronize()
    assert len(log) == 0
    assert simulator.record_begin(False, False) == 0  # no other recording is open
    simulator.record_end(False, False)


def printed(value):
    """What `print` writes where only ASCII can be, as in a C locale."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii", newline="")
    print(value, file=out)
    out.flush()
    return raw.getvalue().decode("ascii")


def test_whatever_is_printed_is_plain_text_a_line_for_each_thing(named):
    log, _ = named
    log = log[10:]
    text = printed(log)
    assert all(line.isprintable() for line in text.split("\n"))
    assert len(text.split("\n")) == len(log) + 3 == len(log.to_text().split("\n")) + 1
    assert printed(log.to_text()) == text
    report = mtia_lab.find_hazards(log)
    values = (*log, report, *report, mtia_lab.summary(log), draw.timeline(log), *log[:5].calls)
    for value in values:
        assert all(line.isprintable() for line in printed(value).split("\n")), value
    assert "one\\ntwo\\r\\nthree" in text and "\\x1b[31mred" in text


@pytest.mark.parametrize("text", [*TEXTS, "long \u00e9" * 1000], ids=range(len(TEXTS) + 1))
def test_errors_show_what_readers_name_as_one_short_line(lab, text):
    name = f"'{cut(known(text))}'"
    lab.launch(text, effect=lambda: 1 / 0)
    with pytest.raises(RuntimeError) as raised:
        torch.mtia.synchronize()
    assert str(raised.value).startswith(f"kernel {name} failed on stream 0 of mtia:0 at ")
    with pytest.raises(TypeError, match="cannot be called") as raised:
        lab.launch(text, effect=3)
    assert str(raised.value).startswith(f"the effect of kernel {name} is a int")
    with pytest.raises(ValueError) as raised:
        lab.launch(text, us=-1)
    assert str(raised.value).startswith(f"the duration of kernel {name} is -1 us")
    with pytest.raises(RuntimeError) as raised:
        lab.configure(known(text))
    assert str(raised.value).startswith(f"unknown schedule {name}; ")


def test_findings_print_names_as_plain_text():
    report = mtia_lab.find_hazards(racing_log(3, 40))
    assert len(report) > 2
    assert all(line.isprintable() for line in printed(report).split("\n"))
    for finding in report:
        assert all(line.isprintable() for line in printed(finding).split("\n"))


def test_every_output_takes_every_text(named, tmp_path):
    log, _ = named
    log = Log([*log, call("moved", args=TEXTS[0], result=TEXTS[3], site=TEXTS[4])])
    pictures = [
        *(getattr(draw, name)(log) for name in ("timeline", "filmstrip", "threads", "devices")),
        *(getattr(draw, name)(log) for name in ("memory", "backward")),
        draw.calls(dict.fromkeys(TEXTS, log)),
        draw.hazards(mtia_lab.find_hazards(log)),
        mtia_lab.explore(log),
    ]
    for picture in pictures:
        bundle = picture._repr_mimebundle_()
        assert picture.text.isascii()
        ElementTree.fromstring(picture.svg)
        for words in bundle.values():
            words.encode("utf-8")
    page = json.loads(zlib.decompress(payload(Model(log))))
    assert set(map(known, TEXTS)) <= set(page["strings"])
    events = json.loads(write_trace(log, tmp_path / "run.json").read_text(encoding="ascii"))
    assert set(map(known, TEXTS)) <= {event["name"] for event in events["traceEvents"]}
    lines = log.to_json().split("\n")
    assert len(lines) == len(log) + 1
    assert [json.loads(line)["kind"] for line in lines[:-1]][-1] == "call"
    assert mtia_lab.summary(log)._repr_mimebundle_()["text/html"].isascii()


def test_no_line_of_what_is_installed_is_the_readers(lab):
    file = "/usr/lib/python3/dist-packages/helper.py"
    helper = {}
    exec(compile("def call(function, *args): return function(*args)", file, "exec"), helper)
    parameter = torch.ones(2, device="mtia", requires_grad=True)
    parameter.grad = torch.ones_like(parameter)
    with lab.record() as log:
        helper["call"](torch.ones_like, parameter)
        with pytest.warns(FutureWarning):  # a wrapper of typing_extensions raises it
            torch.nn.utils.clip_grad_norm(parameter, 1.0)
        torch.mtia.synchronize()
    assert len(log.commands) > 3
    assert {record.site.partition(":")[0] for record in log} == {"test_log.py"}


def test_an_error_in_the_log_is_the_message_that_was_raised(lab):
    """PyTorch's own text has the C++ stack as well, with an address for each frame."""
    with lab.record() as log, pytest.raises(RuntimeError) as raised:
        torch.ones(3, device="mtia") + torch.ones(4, device="mtia")
    assert [call.error for call in log.calls if call.error] == [str(raised.value)]


def test_an_empty_error_is_an_error():
    assert repr(call("f", error="")) == "guard.f() raised "


# --- read while it grows --------------------------------------------------------------------------


@pytest.mark.parametrize("run", range(10))
def test_several_threads_read_a_log_that_grows(lab, run):
    count, stop = 300, threading.Event()

    def read(how):
        seen = 0
        while not stop.is_set():
            now = how(log)
            assert now >= seen
            seen = now

    looks = (len, lambda log: len(list(log)), lambda log: len(log[:].commands))
    with ThreadPoolExecutor(3) as pool:
        with lab.record() as log:
            readers = [pool.submit(read, look) for look in looks]
            for _ in range(count):
                lab.launch("k")
            stop.set()
            for reader in readers:
                reader.result()
        torch.mtia.synchronize()
    assert len(log.calls) == len(log.commands) == count
    assert len({command.id for command in log.commands}) == count


def test_lists_of_records_grow_with_the_log_and_are_the_readers_own(lab):
    with lab.record() as log:
        lab.launch("a")
        before = log.commands
        assert [command.name for command in before] == ["a"]
        assert list(log.now()) == list(log) and log.now() is not log
        lab.launch("b")
        assert [command.name for command in log.commands] == ["a", "b"]
    log.commands.clear()
    assert len(before) == 1 and len(log.commands) == len(log.calls) == 2
    assert log.now() is log


def test_a_handler_that_looks_at_the_log_within_a_look_counts_nothing_twice(lab, monkeypatch):
    read, inside = simulator.record_read, []

    def looking(*arguments):
        if not inside:
            inside.append(True)
            inside.append(len(log))  # as a signal's handler or a profiler may do
        return read(*arguments)

    with lab.record() as log:
        lab.launch("k")
        monkeypatch.setattr(simulator, "record_read", looking)
        assert len(log) == 2
        lab.launch("k")
    assert inside == [True, 2]
    assert len(log.commands) == len(log.calls) == 2


def test_a_report_is_read_by_several_threads(lab):
    one, two = torch.Stream("mtia"), torch.Stream("mtia")
    x = torch.zeros(4, device="mtia")
    torch.mtia.synchronize()

    def read():
        for _ in range(5):
            assert len(report) in (0, 1) and report.headline and repr(report)

    with ThreadPoolExecutor(2) as pool, lab.sanitizer() as report:
        readers = [pool.submit(read) for _ in range(2)]
        for _ in range(3):
            with one:
                x.add_(1)
            with two:
                y = x + 1
            torch.mtia.synchronize()
        for reader in readers:
            reader.result()
    assert report[0].count == 3 and len(report.log.commands) == 6 and y is not None


# --- copies ---------------------------------------------------------------------------------------

COPIES = (copy.copy, copy.deepcopy, lambda log: pickle.loads(pickle.dumps(log)), lambda log: log[:])


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_of_a_growing_log_is_a_finished_one(lab, copied):
    with lab.record() as log:
        lab.launch("first")
        mine = copied(log)
        lab.launch("second")
    lab.launch("third")
    with lab.record():
        lab.launch("fourth")
        assert [command.name for command in mine.commands] == ["first"]
    assert type(mine) is Log
    assert list(mine) == list(log)[:2]
    assert mine.initial_state == log.initial_state and mine.initial_memory == log.initial_memory
    assert len(log.commands) == 2
    torch.mtia.synchronize()


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_of_a_growing_report_is_a_finished_one(lab, copied):
    one, two = torch.Stream("mtia"), torch.Stream("mtia")
    x = torch.zeros(4, device="mtia")
    torch.mtia.synchronize()
    with lab.sanitizer() as report:
        before = copied(report)
        with one:
            x.add_(1)
        with two:
            x.add_(1)
        after = copied(report)
    assert (len(before), len(after), len(report)) == (0, 1, 1)
    assert repr(after[0]) == repr(report[0])
    torch.mtia.synchronize()


# --- slices ---------------------------------------------------------------------------------------


def test_a_slice_is_a_log_that_begins_where_it_was_cut():
    log = Log([*moves([(0, 1, 0), (1, 1, 0)]), *moves([(1, 1, 7)], thread=1)], {0: (0, 0, 0)})
    tail = log[1:]
    assert isinstance(tail, Log) and list(tail) == list(log)[1:]
    assert tail.initial_state == {0: (0, 1, 0)}
    assert log[3:].initial_state == {0: (1, 1, 0), 1: (1, 1, 7)}
    assert log[0] is list(log)[0] and log[-1] is list(log)[-1]
    assert draw.filmstrip(log[1:2]).text.count("\n  1 ") == 1


def test_a_slice_knows_what_was_allocated_before_it():
    log = heap_log()
    held = [(m.action, m.address, m.bytes) for m in log[4:].initial_memory]
    mib = 2**20
    assert held == [("segment_alloc", 0, 20 * mib), ("alloc", 4 * mib, 8 * mib)]
    assert log[2:3].initial_memory[0] == memory("segment_alloc", 0, 20)
    assert "allocated: peak 14 MiB" in draw.memory(log[5:]).svg
    assert log[12:].initial_memory == []


def every_use(log, folder, *more):
    """Everything that takes a log."""
    found = mtia_lab.find_hazards(log)
    for name in ("timeline", "filmstrip", "threads", "memory", "backward", *more):
        assert getattr(draw, name)(log).svg.endswith("</svg>")
    assert draw.timeline(log, found) and draw.calls({"x": log}) and draw.hazards(found)
    assert repr(mtia_lab.summary(log)) and repr(log) and log.to_json() is not None and log.to_text()
    assert mtia_lab.explore(log) and payload(Model(log), found)
    assert write_trace(log, folder / "run.json")


@settings(max_examples=40)
@given(
    st.sampled_from([some_log, racing_log, some_heap]),
    st.integers(0, 10**6),
    st.slices(80),
)
def test_whatever_takes_a_log_takes_a_slice(tmp_path_factory, make, seed, part):
    every_use(make(seed, 60)[part], tmp_path_factory.getbasetemp())


def test_whatever_takes_a_log_takes_a_slice_of_a_real_one(lab, tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    model.to("mtia")
    side = torch.Stream("mtia")
    with lab.record(host=True, values=True) as log:
        with side:
            x = torch.randn(3, 4).pin_memory().to("mtia", non_blocking=True)
        loss = model(x).sum()
        loss.backward()
        assert loss.item() is not None
        every_use(log, tmp_path, "devices")  # while it grows
    draws = random.Random(0)
    for _ in range(15):
        begin = draws.randrange(len(log))
        every_use(log[begin : begin + draws.randrange(60)], tmp_path, "devices")
    whole = log[:]
    assert whole.to_json() == log.to_json()
    assert [type(r) for r in whole[:2]] == [type(r) for r in list(log)[:2]]
    kinds = (Call, Command)
    assert any(isinstance(record, kinds) for record in whole)
