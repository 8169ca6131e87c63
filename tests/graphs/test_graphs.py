"""Graph capture: what is captured, replayed, kept and reported."""

import threading

import pytest
import torch
from graphs import SCHEDULES, capture, numbers

import mtia_lab


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_replay_computes_anew_from_what_the_inputs_hold_then(lab, schedule):
    lab.configure(schedule)
    x, y = numbers(1, 2), numbers(0, 0)
    graph = capture(lambda: y.copy_(torch.relu(x * x - x)))
    assert y.tolist() == [0, 0], "capture runs nothing"
    for values in ([1, 2], [3, -4], [5, 6]):
        x.copy_(torch.tensor(values))
        graph.replay()
        assert y.tolist() == [v * v - v for v in values]


def test_capture_enqueues_nothing_and_a_replay_everything_at_the_cost_of_one_launch(lab):
    x = numbers(1, 2)
    clock = []

    def body():
        clock.append(lab.host_clock())
        x.add_(x).mul_(x)
        clock.append(lab.host_clock())

    with lab.record() as captured:
        graph = capture(body)
    assert [c.name for c in captured.commands] == []
    assert clock[1] - clock[0] == 2 * lab.Profile().launch_us, "the host's own part takes its time"
    torch.mtia.synchronize()
    before = lab.host_clock()
    with lab.record() as replayed:
        graph.replay()
    cost = lab.host_clock() - before
    assert cost == lab.Profile().launch_us
    assert [c.name for c in replayed.commands] == ["add_", "mul_"]
    assert {c.site for c in replayed.commands} == {replayed.calls[-1].site}
    assert replayed.calls[-1].name == "mtiagraphReplay"
    assert len({c.enqueue for c in replayed.commands}) == 1
    assert x.tolist() == [4, 16]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_branches_keep_their_order_and_their_streams(lab, schedule):
    lab.configure(schedule)
    side = torch.Stream("mtia")
    x, y = numbers(1, 2), numbers(0, 0)

    def body():
        main = torch.mtia.current_stream()
        x.add_(x)
        side.wait_stream(main)
        assert side.is_capturing() == hasattr(side, "is_capturing")
        with side:
            y.copy_(x)
        main.wait_stream(side)
        x.mul_(y)

    graph = capture(body)
    assert not side.is_capturing() and not torch.mtia.current_stream().is_capturing()
    for _ in range(2):
        with lab.record() as log:
            graph.replay()
        kinds = [(c.type, c.stream) for c in log.commands]
        one, two = side.stream_id, 0
        assert kinds == [("kernel", two), ("record", two), ("wait", one), ("kernel", one)] + [
            ("record", one), ("wait", two), ("kernel", two)
        ]  # fmt: skip
        ids = [c.id for c in log.commands]
        assert [c.after for c in log.commands if c.type == "wait"] == [(ids[1],), (ids[4],)]
    assert x.tolist() == [64, 1024]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_replays_follow_each_other_and_the_stream_they_are_called_on(lab, schedule):
    lab.configure(schedule)
    x = numbers(1, 1)
    capturing, replaying = torch.mtia.Stream(), torch.mtia.Stream()
    torch.mtia.synchronize()
    graph = capture(lambda: x.add_(x), stream=capturing)
    for stream in (replaying, capturing, replaying):
        with stream:
            graph.replay()
    replaying.synchronize()
    assert x.tolist() == [8, 8]
    assert torch.mtia.current_stream().stream_id == 0


def test_other_streams_run_as_ever_while_one_is_captured(lab):
    other = torch.Stream("mtia")
    x, y = numbers(1, 2), numbers(3, 4)
    torch.mtia.synchronize()

    def body():
        x.add_(x)
        with other:
            assert not other.is_capturing()
            y.mul_(y)
            assert y.tolist() == [9, 16]
            done = other.record_event()
        done.synchronize()

    capture(body).replay()
    assert x.tolist() == [2, 4]


def test_more_commands_than_a_queue_holds(lab):
    lab.configure(profile=lab.Profile(queue_depth=4))
    for schedule in SCHEDULES:
        lab.configure(schedule)
        x = numbers(0)
        one = numbers(1)
        graph = capture(lambda x=x, one=one: [x.add_(one) for _ in range(50)])
        graph.replay()
        graph.replay()
        assert x.tolist() == [100]

    lab.configure("latest")
    ran = []
    graph = capture(lambda: [lab.launch("k", us=1, effect=lambda: ran.append(1)) for _ in range(9)])
    graph.replay()
    assert len(ran) == 5, "the host waits for room, as at a launch"


