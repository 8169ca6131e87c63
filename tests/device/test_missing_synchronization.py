"""A program that lacks one synchronization gives a wrong value under "latest", and which one."""

from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

WAYS = ["event", "wait_stream", "stream.synchronize", "event.synchronize"]


def order(way, before, after):
    """Whatever is enqueued on `after` from now on runs after all that is on `before` now."""
    if way == "event":
        after.wait_event(before.record_event())
    elif way == "wait_stream":
        after.wait_stream(before)
    elif way == "stream.synchronize":
        before.synchronize()
    else:
        before.record_event().synchronize()


@pytest.fixture(autouse=True)
def latest(lab):
    lab.configure("latest")
    yield
    for device in (0, 1):
        idle(device)
    lab.configure(poison=False)


def idle(device):
    torch.mtia.synchronize(device)


@cache
def streams(device, count):
    return [torch.Stream(device) for _ in range(count)]


@settings(max_examples=100)
@given(
    ways=st.lists(st.sampled_from(WAYS), min_size=1, max_size=5),
    missing=st.integers(0, 5),
    device=st.sampled_from(["mtia:0", "mtia:1"]),
)
def test_of_a_pipeline_only_what_comes_after_the_gap_has_run(lab, ways, missing, device):
    """Each stage adds its own power of two, so the sum tells which ones have run."""
    x = torch.zeros(3, device=device)
    idle(device)
    line = streams(device, len(ways) + 1)
    for stage, stream in enumerate(line):
        if stage > 0 and stage != missing:
            order(ways[stage - 1], line[stage - 1], stream)
        with stream:
            x += 2**stage
    seen = torch.empty(3, pin_memory=True)
    with line[-1]:
        seen.copy_(x, non_blocking=True)
    line[-1].synchronize()

    is_gap = 0 < missing < len(line)
    # A host that waits for an early stage has made that one run, whatever comes after.
    waited = [s for s, way in enumerate(ways) if "synchronize" in way and s + 1 != missing]
    ran_before_the_gap = [s for s in waited if s < missing] if is_gap else []
    first = missing if is_gap else 0
    expected = sum(2**s for s in range(first, len(line)))
    expected += sum(2**s for s in range(max(ran_before_the_gap, default=-1) + 1))
    assert seen.tolist() == [float(expected)] * 3
    assert is_gap == (expected != 2 ** len(line) - 1) or ran_before_the_gap == list(range(missing))
    idle(device)
    assert x.tolist() == [2.0 ** len(line) - 1] * 3


@pytest.mark.parametrize("ordered", [True, False])
def test_overwriting_what_another_stream_still_reads(lab, ordered):
    reader, writer = torch.Stream("mtia"), torch.Stream("mtia")
    x, y = torch.ones(3, device="mtia"), torch.zeros(3, device="mtia")
    idle(0)
    with reader:
        y.copy_(x)
    if ordered:
        writer.wait_stream(reader)
    with writer:
        x.fill_(2)
    writer.synchronize()
    reader.synchronize()
    assert y.tolist() == [1.0 if ordered else 2.0] * 3


@pytest.mark.parametrize("poison", [False, True])
@pytest.mark.parametrize("recorded", [True, False])
def test_freeing_what_another_stream_still_reads(lab, recorded, poison):
    lab.configure(poison=poison)
    side, y = torch.Stream("mtia"), torch.zeros(3, device="mtia")
    x = torch.ones(3, device="mtia")
    idle(0)
    address = x.data_ptr()
    with side:
        y.copy_(x)
    if recorded:
        x.record_stream(side)
    del x
    other = torch.full((3,), 5.0, device="mtia")  # on the default stream
    assert (other.data_ptr() == address) != recorded
    torch.mtia.default_stream().synchronize()
    side.synchronize()
    assert y.tolist() == [1.0 if recorded else 5.0] * 3


def test_poison_shows_a_use_after_free_also_where_nobody_reuses_the_memory(lab):
    lab.configure(poison=True)
    side, y = torch.Stream("mtia"), torch.zeros(3, device="mtia")
    x = torch.ones(3, device="mtia")
    idle(0)
    with side:
        y.copy_(x)
    del x
    torch.mtia.default_stream().synchronize()
    side.synchronize()
    assert y.isnan().all()


@pytest.mark.parametrize("waits", [True, False])
def test_work_on_another_device(lab, waits):
    here, there = torch.Stream("mtia:0"), torch.Stream("mtia:1")
    x, y = torch.zeros(3, device="mtia:0"), torch.zeros(3, device="mtia:1")
    idle(0), idle(1)
    with here:
        x += 1
    if waits:
        torch.mtia.default_stream(0).wait_stream(here)
    with there:
        y.copy_(x)  # runs on the current stream of the source: the default one
    there.synchronize()
    assert y.cpu().tolist() == [1.0 if waits else 0.0] * 3
    idle(0)
