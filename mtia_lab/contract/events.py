"""Events: what a recording marks, who waits for which version, what is measured."""

import torch

from .backend import Backend, expect, raises
from .basis import ADVICE, EVENT, HEADER, PYTHON_EVENT, STREAM
from .clause import clause


@clause(
    "event.unrecorded",
    "An event that was never recorded is complete.",
    PYTHON_EVENT,
    "Its handle is null: queryEvent says true, and neither synchronizeEvent nor block waits.",
)
def unrecorded(backend: Backend) -> None:
    event, stream = torch.Event(backend.type), backend.stream()
    expect("what query says", event.query(), True)
    event.synchronize()
    stream.wait_event(event)
    stream.synchronize()


@clause(
    "event.handle",
    "The first record makes the event; a later one keeps it, and another event is another one.",
    EVENT,
    "record makes a handle where it is null, and leaves the one that is there.",
    "record.makes",
)
def handle(backend: Backend) -> None:
    stream, one, other = backend.stream(), torch.Event(backend.type), torch.Event(backend.type)
    expect("the id before it is recorded", one.event_id, 0)
    one.record(stream)
    other.record(stream)
    first = one.event_id
    expect("whether it has an id of its own", first not in (0, other.event_id), True)
    one.record(stream)
    expect("its id when it is recorded again", one.event_id, first)


@clause(
    "event.behind",
    "An event is complete when the work before its recording is, not earlier.",
    HEADER,
    "record puts its flag behind the work that is in the stream.",
    "record.behind, queryEvent.answers",
)
def behind(backend: Backend) -> None:
    event, stream = torch.Event(backend.type), backend.stream()
    work = backend.work(stream)
    event.record(stream)
    expect("whether query calls pending work done", event.query() and not work.done, False)
    event.synchronize()
    expect("whether the work is done once the host has waited", work.done, True)
    expect("what query says then", event.query(), True)


@clause(
    "event.in_stream",
    "record marks the stream it is given, current or not.",
    HEADER,
    "record takes the stream from its argument.",
    "record.in_stream",
)
def in_stream(backend: Backend) -> None:
    event, busy, idle = torch.Event(backend.type), backend.stream(), backend.stream()
    work = backend.work(busy)
    with busy:
        event.record(idle)
    event.synchronize()
    expect("whether an event of an idle stream waited for the current one", work.done, False)


@clause(
    "event.record_does_not_wait",
    "To record an event does not make the host wait.",
    HEADER,
    "record enqueues its flag and returns.",
    "record.no_wait",
)
def record_does_not_wait(backend: Backend) -> None:
    stream = backend.stream()
    work = backend.work(stream)
    event = stream.record_event()
    expect("whether the work is done when record returns", work.done, False)
    event.synchronize()


@clause(
    "event.query_asks_only",
    "query does not wait.",
    ADVICE,
    "Look at the event; do not synchronize in order to answer.",
    "queryEvent.asks_only",
)
def query_asks_only(backend: Backend) -> None:
    stream = backend.stream()
    work = backend.work(stream)
    stream.record_event().query()
    expect("whether the work is done when query returns", work.done, False)


@clause(
    "event.again",
    "To record again moves the event on: it is complete when the new flag is reached.",
    HEADER,
    "Each record makes a new version; query and synchronize are about the newest.",
    "record.again",
)
def again(backend: Backend) -> None:
    event, stream = torch.Event(backend.type), backend.stream()
    event.record(stream)
    event.synchronize()
    work = backend.work(stream)
    event.record(stream)
    wrong = event.query() and not work.done
    expect("whether it calls work done that is pending before the second flag", wrong, False)
    event.synchronize()
    expect("whether that work is done once the host has waited", work.done, True)


@clause(
    "event.keeps_waits",
    "Who waits for a version waits for it, and for no later one, when the event is recorded again.",
    HEADER,
    "Bind a wait to the version that exists when it is called, not to the event.",
    "record.keeps_waits",
)
def keeps_waits(backend: Backend) -> None:
    event = torch.Event(backend.type)
    producer, consumer, idle = (backend.stream() for _ in range(3))
    work = backend.work(producer)
    event.record(producer)
    consumer.wait_event(event)
    event.record(idle)  # complete at once
    event.synchronize()
    consumer.synchronize()
    expect("whether the work that the old version is behind is done", work.done, True)

    event.record(idle)
    first = backend.work(producer)
    event.record(producer)
    consumer.wait_event(event)
    later = backend.work(producer, times=4)
    event.record(producer)
    consumer.synchronize()
    expect("whether the first work is done when the stream that waits is", first.done, True)
    expect("whether later work is, which a new version is behind", later.done, False)


@clause(
    "event.synchronize_only",
    "synchronize waits for the flag, not for what follows it in the stream.",
    HEADER,
    "Wait for the version that was recorded, not for the stream.",
    "synchronizeEvent.waits",
)
def synchronize_only(backend: Backend) -> None:
    stream = backend.stream()
    first = backend.work(stream)
    event = stream.record_event()
    later = backend.work(stream, times=4)
    event.synchronize()
    expect("whether the work before it is done", first.done, True)
    expect("whether the work after it is", later.done, False)


@clause(
    "event.destroy",
    "To destroy an event makes nobody wait, and leaves the waits that are bound to it.",
    STREAM,
    "wait_stream destroys its event at once: what the queues hold has to outlive the handle.",
    "destroyEvent.keeps_waits, destroyEvent.noexcept",
)
def destroy(backend: Backend) -> None:
    producer, consumer = backend.stream(), backend.stream()
    work = backend.work(producer)
    event = producer.record_event()
    consumer.wait_event(event)
    del event
    expect("whether the work is done when the event is gone", work.done, False)
    consumer.synchronize()
    expect("whether it is done when the stream that waits is", work.done, True)


@clause(
    "event.timing",
    "elapsed_time needs events that were made with enable_timing=True.",
    PYTHON_EVENT,
    "PyTorch refuses it itself, in torch.Event.",
)
def timing(backend: Backend) -> None:
    first, last = torch.Event(backend.type), torch.Event(backend.type)
    first.record()
    last.record()
    last.synchronize()
    expect("whether it is refused without", raises(first.elapsed_time, last), True)


@clause(
    "event.elapsed",
    "elapsed_time is in milliseconds from the first event to the second.",
    PYTHON_EVENT,
    "record heeds its flag: BACKEND_DEFAULT asks for timing. Count milliseconds, not microseconds.",
    "record.timing, elapsedTime.milliseconds",
)
def elapsed(backend: Backend) -> None:
    stream = backend.stream()
    first, last = (torch.Event(backend.type, enable_timing=True) for _ in range(2))
    begin = backend.clock()
    first.record(stream)
    work = backend.work(stream)
    last.record(stream)
    last.synchronize()
    waited = backend.clock() - begin
    expect("whether the work is done", work.done, True)
    measured = first.elapsed_time(last)
    share = f"{measured:.3g} ms of the {waited:.3g} ms that the host waited"
    expect(f"whether {share} can be", waited / 20 < measured < waited * 1.1, True)


@clause(
    "event.one_device",
    "An event that was recorded on one device is refused by another.",
    ADVICE,
    "Compare the event's device with the stream's in record, as CUDA does.",
)
def one_device(backend: Backend) -> None:
    event = torch.Event(backend.type)
    event.record(backend.stream(0))
    expect("whether it is refused", raises(event.record, backend.stream(1)), True)
