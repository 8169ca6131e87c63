"""What a trace file shows in Perfetto is what is in the log."""

import json
from collections import Counter
from dataclasses import replace

import in_us
import pytest
import torch
import trace_reader
from drawings import NASTY, call, command, heap_log, rerecorded, some_log
from hypothesis import given
from hypothesis import strategies as st

import mtia_lab
from mtia_lab.log.log import Log
from mtia_lab.log.records import PINNED, Access
from mtia_lab.log.trace import _us
from mtia_lab.log.units import nanoseconds


@pytest.fixture
def written(tmp_path):
    """A function that writes a log and reads the trace."""

    def write(log, name="trace.json"):
        return trace_reader.read(mtia_lab.write_trace(log, tmp_path / name))

    return write


def everything(lab):
    """Threads, streams, devices, copies, graphs, random draws, a failure, synchronizations."""
    one, two = torch.Stream("mtia"), torch.Stream("mtia")
    pinned = torch.ones(1 << 12, pin_memory=True)
    weight = torch.ones(64, 64, device="mtia:1", requires_grad=True)
    torch.mtia.synchronize(1)
    with lab.record() as log:
        with one:
            x = pinned.to("mtia", non_blocking=True)
            done = one.record_event()
        with two:
            two.wait_event(done)
            y = x * 2 + torch.rand(1, device="mtia")
        z = torch.rand(8, device="mtia")
        (weight @ weight).sum().backward()
        y.record_stream(one)
        del y, z
        graph = torch.mtia.MTIAGraph()
        with torch.mtia.graph(graph):
            x + 1
        graph.replay()
        lab.launch("mine", us=3)
        with pytest.raises(RuntimeError):
            torch.Stream(device="mtia:7")
        x.cpu()
        torch.mtia.synchronize()
    return log


def check_against(log, trace):
    """All that is in the log is in the trace, and nothing else."""
    commands = {command.id: command for command in log.commands}
    shown = {}
    for (process, thread), slices in trace.slices.items():
        for one in slices:
            if "command" in one.args:
                item = commands[one.args["command"]]
                assert trace.processes[process] == f"mtia:{item.device}"
                assert trace.threads[process, thread] == f"stream {item.stream}"
                assert one.end == nanoseconds(item.finish)
                if item.type in ("kernel", "copy"):
                    assert (one.name, one.begin) == (item.name, nanoseconds(item.start))
                shown[item.id] = one
    assert sorted(shown) == sorted(commands)

    after = Counter(
        (out.args["command"], to.args["command"]) for n, out, to in trace.arrows if n == "after"
    )
    assert after == Counter(
        (k, item.id) for item in commands.values() for k in item.after if k in commands
    )
    took_time = [c for c in log.calls if c.end > c.begin]
    hosts = [s for k, all_ in trace.slices.items() if trace.processes[k[0]] == "host" for s in all_]
    calls = Counter(
        (s.name, s.begin, s.end) for s in hosts if s.name != "blocked" and s.end > s.begin
    )
    assert calls == Counter((c.name, nanoseconds(c.begin), nanoseconds(c.end)) for c in took_time)
    blocked = sum(s.end - s.begin for s in hosts if s.name == "blocked")
    assert blocked == round(sum(c.waited for c in log.calls) * 1000)
    return shown


def test_a_program_of_everything(lab, written):
    log = everything(lab)
    trace = written(log)
    shown = check_against(log, trace)
    launched = {to.args["command"]: out for name, out, to in trace.arrows if name == "launch"}
    assert set(launched) == set(shown)  # every command was enqueued by a call of PyTorch
    for item in log.commands:
        assert launched[item.id].args.get("line") == item.site
        assert launched[item.id].begin <= nanoseconds(item.enqueue) <= launched[item.id].end
    assert {"aten", "hooks", "guard", "lab", "graph"} >= {
        s.event["cat"] for s in trace.of("host", "thread 0")
    } - {"blocked"}
    assert any(
        to.name == "rand" or "uniform" in to.name for name, _, to in trace.arrows if name == "after"
    )
    assert {name for _, name in trace.counters} == {
        "commands in queues",
        "allocated bytes",
        "reserved bytes",
    }


@pytest.mark.parametrize("schedule", ["latest", "random:5"])
def test_under_other_schedules(lab, written, schedule):
    lab.configure(schedule)
    log = everything(lab)
    check_against(log, written(log))


@pytest.mark.parametrize("log", [some_log(s, 80) for s in range(4)] + [rerecorded()], ids=str)
def test_other_logs(log, written):
    check_against(log, written(log))


def test_an_arrow_joins_a_wait_with_its_own_recording(written):
    trace = written(rerecorded())
    (wait, *_) = [s for s in trace.of("mtia:0", "stream 2") if s.name.startswith("wait for")]
    (held, *_) = [s for s in trace.of("mtia:0", "stream 2") if s.name.startswith("held by")]
    assert (held.begin, held.end, wait.begin, wait.end) == (3_000, 12_000, 12_000, 12_000)
    arrows = {to.args["command"]: out.args for name, out, to in trace.arrows if name == "after"}
    assert arrows[3]["version"] == 1 and arrows[7]["version"] == 2
    assert wait.args == {
        "command": 3,
        "enqueued_us": 3,
        "line": "In[3]:2",
        "event": 1,
        "version": 1,
        "after": [2],
    }


