"""What a capture does not allow: said at once, and the graph then holds nothing."""

import traceback

import pytest
import torch
from graphs import capture, numbers


def event_of(stream: torch.Stream) -> torch.Event:
    event = torch.Event(enable_timing=True)
    event.record(stream)
    return event


def record_twice_and_compare():
    begin, end = (event_of(torch.mtia.current_stream()) for _ in range(2))
    begin.elapsed_time(end)


WAITING = {
    "torch.mtia.synchronize": lambda x: torch.mtia.synchronize(),
    "torch.accelerator.synchronize": lambda x: torch.accelerator.synchronize(),
    "empty_cache": lambda x: torch.mtia.empty_cache(),
    "stream.synchronize": lambda x: torch.mtia.current_stream().synchronize(),
    "stream.query": lambda x: torch.mtia.current_stream().query(),
    "item": lambda x: x[0].item(),
    "bool": lambda x: bool(x[0]),
    "print": repr,
    "cpu": lambda x: x.cpu(),
    "copy_ into pageable memory, non_blocking": lambda x: torch.zeros(2).copy_(
        x, non_blocking=True
    ),
    "a tensor of the host's values": lambda x: numbers(1, 2),
    "copy_ from pageable memory": lambda x: x.copy_(torch.zeros(2)),
    "the same, non_blocking": lambda x: x.copy_(torch.zeros(2), non_blocking=True),
    "nonzero": lambda x: x.nonzero(),
    "a mask": lambda x: x[x > x],
    "unique": lambda x: x.unique(),
    "manual_seed": lambda x: torch.manual_seed(0),
    "a generator's state": lambda x: torch.Generator("mtia").get_state(),
}
# These record or compute first, which is captured, and then wait for it.
LATER = {
    "event.synchronize": lambda x: event_of(torch.mtia.current_stream()).synchronize(),
    "event.query": lambda x: event_of(torch.mtia.current_stream()).query(),
    "elapsed_time": lambda x: record_twice_and_compare(),
    "item of what was captured": lambda x: (x + x).sum().item(),
}


@pytest.mark.parametrize("name", [*WAITING, *LATER])
def test_waiting_for_what_is_captured_is_refused_and_the_capture_lost(lab, name):
    action = (WAITING | LATER)[name]
    x = numbers(1, 2)
    graph = torch.mtia.MTIAGraph()
    graph.capture_begin((0, 0))
    with lab.record() as log, pytest.raises(RuntimeError, match="captured into a graph") as first:
        action(x)
    # While it prints, PyTorch turns functorch off with a guard in a local variable: kept with the
    # traceback, it would stay off in this thread until both are collected.
    traceback.clear_frames(first.tb)
    assert not log.commands
    assert "runs only when the graph is replayed" in str(first.value)
    assert torch.mtia.current_stream().is_capturing(), "until it is ended"
    with pytest.raises(RuntimeError, match="nothing more can be enqueued"):
        x.add_(x)
    with pytest.raises(RuntimeError, match="nothing more can be enqueued"):
        event_of(torch.mtia.current_stream())
    with pytest.raises(RuntimeError, match="the capture failed") as last:
        graph.capture_end()
    assert str(first.value).partition(". What")[0] in str(last.value), "it says why"
    assert not torch.mtia.current_stream().is_capturing()
    with pytest.raises(RuntimeError, match="holds nothing"):
        graph.replay()

    graph.capture_begin((0, 0))
    x.add_(x)
    graph.capture_end()
    graph.replay()
    assert x.tolist() == [2, 4], "the graph can be used again"


def test_after_a_failed_with_block_device_and_streams_are_as_before(lab):
    x = numbers(1)
    with pytest.raises(RuntimeError, match="the capture failed") as raised:
        capture(lambda: x.item())
    assert "copy to the host would wait" in str(raised.value.__context__)
    assert lab.state() == (0, 0, 0)
    assert not torch.mtia.current_stream().is_capturing()


def test_pytorch_does_not_put_a_stream_of_its_own_choosing_back_if_the_capture_fails(lab):
    """`torch.mtia.graph.__exit__` ends the capture first and leaves the stream only after that."""
    side = torch.mtia.Stream()
    with pytest.raises(RuntimeError, match="the capture failed"):
        capture(torch.mtia.synchronize, stream=side)
    assert not side.is_capturing()
    assert torch.mtia.current_stream() == side


def test_a_wait_for_what_was_recorded_before_the_capture(lab):
    other = torch.mtia.Stream()
    before = event_of(other)
    with pytest.raises(RuntimeError, match="the capture failed") as raised:
        capture(lambda: torch.mtia.current_stream().wait_event(before))
    assert "recorded before the capture" in str(raised.value.__context__)
    torch.mtia.current_stream().wait_event(before)


