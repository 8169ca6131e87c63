"""How much memory there is, what happens when there is no more, and the figures about it."""

import pytest
import torch
from memory import KIB, MIB, small_device, taken

from mtia_lab import isolated


def test_out_of_memory_says_what_there_is_and_what_to_try(empty):
    small_device(empty, 64)
    held = taken(40 * MIB)
    with pytest.raises(torch.OutOfMemoryError) as failure:
        taken(30 * MIB)
    text = str(failure.value)
    assert "mtia:0 cannot allocate 30.00 MiB" in text
    assert "Of its 64.00 MiB, 24.00 MiB are free and 40.00 MiB are reserved by PyTorch" in text
    assert "40.00 MiB allocated to tensors, 0 bytes cached" in text
    assert "del x" in text and "record_memory_history" in text and "memory_bytes=" in text
    assert torch.accelerator.memory_stats(0)["num_ooms"] == 1
    assert taken(20 * MIB).numel() == 20 * MIB, "a smaller one still goes"
    assert held.numel() == 40 * MIB


def test_the_advice_is_another_when_memory_is_in_pieces(empty):
    small_device(empty, 40)
    kept = [taken(4 * MIB) for _ in range(10)]
    del kept[1::2]
    with pytest.raises(torch.OutOfMemoryError, match="in pieces"):
        taken(16 * MIB)
    with pytest.raises(torch.OutOfMemoryError, match=r"1\.00 TiB.*smaller pieces"):
        taken(1 << 40)


def test_blocks_in_use_by_other_streams_are_counted_in_the_text(empty):
    small_device(empty, 40)
    x, side = taken(30 * MIB), torch.Stream("mtia:0")
    x.record_stream(side)
    del x
    stats = torch.mtia.memory_stats()["dram"]
    assert (stats["allocated_bytes"], stats["active_bytes"]) == (0, 30 * MIB)


def test_one_attempt_gives_cached_memory_back_and_waits(empty):
    empty.configure("latest", empty.Profile(memory_bytes=64 * MIB))
    with torch.Stream("mtia:0"):
        x = taken(40 * MIB)
        empty.launch("long", us=500)
        del x
    before = empty.host_clock()
    assert taken(50 * MIB).numel() == 50 * MIB
    assert empty.host_clock() - before > 400, "what still runs may use the memory"
    stats = torch.accelerator.memory_stats(0)
    assert (stats["num_alloc_retries"], stats["num_ooms"]) == (1, 0)
    assert stats["num_device_free"] == 1


def test_observers_are_told_before_the_error_and_may_use_the_device(empty):
    small_device(empty, 64)
    seen = []

    def observer(device, asked, total, free):
        seen.append((device, asked, total, free, torch.accelerator.memory_allocated(device)))

    torch.mtia.attach_out_of_memory_observer(observer)
    held = taken(40 * MIB, "mtia:1")
    with pytest.raises(torch.OutOfMemoryError):
        taken(30 * MIB, "mtia:1")
    assert seen == [(1, 30 * MIB, 64 * MIB, 24 * MIB, 40 * MIB)]
    assert held.numel() == 40 * MIB


FAILING_OBSERVER = """
import torch
torch.mtia.attach_out_of_memory_observer(lambda *_: 1 / 0)
try:
    torch.empty(1 << 40, dtype=torch.uint8, device="mtia")
except RuntimeError as error:
    print(error)
"""


def test_an_observer_that_fails_does_not_hide_the_error():
    """In a process of its own, since observers stay."""
    result = isolated.run(FAILING_OBSERVER, devices=2)
    assert "ZeroDivisionError: division by zero" in result.stdout
    assert "out of memory: mtia:0 cannot allocate 1.00 TiB" in result.stdout


def test_memory_from_the_device_costs_time_and_cached_memory_none(empty):
    clock = empty.host_clock()
    x = taken(1000)
    assert empty.host_clock() - clock == empty.Profile().allocate_us
    del x
    clock = empty.host_clock()
    taken(1000)
    assert empty.host_clock() == clock


def test_nothing_is_allocated_for_nothing(empty):
    assert taken(0).data_ptr() == 0
    assert torch.accelerator.memory_reserved(0) == 0


# --- Figures ------------------------------------------------------------------------------------


def test_the_figures_of_torch_accelerator_and_torch_mtia_agree(empty):
    x, y = taken(1000), taken(5 * MIB)
    del y
    with torch.mtia.device(1):
        z = taken(100, "mtia:1")
        assert torch.mtia.memory_allocated() == torch.accelerator.memory_allocated() == 512
    assert torch.mtia.memory_allocated(0) == torch.accelerator.memory_allocated(0) == 1024
    peak = 5 * MIB + 1024
    assert torch.mtia.max_memory_allocated(0) == torch.accelerator.max_memory_allocated(0) == peak
    assert torch.accelerator.memory_reserved(0) == 22 * MIB
    free, total = torch.accelerator.get_memory_info(0)
    assert (free, total) == (128 * KIB * MIB - 22 * MIB, 128 * KIB * MIB)
    torch.mtia.reset_peak_memory_stats(0)
    assert torch.mtia.max_memory_allocated(0) == 1024
    assert x.numel() + z.numel() == 1100


def test_small_and_large_blocks_are_counted_apart(empty):
    kept = [taken(1000), taken(MIB), taken(MIB + 1)]
    stats = torch.accelerator.memory_stats(0)
    small, large = 1024 + MIB, MIB + 512
    for pool, count, size in [("small", 2, small), ("large", 1, large)]:
        assert stats[f"allocation.{pool}_pool.current"] == count
        assert stats[f"allocated_bytes.{pool}_pool.current"] == size
    assert stats["allocated_bytes.all.current"] == small + large
    assert stats["requested_bytes.all.current"] == 1000 + MIB + MIB + 1
    assert stats["segment.all.current"] == stats["num_device_alloc"] == 2
    del kept
    stats = torch.accelerator.memory_stats(0)
    assert stats["allocated_bytes.all.freed"] == stats["allocated_bytes.all.allocated"]
    torch.accelerator.reset_accumulated_memory_stats(0)
    assert torch.accelerator.memory_stats(0)["allocated_bytes.all.freed"] == 0


@pytest.mark.parametrize(
    "ask",
    [torch.accelerator.memory_stats, torch.accelerator.get_memory_info, torch.mtia.memory_stats],
)
def test_a_device_that_is_not_there_has_no_figures(empty, ask):
    with pytest.raises(RuntimeError, match="no device mtia:7"):
        ask(7)
