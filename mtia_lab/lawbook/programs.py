"""The laws of the notebooks as short programs that name no device: each says whether it holds.

A program runs on a thread of its own, so it begins at device 0 and its default stream and leaves
nothing current behind. What it asks for goes through `torch.accelerator`, `torch.Stream`,
`torch.Event` and the module of the device.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

PYTORCH, CUDA_TOO, THIS_DEVICE = "PyTorch", "CUDA too", "this device"
MiB = 2**20
SIZE = 37 * MiB  # bytes that nobody else asks for, so the best cached block is the law's own
Program = Callable[[str], bool]


@dataclass(frozen=True)
class Law:
    """A law, and a program that tries it.

    Args:
        notebook: the number of the notebook in which it stands.
        place: whose law it is: "PyTorch", "CUDA too" or "this device".
        sentence: what holds.
        differs: where and how another accelerator may differ; "" if nothing is known.
        program: whether it holds on a type of device, such as "mtia".
        devices: how many of them it takes.
    """

    notebook: str
    place: str
    sentence: str
    differs: str
    program: Program
    devices: int = 1


LAWS: list[Law] = []


def _law(
    notebook: str, place: str, sentence: str, differs: str = "", devices: int = 1
) -> Callable[[Program], Program]:
    """Put a program into the list, under the law that it tries."""

    def listed(program: Program) -> Program:
        LAWS.append(Law(notebook, place, sentence, differs, program, devices))
        return program

    return listed


def _work(device: str) -> torch.Tensor:
    """Enqueue what takes far longer than the launches that follow; return what is written last."""
    simulated = device.startswith("mtia")
    size, times = (512, 1) if simulated else (4096, 20)  # 0.1 ms of virtual time; some 50 ms
    product = torch.eye(size, device=device)
    for _ in range(times):
        product = product @ product
    return product


def _current() -> torch.Stream:
    return torch.accelerator.current_stream()


def _block(device: str) -> torch.Tensor:
    return torch.empty(SIZE, dtype=torch.uint8, device=device)


@_law("02", PYTORCH, "A stream is three numbers: with the same numbers it is equal.")
def _three_numbers(device: str) -> bool:
    stream = torch.Stream(device)
    kind = {"device_type": stream.device_type, "device_index": stream.device_index}
    same = torch.Stream(stream_id=stream.stream_id, **kind)
    return same == stream and hash(same) == hash(stream) and same is not stream


@_law(
    "02",
    CUDA_TOO,
    "Two new streams are two streams.",
    "CUDA has a pool of 32: the 33rd is the first",
)
def _two_streams(device: str) -> bool:
    return torch.Stream(device) != torch.Stream(device)


@_law(
    "03",
    PYTORCH,
    "A stream's with block puts back the stream it found, whatever became current in it.",
)
def _context(device: str) -> bool:
    before = _current()
    with torch.Stream(device):
        torch.accelerator.set_stream(torch.Stream(device))
    return _current() == before


@_law("04", CUDA_TOO, "A new thread begins on the default stream, not on its parent's.")
def _threads(device: str) -> bool:
    default, seen = _current(), list[torch.Stream]()
    with torch.Stream(device):
        child = threading.Thread(target=lambda: seen.append(_current()))
        child.start()
        child.join()
    return seen == [default]


@_law("05", PYTORCH, "An event that was never recorded is complete.")
def _unrecorded(device: str) -> bool:
    return torch.Event(device).query()


@_law("05", CUDA_TOO, "An event is complete when the work before its recording is, not earlier.")
def _event(device: str) -> bool:
    event = torch.Event(device)
    _work(device)
    event.record()
    early = event.query()
    event.synchronize()
    return event.query() and not early


@_law("05", CUDA_TOO, "A stream that waits for an event reads what was written before it.")
def _waits(device: str) -> bool:
    producer, consumer, event = torch.Stream(device), torch.Stream(device), torch.Event(device)
    with producer:
        written = _work(device) * 7
        event.record()
    with consumer:
        consumer.wait_event(event)
        read = written[0, 0] + 1
        written.record_stream(consumer)
        return read.item() == 8


@_law("05", PYTORCH, "elapsed_time needs events that were made with enable_timing=True.")
def _timing(device: str) -> bool:
    first, last = torch.Event(device), torch.Event(device)
    first.record()
    last.record()
    last.synchronize()
    return _raises(lambda: first.elapsed_time(last))


@_law("06", PYTORCH, "torch.accelerator and the device's own module agree on what is current.")
def _doors(device: str) -> bool:
    module = torch.get_device_module(device)
    with torch.Stream(device) as stream:
        ids = {stream.stream_id, _current().stream_id, module.current_stream().stream_id}
        return len(ids) == 1 and module.current_device() == torch.accelerator.current_device_index()


@_law("07", CUDA_TOO, "An element-wise operator takes a number on the CPU along, and no vector.")
def _scalars(device: str) -> bool:
    x = torch.ones(3, device=device)
    return (x + torch.tensor(1.0)).sum().item() == 6 and _raises(lambda: x + torch.ones(3))


@_law(
    "08",
    CUDA_TOO,
    "A launch returns before its kernel has run.",
    "not under CUDA_LAUNCH_BLOCKING=1",
)
def _asynchronous(device: str) -> bool:
    _work(device)
    return not _current().query()


@_law("08", CUDA_TOO, "item() waits for the current stream.")
def _item(device: str) -> bool:
    _work(device).sum().item()
    return _current().query()


@_law(
    "08", CUDA_TOO, "A copy from pinned memory need not hold the host.", "MPS has no pinned memory"
)
def _pinned(device: str) -> bool:
    source = torch.ones(32 * MiB, dtype=torch.uint8, pin_memory=True)
    target = torch.empty_like(source, device=device)
    torch.accelerator.synchronize()
    target.copy_(source, non_blocking=True)
    went_on = not _current().query()
    torch.accelerator.synchronize()
    return went_on


@_law("08", CUDA_TOO, "A copy to ordinary memory waits for the work before it.")
def _pageable(device: str) -> bool:
    _work(device)[0].to("cpu")
    return _current().query()


class _Seen(torch.autograd.Function):
    """A step that notes where its backward runs."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, seen: list[object]) -> torch.Tensor:
        ctx.seen = seen
        return x * 2

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        ctx.seen += [_current(), threading.get_ident()]
        return gradients[0] * 2, None


