"""The contract of what runs when: streams, events, memory."""

from .clause import Clause

STREAM_WORK = (
    Clause(
        "queryStream.answers",
        "queryStream says whether all work of the stream is done.",
        given="kernel(A, 'a', us=500)",
        do="pending = A.query(); torch.mtia.synchronize(0)",
        look="pending, A.query()",
        expected="False, True",
    ),
    Clause(
        "queryStream.asks_only",
        "queryStream does not wait.",
        given="kernel(A, 'a', us=500)",
        look="pause(A.query)",
        expected="'at once'",
    ),
    Clause(
        "synchronizeStream.waits",
        "synchronizeStream returns once the work of its stream is done, and waits for no other.",
        given="configure('latest'); kernel(A, 'a'); kernel(C, 'c')",
        do="A.synchronize()",
        look="ran",
        expected="['a']",
    ),
    Clause(
        "synchronizeDevice.waits",
        "synchronizeDevice returns once all streams of the device are done.",
        given="configure('latest'); kernel(A, 'a'); kernel(C, 'c'); kernel(B, 'b')",
        do="cpp.synchronizeDevice(0)",
        look="sorted(ran)",
        expected="['a', 'c']",
    ),
)

EVENTS = (
    Clause(
        "record.makes",
        "The first record makes the event: its handle is no longer null.",
        given="e = torch.Event()",
        do="e.record(A)",
        look="e.event_id == 0",
        expected="False",
    ),
    Clause(
        "record.behind",
        "record puts its flag behind the work that is in the stream.",
        given="e = torch.Event(); kernel(A, 'a', us=500)",
        do="e.record(A)",
        look="e.query()",
        expected="False",
    ),
    Clause(
        "record.in_stream",
        "record puts its flag into the stream it is given, current or not.",
        given="e = torch.Event(); kernel(C, 'c', us=500); torch.mtia.set_stream(C)",
        do="e.record(A)",
        look="e.query()",
        expected="True",
    ),
    Clause(
        "record.no_wait",
        "record does not make the host wait.",
        given="e = torch.Event(); kernel(A, 'a', us=500)",
        look="pause(e.record, A)",
        expected="'at once'",
    ),
    Clause(
        "record.keeps_waits",
        "Recording again makes a new version; who waits for the old one still does.",
        given="e = torch.Event(); kernel(A, 'first', us=100); e.record(A); C.wait_event(e)",
        do="kernel(A, 'second', us=500); e.record(A); kernel(C, 'c')",
        look="when('c', 'first'), when('c', 'second')",
        expected="'after first', 'before the end of second'",
    ),
    Clause(
        "record.timing",
        "record heeds its flag: an event with enable_timing=True can be measured.",
        given="e, f = (torch.Event(enable_timing=True) for _ in 'ef')",
        do="e.record(A); f.record(A); torch.mtia.synchronize(0)",
        look="type(e.elapsed_time(f))",
        expected="float",
    ),
    Clause(
        "block.orders",
        "block makes later work of the stream wait for the event.",
        given="e = torch.Event(); kernel(A, 'a', us=500); e.record(A)",
        do="C.wait_event(e); kernel(C, 'c')",
        look="when('c', 'a')",
        expected="'after a'",
    ),
    Clause(
        "block.later_only",
        "block leaves alone what is in the stream already.",
        given="e = torch.Event(); kernel(A, 'a', us=500); e.record(A); kernel(C, 'c')",
        do="C.wait_event(e)",
        look="when('c', 'a')",
        expected="'before the end of a'",
    ),
    Clause(
        "block.no_wait",
        "block makes the stream wait, not the host.",
        given="e = torch.Event(); kernel(A, 'a', us=500); e.record(A)",
        look="pause(C.wait_event, e)",
        expected="'at once'",
    ),
    Clause(
        "block.unrecorded",
        "block does nothing for an event that was never recorded.",
        do="cpp.blockUnrecorded(C)",
        look="len(log.commands)",
        expected="0",
    ),
    Clause(
        "queryEvent.answers",
        "queryEvent says whether the newest version has been reached.",
        given="e = torch.Event(); kernel(A, 'a', us=500); e.record(A)",
        do="pending = e.query(); torch.mtia.synchronize(0)",
        look="pending, e.query()",
        expected="False, True",
    ),
    Clause(
        "queryEvent.asks_only",
        "queryEvent does not wait.",
        given="e = torch.Event(); kernel(A, 'a', us=500); e.record(A)",
        look="pause(e.query)",
        expected="'at once'",
    ),
    Clause(
        "queryEvent.unrecorded",
        "queryEvent calls an event complete that was never recorded.",
        look="cpp.queryUnrecorded()",
        expected="True",
    ),
    Clause(
        "synchronizeEvent.waits",
        "synchronizeEvent returns once the flag is reached, and does not wait for what follows it.",
        given="configure('latest'); e = torch.Event(); kernel(A, 'a'); e.record(A); kernel(A, 'b')",
        do="e.synchronize()",
        look="ran",
        expected="['a']",
    ),
    Clause(
        "elapsedTime.milliseconds",
        "elapsedTime counts milliseconds from the first event to the second.",
        given="e, f = (torch.Event(enable_timing=True) for _ in 'ef'); kernel(A, 'a', us=500)\n"
        "e.record(A); kernel(A, 'b', us=250); f.record(A); torch.mtia.synchronize(0)",
        look="round(e.elapsed_time(f), 6)",
        expected="0.25",
    ),
    Clause(
        "destroyEvent.keeps_waits",
        "destroyEvent leaves the waits that are bound to the event.",
        given="e = torch.Event(); kernel(A, 'a', us=500); e.record(A); C.wait_event(e)",
        do="del e; kernel(C, 'c')",
        look="when('c', 'a')",
        expected="'after a'",
    ),
    Clause(
        "destroyEvent.noexcept",
        "destroyEvent never throws, and makes nobody wait.",
        given="e = torch.Event(); kernel(A, 'a', us=500); e.record(A); events = [e]; del e",
        look="pause(events.clear)",
        expected="'at once'",
    ),
)

MEMORY = (
    Clause(
        "recordDataPtrOnStream.holds",
        "recordDataPtrOnStream keeps freed memory until that stream is done with it.",
        given="kernel(C, 'reader', us=500)",
        look="cpp.handedOutAgain(C)",
        expected="False",
    ),
)
