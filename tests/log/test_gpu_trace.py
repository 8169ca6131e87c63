"""A profiler's trace of a real GPU as a log: what it tells, and nothing else."""

import gzip
import json

import pytest
import torch
from torch.profiler import ProfilerActivity, profile, record_function

import mtia_lab
from mtia_lab import draw
from mtia_lab.__main__ import main
from mtia_lab.errors import CannotReplay, UnreadableLog
from mtia_lab.log.gpu_trace import UNKNOWN, open_trace
from mtia_lab.log.records import Known

HOST = 4242  # the process


def runtime(name, begin, took, number, thread=1):
    args = {"correlation": number, "External id": 7}
    event = {"ph": "X", "cat": "cuda_runtime", "name": name, "pid": HOST, "tid": thread}
    return event | {"ts": begin, "dur": took, "args": args}


def work(name, begin, took, number, stream=7, kind="kernel"):
    args = {"device": 0, "stream": stream, "correlation": number, "bytes": 64}
    event = {"ph": "X", "cat": kind, "name": name, "pid": 0, "tid": stream}
    return event | {"ts": begin, "dur": took, "args": args}


def wait(kind, begin, took, number, stream=-1, record=None):
    args = {"cuda_sync_kind": kind, "stream": stream, "correlation": number, "device": 0}
    if record is not None:
        args |= {"wait_on_cuda_event_record_corr_id": record, "wait_on_cuda_event_id": 3}
        args |= {"wait_on_stream": 7}
    event = {"ph": "X", "cat": "cuda_sync", "name": kind, "pid": 0, "tid": stream}
    return event | {"ts": begin, "dur": took, "args": args}


EVENTS = [
    {"ph": "M", "name": "process_name", "pid": 0, "args": {"name": "python"}},
    {"ph": "X", "cat": "user_annotation", "name": "step", "pid": HOST, "tid": 1, "ts": 1000.0,
     "dur": 30.5, "args": {}},
    runtime("cudaMemcpyAsync", 1000, 4, 1),
    work("Memcpy HtoD (Pinned -> Device)", 1006.5, 20.25, 1, kind="gpu_memcpy"),
    runtime("cudaEventRecord", 1005, 1, 2),
    runtime("cudaStreamWaitEvent", 1007, 1, 3),
    wait("Stream Wait Event", 1007, 1, 3, stream=20, record=2),
    runtime("cudaLaunchKernel", 1009, 2, 4),
    work("add", 1028.75, 10, 4, stream=20),
    runtime("cudaMemsetAsync", 1012, 2, 5, thread=2),
    work("Memset (Device)", 1030, 1, 5, kind="gpu_memset"),
    runtime("cudaEventQuery", 1016, 1, 6),
    runtime("cudaDeviceSynchronize", 1031, 12, 7),
    wait("Context Sync", 1031, 12, 7),
]  # fmt: skip


@pytest.fixture
def opened(tmp_path):
    """Opens such events as a log."""

    def run(events=EVENTS, name="trace.json"):
        text = json.dumps({"schemaVersion": 1, "traceEvents": events}).encode()
        path = tmp_path / name
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return open_trace(path)

    return run


def test_calls_commands_streams_and_waits(opened):
    log = opened()
    assert [c.name for c in log.calls][:2] == ["cudaMemcpyAsync", "cudaEventRecord"]
    assert [c.thread for c in log.calls] == [0, 0, 0, 0, 1, 0, 0]
    told = [(c.type, c.name, c.stream, c.start, c.finish, c.enqueue) for c in log.commands]
    assert told == [
        ("copy", "Memcpy HtoD (Pinned -> Device)", 7, 6.5, 26.75, 0),
        ("record", "event 3", 7, 26.75, 26.75, 5),  # over when the copy before it is
        ("wait", "event 3", 20, 26.75, 26.75, 7),
        ("kernel", "add", 20, 28.75, 38.75, 9),
        ("kernel", "Memset (Device)", 7, 30, 31, 12),
    ]
    assert log.commands[0].direction == "H2D" and log.commands[2].after == (log.commands[1].id,)
    assert [log.calls[c.call - 1].name for c in log.commands][3] == "cudaLaunchKernel"
    assert [c.waits for c in log.calls if c.waits] == [((31.0, 43.0),)]
    assert log.calls[-1].synchronized[0][:2] == (0, None)
    assert list(opened(name="trace.json.gz")) == list(log)
    assert list(opened([*reversed(EVENTS)])) == list(log)  # a file is in no order