def _backward(device: str) -> tuple[torch.Stream, list[object]]:
    """A stream for forward, and where backward was: its stream and its thread."""
    seen: list[object] = []
    x = torch.ones(3, device=device, requires_grad=True)
    side = torch.Stream(device)
    side.wait_stream(_current())
    with side:
        total = _Seen.apply(x, seen).sum()  # type: ignore[no-untyped-call]
    _current().wait_stream(side)
    total.backward()
    torch.accelerator.synchronize()
    return side, seen


@_law("10", PYTORCH, "Backward of a step runs on the stream of its forward.")
def _backward_stream(device: str) -> bool:
    side, seen = _backward(device)
    return seen[0] == side


@_law("10", PYTORCH, "Backward runs on a thread of the engine's, not on the caller's.")
def _backward_thread(device: str) -> bool:
    _, seen = _backward(device)
    return seen[1] != threading.get_ident()


@_law("11", CUDA_TOO, "Reserved is at least allocated.")
def _reserved(device: str) -> bool:
    kept = torch.empty(1, device=device)
    sums = torch.accelerator.memory_allocated(), torch.accelerator.memory_reserved()
    return kept.nbytes <= sums[0] <= sums[1]


@_law(
    "11",
    CUDA_TOO,
    "A freed block comes back at once on its own stream.",
    "an allocator may choose another block",
)
def _comes_back(device: str) -> bool:
    block = _block(device)
    address = block.data_ptr()
    del block
    return _block(device).data_ptr() == address


@_law("11", CUDA_TOO, "Another stream does not get a block from this one's cache.")
def _other_stream(device: str) -> bool:
    block = _block(device)
    address = block.data_ptr()
    del block
    with torch.Stream(device):
        return _block(device).data_ptr() != address


@_law("11", CUDA_TOO, "After record_stream a freed block rests until that stream is done.")
def _rests(device: str) -> bool:
    block, side = _block(device), torch.Stream(device)
    address = block.data_ptr()
    with side:
        _work(device)
    block.record_stream(side)
    del block
    early = _block(device)
    side.synchronize()
    late = _block(device)
    return early.data_ptr() != address == late.data_ptr()


def _drawn(device: str) -> list[float]:
    generator = torch.Generator(device).manual_seed(7)
    numbers: list[float] = torch.rand(3, device=device, generator=generator).tolist()
    return numbers


@_law("11", CUDA_TOO, "The same seed gives the same numbers, and leaves the CPU's generator alone.")
def _seeds(device: str) -> bool:
    before = torch.get_rng_state()
    return _drawn(device) == _drawn(device) and torch.equal(torch.get_rng_state(), before)


@_law("11", THIS_DEVICE, "The numbers are the CPU's.", "each accelerator draws in its own way")
def _cpu_numbers(device: str) -> bool:
    return _drawn(device) == _drawn("cpu")


@_law("12", CUDA_TOO, "An operator refuses tensors of two devices.", devices=2)
def _two_devices(device: str) -> bool:
    one, other = (torch.ones(3, device=f"{device}:{index}") for index in (0, 1))
    return _raises(lambda: one + other)


@_law("12", CUDA_TOO, "A copy to another device waits for its source's stream.", devices=2)
def _across(device: str) -> bool:
    moved = (_work(device) * 7).to(f"{device}:1") + 1
    return moved[0, 0].item() == 8


def _raises(call: Callable[[], object]) -> bool:
    try:
        call()
    except (RuntimeError, ValueError):
        return True
    return False
