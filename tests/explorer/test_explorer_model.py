"""What the explorer says is true at a moment, held against the log, and against the simulator."""

import json
import zlib
from bisect import bisect_right
from itertools import accumulate, pairwise

import in_us
import pytest
import torch
from drawings import call, command, heap_log, memory, some_log
from explorer_oracle import as_told, mixed, told_by

from mtia_lab.explorer.memory import numbers
from mtia_lab.explorer.model import Model
from mtia_lab.explorer.moments import APPEAR, HAPPEN, RETURN
from mtia_lab.explorer.payload import payload
from mtia_lab.log.log import Log
from mtia_lab.log.records import Access, Call, Command
from mtia_lab.log.units import nanoseconds as ns

MOST_BYTES = 100  # of deflated payload for a command with its call


@pytest.mark.parametrize("seed", range(12))
def test_the_state_is_what_the_log_says(seed):
    log = mixed(seed)
    model = Model(log)
    ends = sorted(set(model.times))
    between = [(a + b) // 2 for a, b in pairwise(ends)]
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
        for before, after in pairwise(queue):
            assert model.last[before] < model.start[after]
    assert model.times == sorted(model.times)


def test_a_call_holds_what_it_did():
    records = [
        call("launch", begin=0.0, end=2.0),
        memory("alloc", 0, 1, time=1.0),
        command(1, "kernel", (0, 1), (2, 2, 5), name="first"),
        call("getDevice", begin=2.0, end=2.0),
        call("synchronize", begin=2.0, end=5.0, waits=((2.0, 5.0),)),
        call("record", begin=5.0, end=5.5),
        command(2, "record", (0, 1), (5.5, 5.5, 5.5), event=1, version=1),
    ]
    model = Model(Log(in_us.in_calls(records)))
    assert [model.describe(k) for k in range(len(model.moments))] == [
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
        access = Access(0, 0, tensor.nbytes, "float32", tuple(tensor.shape), None, 4)
        assert numbers(access, tensor.cpu().numpy().tobytes()) in told
    late = [model.describe(k) for k, (_, _, verb) in enumerate(model.moments) if verb == APPEAR]
    assert bool(late) == (schedule == "latest")


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
                if kind == "threads" and seen:
                    seen = [data["states"][seen[0]], *seen[1:]]
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
