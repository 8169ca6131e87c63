"""`log.filter(...)`: the records that are asked for, in a log that can be drawn and summed up."""

import threading

import pytest
import torch
from drawings import call, heap_log, memory, racing_log, rerecorded, some_log
from torch.profiler import record_function

import mtia_lab
from mtia_lab import draw
from mtia_lab.log.log import Log
from mtia_lab.log.records import Call, Command, Memory


@pytest.fixture
def program(lab, streams):
    """A log of two streams and a device beside, with every kind of record."""
    one, two = streams
    with lab.record(host=True, values=True) as log:
        with one:
            x = torch.ones(4).pin_memory().to("mtia", non_blocking=True)
        two.wait_event(one.record_event())
        with two:
            y = x * 2
        torch.zeros(3, device="mtia:1")
        y.sum().item()
        torch.ones(2, pin_memory=True).tolist()
    return log


def commands(log):
    return [command.name for command in log.commands]


def test_by_stream_a_call_comes_with_what_it_enqueued(program, streams):
    _, two = streams
    pair = two.device_index, two.stream_id
    found = program.filter(stream=two)
    assert list(found) == list(program.filter(stream=pair))
    assert list(found) == list(program.filter(stream=two.stream_id))  # no other device has it
    assert found.commands == [c for c in program.commands if c.stream == two.stream_id]
    assert {"guard.block", "aten.mul.Tensor"} <= {call.method for call in found.calls}
    assert {value.command for value in found.values} == {c.id for c in found.commands if c.writes}
    assert not found.hosts and {m.stream for m in found.memory} == {two.stream_id}


def test_by_device(program):
    found = program.filter(device=torch.device("mtia:1"))
    assert list(found) == list(program.filter(device=1))
    assert commands(found) == ["zero_"] and {m.device for m in found.memory} == {1}


def test_by_line_name_and_kind(program):
    line = next(c.site for c in program.commands if c.name == "mul")
    found = program.filter(line=line)
    assert {record.site for record in found} == {line} and "mul" in commands(found)
    assert list(program.filter(line=line.partition(":")[0])) == [r for r in program if r.site]
    assert commands(program.filter(name="m*l")) == ["mul"]
    assert {call.name for call in program.filter(name="guard.get*").calls} >= {"getDevice"}
    assert {call.door for call in program.filter(name="guard.*").calls} == {"guard"}
    for kind, type_ in {"call": Call, "command": Command, "memory": Memory}.items():
        assert list(program.filter(kind=kind)) == [r for r in program if isinstance(r, type_)]
    kinds = program.filter(kind={"copy", "record"})
    assert {command.type for command in kinds} == {"copy", "record"}
    assert list(program.filter(thread=0)) == list(program)
    assert len(program.filter(thread=[1, 2])) == 0


@pytest.mark.parametrize("seed", range(8))
def test_what_is_asked_for_is_asked_of_each_record(seed):
    log = racing_log(seed, 60)
    lower, upper = 20.0, 60.0

    def goes_on(record):
        if isinstance(record, Call):
            return record.end >= lower and record.begin <= upper
        if isinstance(record, Command):
            return record.finish >= lower and record.enqueue <= upper
        return lower <= record.time <= upper

    window = log.filter(since=lower, until=upper)
    assert list(window) == [record for record in log if goes_on(record)]
    both = log.filter(since=lower, until=upper, kind="kernel", stream=[(0, 1), (1, 9)], thread=0)
    assert list(both) == [
        record
        for record in window
        if isinstance(record, Command) and record.type == "kernel" and record.thread == 0
        and (record.device, record.stream) in ((0, 1), (1, 9))
    ]  # fmt: skip
    assert list(log.filter()) == list(log) and log.filter().initial_state == log.initial_state


def test_what_was_before_the_part_is_known():
    records = [memory("alloc", 0, 512), memory("alloc", 512, 512, stream=1, time=5.0)]
    records += [memory("free", 0, 512, time=9.0), memory("alloc", 1024, 512, time=20.0)]
    part = Log(records, {0: (1, 0, 2)}).filter(since=10)
    assert part.initial_memory == records[1:2] and list(part) == records[3:]
    assert part.initial_state == {0: (1, 0, 2)}
    assert Log(records).filter(since=10, stream=0).initial_memory == []
    assert Log(records).filter(since=30).initial_memory == [records[1], records[3]]


