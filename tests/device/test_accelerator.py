"""The behaviors that PyTorch's own accelerator test asks of every backend, on device memory."""

from contextlib import nullcontext

import pytest
import torch

MEBIBYTE = 2**20


@pytest.fixture(autouse=True)
def idle(lab):
    torch.accelerator.empty_cache()
    yield
    torch.mtia.synchronize(1)


def test_the_current_accelerator(lab):
    assert torch.accelerator.is_available()
    assert torch.accelerator.current_accelerator() == torch.device("mtia")
    assert torch.accelerator.device_count() == torch.mtia.device_count() == 2
    assert torch.get_device_module() is torch.get_device_module(None) is torch.mtia


def test_tensors_are_made_on_the_current_device(lab):
    with torch.accelerator.device_index(1):
        assert torch.ones(1, device="mtia").device == torch.device("mtia:1")
        with torch.accelerator.device_index(None):
            assert torch.accelerator.current_device_index() == 1
    assert torch.ones(1, device="mtia").device == torch.device("mtia:0")
    assert torch.ones(1, device=1).device == torch.device("mtia:1")
    assert torch.ones(1).to(1).device == torch.device("mtia:1")


def test_a_stream_context_switches_the_device_and_restores_both(lab):
    before = torch.accelerator.current_stream()
    stream = torch.Stream(1)
    with stream:
        assert torch.accelerator.current_stream() == stream
        assert torch.ones(1, device="mtia").device == torch.device("mtia:1")
    assert torch.accelerator.current_stream() == before
    assert torch.accelerator.current_device_index() == 0
    stream = torch.Stream(device="mtia:1", priority=-1)
    assert stream.device == torch.device("mtia:1") and stream.query()
    torch.accelerator.set_stream(stream)
    assert torch.accelerator.current_stream() == stream
    assert torch.accelerator.current_device_index() == 1


def test_pinned_copies_on_a_side_stream(lab):
    lab.configure("latest")
    cpu = torch.ones(100).pin_memory()
    assert cpu.is_pinned() and not torch.ones(1).is_pinned()
    stream, event = torch.Stream(), torch.Event()
    with stream:
        x = cpu.to(torch.accelerator.current_accelerator(), non_blocking=True)
        event.record()
    torch.accelerator.current_stream().wait_event(event)
    x.record_stream(torch.accelerator.current_stream())
    assert torch.equal((x + 1).cpu(), cpu + 1)
    back = torch.empty_like(cpu, pin_memory=True)
    back.copy_(x, non_blocking=True)
    torch.accelerator.synchronize()
    assert torch.equal(back, cpu)


def test_events_order_time_and_ask(lab):
    start, end = torch.Event(enable_timing=True), torch.Event(enable_timing=True)
    assert start.query() and "mtia" in repr(torch.Event("mtia"))
    start.record()
    torch.ones(MEBIBYTE, device="mtia").sum()
    end.record()
    assert not end.query()
    end.synchronize()
    assert start.query() and end.query() and start.elapsed_time(end) > 0
    with pytest.raises(ValueError, match="enable_timing"):
        torch.Event().elapsed_time(end)


@pytest.mark.parametrize("device", [0, 1])
def test_memory_statistics_follow_allocations(lab, device):
    stats = torch.accelerator.memory_stats
    torch.accelerator.reset_accumulated_memory_stats(device)
    torch.accelerator.reset_peak_memory_stats(device)
    before = torch.accelerator.memory_allocated(device)
    count = stats(device)["allocation.all.allocated"]
    x = torch.empty(8 * MEBIBYTE, dtype=torch.uint8, device=device)
    assert torch.accelerator.memory_allocated(device) == before + x.nbytes
    assert torch.accelerator.max_memory_allocated(device) == before + x.nbytes
    assert torch.accelerator.memory_reserved(device) >= before + x.nbytes
    assert stats(device)["allocation.all.allocated"] == count + 1
    reserved = torch.accelerator.memory_reserved(device)
    del x
    assert torch.accelerator.memory_allocated(device) == before
    assert torch.accelerator.max_memory_allocated(device) == before + 8 * MEBIBYTE
    assert torch.accelerator.memory_reserved(device) == reserved
    torch.accelerator.reset_peak_memory_stats(device)
    assert torch.accelerator.max_memory_allocated(device) == before
    torch.accelerator.empty_cache()
    assert torch.accelerator.memory_reserved(device) < reserved
    assert torch.accelerator.max_memory_reserved(device) == reserved


def test_memory_info_and_the_modules_own_figures(lab):
    free, total = torch.accelerator.get_memory_info(0)
    x = torch.empty(32 * MEBIBYTE, dtype=torch.uint8, device="mtia:0")
    assert torch.accelerator.get_memory_info(0) == (free - x.nbytes, total)
    assert torch.mtia.memory_allocated(0) == torch.accelerator.memory_allocated(0)
    assert torch.mtia.max_memory_allocated(0) == torch.accelerator.max_memory_allocated(0)
    with pytest.raises((RuntimeError, ValueError), match="mtia:5|5"):
        torch.accelerator.memory_allocated(5)


def test_capability_and_properties(lab):
    assert torch.mtia.get_device_capability() == (2, 0)
    assert torch.mtia.get_device_properties(1)["name"] == "MTIA 2i (simulated)"
    supported = torch.accelerator.get_device_capability()["supported_dtypes"]
    assert {torch.float32, torch.bfloat16, torch.int64} <= supported


@pytest.mark.filterwarnings("ignore:Casting complex values to real")
def test_each_dtype_is_said_to_be_supported_if_tensors_of_it_can_be_converted(lab):
    supported = torch.accelerator.get_device_capability()["supported_dtypes"]
    named = {each for each in vars(torch).values() if isinstance(each, torch.dtype)}
    for dtype in named:
        with nullcontext() if dtype in supported else pytest.raises((RuntimeError, TypeError)):
            torch.empty(16, dtype=dtype, device="mtia").to(torch.float32).to(dtype)


@pytest.mark.parametrize("timing", [False, True])
def test_blocking_and_interprocess_events_are_events(lab, timing):
    """Hints to the host of how to wait and who may see it; virtual time passes as ever."""
    plain, other = (
        torch.Event(enable_timing=timing, blocking=hint, interprocess=hint)
        for hint in (False, True)
    )
    stream = torch.Stream("mtia")
    with stream:
        plain.record()
        lab.launch("k", us=10)
        other.record()
    torch.accelerator.current_stream().wait_event(other)
    assert not other.query()
    other.synchronize()
    assert plain.query() and other.query()
    if timing:
        assert plain.elapsed_time(other) == pytest.approx(0.012)  # a launch takes 2 us


def test_an_event_is_not_handed_to_another_process(lab):
    event = torch.Event(interprocess=True)
    event.record()
    with pytest.raises(NotImplementedError, match="Event ipc"):
        event.ipc_handle()
    with pytest.raises(NotImplementedError, match="Event ipc"):
        torch.Event.from_ipc_handle(torch.device("mtia:0"), bytes(64))
    assert event.query()
