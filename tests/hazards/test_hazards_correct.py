"""No finding on a correct program: operators, training, graphs, pinned memory, two devices."""

from contextlib import nullcontext

import graph_programs
import graphs
import op_samples
import pytest
import random_programs
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from models import cnn


def assert_correct(report):
    assert not report, report


@pytest.mark.parametrize("start", range(3))
def test_operators_on_a_stream_of_their_own(lab, start):
    side = torch.Stream("mtia")
    with lab.sanitizer() as report:
        for name in op_samples.names(torch.float32)[::15][start::3]:
            with side:
                op_samples.difference(name, torch.float32, backward=True, close={}, at_most=2)
        assert len(report.log.commands) > 100
        assert_correct(report)


@settings(max_examples=15)
@given(
    program=st.lists(random_programs.steps, min_size=4, max_size=20),
    ways=st.lists(st.sampled_from(["event", "wait_stream", "synchronize"]), min_size=1, max_size=5),
)
def test_random_programs_on_three_streams_and_two_devices(lab, program, ways):
    with lab.sanitizer() as report:
        device = random_programs.Synchronized(ways)
        for number, step in enumerate(program):
            device.step(number, step)
        device.values()
    assert_correct(report)


@pytest.mark.parametrize("schedule", ["modelled", "blocking", "latest"])
@settings(max_examples=6)
@given(program=graph_programs.PROGRAMS, on_a_side=st.booleans())
def test_programs_captured_on_three_streams_and_replayed(lab, schedule, program, on_a_side):
    lab.configure(schedule)
    streams = [torch.mtia.Stream() for _ in range(graph_programs.STREAMS)]
    if not on_a_side:
        streams[0] = torch.mtia.default_stream()
    with lab.sanitizer() as report:
        with streams[0] if on_a_side else nullcontext():
            inputs, outputs = graph_programs.tensors("mtia")
            graph = graphs.capture(
                lambda: graph_programs.run(program, inputs, outputs, streams), streams[0]
            )
            graph_programs.results(graph.replay, inputs, outputs)
        with torch.Stream("mtia") as other:
            other.wait_stream(streams[0])
            graph.replay()
        del graph
        torch.ones(3, 100, device="mtia")
        torch.mtia.synchronize()
    assert_correct(report)


@pytest.mark.parametrize("schedule", ["modelled", "blocking", "latest"])
def test_replays_of_one_graph_on_two_streams_follow_each_other(lab, schedule):
    lab.configure(schedule)
    x, streams = graphs.numbers(1, 1), [torch.mtia.Stream() for _ in range(2)]
    with lab.sanitizer() as report:
        torch.mtia.synchronize()
        graph = graphs.capture(lambda: x.add_(x), streams[0])
        for turn in range(4):
            with streams[turn % 2]:
                graph.replay()
        torch.mtia.synchronize()
    assert x.tolist() == [16, 16]
    assert_correct(report)


def test_training_with_batches_prefetched_on_a_stream_of_their_own(lab, digits):
    """Pinned batches are copied on one stream while the step before runs on another."""
    torch.manual_seed(0)
    model = cnn().to("mtia")
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    copying, computing = torch.Stream("mtia"), torch.mtia.current_stream()
    losses = []
    with lab.sanitizer() as report:
        for step in range(4):
            batch = slice(16 * step, 16 * step + 16)
            with copying:
                images, labels = (
                    x[batch].pin_memory().to("mtia", non_blocking=True) for x in digits
                )
            computing.wait_stream(copying)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            for tensor in (images, labels):
                tensor.record_stream(computing)
            losses.append(loss.item())
    assert len(losses) == 4
    assert_correct(report)


def test_without_record_stream_the_next_batch_may_come_too_soon(lab, digits):
    """The same with the mistake in it, so that the test above says something."""
    copying, computing = torch.Stream("mtia"), torch.mtia.current_stream()
    weights = torch.ones(64, 10, device="mtia")
    torch.mtia.synchronize()
    with lab.sanitizer() as report:
        for step in range(3):
            with copying:
                images = digits[0][16 * step :][:16].pin_memory().to("mtia", non_blocking=True)
            computing.wait_stream(copying)
            images.view(16, 64) @ weights
            del images
    (found,) = report
    assert found.kind == "memory reused too soon" and found.count == 2
    assert "record_stream(computing)" in found.fix


def test_a_ring_of_pinned_buffers(lab):
    """The host fills one while the other is being copied, and waits before it fills that again."""
    stream = torch.Stream("mtia")
    total = torch.zeros(64, device="mtia")
    stream.wait_stream(torch.mtia.current_stream())
    buffers, done = [torch.empty(64, pin_memory=True) for _ in range(2)], [None, None]
    with lab.sanitizer() as report:
        for step in range(6):
            slot = step % 2
            if done[slot] is not None:
                done[slot].synchronize()
            buffers[slot].fill_(step)
            with stream:
                total += buffers[slot].to("mtia", non_blocking=True)
                done[slot] = stream.record_event()
        stream.synchronize()
        back = torch.empty(64, pin_memory=True)
        with stream:
            back.copy_(total, non_blocking=True)
        stream.synchronize()
        assert back.sum() == 64 * 15
    assert_correct(report)


def test_pinned_memory_that_is_freed_at_once(lab):
    x = torch.zeros(64, device="mtia")
    with lab.sanitizer() as report:
        for step in range(5):
            x.copy_(torch.full((64,), float(step), pin_memory=True), non_blocking=True)
        torch.mtia.synchronize()
        for _ in range(5):
            torch.zeros(64, pin_memory=True).add_(1)
    assert_correct(report)


def test_backward_over_two_streams_and_two_devices(lab):
    side, main = torch.Stream("mtia"), torch.mtia.current_stream()
    x = torch.arange(4.0, device="mtia", requires_grad=True)
    with lab.sanitizer() as report:
        for _ in range(2):
            side.wait_stream(main)
            with side:
                y = x.exp()
            main.wait_stream(side)
            y.record_stream(main)
            (y.sin() + x.to("mtia:1").sin().to("mtia:0")).sum().backward()
            x.grad.cpu()
    assert_correct(report)


def test_memory_given_back_to_the_device_and_taken_again(empty):
    profile = empty.Profile(memory_bytes=8 * 2**20)
    empty.configure(profile=profile)
    side = torch.Stream("mtia")
    with empty.sanitizer() as report:
        for _ in range(3):
            x = torch.ones(2**20, device="mtia")
            del x
            with side:  # there is only room after the cache has been given back
                y = torch.ones(2**20 + 2**19, device="mtia")
            del y
        torch.mtia.synchronize()
        assert any(record.action == "segment_free" for record in report.log.memory)
    assert_correct(report)