def test_what_it_does_not_tell_is_unknown(opened, tmp_path):
    log = opened()
    assert log.unknown == UNKNOWN and log[1:3].unknown == log.filter(kind="copy").unknown == UNKNOWN
    assert mtia_lab.open_log(log.save(tmp_path / "x.mtia")).unknown == UNKNOWN
    assert not any(c.reads or c.writes or c.site for c in log.commands)
    for show, what in (
        (mtia_lab.find_hazards, "which memory is used"),
        (draw.memory, "which memory is used"),
        (draw.filmstrip, "what is current on its threads"),
        (draw.backward, "where backward begins"),
    ):
        with pytest.raises(ValueError, match=f"has to know {what}, which this log does not tell"):
            show(log)
    with pytest.raises(CannotReplay, match="what engines there are"):
        mtia_lab.what_if(log, times=0.5)
    late = EVENTS[:6] + [wait("Stream Wait Event", 1007, 1, 3, stream=20, record=99)]
    (only,) = [c for c in opened(late).commands if c.type == "wait"]
    assert only.after == ()  # its recording is not in the trace
    none = [event for event in EVENTS if event.get("cat") != "cuda_sync"]
    found = opened(none)
    assert {c.type for c in found.commands} == {"copy", "kernel"}
    assert found.calls[-1].waits == ((31.0, 43.0),)
    assert found.calls[-1].synchronized == (Known(0, None, 3, 3),)
    other = [*none[:-1], runtime("cudaStreamSynchronize", 1031, 12, 7)]
    stream = opened(other)
    assert stream.calls[-1].waits == ((31.0, 43.0),) and not stream.calls[-1].synchronized
    assert mtia_lab.summary(stream).critical_path[-1].name == "cudaStreamSynchronize waits"
    two = work("add", 20, 5, 99) | {"pid": 1}
    two["args"] = two["args"] | {"device": 1}
    assert not opened([*none, two]).calls[-1].synchronized  # of which device, nobody knows
    alone = opened([work("add", 5, 10, 4)])
    assert (alone.commands[0].enqueue, alone.commands[0].call, len(alone.calls)) == (0, None, 0)
    assert [leg.kind for leg in mtia_lab.summary(alone).critical_path] == ["kernel"]


def test_the_instruments_work_on_it(opened, tmp_path, capsys):
    log = opened()
    summary = mtia_lab.summary(log, ranges=True)
    stream = next(row for row in summary.streams if row.stream == 20)
    assert (stream.busy, stream.copy, stream.unknown) == (10.0, 19.75, 2.0)
    assert "+ unknown" in repr(summary) and "bytes copied" not in repr(summary)
    assert "of measured time" in summary.title
    assert (summary.ranges[0].name, summary.ranges[0].commands) == ("step", 4)  # of its thread
    assert [c.name for c in log.filter(range="step", kind="kernel").commands] == ["add"]
    path = summary.critical_path
    assert [(leg.kind, leg.name, leg.time, leg.because) for leg in path] == [
        ("unknown", "unknown", 6.5, ""),
        ("copy", "Memcpy HtoD (Pinned -> Device)", 20.25, ""),
        ("unknown", "unknown", 2.0, "event"),
        ("kernel", "add", 10.0, ""),
        ("unknown", "cudaDeviceSynchronize returns", 4.25, "synchronization"),
    ]
    assert "critical path: " in draw.timeline(log, critical=True).text
    assert "kernel add" in mtia_lab.explore(log)._repr_mimebundle_()["text/plain"]
    assert mtia_lab.write_trace(log, tmp_path / "out.json")
    assert main(["show", str(tmp_path / "trace.json")]) == 0
    assert "Summary of 43 us of measured time" in capsys.readouterr().out


def test_nanoseconds_are_kept(tmp_path):
    """A file may count microseconds since 1970, with three decimals, which no float holds."""
    events = json.dumps([runtime("cudaMemcpyAsync", 0, 1, 1), work("copy", 0.001, 0.002, 1)])
    events = events.replace('"ts": 0,', '"ts": 1712867402348256,')
    path = tmp_path / "far.json"
    path.write_text(events.replace('"ts": 0.001', '"ts": 1712867402348256.001'))
    (command,) = open_trace(path).commands
    assert (command.start_ns, command.finish_ns) == (1, 3)


def test_what_lies_within_another_on_its_stream_is_a_detail_of_it(opened):
    inner = [work("request", 10, 50, 1), work("dma", 20, 5, 2), work("next", 60, 5, 3)]
    assert [c.name for c in opened(inner).commands] == ["request", "next"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.json", None, "No such file"),
        ("text.json", b"hello", "it is none, or damaged"),
        ("other.json", b'{"a": 1}', "it is none, or damaged: KeyError"),
        ("list.json", b"[1, 2]", "it is none, or damaged"),
        ("cut.json.gz", gzip.compress(b"{" * 5000, mtime=0)[:40], "it is none, or damaged"),
        ("late.json", b'[{"ph": "X", "cat": "kernel", "dur": 1, "ts": "soon"}]', "damaged"),
        ("never.json", b'[{"ph": "X", "cat": "kernel", "dur": 1, "ts": Infinity}]', "damaged"),
        ("back.json", b'[{"ph": "X", "cat": "kernel", "dur": -1, "ts": 5, "name": "k"}]', "k ends"),
        ("deep.json", b"[" * 100_000, "damaged"),
        ("bad.json", json.dumps([{"ph": "X", "cat": "kernel", "dur": 1}]).encode(), "damaged"),
    ],
)
def test_what_is_no_trace_is_refused(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableLog, match=words) as raised:
        open_trace(tmp_path / name)
    assert "export_chrome_trace" in str(raised.value)


def test_the_lab_s_own_trace_of_the_profiler_opens(lab, tmp_path):
    side = torch.Stream("mtia")
    with (
        lab.record() as log,
        profile(activities=[ProfilerActivity.CPU, ProfilerActivity.MTIA]) as found,
    ):
        with record_function("mine"):
            x = torch.ones(8, device="mtia").exp()
        with side:
            x + 1
        torch.mtia.synchronize()
    found.export_chrome_trace(str(tmp_path / "run.json"))
    opened = open_trace(tmp_path / "run.json")
    work = [c for c in log.commands if c.type == "kernel"]
    assert [(c.name, c.stream) for c in opened.commands] == [(c.name, c.stream) for c in work]
    took = [c.finish_ns - c.start_ns for c in opened.commands]
    assert took == pytest.approx([c.finish_ns - c.start_ns for c in work], abs=1)
