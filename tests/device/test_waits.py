"""The log says when the host stood still: in synchronizations, copies, full queues, `blocking`."""

import pytest
import torch


def waits(log):
    """`(name, waits)` of each call that waited."""
    return [(call.name, call.waits) for call in log.calls if call.waits]


def test_item_waits_for_the_stream_and_says_so(lab):
    x = torch.ones(1000, device="mtia")
    torch.mtia.synchronize()
    with lab.record() as log:
        lab.launch("long", us=500)
        assert x.sum().item() == 1000
    (copy,) = (command for command in log.commands if command.type == "copy")
    assert waits(log) == [("_local_scalar_dense", ((copy.enqueue, copy.finish),))]
    assert log.calls[-1].waited == copy.finish - copy.enqueue > 490


def test_a_synchronization_waits_from_its_call_to_the_finish(lab):
    stream = torch.Stream("mtia")
    with lab.record() as log, stream:
        lab.launch("long", us=100)
        stream.synchronize()
        stream.synchronize()  # nothing is left: that costs time, but is no wait
    assert waits(log) == [("synchronizeStream", ((2.0, 102.0),))]


def test_a_launch_into_a_full_queue_waits_for_room(lab):
    lab.configure(profile=lab.Profile(queue_depth=2))
    with lab.record() as log:
        for _ in range(3):
            lab.launch("k", us=50)
    assert waits(log) == [("launch", ((4.0, 52.0),))]


def test_under_blocking_every_launch_waits(lab):
    lab.configure("blocking")
    with lab.record() as log:
        lab.launch("a", us=10)
        lab.launch("b", us=5)
    assert waits(log) == [("launch", ((2.0, 12.0),)), ("launch", ((14.0, 19.0),))]


@pytest.mark.parametrize("non_blocking", [False, True])
def test_a_copy_from_pageable_memory_waits(lab, non_blocking):
    x, there = torch.ones(100_000), torch.empty(100_000, device="mtia")
    lab.launch("before", us=100)
    with lab.record() as log:
        there.copy_(x, non_blocking=non_blocking)
    (copy,) = log.commands
    # Blocking: from the launch on. Else: until the stream is idle; then the host copies itself.
    since, until = (2.0, copy.finish) if not non_blocking else (0.0, 100.0)
    assert waits(log) == [("_copy_from", ((since, until),))]
    assert copy.start >= 100
