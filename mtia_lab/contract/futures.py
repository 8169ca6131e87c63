"""Futures: what distributed code waits for. A callback runs on streams of a pool, in order.

Nothing else that Python reaches asks a guard for a stream of its pool.
"""

from typing import Any

import torch

from .backend import Backend, expect
from .basis import FUTURE
from .clause import clause
from .memory import block_of, check_rests


@clause(
    "future.callback_streams",
    "A future's callback has a stream of a pool as the current one, on each device it names.",
    FUTURE,
    "getStreamFromGlobalPool takes the device from its argument; it is never the default stream.",
    "getStreamFromGlobalPool.of_device",
)
def callback_streams(backend: Backend) -> None:
    devices = [backend.device(i) for i in range(min(2, torch.accelerator.device_count()))]
    defaults = [torch.accelerator.current_stream(device) for device in devices]
    seen: list[torch.Stream] = []

    def callback(_: Any) -> None:
        seen.extend(torch.accelerator.current_stream(device) for device in devices)

    future: Any = torch.futures.Future(devices=devices)  # type: ignore[arg-type]
    future.then(callback)
    future.set_result(None)
    expect("their devices", [stream.device for stream in seen], devices)
    expect("whether one is the default stream", any(map(defaults.__contains__, seen)), False)
    after = [torch.accelerator.current_stream(device) for device in devices]
    expect("whether the caller's are current again", after == defaults, True)


@clause(
    "future.waits",
    "Who waits for a future, and its callbacks, read its value after it was written.",
    FUTURE,
    "The future records an event on each device's stream; block takes the stream that it is given.",
    "block.orders",
)
def waits(backend: Backend) -> None:
    here, side = backend.device(), backend.stream()
    future: Any = torch.futures.Future(devices=[here])
    with backend.stream():
        work = backend.work()
        value = torch.full((1,), 7.0, device=here)
        future.set_result(value)
    added = future.then(lambda done: done.value() + 1)
    with side:
        read = added.wait() + 1
        side.synchronize()
        expect("whether the work before the value is done", work.done, True)
    expect("what was read", read.item(), 9.0)


@clause(
    "future.keeps_memory",
    "What a future's value was made of rests, once freed, until those who waited are done with it.",
    FUTURE,
    "recordDataPtrOnStream does what Tensor.record_stream does.",
    "recordDataPtrOnStream.holds",
)
def keeps_memory(backend: Backend) -> None:
    block, side = block_of(backend), backend.stream()
    address = block.data_ptr()
    future: Any = torch.futures.Future(devices=[backend.device()])
    future.set_result(block)
    with side:
        future.wait()
        work = backend.work()
    del block, future
    check_rests(backend, address, work)


@clause(
    "future.leaves_current",
    "A callback runs on the device that was current when its value came; to wait changes none.",
    FUTURE,
    "What sets the device for a call of the driver has to put it back, as CUDA's guard does.",
    "getStreamFromGlobalPool.leaves_current, recordDataPtrOnStream.leaves_current",
)
def leaves_current(backend: Backend) -> None:
    devices, seen = [backend.device(0), backend.device(1)], []
    future: Any = torch.futures.Future(devices=devices)  # type: ignore[arg-type]
    future.then(lambda _: seen.append(torch.accelerator.current_device_index()))
    future.set_result(torch.ones(1, device=devices[1]))
    expect("the device of the callback", seen, [0])
    future.wait()
    expect("the current device", torch.accelerator.current_device_index(), 0)
