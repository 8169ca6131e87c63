"""What is current: devices and streams, of each host thread, and the contexts that change them."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch

from .backend import Backend, current, expect, in_thread, raises, state
from .basis import (
    ACCELERATOR,
    ADVICE,
    AT_ACCELERATOR,
    ENGINE,
    HEADER,
    MODULES,
    OPERATORS,
    STREAM,
)
from .clause import clause

_index = torch.accelerator.current_device_index


@clause(
    "device.is_the_accelerator",
    "torch.accelerator names the device, counts as many as its module does, and says it is there.",
    AT_ACCELERATOR,
    "deviceCount of the hooks and of the guard have to be the same number.",
    "deviceCount.agrees",
)
def is_the_accelerator(backend: Backend) -> None:
    accelerator = torch.accelerator.current_accelerator()
    expect("the accelerator", accelerator and accelerator.type, backend.type)
    expect("whether it is available", torch.accelerator.is_available(), True)
    count = torch.accelerator.device_count()
    expect("what its module counts", backend.module.device_count(), count)
    torch.empty(1, device=backend.device(count - 1))


@clause(
    "device.set",
    "What set_device_index makes current is current, and is where new tensors and streams are.",
    AT_ACCELERATOR,
    "setDevice of the guard has to reach the state that getDevice reads.",
    "getDevice.agrees, setDevice.sets",
)
def set_device(backend: Backend) -> None:
    other = backend.device(1)
    torch.accelerator.set_device_index(1)
    expect("the current device", _index(), 1)
    expect("a new tensor's device", torch.empty(1, device=backend.type).device, other)
    expect("a new stream's device", torch.Stream(backend.type).device, other)
    torch.accelerator.set_device_index(0)
    expect("the current device afterwards", _index(), 0)


@clause(
    "device.doors",
    "torch.accelerator and the device's own module agree on the current device.",
    MODULES,
    "Guard and hooks are two doors to one state; neither may keep a copy of its own.",
    "exchangeDevice.sets, getDevice.agrees",
)
def doors(backend: Backend) -> None:
    module, set_device = backend.module, backend.by_module("set_device")
    expect("the module's current device", module.current_device(), _index())
    last = torch.accelerator.device_count() - 1
    set_device(last)
    expect("the device that the module made current", _index(), last)
    expect("the same by the module", module.current_device(), last)
    torch.accelerator.set_device_index(0)
    expect("the module's current device afterwards", module.current_device(), 0)


@clause(
    "stream.doors",
    "torch.accelerator and the device's own module agree on the current stream.",
    MODULES,
    "Guard and hooks are two doors to one state; neither may keep a copy of its own.",
    "getStream.agrees, exchangeStream.sets",
)
def stream_doors(backend: Backend) -> None:
    module, current_stream = backend.module, backend.by_module("current_stream")
    with torch.Stream(backend.type) as stream:
        expect("the current stream", current(), stream)
        expect("the module's current stream", current_stream().stream_id, stream.stream_id)
    side = torch.Stream(backend.type)
    backend.by_module("set_stream")(side)
    expect("the stream that the module made current", current().stream_id, side.stream_id)
    if hasattr(module, "default_stream"):
        default = module.default_stream().stream_id
        expect("whether the default stream is another one", default != side.stream_id, True)


@clause(
    "device.module_context",
    "`with module.device(i):` makes the device current, and puts back the one before.",
    MODULES,
    "maybeExchangeDevice of the hooks has to set, and to return what was current before.",
)
def module_context(backend: Backend) -> None:
    backend.device(1)
    with backend.by_module("device")(1):
        expect("the current device inside", _index(), 1)
    expect("the current device afterwards", _index(), 0)


@clause(
    "device.per_thread",
    "Each host thread has a current device of its own, and starts at device 0.",
    ENGINE,
    "Keep the current device thread_local, not static.",
    "getDevice.per_thread",
)
def per_thread(backend: Backend) -> None:
    backend.device(1)
    torch.accelerator.set_device_index(1)
    expect("the current device of a new thread", in_thread(_index), 0)
    in_thread(torch.accelerator.set_device_index, 0)
    expect("this thread's after another has set its own", _index(), 1)


@clause(
    "device.refuses",
    "A device that is not there is refused, and what is current stays so.",
    ADVICE,
    "Check the index in setDevice and exchangeDevice before anything is changed.",
    "setDevice.refuses, exchangeDevice.refuses",
)
def refuses(backend: Backend) -> None:
    before = _index()
    missing = torch.accelerator.device_count() + 5
    expect("whether it is refused", raises(torch.accelerator.set_device_index, missing), True)
    context = torch.accelerator.device_index(missing)
    expect("whether its context is", raises(context.__enter__), True)
    there = torch.device(backend.type, missing)
    expect("whether a tensor on it is", raises(lambda: torch.empty(1, device=there)), True)
    expect("the current device", _index(), before)


@clause(
    "device.left_alone",
    "To ask about another device's stream or event, or to use it, leaves what is current alone.",
    ADVICE,
    "What sets the device for a call of the driver has to put it back, as CUDA's guard does.",
    "getStream.leaves_current, queryStream.leaves_current, synchronizeStream.leaves_current, "
    "synchronizeDevice.leaves_current, record.leaves_current, block.leaves_current, "
    "queryEvent.leaves_current, synchronizeEvent.leaves_current, elapsedTime.leaves_current, "
    "destroyEvent.leaves_current, getStreamNativeHandle.leaves_current",
)
def left_alone(backend: Backend) -> None:
    there: Any = backend.stream(1)
    events = [torch.Event(backend.type, enable_timing=True)]
    calls: dict[str, Callable[[], object]] = {
        "current_stream": lambda: torch.accelerator.current_stream(1),
        "query": there.query,
        "native_handle": lambda: raises(lambda: there.native_handle),  # not every backend has it
        "record": lambda: events[0].record(there),
        "wait_event": lambda: there.wait_event(events[0]),
        "synchronize": there.synchronize,
        "an event's query": lambda: events[0].query(),
        "an event's synchronize": lambda: events[0].synchronize(),
        "elapsed_time": lambda: events[0].elapsed_time(events[0]),
        "the end of an event": events.clear,
        "synchronize of the device": lambda: torch.accelerator.synchronize(1),
    }
    for name, call in calls.items():
        call()
        expect(f"the current device after {name}", _index(), 0)


@clause(
    "device.keeps_streams",
    "To change the current device leaves every device's current stream as it is.",
    STREAM,
    "setDevice changes the device alone; streams are current each on its own device.",
    "setDevice.keeps_streams, getStream.of_device",
)
def keeps_streams(backend: Backend) -> None:
    first, second = backend.stream(0), backend.stream(1)
    torch.accelerator.set_stream(second)
    torch.accelerator.set_stream(first)
    torch.accelerator.set_device_index(1)
    expect("device and streams", state(backend), (1, first, second))


@clause(
    "device.context",
    "`with torch.accelerator.device_index(i):` puts the device back, also if an exception passes.",
    ACCELERATOR,
    "exchangeDevice returns the device before; maybeExchangeDevice really sets it.",
    "with device_index.enters, with device_index.unwinds, exchangeDevice.returns",
)
def context(backend: Backend) -> None:
    backend.device(1)
    with suppress(KeyError), torch.accelerator.device_index(1):
        expect("the current device inside", _index(), 1)
        raise KeyError
    expect("the current device afterwards", _index(), 0)


@clause(
    "device.operators",
    "An operator on tensors of another device runs there, and leaves the current one as it was.",
    OPERATORS,
    "c10::DeviceGuard enters by exchangeDevice and leaves by uncheckedSetDevice: both have to set.",
    "uncheckedSetDevice.sets, DeviceGuard.enters, DeviceGuard.unwinds, OptionalDeviceGuard.unwinds",
)
def operators(backend: Backend) -> None:
    there = backend.device(1)
    x = torch.ones(2, device=there)
    made = [x, x + x, torch.empty_like(x), x.clone()]
    expect("where they are", {str(y.device) for y in made}, {str(there)})
    expect("where a stream made for it is", torch.Stream(there).device, there)
    expect("the current device afterwards", _index(), 0)
    torch.accelerator.set_device_index(1)
    torch.empty(1, device=backend.device(0))
    expect("the current device after an operator on device 0", _index(), 1)


@clause(
    "thread.default_stream",
    "A new thread begins on the default stream, not on its parent's.",
    HEADER,
    "Keep current streams thread_local, and begin with the default ones.",
    "getStream.per_thread",
)
def thread_default_stream(backend: Backend) -> None:
    default = current()
    with torch.Stream(backend.type) as side:
        expect("the current stream of a new thread", in_thread(current), default)
        in_thread(torch.accelerator.set_stream, torch.Stream(backend.type))
        expect("this thread's after another has set its own", current(), side)


@clause(
    "stream.set",
    "The stream that set_stream is given is current then, as current_stream says.",
    AT_ACCELERATOR,
    "exchangeStream has to store the stream, and getStream to return what was stored.",
    "getStream.agrees, exchangeStream.sets",
)
def set_stream(backend: Backend) -> None:
    default, side = current(), torch.Stream(backend.type)
    expect("whether a new stream is the default one", side == default, False)
    torch.accelerator.set_stream(side)
    expect("the current stream", current(), side)
    torch.accelerator.set_stream(default)
    expect("the current stream afterwards", current(), default)


@clause(
    "stream.set_moves",
    "set_stream makes the stream's device current as well, and leaves the other devices' streams.",
    ACCELERATOR,
    "PyTorch calls setDevice itself; exchangeStream touches its own device's stream, nothing else.",
    "exchangeStream.nothing_else",
)
def set_moves(backend: Backend) -> None:
    first, second = backend.stream(0), backend.stream(1)
    torch.accelerator.set_stream(first)
    torch.accelerator.set_stream(second)
    expect("device and streams", state(backend), (1, first, second))


@clause(
    "stream.of_device",
    "current_stream(i) answers for the device it is asked about, current or not.",
    HEADER,
    "getStream takes the device from its argument, not from what is current.",
    "getStream.of_device",
)
def of_device(backend: Backend) -> None:
    second = backend.stream(1)
    torch.accelerator.set_stream(second)
    torch.accelerator.set_device_index(0)
    expect("the stream of device 1", torch.accelerator.current_stream(backend.device(1)), second)
    if hasattr(backend.module, "current_stream"):
        asked = backend.module.current_stream(1)
        expect("the same by its module", asked.stream_id, second.stream_id)


@clause(
    "stream.new_is_not_current",
    "A new stream is current nowhere.",
    STREAM,
    "getNewStream makes a stream and nothing else.",
    "getNewStream.not_current",
)
def new_is_not_current(backend: Backend) -> None:
    before = current()
    made = torch.Stream(backend.type)
    expect("the current stream", current(), before)
    expect("whether it is the new one", current() == made, False)


@clause(
    "with_stream.enters",
    "`with stream:` makes the stream and its device current.",
    STREAM,
    "Entering calls getDevice, getStream, setDevice and exchangeStream, in this order.",
    "with stream.enters",
)
def with_stream_enters(backend: Backend) -> None:
    default, second = current(), backend.stream(1)
    with second:
        expect("device and streams", state(backend), (1, default, second))


@clause(
    "with_stream.restores",
    "A stream's with block puts back the stream it found, whatever became current in it.",
    STREAM,
    "Leaving calls exchangeStream with the stream before: it has to store that one.",
    "with stream.restores, exchangeStream.returns",
)
def with_stream_restores(backend: Backend) -> None:
    before = current()
    with torch.Stream(backend.type):
        torch.accelerator.set_stream(torch.Stream(backend.type))
    expect("the current stream afterwards", current(), before)


@clause(
    "with_stream.restores_device",
    "`with stream:` of another device puts back the device, and the stream on the device it used.",
    STREAM,
    "A Stream names its device: exchangeStream and getStream have to heed it.",
    "with stream.restores",
)
def with_stream_restores_device(backend: Backend) -> None:
    first, second = backend.stream(0), backend.stream(1)
    torch.accelerator.set_stream(second)
    torch.accelerator.set_stream(first)
    with backend.stream(1):
        pass
    expect("device and streams", state(backend), (0, first, second))


@clause(
    "with_stream.unwinds",
    "`with stream:` puts back stream and device also when an exception passes.",
    STREAM,
    "Nothing but the two exchanges has to happen on the way out; do not ask for an error there.",
    "with stream.unwinds",
)
def with_stream_unwinds(backend: Backend) -> None:
    before = current(), _index()
    last = backend.stream(torch.accelerator.device_count() - 1)
    with suppress(KeyError), last, torch.Stream(backend.type):
        raise KeyError
    expect("stream and device", (current(), _index()), before)


@clause(
    "with_stream.nests",
    "The same stream may be entered again inside its own with block.",
    STREAM,
    "What was current before belongs to each entry, not to the stream.",
)
def with_stream_nests(backend: Backend) -> None:
    before, one, other = current(), *(torch.Stream(backend.type) for _ in range(2))
    with one:
        with other, one:
            expect("the current stream in the innermost block", current(), one)
        expect("the current stream in the outer block", current(), one)
    expect("the current stream afterwards", current(), before)
