"""Streams: what makes one, what it says of its work, who waits for it, and what it orders."""

from typing import Any

import torch

from .backend import TOO_FAST, Backend, NotReached, Products, current, expect
from .basis import ADVICE, AT_ACCELERATOR, HEADER, HOOKS, STREAM
from .clause import clause

SOME = 40  # streams: more than a pool of 32 has


@clause(
    "stream.three_numbers",
    "A stream is three numbers: with the same numbers it is equal.",
    STREAM,
    "The id alone has to lead back to the stream: let it be an index, or a pool and an index.",
)
def three_numbers(backend: Backend) -> None:
    stream = torch.Stream(backend.type)
    kind = {"device_type": stream.device_type, "device_index": stream.device_index}
    same = torch.Stream(stream_id=stream.stream_id, **kind)
    expect("a stream of the same numbers", same, stream)
    expect("its hash", hash(same), hash(stream))
    expect("whether it is a new object", same is not stream, True)


@clause(
    "stream.distinct",
    "Two new streams are two streams.",
    HEADER,
    "getNewStream has to make a stream, or to take the next of a pool; none is the default one.",
    "getNewStream.distinct",
)
def distinct(backend: Backend) -> None:
    ids = [torch.Stream(backend.type).stream_id for _ in range(3)]
    expect("whether they are different", len(set(ids)), 3)
    expect("whether one is the default stream", current().stream_id in ids, False)


@clause(
    "stream.device",
    "A new stream is on the device asked for, and on the current one if none is.",
    STREAM,
    "getNewStream is given index -1 for the current device.",
    "getNewStream.minus_one",
)
def device(backend: Backend) -> None:
    other = backend.device(1)
    expect("the device of a stream made for device 1", backend.stream(1).device, other)
    torch.accelerator.set_device_index(1)
    expect("that of one made while device 1 is current", torch.Stream(backend.type).device, other)


@clause(
    "stream.native_handle",
    "A stream has one native handle, and another stream has another.",
    ADVICE,
    "The default stream is no stream of the pool: two ids for one queue are two names of it.",
    "getStreamNativeHandle.tells_apart",
)
def native_handle(backend: Backend) -> None:
    default: Any = current()
    streams: set[Any] = {default, *(torch.Stream(backend.type) for _ in range(SOME))}
    handles = {stream.native_handle for stream in streams}
    expect(f"how many handles {len(streams)} streams have", len(handles), len(streams))
    expect("a handle asked for again", default.native_handle, default.native_handle)


@clause(
    "stream.apart_from_default",
    "A new stream is idle while the default one is busy.",
    HEADER,
    "The default stream is no stream of the pool: that would be two names of one queue.",
    "getNewStream.distinct",
)
def apart_from_default(backend: Backend) -> None:
    streams = [backend.stream() for _ in range(SOME)]
    work = backend.work(times=2)  # the second is in the queue while the first one runs
    busy = sum(not stream.query() for stream in streams)
    if work.done:
        raise NotReached(TOO_FAST)
    expect(f"how many of {SOME} new streams are busy", busy, 0)


@clause(
    "stream.query",
    "query says whether all work of the stream is done: the kernel that runs now is not.",
    HEADER,
    "A queue is idle when its last command has finished, not when it has been taken out.",
    "queryStream.answers",
)
def query(backend: Backend) -> None:
    stream = backend.stream()
    work = backend.work(stream)
    expect("whether it calls pending work done", stream.query() and not work.done, False)
    stream.synchronize()
    expect("what it says once that is done", stream.query(), True)


@clause(
    "stream.query_asks_only",
    "query does not wait.",
    ADVICE,
    "Look at the state of the queue; do not synchronize in order to answer.",
    "queryStream.asks_only",
)
def query_asks_only(backend: Backend) -> None:
    stream = backend.stream()
    work = backend.work(stream)
    stream.query()
    expect("whether the work is done when query returns", work.done, False)


@clause(
    "stream.is_capturing",
    "A stream that nobody captures says so.",
    HEADER,
    "isStreamCapturing says false wherever there is no capture.",
)
def is_capturing(backend: Backend) -> None:
    stream: Any = backend.stream()
    expect("whether it is captured", stream.is_capturing(), False)


@clause(
    "stream.launch",
    "A launch returns before its kernel has run.",
    ADVICE,
    "Enqueue and return. Under CUDA_LAUNCH_BLOCKING=1 CUDA waits as well.",
)
def launch(backend: Backend) -> None:
    flag = backend.flag()
    backend.slow(flag)
    expect("whether the work is done when its launch returns", bool(flag.item()), False)
    if isinstance(backend.slow, Products):
        current().synchronize()
        backend.slow.multiply()  # with no copy behind it, which may be what is pending
        expect("whether a product is done when its launch returns", current().query(), False)


@clause(
    "stream.synchronize",
    "synchronize returns once the work of its stream is done.",
    HEADER,
    "synchronizeStream blocks the calling thread; it is given the stream, current or not.",
    "synchronizeStream.waits",
)
def synchronize(backend: Backend) -> None:
    stream = backend.stream()
    work = backend.work(stream)
    stream.synchronize()
    expect("whether the work is done", work.done, True)


