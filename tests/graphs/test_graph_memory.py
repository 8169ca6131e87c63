"""Which memory a graph uses, and for how long nobody else does."""

import gc

import pytest
import torch
from graphs import SCHEDULES, capture, numbers


@pytest.fixture
def reserved(lab):
    """How many bytes the device's allocator holds, with nothing cached."""

    def measure() -> int:
        gc.collect()
        torch.mtia.synchronize()
        torch.mtia.empty_cache()
        return torch.accelerator.memory_reserved(0)

    return measure


def allocated(log) -> set[int]:
    return {m.address for m in log.memory if m.action == "alloc"}


@pytest.mark.parametrize("poison", [False, True])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_what_is_allocated_later_never_lies_in_a_graph(lab, request, schedule, poison):
    request.addfinalizer(lambda: (torch.mtia.synchronize(), lab.configure(poison=False)))
    lab.configure(schedule, poison=poison)
    x, out = numbers(1, 2), numbers(0, 0)
    with lab.record() as captured:
        graph = capture(lambda: out.copy_(torch.relu(x * x).add_(x)))
    torch.mtia.empty_cache()
    with lab.record() as later:
        others = [torch.full((n,), -5.0, device="mtia") for n in (2, 2, 100, 5_000, 400_000)]
    assert allocated(captured) and not allocated(captured) & allocated(later)
    graph.replay()
    assert out.tolist() == [2, 6]
    assert all((other == -5).all() for other in others)


def test_poison_is_no_part_of_a_graph(lab, request):
    request.addfinalizer(lambda: (torch.mtia.synchronize(), lab.configure(poison=False)))
    lab.configure(poison=True)
    held = [torch.ones(1_000_000, device="mtia")]
    address = held[0].data_ptr()
    graph = capture(held.clear)
    other = torch.full((1_000_000,), 5.0, device="mtia")
    assert other.data_ptr() == address
    graph.replay()
    assert (other == 5).all()


def test_memory_freed_in_a_capture_is_used_again_in_it(lab):
    x, out = numbers(1, 2), numbers(0, 0)

    def body():
        first = x * x
        address = first.data_ptr()
        out.copy_(first)
        del first
        second = x + x
        assert second.data_ptr() == address
        out.add_(second)

    capture(body).replay()
    assert out.tolist() == [3, 8]


def test_a_reset_or_destroyed_graph_gives_its_memory_back(lab, reserved):
    x = torch.zeros(1_000_000, device="mtia")
    before = reserved()
    graph = capture(lambda: x * x)
    assert reserved() > before
    graph.reset()
    assert reserved() == before
    graph = capture(lambda: x * x)
    assert reserved() > before
    del graph
    assert reserved() == before


def test_a_capture_that_fails_gives_its_memory_back(lab, reserved):
    x = torch.zeros(1_000_000, device="mtia")
    before = reserved()
    with pytest.raises(RuntimeError, match="the capture failed"):
        capture(lambda: (x * x).sum().item())
    assert reserved() == before


def test_a_tensor_of_a_graph_outlives_it(lab, reserved):
    before = reserved()
    kept = [numbers(1, 2)]
    graph = capture(lambda: kept.append(kept[0] + kept[0]))
    graph.replay()
    del graph
    assert reserved() > before
    assert kept[1].tolist() == [2, 4]
    kept.clear()
    assert reserved() == before


def test_graphs_may_share_a_pool(lab, reserved):
    x = torch.ones(1_000_000, device="mtia")
    before = reserved()
    one = capture(lambda: (x * x).sum())
    alone = reserved() - before
    pool = one.pool()
    two = capture(lambda: (x * x).sum(), pool=pool)
    assert two.pool() == pool
    assert reserved() == before + alone, "what the first had freed is used by the second"
    one.reset()
    assert reserved() == before + alone
    two.reset()
    assert reserved() == before
    handle = torch.mtia.graph_pool_handle()
    assert handle not in (pool, torch.mtia.graph_pool_handle())
    assert capture(lambda: x + x, pool=handle).pool() == handle


def test_unknown_pools_are_refused(lab):
    number = torch.mtia.graph_pool_handle()[1]
    for pool in ((0, number + 1), (1, number), (0, 2**63)):
        with pytest.raises(RuntimeError, match="there is no memory pool"):
            torch.mtia.MTIAGraph().capture_begin(pool)
    assert not torch.mtia.current_stream().is_capturing()


def test_the_pool_shows_in_a_snapshot(lab):
    x = numbers(1)
    graph = capture(lambda: x * x)
    pools = {s["segment_pool_id"] for s in torch.mtia.snapshot()["segments"]}
    assert graph.pool() in pools


def test_memory_that_two_captured_streams_use_rests_until_the_graph_is_gone(lab):
    side = torch.mtia.Stream()
    x = numbers(1, 2)
    found = []

    def body():
        main = torch.mtia.current_stream()
        shared = x * x
        side.wait_stream(main)
        with side:
            shared.add_(x)
        shared.record_stream(side)
        found.append(shared.data_ptr())
        del shared
        found.append((x + x).data_ptr())
        main.wait_stream(side)
        found.append((x + x).data_ptr())

    graph = capture(body)
    assert found[0] not in found[1:]
    assert torch.accelerator.memory_stats()["active.all.current"] == 2
    del graph
    torch.mtia.synchronize()
    x.add_(x)
    y = x * x
    assert torch.accelerator.memory_stats()["active.all.current"] == 2
    assert y.tolist() == [4, 16]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_pinned_memory_is_read_and_written_at_each_replay(lab, schedule):
    lab.configure(schedule)
    inputs, x = torch.zeros(3).pin_memory(), torch.zeros(3, device="mtia")
    outputs = torch.zeros(3).pin_memory()

    def body():
        x.copy_(inputs, non_blocking=True)
        x.add_(x)
        outputs.copy_(x, non_blocking=True)

    graph = capture(body)
    for value in (1, 2):
        inputs.fill_(value)
        graph.replay()
        torch.mtia.synchronize()
        assert outputs.tolist() == [2 * value] * 3


def test_pinned_memory_freed_in_a_capture_rests_until_the_graph_is_gone(lab):
    x = torch.zeros(3, device="mtia")
    addresses = []

    def body():
        inputs = torch.ones(3).pin_memory()
        addresses.append(inputs.data_ptr())
        x.copy_(inputs, non_blocking=True)

    graph = capture(body)
    held = [torch.full((3,), 5.0).pin_memory()]
    lab.configure("latest")
    graph.replay()
    del graph
    held.append(torch.full((3,), 5.0).pin_memory())  # the replay is pending: not yet
    assert not {one.data_ptr() for one in held} & set(addresses)
    assert x.tolist() == [1, 1, 1]
    held += [torch.full((3,), 5.0).pin_memory() for _ in range(2)]
    assert addresses[0] in [one.data_ptr() for one in held]


def test_without_memory_left_a_capture_says_so_and_may_go_on(lab):
    lab.configure(profile=lab.Profile(memory_bytes=8 * 2**20))
    x = numbers(1)
    out = numbers(0)

    def body():
        with pytest.raises(torch.OutOfMemoryError, match="out of memory"):
            torch.empty(10 * 2**20, device="mtia")
        out.copy_(x)

    capture(body).replay()
    assert out.tolist() == [1]
