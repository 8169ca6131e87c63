"""Pinned host memory: PyTorch's caching host allocator over the simulated device."""

import ctypes

import graphs
import numpy
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


# --- Poison: what is looked at too soon ---------------------------------------------------------


@pytest.fixture
def poison(empty):
    """Fresh and freed memory is poisoned."""
    empty.configure(poison=True)
    yield empty
    torch.mtia.synchronize()
    empty.configure(poison=False)


def early_reads(lab, schedule):
    """What four downloads give that are looked at before they are done, and each one's address."""
    lab.configure(schedule)
    x, found = torch.full((5000,), 3.0, device="mtia"), []
    for _ in range(4):
        torch.mtia.synchronize()
        lab.launch("busy", us=50)
        host = x.to("cpu", non_blocking=True)
        found.append((host.tolist()[-1], host.data_ptr()))
        torch.mtia.synchronize()
        assert host.tolist() == [3.0] * 5000
        del host
    return found


@pytest.mark.parametrize("schedule", ["modelled", "latest", "random:1", "random:2"])
def test_a_download_looked_at_too_soon_is_wrong_the_same_way_every_time(empty, schedule):
    torch.full((5000,), 3.0).pin_memory()  # leaves its values in the cache
    values, addresses = zip(*early_reads(empty, schedule), strict=True)
    assert len(set(map(str, values))) == 1
    assert str(values[0]) == ("nan" if schedule == "latest" else "0.0")
    assert len(set(addresses)) == 1, "and each in the same block"


def test_with_poison_it_is_no_number(poison):
    values, _ = zip(*early_reads(poison, "latest"), strict=True)
    assert all(value != value for value in values)


def look(address, count):
    """Bytes at an address, whoever they belong to."""
    return bytes((ctypes.c_ubyte * count).from_address(address))


def test_fresh_and_freed_blocks_are_poisoned(poison):
    for _ in range(2):  # new, then from the cache
        host = torch.empty(4096, dtype=torch.uint8, pin_memory=True)
        assert host.eq(0xFF).all()
        host.zero_()
        address = host.data_ptr()
        del host
        assert look(address, 4096) == b"\xff" * 4096


def test_a_freed_block_is_poisoned_only_when_no_copy_needs_it(poison):
    poison.configure("latest", poison=True)
    host = torch.full((4096,), 7, dtype=torch.uint8, pin_memory=True)
    address, x = host.data_ptr(), host.to("mtia", non_blocking=True)
    del host
    assert look(address, 4096) == b"\7" * 4096
    assert x.eq(7).all().item()
    y = torch.empty(4096, dtype=torch.uint8, pin_memory=True)
    assert y.data_ptr() == address and y.eq(0xFF).all()


def kept_buffer(x):
    """A buffer that is pinned once: it holds what the last download left."""
    buffer = torch.empty(5000, pin_memory=True)
    buffer.copy_(x)
    return buffer


DESTINATIONS = {
    "all of it": lambda buffer: buffer,
    "a slice": lambda buffer: buffer[100:200],
    "a column": lambda buffer: buffer.view(50, 100)[:, 3],
    "transposed": lambda buffer: buffer.view(50, 100).t()[20:, 10:],
    "through NumPy": lambda buffer: torch.from_numpy(buffer.numpy()[7:]),
}


@pytest.mark.parametrize("destination", DESTINATIONS)
@pytest.mark.parametrize("schedule", ["latest", "modelled", "random:1"])
def test_what_a_pending_download_is_to_write_is_no_number(poison, schedule, destination):
    """Read too early, the second run is as wrong as the first, and no other byte is touched."""
    poison.configure(schedule, poison=schedule != "latest")
    x = torch.full((5000,), 3.0, device="mtia")
    buffer = kept_buffer(x)
    part = DESTINATIONS[destination](buffer)
    for _ in range(2):
        torch.mtia.synchronize()
        poison.launch("busy", us=50)
        part.copy_(DESTINATIONS[destination](x) if "NumPy" not in destination else x[7:], True)
        assert part.isnan().all() and buffer.isnan().sum() == part.numel()
        torch.mtia.synchronize()
        assert buffer.eq(3).all()