@pytest.mark.parametrize(
    "make", [rerecorded, heap_log, lambda: racing_log(2, 80), lambda: some_log(3, 80)]
)
@pytest.mark.parametrize(
    "wanted",
    [
        {"stream": (0, 1)},
        {"device": 1},
        {"thread": 1},
        {"kind": "kernel"},
        {"kind": "wait"},
        {"kind": "memory"},
        {"since": 30},
        {"until": 30},
        {"since": 20, "until": 50, "kind": ["call", "copy", "wait"]},
        {"name": "nothing"},
    ],
    ids=str,
)
def test_a_part_can_be_drawn_checked_summed_up_and_saved(make, wanted, tmp_path):
    part = make().filter(**wanted)
    for show in (
        *(draw.timeline, draw.memory, draw.filmstrip, draw.threads),
        *(mtia_lab.find_hazards, mtia_lab.summary, mtia_lab.explore, repr),
    ):
        assert repr(show(part))
    mtia_lab.write_trace(part, tmp_path / "t.json")
    assert list(mtia_lab.open_log(part.save(tmp_path / "x.mtia"))) == list(part)


SHOWN = {
    "timeline": draw.timeline,
    "memory": draw.memory,
    "filmstrip": draw.filmstrip,
    "summary": mtia_lab.summary,
    "explore": lambda log, **part: mtia_lab.explore(log, (), **part),
}
WANTED = [{"stream": (0, 1)}, {"thread": 0, "kind": ["kernel", "memory"]}, {"name": "set*"}]
WANTED += [{"line": "work.py"}]


@pytest.mark.parametrize("wanted", WANTED, ids=str)
@pytest.mark.parametrize("name", SHOWN)
def test_what_shows_a_log_takes_the_same(name, wanted):
    """For a part, the same as for the part filtered out before."""
    for log in (heap_log(), some_log(3, 80)):
        shown, expected = SHOWN[name](log, **wanted), SHOWN[name](log.filter(**wanted))
        assert repr(shown) == repr(expected)
        assert shown._repr_mimebundle_() == expected._repr_mimebundle_()


def test_a_trace_takes_the_same(tmp_path):
    log = some_log(3, 80)
    part = mtia_lab.write_trace(log, tmp_path / "a.json", kind="kernel", since=10)
    whole = mtia_lab.write_trace(log.filter(kind="kernel", since=10), tmp_path / "b.json")
    assert part.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    "show", [*SHOWN.values(), lambda log, **w: mtia_lab.write_trace(log, "", **w)]
)
def test_what_shows_a_log_refuses_the_same(show):
    with pytest.raises(TypeError, match="unexpected keyword argument 'door'; a log is filtered by"):
        show(heap_log(), door="guard")
    with pytest.raises(ValueError, match="no kind of record"):
        show(heap_log(), kind="kernels")
    with pytest.raises(TypeError, match="since is nan, but a time is"):
        show(heap_log(), since=float("nan"))


def test_a_window_of_memory_and_of_the_film(tmp_path):
    records = [memory("alloc", k * 512, 512, time=float(k)) for k in range(8)]
    text = draw.memory(Log(records), since=5, until=6).text
    assert text.count("alloc ") == 2 and "512 MiB from 0" in text  # it was there before
    log = some_log(3, 80)
    assert draw.filmstrip(log, since=30).svg == draw.filmstrip(log.filter(since=30)).svg
    calls = log.calls
    kept = len([c for c in calls[:10] if c in log.filter(since=30).calls])
    captions = draw.filmstrip(log, since=30, captions=[(10, "here")])
    assert captions.svg == draw.filmstrip(log.filter(since=30), captions=[(kept, "here")]).svg


def test_the_film_of_a_part_says_where_the_rest_is_in_the_whole():
    turns = [call("setDevice", (k % 2, 0, 0), begin=float(k), thread=k % 2) for k in range(300)]
    text = draw.filmstrip(Log(turns), thread=0).text  # 150 frames, of which 40 and 20 are drawn
    assert "... 90 more frames: draw.filmstrip(log[80:260]) draws them" in text


def train(lab, steps=2):
    model = torch.nn.Linear(4, 4).to("mtia")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.mtia.synchronize()
    with lab.record() as log:
        for _ in range(steps):
            with record_function("forward"):
                loss = model(torch.ones(2, 4, device="mtia")).sum()
            with record_function("backward"):
                loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    return log