@clause(
    "stream.synchronize_other_device",
    "synchronize waits for a stream of a device that is not current.",
    HEADER,
    "synchronizeStream takes the device from the stream, not from what is current.",
)
def synchronize_other_device(backend: Backend) -> None:
    stream = backend.stream(1)
    work = backend.work(stream)
    stream.synchronize()
    expect("whether the work is done", work.done, True)
    expect("the current device", torch.accelerator.current_device_index(), 0)


@clause(
    "stream.synchronize_only",
    "synchronize waits for its own stream, and for no other.",
    ADVICE,
    "Do not wait for the device where a stream is asked for.",
    "synchronizeStream.waits",
)
def synchronize_only(backend: Backend) -> None:
    stream, other = backend.stream(), backend.stream()
    work = backend.work(stream)
    longer = backend.work(other, times=4)
    stream.synchronize()
    expect("whether its work is done", work.done, True)
    expect("whether longer work of another stream is done", longer.done, False)


@clause(
    "device.synchronize",
    "torch.accelerator.synchronize waits for all streams of the device.",
    AT_ACCELERATOR,
    "synchronizeDevice waits for every stream of the device, not only for the current one.",
    "synchronizeDevice.waits",
)
def synchronize_device(backend: Backend) -> None:
    works = [backend.work(backend.stream()) for _ in range(2)]
    torch.accelerator.synchronize()
    expect("whether all work is done", all(work.done for work in works), True)


@clause(
    "device.synchronize_other",
    "torch.accelerator.synchronize(i) waits for the device asked for.",
    AT_ACCELERATOR,
    "synchronizeDevice takes the device from its argument.",
)
def synchronize_other(backend: Backend) -> None:
    work = backend.work(backend.stream(1))
    torch.accelerator.synchronize(1)
    expect("whether the work of device 1 is done", work.done, True)


@clause(
    "device.synchronize_by_module",
    "The module's synchronize waits for all streams of the device.",
    HOOKS,
    "deviceSynchronize of the hooks does what synchronizeDevice of the guard does.",
)
def synchronize_by_module(backend: Backend) -> None:
    synchronize = backend.by_module("synchronize")
    works = [backend.work(backend.stream()) for _ in range(2)]
    synchronize()
    expect("whether all work is done", all(work.done for work in works), True)


@clause(
    "stream.keeps_order",
    "A stream works off what it was given in order.",
    HEADER,
    "A command begins when the one before it on its stream has finished.",
)
def keeps_order(backend: Backend) -> None:
    size, steps = 512, 4
    x = torch.eye(size, device=backend.type)
    with torch.Stream(backend.type) as side:
        side.wait_stream(torch.accelerator.current_stream(backend.device()))
        for _ in range(steps):
            x = x @ x + x  # n -> n * n + n on the diagonal
        seen = x[0, 0].item()
    expected = 1.0
    for _ in range(steps):
        expected = expected * expected + expected
    expect("what a chain of products gives", seen, expected)


@clause(
    "order.wait_stream",
    "`B.wait_stream(A)` makes later work of B wait for what is in A now.",
    STREAM,
    "It records an event in A and blocks B with it; both take the stream from their argument.",
    "wait_stream.orders, block.orders",
)
def wait_stream(backend: Backend) -> None:
    first, second = backend.stream(), backend.stream()
    work = backend.work(first)
    second.wait_stream(first)
    second.synchronize()
    expect("whether the work of A is done when B is", work.done, True)


@clause(
    "order.wait_event",
    "A stream that waits for an event reads what was written before it.",
    HEADER,
    "block puts a wait into the queue of the stream that it is given.",
    "block.orders",
)
def wait_event(backend: Backend) -> None:
    producer, consumer, event = backend.stream(), backend.stream(), torch.Event(backend.type)
    with producer:
        work = backend.work()
        written = torch.full((1,), 7.0, device=backend.type)
        event.record()
    with consumer:
        consumer.wait_event(event)
        read = written + 1
        consumer.synchronize()
        expect("whether what the event is behind is done", work.done, True)
        expect("what was read", read.item(), 8.0)


@clause(
    "order.waits_in_its_own_stream",
    "A wait holds up the stream that waits, and no other.",
    HEADER,
    "block takes the stream from its argument; neither the default nor the current one waits.",
)
def waits_in_its_own_stream(backend: Backend) -> None:
    producer, consumer, other = (backend.stream() for _ in range(3))
    work = backend.work(producer)
    consumer.wait_stream(producer)
    other.synchronize()
    current().synchronize()
    expect("whether the streams that wait for nothing did", work.done, False)


@clause(
    "order.wait_does_not_stop_the_host",
    "To wait for an event makes the stream wait, not the host.",
    HEADER,
    "block enqueues the wait and returns.",
    "block.no_wait",
)
def wait_does_not_stop_the_host(backend: Backend) -> None:
    producer, consumer = backend.stream(), backend.stream()
    work = backend.work(producer)
    consumer.wait_event(producer.record_event())
    expect("whether the work is done when wait_event returns", work.done, False)


@clause(
    "order.across_devices",
    "A stream waits for an event that was recorded on another device.",
    HEADER,
    "An event belongs to the device that recorded it, and any stream may wait for it.",
)
def across_devices(backend: Backend) -> None:
    first, second = backend.stream(0), backend.stream(1)
    work = backend.work(first)
    event = first.record_event()
    second.wait_event(event)
    second.synchronize()
    expect("whether the work of device 0 is done when device 1's stream is", work.done, True)
    expect("the current device", torch.accelerator.current_device_index(), 0)