def test_blocked_time_lies_within_its_call(written):
    (*_, outer, blocked) = written(rerecorded()).of("host", "thread 0")
    assert (outer.name, blocked.name, blocked.depth) == ("synchronizeStream", "blocked", 1)
    assert (blocked.begin, blocked.end) == (2_000, 40_000)


def test_a_call_within_a_call_is_drawn_within_it(written):
    inner = call("destroyEvent", begin=3.0, end=4.0)
    early = call("getDevice", begin=2.0, end=2.5)
    outer = call("synchronize", begin=2.0, end=9.0, waits=((2.5, 9.0),))
    slices = written(Log([inner, early, outer])).of("host", "thread 0")
    assert [(s.name, s.depth) for s in slices] == [
        ("synchronize", 0),
        ("getDevice", 1),
        ("blocked", 1),
        ("destroyEvent", 2),
    ]


def test_calls_that_took_no_time_are_left_out_unless_they_did_something(written):
    launch = call("launch", begin=1.0, end=1.0)
    kernel = command(1, "kernel", (0, 0), (1, 1, 3), name="k")
    failed = call("setDevice", begin=2.0, end=2.0, error="no such device")
    quiet = [call("getDevice", begin=0.0, end=0.0)] * 1000
    trace = written(Log(in_us.in_calls([*quiet, launch, kernel, failed])))
    slices = trace.of("host", "thread 0")
    assert [s.name for s in slices] == ["launch", "setDevice"]
    assert slices[1].args["error"] == "no such device"
    assert [(out.name, to.name) for _, out, to in trace.arrows] == [("launch", "k")]


def test_a_command_comes_from_the_call_that_it_names(written):
    calls = [call(f"launch {id}", begin=0.0, end=9.0, thread=id, id=id) for id in (1, 2)]
    kernels = [command(k, "kernel", (0, 0), (2, 2 + k, 3 + k), name=f"k{k}") for k in (1, 2, 3)]
    named = [replace(k, call=id) for k, id in zip(kernels, (2, None, 7), strict=True)]
    arrows = written(Log([*calls, *named])).arrows
    assert [(out.name, to.name) for _, out, to in arrows] == [("launch 2", "k1")]


def test_counters_count_the_queue_and_the_memory(written):
    kernels = [command(k, "kernel", (0, 1), (k, 10 * k, 10 * k + 10), name="k") for k in (1, 2, 3)]
    memory = [
        in_us.memory("segment_alloc", 0, 0, 0, 2 << 20, 1.0, 0, None),
        in_us.memory("alloc", 0, 0, 0, 512, 1.0, 0, None),
        in_us.memory("alloc", PINNED, 0, 0, 64, 1.5, 0, None),
        in_us.memory("record_stream", 0, 3, 0, 512, 1.5, 0, None),
        in_us.memory("free", 0, 0, 0, 512, 2.0, 0, None),
        in_us.memory("oom", 0, 0, None, 1 << 40, 2.5, 0, None),
    ]
    before = [in_us.memory("alloc", 0, 0, 4096, 1024, 0.0, 0, None)]
    counters = written(Log([*kernels, *memory], {}, before)).counters
    assert counters == {
        (2, "commands in queues"): [
            (1000, 1),
            (2000, 2),
            (3000, 3),
            (10000, 2),
            (20000, 1),
            (30000, 0),
        ],
        (2, "allocated bytes"): [(0, 1024), (1000, 1536), (2000, 1024)],
        (2, "reserved bytes"): [(1000, 2 << 20)],
    }
    assert set(written(heap_log()).counters) == {(2, "allocated bytes"), (2, "reserved bytes")}


def test_memory_that_a_command_uses_is_named(written):
    reads = (Access(PINNED, 64, 24, "float32", (2, 3), None, 4),)
    writes = (Access(1, 4096, 24),)
    copy = in_us.command(
        1, "copy", "H2D", 1, 0, 0.0, 1.0, 2.0, 0, None, None, (), None, reads, writes
    )
    (one,) = written(Log([copy])).of("mtia:1", "stream 0")
    assert one.args["reads"] == ["float32[2, 3], 24 bytes from 64 in pinned memory"]
    assert one.args["writes"] == ["24 bytes from 4096 in mtia:1"]


@given(st.integers(0, 2**50))
def test_times_survive_a_reader_that_cuts_them_off(time):
    assert trace_reader.ns(json.loads(json.dumps(_us(time)))) == time


def test_nasty_names_and_nothing_at_all(written):
    log = Log(
        [
            call(NASTY, begin=0.0, end=1.0, args=NASTY, result="\ud800"),
            command(1, "kernel", (0, 0), (1, 1, 2), name=NASTY),
        ]
    )
    assert written(log).of("mtia:0", "stream 0")[0].name == NASTY
    assert written(Log()).slices == {}