@pytest.mark.parametrize("schedule", ["modelled", "latest"])
def test_a_kernel_that_fails_in_a_replay_is_reported_at_the_next_synchronization(lab, schedule):
    lab.configure(schedule)
    calls = []

    def fail():
        calls.append(len(calls))
        raise ValueError(f"failure {len(calls)}")

    graph = capture(lambda: lab.launch("bad", us=5, effect=fail))
    torch.mtia.synchronize()
    assert calls == []
    for number in (1, 2):
        graph.replay()
        with pytest.raises(RuntimeError, match=rf"'bad' failed on stream 0.*failure {number}"):
            torch.mtia.synchronize()


def test_what_a_replay_reads_and_writes_is_in_the_log_whenever_it_was_captured(lab):
    x, y = numbers(1), numbers(0)
    graph = capture(lambda: y.add_(x))
    with lab.record() as log:
        graph.replay()
    [command] = log.commands
    assert [len(command.reads), len(command.writes)] == [1, 1]


def test_under_blocking_a_failing_kernel_is_reported_by_the_replay_itself(lab):
    lab.configure("blocking")
    graph = capture(lambda: lab.launch("bad", us=5, effect=lambda: 1 / 0))
    with pytest.raises(RuntimeError, match="'bad' failed on stream 0"):
        graph.replay()


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_graph_destroyed_while_a_replay_is_pending_still_runs(lab, schedule):
    lab.configure(schedule)
    size = (3_000_000,)  # each has a segment of its own
    x, y = (torch.full(size, value, device="mtia") for value in (3.0, 0.0))
    torch.mtia.synchronize()
    stream = torch.mtia.Stream()
    addresses = []

    def body():
        square = x * x
        addresses.append(square.data_ptr())
        y.copy_(square)

    graph = capture(body)
    with stream:
        lab.launch("long", us=500)
        graph.replay()
    del graph
    z = torch.full(size, 7.0, device="mtia")
    assert z.data_ptr() in addresses
    torch.mtia.current_stream().synchronize()
    torch.mtia.synchronize()
    assert (y == 9).all() and (z == 7).all()


def test_two_devices_in_one_graph(lab):
    x, y = numbers(1, 2), torch.zeros(2, device="mtia:1")
    torch.mtia.synchronize(1)
    one, other = torch.mtia.current_stream(0), torch.mtia.current_stream(1)

    def body():
        other.wait_stream(one)  # a peer copy waits for both streams: both must take part
        y.copy_(x.add_(x))
        with other:
            y.add_(y)
        one.wait_stream(other)

    graph = capture(body)
    graph.replay()
    torch.mtia.synchronize()
    assert y.tolist() == [4, 8]
    with torch.mtia.device(1), pytest.raises(RuntimeError, match="mtia:0 cannot be replayed on"):
        graph.replay()


def test_what_another_thread_enqueues_on_the_stream_is_captured_too(lab):
    x = numbers(1)
    graph = torch.mtia.MTIAGraph()
    with torch.mtia.graph(graph):
        thread = threading.Thread(target=lambda: x.add_(x))
        thread.start()
        thread.join()
    assert x.tolist() == [1]
    graph.replay()
    assert x.tolist() == [2]


def test_the_accelerators_graph(lab, tmp_path):
    x = numbers(1)
    torch.mtia.synchronize()
    stream = torch.Stream("mtia")
    graph = torch.accelerator.Graph(keep_graph=True)
    with stream, graph:
        x.add_(x)
    graph.instantiate()
    with stream:
        graph.replay()
    stream.synchronize()
    assert x.tolist() == [2]
    graph.debug_dump(str(tmp_path / "graph.dot"))
    assert f'label="add_ on stream {stream.stream_id} of mtia:0"' in (
        tmp_path / "graph.dot"
    ).read_text(encoding="utf-8")
    with pytest.raises(RuntimeError, match="cannot write the graph"):
        graph.debug_dump(str(tmp_path / "missing" / "graph.dot"))
    shared = torch.accelerator.Graph(pool=graph.pool())
    with stream, shared:
        x.add_(x)
    assert shared.pool() == graph.pool() != torch.mtia.graph_pool_handle()
    graph.reset()
    with pytest.raises(RuntimeError, match="holds nothing"):
        graph.replay()
    assert mtia_lab.state() == (0, 0, 0)
