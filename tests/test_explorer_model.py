"""What the explorer says is true at a moment, held against the log, and against the simulator."""

import json
import random
import zlib
from bisect import bisect_right
from dataclasses import replace
from itertools import accumulate

import pytest
import torch
from drawings import call, command, heap_log, memory, some_heap, some_log

from mtia_lab.explorer.model import Model
from mtia_lab.explorer.moments import APPEAR, HAPPEN, RETURN
from mtia_lab.explorer.moments import nanoseconds as ns
from mtia_lab.explorer.numbers import numbers
from mtia_lab.explorer.payload import payload
from mtia_lab.log import Log
from mtia_lab.records import Access, Call, Command, Memory, Value

MOST_BYTES = 100  # of deflated payload for a command with its call


def mixed(seed):
    """A log with everything: commands, calls that return states, and memory."""
    draws = random.Random(seed)
    records = list(some_log(seed, 50)) + some_heap(seed, 50).memory
    for k, record in enumerate(records):
        if isinstance(record, Call):
            state = tuple(draws.randrange(3) for _ in range(3))
            records[k] = call(record.name, state, thread=record.thread, **times(record))
    return Log(records, {0: (0, 0, 0)})


def times(record):
    return {"begin": record.begin, "end": record.end, "waits": record.waits}


def told_by(log, time):
    """The state at a time in ns, worked out anew from the times in the log: there is no order
    within one time."""
    calls = [record for record in log if isinstance(record, Call)]
    commands = log.commands
    return {
        "threads": {t: thread_at(log, calls, t, time) for t in (0, 1)},
        "streams": {
            key: queue_at([c for c in commands if (c.device, c.stream) == key], time)
            for key in sorted({(c.device, c.stream) for c in commands})
        },
        "events": {e: event_at(log, e, time) for e in sorted({c.event for c in commands} - {None})},
        "blocks": blocks_at(log, time),
    }


def thread_at(log, calls, thread, time):
    mine = [c for c in calls if c.thread == thread]
    returned = sorted((c for c in mine if ns(c.end) <= time), key=lambda c: ns(c.end))
    state = returned[-1].state if returned else log.initial_state.get(thread)
    inside = [c for c in mine if ns(c.begin) <= time < ns(c.end)]
    waits = any(ns(since) <= time < ns(until) for c in inside for since, until in c.waits)
    if state is None and not inside:
        return None
    return state or (), log.index(inside[-1]) if inside else -1, waits


def queue_at(commands, time):
    running = [c.id for c in commands if ns(c.start) <= time < ns(c.finish)]
    return (
        sum(ns(c.finish) <= time for c in commands),
        running[0] if running else None,
        tuple(c.id for c in commands if ns(c.enqueue) <= time < ns(c.start)),
    )


def event_at(log, event, time):
    mine = [c for c in log.commands if c.event == event and ns(c.enqueue) <= time]
    recorded = [c for c in mine if c.type == "record"]
    waiting = [log.index(c) for c in mine if c.type == "wait" and time < ns(c.finish)]
    if not mine:
        return None
    newest = max(recorded, key=lambda c: c.version)
    return newest.version, ns(newest.finish) <= time, (len(waiting), *waiting)


def blocks_at(log, time):
    live = []
    for record in log.memory:
        if ns(record.time) <= time and record.action == "alloc":
            live.append((record.address, record.bytes, record.stream))
        elif ns(record.time) <= time and record.action == "free":
            live = [block for block in live if block[0] != record.address]
    return sorted(live)


def as_told(model, moment):
    """A state of the model in the same words."""
    state = model.state(moment)
    blocks = [model.blocks[k] for k in state.pop("blocks")]
    del state["memory"]
    return state | {"blocks": sorted((b.address, b.bytes, b.stream) for b in blocks)}


