"""The order of things: every change that a log holds, one after the other.

Much happens at one virtual time: most calls of the host take none. So a *moment* is not a time but
a place in this order, and to step is to go from one moment to the next. What is true at a moment is
a row: a value that holds from one moment until the next change.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Generic, TypeVar

from ..log.records import Call, Command, Record, Value

# What happens to a record at a moment, and how that reads. The page knows them by their numbers.
VERBS = (
    "{} begins",  # a call that takes time, or during which something happens
    "{} waits for the device",  # it may begin with that
    "{} goes on",
    "{} returns",
    "{} is enqueued",
    "{} starts",
    "{} finishes",
    "{} takes effect only now",  # later than it finishes, as the schedule "latest" has it
    "{}",  # it happened: to memory, or on the CPU
    "the recording begins",
)
BEGIN, WAIT, RESUME, RETURN, ENQUEUE, START, FINISH, APPEAR, HAPPEN, OPEN = range(len(VERBS))

Moment = tuple[int, int, int]  # virtual time in whole ns, position of the record, which of VERBS
# Time, what comes first at that time in three numbers, position, verb.
_Change = tuple[int, int, int, int, int, int]
T = TypeVar("T")


def moments(records: Sequence[Record], late: dict[int, int]) -> list[Moment]:
    """All changes in the order in which they happened; the first is the beginning.

    At one time, the device comes first: what it finishes is what a host that waits goes on with.
    Only a command that starts when it is enqueued follows its enqueueing. Then the host's own
    changes, in the order of the log.

    Args:
        records: of the log.
        late: what `late_values` gives for them.
    """
    last = _extents(records)
    changes: list[_Change] = []
    for position, record in enumerate(records):
        changes += _changes(record, position, last, late)
    changes.sort()
    return [(0, -1, OPEN), *map(itemgetter(0, 4, 5), changes)]


def late_values(records: Sequence[Record]) -> dict[int, int]:
    """Effects that come later than their commands finish: the position of the value -> the id.

    A launch runs all effects that are due, unless the schedule puts them off: so an effect is late
    if there was a launch between its finish and itself, or if an effect before it was late. Late
    for the log is also what was enqueued before it. Of several values of a command the first
    stands for all.
    """
    if not any(isinstance(record, Value) for record in records):
        return {}
    finish: dict[int, float] = {}
    launches: list[float] = []  # the host clock at each, in order
    late: dict[int, int] = {}
    latest = 0.0
    for position, record in enumerate(records):
        if isinstance(record, Command):
            finish[record.id] = record.finish
            launches.append(record.enqueue)
        elif isinstance(record, Value):
            due = finish.get(record.command)
            before = bisect_left(launches, record.time) - 1  # the last launch before the effect
            if due is None:
                late.setdefault(record.command, position)
            elif due < latest or (before >= 0 and due <= launches[before]):
                late.setdefault(record.command, position)
                latest = record.time
    return {position: command for command, position in late.items()}


def _changes(
    record: Record, position: int, last: dict[int, int], late: dict[int, int]
) -> Iterator[_Change]:
    """The changes of one record, with the keys that they are sorted by."""
    if isinstance(record, Call):
        begin, end, waits = record.begin_ns, record.end_ns, record.waits_ns
        stands = bool(waits) and waits[0][0] == begin
        if not stands and (end > begin or last[position] > position):
            yield begin, position, 0, 0, position, BEGIN
        for since, until in waits:
            yield since, position, 0, 1, position, WAIT
            if until < end:
                yield until, position, 0, 2, position, RESUME
        yield end, last[position], 2, 0, position, RETURN
    elif isinstance(record, Command):
        enqueue, start, finish = record.enqueue_ns, record.start_ns, record.finish_ns
        yield enqueue, position, 1, 0, position, ENQUEUE
        for verb, at in ((START, start), (FINISH, finish)):
            if verb == FINISH or start < finish:
                anchor, number = (position, 1) if at == enqueue else (-1, record.id)
                yield at, anchor, number, verb, position, verb
    elif not isinstance(record, Value):
        yield record.time_ns, position, 1, 0, position, HAPPEN
    elif position in late:
        yield record.time_ns, position, 1, 0, position, APPEAR


def _extents(records: Sequence[Record]) -> dict[int, int]:
    """For each call, by position, the position of the last record that is part of it."""
    calls = {record.id: k for k, record in enumerate(records) if isinstance(record, Call)}
    last = {k: k for k, record in enumerate(records) if isinstance(record, Call)}
    for position, record in enumerate(records):
        if not isinstance(record, Call) and record.call in calls:
            last[calls[record.call]] = position
    return last


MOST_WAITERS = 20  # of one event that are named

# (device, stream on 0, stream on 1, …); the position of the call it is in, or -1; whether it waits
ThreadState = tuple[tuple[int, ...], int, bool]
# The version last recorded, or 0 if that was before the log; whether it is complete, None if that
# is not known; how many commands wait for it, and the positions of the first of them.
EventState = tuple[int, bool | None, tuple[int, ...]]


@dataclass
class Row(Generic[T]):
    """A value that changes: `values[i]` holds from moment `at[i]` on."""

    at: list[int] = field(default_factory=list)
    values: list[T] = field(default_factory=list)

    def set(self, moment: int, value: T) -> None:
        """From this moment on it is `value`; moments come in order."""
        if not self.values or self.values[-1] != value:
            self.at.append(moment)
            self.values.append(value)

    def get(self, moment: int) -> T | None:
        """What it is at a moment; None before it is known."""
        place = bisect_right(self.at, moment)
        return self.values[place - 1] if place else None


def thread_rows(
    records: Sequence[Record], moments: Sequence[Moment], initial: dict[int, tuple[int, ...]]
) -> dict[int, Row[ThreadState]]:
    """Of each host thread, what it is doing, and its state, which is empty until it is known."""
    rows: dict[int, Row[ThreadState]] = {}
    states = dict(initial)
    inside: dict[int, list[int]] = {}  # thread -> the calls it is in, the innermost last
    for thread, state in sorted(states.items()):
        rows.setdefault(thread, Row()).set(0, (state, -1, False))
    for number, (_, position, verb) in enumerate(moments):
        if verb not in (BEGIN, WAIT, RESUME, RETURN):
            continue
        call = records[position]
        assert isinstance(call, Call)  # as the verb says
        calls = inside.setdefault(call.thread, [])
        if verb in (BEGIN, WAIT) and position not in calls:
            calls.append(position)
        elif verb == RETURN:
            states[call.thread] = call.state
            if position in calls:
                calls.remove(position)
        value = (states.get(call.thread, ()), calls[-1] if calls else -1, verb == WAIT)
        rows.setdefault(call.thread, Row()).set(number, value)
    return dict(sorted(rows.items()))


def event_rows(records: Sequence[Record], moments: Sequence[Moment]) -> dict[int, Row[EventState]]:
    """Of each event, how it stands."""
    rows: dict[int, Row[EventState]] = {}
    waiting: dict[int, dict[int, None]] = {}
    for number, (_, position, verb) in enumerate(moments):
        if verb not in (ENQUEUE, FINISH):
            continue
        record = records[position]
        if not isinstance(record, Command) or record.event is None or record.version is None:
            continue
        row = rows.setdefault(record.event, Row())
        version, complete, _ = row.values[-1] if row.values else (0, None, (0,))
        waiters = waiting.setdefault(record.event, {})
        if record.type == "wait":
            if verb == ENQUEUE:
                waiters[position] = None
            else:
                del waiters[position]
        elif verb == ENQUEUE:
            version, complete = record.version, False
        elif record.version == version:
            complete = True
        first = [waiter for waiter, _ in zip(waiters, range(MOST_WAITERS), strict=False)]
        row.set(number, (version, complete, (len(waiters), *first)))
    return dict(sorted(rows.items()))