def test_a_branch_that_does_not_come_back(lab):
    x, y = numbers(1), numbers(2)
    side = torch.mtia.Stream()

    def body(joins_before_the_last: bool):
        main = torch.mtia.current_stream()
        side.wait_stream(main)
        if joins_before_the_last:
            main.wait_stream(side)
        with side:
            y.add_(y)

    for joins in (False, True):
        with pytest.raises(RuntimeError, match=rf"stream {side.stream_id} of mtia:0 joined"):
            capture(lambda joins=joins: body(joins))
    assert not side.is_capturing()
    y.mul_(x)
    assert y.tolist() == [2], "nothing of it ever runs"


def test_a_branch_without_work_need_not_come_back(lab):
    side = torch.mtia.Stream()
    capture(lambda: side.wait_stream(torch.mtia.current_stream())).replay()
    assert not side.is_capturing()


def test_two_captures_cannot_wait_for_each_other(lab):
    one, two = torch.mtia.Stream(), torch.mtia.Stream()
    graphs = [torch.mtia.MTIAGraph(), torch.mtia.MTIAGraph()]
    for stream, graph in zip((one, two), graphs, strict=True):
        with stream:
            graph.capture_begin((0, 0))
    event = event_of(one)
    with pytest.raises(RuntimeError, match="in another capture"):
        two.wait_event(event)
    with one:
        graphs[0].capture_end()
    with two, pytest.raises(RuntimeError, match="in another capture"):
        graphs[1].capture_end()


def test_an_event_of_a_capture_means_nothing_after_it(lab):
    event = torch.Event(enable_timing=True)
    graph = capture(event.record)
    graph.replay()
    other = torch.mtia.Stream()
    for use in (event.synchronize, event.query, lambda: other.wait_event(event)):
        with pytest.raises(RuntimeError, match="in a capture, now over"):
            use()
    event.record()
    event.synchronize()
    assert event.query()


def test_a_replay_on_a_stream_that_is_captured(lab):
    x = numbers(1)
    graph = capture(lambda: x.add_(x))
    with pytest.raises(RuntimeError, match="the capture failed") as raised:
        capture(graph.replay)
    assert "cannot be replayed on stream 0" in str(raised.value.__context__)


def test_the_order_of_calls(lab):
    x = numbers(1)
    graph = torch.mtia.MTIAGraph()
    for call in (graph.replay, graph.instantiate, graph.pool):
        with pytest.raises(RuntimeError, match="a graph that holds nothing"):
            call()
    with pytest.raises(RuntimeError, match="is not being captured"):
        graph.capture_end()
    graph.reset()
    graph.capture_begin((0, 0))
    for call in (graph.replay, graph.instantiate, graph.pool):
        with pytest.raises(RuntimeError, match="while it is being captured"):
            call()
    with pytest.raises(RuntimeError, match="is being captured already"):
        graph.capture_begin((0, 0))
    with pytest.raises(RuntimeError, match="into another graph already"):
        torch.mtia.MTIAGraph().capture_begin((0, 0))
    x.add_(x)
    graph.capture_end()
    with pytest.raises(RuntimeError, match="holds a capture already"):
        graph.capture_begin((0, 0))
    with pytest.raises(RuntimeError, match="has instantiated this graph already"):
        graph.instantiate()
    graph.replay()
    assert x.tolist() == [2]


def test_a_capture_ends_on_the_stream_it_began_on(lab):
    graph = torch.mtia.MTIAGraph()
    graph.capture_begin((0, 0))
    with torch.mtia.Stream(), pytest.raises(RuntimeError, match="must end on the stream it began"):
        graph.capture_end()
    assert not torch.mtia.default_stream().is_capturing()


def test_a_kept_graph_is_instantiated_by_hand_or_by_its_first_replay(lab):
    for by_hand in (True, False):
        x = numbers(1)
        graph = capture(lambda x=x: x.add_(x), keep_graph=True)
        if by_hand:
            graph.instantiate()
        graph.replay()
        assert x.tolist() == [2]


def test_a_graph_forgotten_in_its_capture_frees_the_stream(lab):
    graph = torch.mtia.MTIAGraph()
    graph.capture_begin((0, 0))
    x = torch.ones(3, device="mtia")
    del graph
    assert not torch.mtia.current_stream().is_capturing()
    x.fill_(2)
    assert x.tolist() == [2, 2, 2]