@pytest.mark.parametrize("seed", range(12))
def test_the_state_is_what_the_log_says(seed):
    log = mixed(seed)
    model = Model(log)
    ends = sorted(set(model.times))
    between = [(a + b) // 2 for a, b in zip(ends, ends[1:], strict=False)]
    for time in ends + between:
        expected = told_by(log, time)
        for kind in ("threads", "events"):
            expected[kind] = {k: v for k, v in expected[kind].items() if v is not None}
        assert as_told(model, model.moment(time / 1000)) == expected, time


@pytest.mark.parametrize("seed", range(4))
def test_within_one_time_causes_come_first(seed):
    model = Model(mixed(seed))
    place = model.place
    for position, record in enumerate(model.records):
        first, start, last = model.first[position], model.start[position], model.last[position]
        assert first <= start <= last
        assert model.moments[last][1] == position
        if isinstance(record, Call):
            assert start == first and model.times[first] == ns(record.begin)
        if isinstance(record, Command):
            assert [model.times[k] for k in (first, start, last)] == [
                round(1000 * time) for time in (record.enqueue, record.start, record.finish)
            ]
            assert all(model.last[place[source]] < last for source in record.after)
    for queue in model.streams.values():
        for before, after in zip(queue, queue[1:], strict=False):
            assert model.last[before] < model.start[after]
    assert model.times == sorted(model.times)


def test_a_call_holds_what_it_did():
    log = Log(
        [
            call("launch", begin=0.0, end=2.0),
            memory("alloc", 0, 1, time=1.0),
            command(1, "kernel", (0, 1), (2, 2, 5), name="first"),
            call("getDevice", begin=2.0, end=2.0),
            call("synchronize", begin=2.0, end=5.0, waits=((2.0, 5.0),)),
            call("record", begin=5.0, end=5.5),
            command(2, "record", (0, 1), (5.5, 5.5, 5.5), event=1, version=1),
        ]
    )
    model = Model(log)
    assert [model.told(k) for k in range(len(model.moments))] == [
        "the recording begins",
        "guard.launch begins",
        "alloc a: 1 MiB on mtia:0/0",
        "kernel first on mtia:0/1 is enqueued",
        "kernel first on mtia:0/1 starts",
        "guard.launch returns",
        "guard.getDevice returns",
        "guard.synchronize waits for the device",
        "kernel first on mtia:0/1 finishes",
        "guard.synchronize returns",
        "guard.record begins",
        "recording of e1 v1 on mtia:0/1 is enqueued",
        "recording of e1 v1 on mtia:0/1 finishes",
        "guard.record returns",
    ]


def test_blocks_bear_the_names_of_the_memory_picture():
    model = Model(heap_log())
    names = [model.blocks[k].name for k in model.state(len(model.moments) - 6)["blocks"]]
    assert names == ["b", "c", "d"]
    assert model.state(3)["memory"] == {0: (12 * 2**20, 20 * 2**20)}
    assert model.state(len(model.moments) - 1)["memory"] == {0: (0, 0)}


def program(samples, log, mtia_lab):
    """Two streams, an event, views, frees; `samples` notes what PyTorch says on the way."""

    def sample():
        used = [torch.mtia.memory_allocated(device) for device in (0, 1)]
        samples.append((len(log), tuple(mtia_lab.state()), used))

    one, two = torch.Stream("mtia"), torch.Stream("mtia")
    with one:
        y = x_of_16 = torch.arange(16.0).to("mtia").reshape(4, 4)
        sample()
        y = y @ y
        done = one.record_event()
        sample()
        y[1] = 7
        z = y.relu()
        sample()
    with two:
        one.query(), two.query(), done.query()
        two.wait_event(done)
        half = x_of_16[:, 1].clone()
        sample()
        del z
        torch.mtia.set_device(1)
        sample()
        there = half.to("mtia:1", non_blocking=True)
        one.query(), two.query(), done.query()
        sample()
    torch.mtia.set_device(0)
    two.synchronize()
    one.query(), two.query(), done.query()
    torch.mtia.synchronize()
    sample()
    return {"y": y, "half": half, "there": there}


@pytest.fixture(params=["modelled", "latest", "blocking"])
def ran(request, empty):
    """A model of the program, the samples taken on the way, and its tensors."""
    empty.configure(schedule=request.param)
    samples = []
    with empty.record(values=True) as log:
        tensors = program(samples, log, empty)
    yield request.param, Model(log), samples, tensors


def test_the_simulator_said_the_same_on_the_way(ran):
    schedule, model, samples, _ = ran
    assert len(samples) == 7
    for count, state, used in samples:
        happened = [
            k
            for k, (_, position, verb) in enumerate(model.moments)
            if verb in (RETURN, HAPPEN) and position < count
        ]
        here = model.state(happened[-1])
        (thread,) = here["threads"].values()
        assert thread[0] == state
        assert [here["memory"].get(device, (0, 0))[0] for device in (0, 1)] == used
    asked = [(k, r) for k, r in enumerate(model.records) if getattr(r, "name", "") == "queryStream"]
    assert {r.result for _, r in asked} == (
        {"True"} if schedule == "blocking" else {"True", "False"}
    )
    for position, record in asked:
        device, stream = map(int, record.args.removeprefix("mtia:").split("/"))
        _, running, pending = model.state(model.last[position])["streams"].get(
            (device, stream), (0, None, ())
        )
        assert (running is None and not pending) == (record.result == "True")


def test_blocks_hold_what_tensors_hold(ran):
    schedule, model, _, tensors = ran
    found = {}
    state = model.state(len(model.moments) - 1)
    for block, content in state["blocks"].items():
        if content is not None:
            found[model.blocks[block].device, model.blocks[block].site, content.tensor] = (
                content.text
            )
    told = sorted(found.values())
    for tensor in tensors.values():
        sizes = list(tensor.shape)
        assert numbers(f"float32{sizes}", tensor.cpu().numpy().tobytes()) in told
    late = [model.told(k) for k, (_, _, verb) in enumerate(model.moments) if verb == APPEAR]
    assert bool(late) == (schedule == "latest")


def test_a_late_effect_is_seen_late():
    access = Access(0, 0, 4, "int32[]")
    given = [command(1, "kernel", (0, 1), (1, 1, 2), name="a"), memory("alloc", 0, 1, stream=1)]
    given.append(command(2, "kernel", (0, 1), (5, 5, 6), name="b"))
    seven = (7).to_bytes(4, "little")
    for time, verb in ((5.0, "finishes"), (8.0, "takes effect only now")):
        model = Model(Log([*given, Value(1, access, seven, time, 0, None)]))
        seen = [k for k in range(len(model.moments)) if 0 in model.state(k)["blocks"]]
        first = next(k for k in seen if model.state(k)["blocks"][0] is not None)
        assert model.told(first) == f"kernel a on mtia:0/1 {verb}"
        assert model.state(first)["blocks"][0].text == "7"


def test_what_began_before_the_log_is_seen_when_it_happens():
    access, seven = Access(0, 0, 4, "int32[]"), (7).to_bytes(4, "little")
    initial = [memory("segment_alloc", 0, 2), memory("alloc", 0, 1)]
    model = Model(Log([Value(5, access, seven, 3.0, 0, None)], {}, initial))
    assert model.told(1) == "a command from before the log takes effect only now"
    assert [model.state(k)["blocks"][0] for k in (0, 1)] == [None, ("int32[]", "7", 0)]


def test_bytes_replace_those_they_are_written_over():
    """A view is written after its tensor, then a tensor too long to be recorded as a whole."""

    def value(id, address, count, data):
        access = Access(0, address, count, f"int8[{count}]")
        write = command(id, "kernel", (0, 0), (id, id, id + 1))
        return [write, Value(id, access, bytes(data), id + 1.0, 0, None)]

    records = [memory("alloc", 0, 1)]
    records += value(1, 0, 4, [1, 2, 3, 4]) + value(2, 2, 1, [9]) + value(3, 1000, 5, [5] * 5)
    records += value(4, 0, 2000, [8, 8])  # the first two are known, the others have changed too
    records += value(5, 2, 3000, [6] * 4) + value(6, 0, 5, [7] * 3)
    model = Model(Log(records))
    row = model.values.rows[0]
    assert [content.text for content in row.values] == [
        "[1, 2, 3, 4]",
        "[1, 2, 9, 4]",
        "[5, 5, 5, 5, 5]",
        "[8, 8, …]",
        "[6, 6, 6, 6, …]",
        "[7, 7, …]",  # as the 2,000 that they were first; of the 3,000 not enough is known now
    ]


@pytest.mark.parametrize(
    "dtype",
    [
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "int8",
        "uint8",
        "int16",
        "int32",
        "int64",
        "bool",
    ],
)
def test_numbers_are_those_of_the_tensor(dtype):
    tensor = torch.arange(-2, 4).reshape(2, 3).to(getattr(torch, dtype))
    data = tensor.contiguous().view(torch.uint8).numpy().tobytes()
    assert eval(numbers(f"{dtype}[2, 3]", data)) == tensor.tolist()
    turned = numbers(f"{dtype}[3, 2] strides [1, 3]", data)
    assert eval(turned) == tensor.t().tolist()


def test_of_many_numbers_the_first_are_shown():
    data = torch.arange(64.0).numpy().tobytes()
    assert numbers("float32[100]", data) == "[0, 1, 2, 3, 4, 5, …]"
    assert numbers("float32[50, 4]", data).endswith("[20, 21, 22, 23], …]")
    assert numbers("float32[9, 60]", data) == "[[0, 1, 2, 3, 4, 5, …], [60, 61, 62, 63, …], …]"
    assert numbers("float32[]", data[:4]) == "0"
    assert numbers("complex64[1]", data[4:12]) == "[1+2j]"
    assert numbers("float8_e5m2[2]", b"\x01\xff") == "01 ff"


def test_the_page_gets_what_the_model_says():
    model = Model(mixed(3))
    data = json.loads(zlib.decompress(payload(model)))
    for moment in range(len(model.moments)):
        state = model.state(moment)
        for kind in ("threads", "events"):
            for key, row in data[kind].items():
                place = bisect_right(list(accumulate(row["at"])), moment)
                expected = state[kind].get(int(key))
                seen = row["values"][place - 1] if place else None
                assert seen == json.loads(json.dumps(expected))
    first, start, last = (data["records"][name] for name in ("first", "start", "last"))
    assert list(accumulate(first)) == model.first
    assert [a + b for a, b in zip(model.first, start, strict=True)] == model.start
    assert [a + b for a, b in zip(model.start, last, strict=True)] == model.last
    assert list(accumulate(data["moments"]["time"])) == model.times
    names = [lane["name"] for lane in data["lanes"]]
    assert names[:3] == ["host thread 0", "host thread 1", "mtia:0/0"]
    assert data["lanes"][2]["records"] == model.streams[0, 0]


def test_the_payload_stays_small():
    log = some_log(5, 2000)
    assert len(payload(Model(log))) < MOST_BYTES * 2000


def test_unknown_memory_is_not_an_error():
    access = Access(0, 2**30, 4, "float32[]")
    lone = Command(1, "kernel", "k", 0, 0, 0, 0, 1, 0, None, None, (), None, (access,), (access,))
    freed = Memory("free", 0, 0, 512, 512, 2.0, 0, None)
    model = Model(Log([lone, freed, memory("oom", None, 1, time=3.0)]))
    assert [model.state(k)["blocks"] for k in (0, len(model.moments) - 1)] == [{0: None}, {}]
    assert model.accesses[0][0][0] == -1
    beside = Access(0, 2**20, 4, "float32[]")  # the first byte after the block
    model = Model(Log([memory("alloc", 0, 1), replace(lone, reads=(beside,), enqueue=1, start=1)]))
    assert model.accesses[1][0][0] == -1
    assert payload(model)
    assert Model(Log()).told(0) == "the recording begins" and payload(Model(Log()))