def test_without_poison_the_modelled_device_leaves_what_was_there(empty):
    x = torch.full((5000,), 3.0, device="mtia")
    buffer = kept_buffer(x)
    empty.launch("busy", us=50)
    buffer.copy_(x, non_blocking=True)
    assert buffer.eq(3).all()


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("apart", [False, True])
def test_what_an_upload_is_still_to_read_stays_until_it_has(poison, graph, apart):
    """There and back through one buffer, in order on one stream: nothing is wrong with that."""
    poison.configure("latest", poison=True)
    buffer = torch.full((200,), 2.0, pin_memory=True)
    up, down = (buffer[:100], buffer[100:]) if apart else (buffer[:100], buffer[50:150])
    x = torch.zeros(100, device="mtia")

    def there_and_back():
        x.copy_(up, non_blocking=True)
        x.mul_(2)
        down.copy_(x, non_blocking=True)

    again = graphs.capture(there_and_back).replay if graph else there_and_back
    buffer.fill_(2)
    again()
    assert down.isnan().all().item() == apart
    torch.mtia.synchronize()
    assert x.eq(4).all() and down.eq(4).all()


def test_of_many_uploads_those_that_are_done_are_forgotten(poison):
    poison.configure("latest", poison=True)
    buffer, x = torch.ones(200, pin_memory=True), torch.zeros(200, device="mtia")
    for _ in range(300):
        x.copy_(buffer, non_blocking=True)
        torch.mtia.synchronize()
    buffer.copy_(x, non_blocking=True)
    assert buffer.isnan().all()
    torch.mtia.synchronize()
    for _ in range(300):
        x.copy_(buffer, non_blocking=True)
    buffer.copy_(x, non_blocking=True)
    assert buffer.eq(1).all()


def test_a_refused_replay_changes_nothing(poison):
    x, buffer = torch.ones(10, device="mtia"), torch.zeros(10, pin_memory=True)
    graph = graphs.capture(lambda: buffer.copy_(x, non_blocking=True))
    with torch.Stream("mtia:1"), pytest.raises(RuntimeError, match="cannot be replayed"):
        graph.replay()
    assert buffer.eq(0).all()


# --- Who uses a block ---------------------------------------------------------------------------

VIEWS = {
    "slice": lambda p: p[100:],
    "NumPy": lambda p: torch.from_numpy(p.numpy()[100:]),
    "DLPack": lambda p: torch.from_dlpack(p)[100:],
    "NumPy's DLPack": lambda p: torch.from_dlpack(numpy.from_dlpack(p)[100:]),
    "storage": lambda p: torch.empty(0).set_(p.untyped_storage(), 100, (4900,)),
    "address": lambda p: torch.frombuffer(
        (ctypes.c_float * 4900).from_address(p.data_ptr() + 400), dtype=torch.float32
    ),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_block_is_kept_for_a_copy_through_anybodys_view_of_it(empty, view, direction):
    empty.configure("latest")
    whole = torch.full((5000,), 2.0).pin_memory()
    part, address = VIEWS[view](whole), whole.data_ptr()
    x = torch.full((4900,), 5.0, device="mtia")
    with empty.sanitizer() as report:
        if direction == "up":
            x.copy_(part, non_blocking=True)
        else:
            part.copy_(x, non_blocking=True)
        del whole, part
        other = torch.full((5000,), 9.0).pin_memory()
        assert other.data_ptr() != address
        torch.mtia.synchronize()
    assert not report, report
    assert torch.equal(x.cpu(), torch.full((4900,), 2.0 if direction == "up" else 5.0))
    assert other.eq(9).all()


def dangling(address):
    return torch.frombuffer((ctypes.c_float * 5000).from_address(address), dtype=torch.float32)


def test_a_copy_from_a_block_that_was_freed_before_is_a_hazard_and_no_crash(poison):
    poison.configure("latest", poison=True)
    whole = torch.full((5000,), 2.0).pin_memory()
    address = whole.data_ptr()
    with poison.sanitizer() as report:
        del whole
        x = dangling(address).to("mtia", non_blocking=True)
        again = torch.zeros(5000, pin_memory=True)
        assert again.data_ptr() == address, "nobody told the allocator"
    assert [finding.kind for finding in report] == ["host writes too soon"]
    assert x.cpu().eq(0).all()


def test_with_poison_a_replay_that_comes_after_the_free_shows_it(poison):
    held = [torch.full((5000,), 2.0).pin_memory()]
    x = torch.zeros(5000, device="mtia")
    graph = graphs.capture(lambda: x.copy_(held[0], non_blocking=True))
    graph.replay()
    assert x.eq(2).all().item()
    held.clear()
    graph.replay()
    assert x.isnan().all().item()