def test_by_a_range_of_the_program_s_own(lab, tmp_path):
    log = train(lab)
    expected = [("forward", 3), ("backward", 3), ("Optimizer.step#*", 2)]
    for name, count in expected:
        part = log.filter(range=name)
        assert len(part.commands) == 2 * count
    assert [c.name for c in log.filter(range="forward").commands][:3] == ["fill_", "addmm", "sum"]
    mine, *others = sorted({c.thread for c in log.filter(range="backward").commands})
    assert mine == 0 and len(others) == 1  # autograd's, whatever number it has by now
    assert "aten.addmm" in {c.method for c in log.filter(range="forward").calls}
    assert log.filter(range=["forward", "backward"], since=16).commands[0].name == "fill_"
    with pytest.raises(ValueError, match="no range called 'step'; it has forward, backward, Optim"):
        log.filter(range="step")
    saved = mtia_lab.open_log(log.save(tmp_path / "x.mtia"))
    assert saved.ranges == log.ranges and list(saved.filter(range="f*")) == list(
        log.filter(range="f*")
    )
    times = {row.name: row for row in mtia_lab.summary(log).ranges}
    assert (times["forward"].count, times["forward"].commands) == (2, 6)
    part = log.filter(range="forward")
    work = sum(c.finish - c.start for c in part.commands)
    assert times["forward"].device == work and times["forward"].calls == len(part.calls)
    table = repr(mtia_lab.summary(log, ranges=True))
    assert "range" in table and "Optimizer.step#SGD.step" in table
    assert "Optimizer" not in repr(mtia_lab.summary(log))


def test_ranges_of_two_threads_are_their_own(lab):
    def work(name):
        with record_function(name):
            lab.launch(name)
            gate.wait()
            lab.launch(name)

    gate = threading.Barrier(2)
    with lab.record() as log:
        other = threading.Thread(target=work, args=("other",))
        other.start()
        work("mine")
        other.join()
    for name in ("mine", "other"):
        assert commands(log.filter(range=name)) == [name, name]


def test_a_recording_of_a_part(lab, streams):
    one, two = streams
    with lab.record(stream=one, kind=["kernel", "call"]) as log:
        with one:
            lab.launch("first")
        assert commands(log) == ["first"]
        with two:
            lab.launch("other")
        with one:
            lab.launch("second")
        assert len(log) == len(list(log))
    assert commands(log) == ["first", "second"] and "launch" in {c.name for c in log.calls}
    assert all(log.filter(stream=one)[k] == record for k, record in enumerate(log))
    with pytest.raises(ValueError, match="no kind of record"), lab.record(kind="kernels"):
        pass
    with lab.record(range="mine") as log:
        lab.launch("before")
        with record_function("mine"):
            lab.launch("in it")
        lab.launch("after")
    assert commands(log) == ["in it"]


def test_a_log_that_grows_is_filtered_as_it_is(lab):
    with lab.record() as log:
        lab.launch("first")
        found = log.filter(kind="kernel")
        lab.launch("second")
    assert commands(found) == ["first"] and commands(log.filter(kind="kernel")) == [
        "first",
        "second",
    ]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"stream": "0"}, "stream is '0', but has to be an id"),
        ({"stream": (0, None)}, "stream is None, but has to be an id"),
        ({"device": "mtia:0"}, "device is 'mtia:0', but has to be an index"),
        ({"device": torch.device("mtia")}, "an index, or a torch.device that has one"),
        ({"thread": True}, "thread is True"),
        ({"line": 5}, "line is 5, but has to be text"),
        ({"name": [mtia_lab]}, "but has to be text"),
        ({"kind": "kernels"}, "'kernels' is no kind of record; there are call, command, kernel"),
        ({"since": "5"}, "since is '5', but a time is a number of microseconds"),
        ({"until": float("inf")}, "until is inf, but a time is a number of microseconds"),
        ({"door": "guard"}, "unexpected keyword argument 'door'; a log is filtered by stream, "),
        ({"range": "step"}, "no range called 'step'; `torch.profiler.record_function` makes one"),
        ({"range": 1}, "range is 1, but has to be text"),
    ],
)
def test_what_nothing_can_be_is_refused(wanted, words):
    with pytest.raises((TypeError, ValueError), match=words):
        rerecorded().filter(**wanted)
