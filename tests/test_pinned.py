"""Pinned host memory: PyTorch's caching host allocator over the simulated device."""

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset


@pytest.fixture
def empty(lab):
    """The lab, with no pinned memory cached."""
    torch.mtia.init()
    torch.accelerator.empty_host_cache()
    return lab


def test_what_is_pinned_says_so(empty):
    x = torch.arange(5000.0)
    pinned = x.pin_memory()
    assert pinned.is_pinned() and not x.is_pinned()
    assert pinned.device.type == "cpu" and torch.equal(pinned, x)
    assert pinned[100:].is_pinned(), "inside the block as well"
    assert pinned.pin_memory() is pinned
    assert torch.empty(3, pin_memory=True).is_pinned()
    assert torch.zeros(3, pin_memory=True).tolist() == [0, 0, 0]
    assert not torch.empty(0).is_pinned()


def test_the_end_of_a_block_is_not_in_it(empty):
    pinned = torch.empty(4096, dtype=torch.uint8, pin_memory=True)
    other = torch.empty(1)
    assert pinned[-1:].is_pinned() and not other.is_pinned()


def test_freed_pinned_memory_is_used_again(empty):
    x = torch.empty(5000, pin_memory=True)
    address = x.data_ptr()
    del x
    assert torch.empty(5000, pin_memory=True).data_ptr() == address


def test_pinned_memory_is_kept_until_a_copy_from_it_is_done(empty):
    empty.configure(schedule="latest")
    x = torch.full((5000,), 3.0).pin_memory()
    address = x.data_ptr()
    y = x.to("mtia", non_blocking=True)
    del x
    other = torch.full((5000,), 9.0).pin_memory()
    assert other.data_ptr() != address, "the copy has not run: its source must stay as it is"
    torch.mtia.synchronize()
    assert y.sum().item() == 15_000
    assert torch.empty(5000, pin_memory=True).data_ptr() == address, "now it is free"


def test_pinned_memory_is_kept_until_a_copy_to_it_is_done(empty):
    empty.configure(schedule="latest")
    y = torch.ones(5000, device="mtia")
    x = torch.empty(5000, pin_memory=True)
    address = x.data_ptr()
    x.copy_(y, non_blocking=True)
    del x
    assert torch.empty(5000, pin_memory=True).data_ptr() != address
    torch.mtia.synchronize()
    assert torch.empty(5000, pin_memory=True).data_ptr() == address


def test_empty_host_cache_lets_go_of_what_is_cached(empty):
    kept = torch.empty(5000, pin_memory=True)
    freed = torch.empty(70_000, pin_memory=True)
    stale = freed.data_ptr()
    del freed
    torch.accelerator.empty_host_cache()
    assert kept.is_pinned()
    with empty.record() as log:
        assert not torch.frombuffer(bytearray(8), dtype=torch.uint8).is_pinned()
    assert [c.name for c in log.calls] == ["isPinnedPtr"] and stale


def test_a_data_loader_pins_its_batches(empty):
    data = TensorDataset(torch.arange(40.0), torch.arange(40))
    loader = DataLoader(data, batch_size=8, pin_memory=True)
    batches = [(x, y) for x, y in loader]
    assert len(batches) == 5 and all(x.is_pinned() and y.is_pinned() for x, y in batches)
    moved = torch.cat([x.to("mtia", non_blocking=True) for x, _ in batches])
    assert torch.equal(moved.cpu(), torch.arange(40.0))


def test_pinning_more_than_the_host_has_is_refused(empty):
    with pytest.raises(RuntimeError, match="cannot pin .*empty_host_cache"):
        torch.empty(1 << 60, dtype=torch.uint8, pin_memory=True)


def test_an_effect_may_let_go_of_pinned_memory(empty):
    held = [torch.empty(5000, pin_memory=True)]
    stream = torch.Stream("mtia")
    held[0].to("mtia", non_blocking=True)
    empty.launch("drop", effect=held.clear)
    torch.mtia.synchronize()
    assert not held and stream.query()
