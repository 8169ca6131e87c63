"""The order of things: every change that a log tells of, one after the other.

Much happens at one virtual time: most calls of the host take none. So a *moment* is not a time but
a place in this order, and to step is to go from one moment to the next.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..records import Call, Command, Memory, Value

# What happens to a record at a moment, and how that reads. Columns of the payload count from here.
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


class Moment(NamedTuple):
    """One change: its virtual time in whole ns, the position of its record, which of `VERBS`."""

    time: int
    record: int
    verb: int


def moments(records: Sequence) -> list[Moment]:
    """All changes in the order in which they happened; the first is the beginning.

    At one time, the device comes first: what it finishes is what a host that waits goes on with.
    Only a command that starts when it is enqueued follows its enqueueing. Then the host's own
    changes, in the order of the log.
    """
    last, late = _extents(records), late_values(records)
    keyed = []
    for position, record in enumerate(records):
        if not isinstance(record, Value):
            keyed += _changes(record, position, last)
    for position in late:
        keyed.append(((nanoseconds(records[position].time), position, 1, 0), (position, APPEAR)))
    keyed.sort(key=lambda entry: entry[0])
    return [Moment(0, -1, OPEN), *(Moment(key[0], *change) for key, change in keyed)]


def late_values(records: Sequence) -> dict[int, int]:
    """Commands whose effect came later than they finish: the position of the value -> the id.

    A launch runs all effects that are due, unless the schedule puts them off: so an effect is late
    if there was a launch between its finish and itself, or if an effect before it was late. Of
    several values of a command the first stands for all.
    """
    finish: dict = {}
    launches: list = []  # the host clock at each, in order
    late: dict = {}
    latest = 0.0
    for position, record in enumerate(records):
        if isinstance(record, Command):
            finish[record.id] = record.finish
            launches.append(record.enqueue)
        elif isinstance(record, Value) and record.command in finish:
            due = finish[record.command]
            before = bisect_left(launches, record.time) - 1  # the last launch before the effect
            if due < latest or (before >= 0 and due <= launches[before]):
                late.setdefault(record.command, position)
                latest = record.time
    return {position: command for command, position in late.items()}


def _changes(record: object, position: int, last: dict) -> Iterator[tuple]:
    """The changes of one record as `(key, (position, verb))`; keys sort by time first."""
    if isinstance(record, Call):
        begin, end = nanoseconds(record.begin), nanoseconds(record.end)
        stands = any(nanoseconds(since) == begin for since, _ in record.waits)
        if not stands and (end > begin or last[position] > position):
            yield (begin, position, 0, 0), (position, BEGIN)
        for since, until in record.waits:
            yield (nanoseconds(since), position, 0, 1), (position, WAIT)
            if until < record.end:
                yield (nanoseconds(until), position, 0, 2), (position, RESUME)
        yield (end, last[position], 2, 0), (position, RETURN)
    elif isinstance(record, Command):
        enqueue = nanoseconds(record.enqueue)
        yield (enqueue, position, 1, 0), (position, ENQUEUE)
        start, finish = nanoseconds(record.start), nanoseconds(record.finish)
        changes = [(START, start), (FINISH, finish)]
        for verb, at in changes if start < finish else changes[1:]:
            anchor = (position, 1) if at == enqueue else (-1, record.id)
            yield (at, *anchor, verb), (position, verb)
    else:
        yield (nanoseconds(record.time), position, 1, 0), (position, HAPPEN)


def _extents(records: Sequence) -> dict:
    """For each call, by position, the position of the last record that is part of it."""
    last: dict = {}
    call = at = None
    for position, record in enumerate(records):
        if isinstance(record, Call):
            call, at = record, position
            last[at] = at
        elif call is not None and _within(record, call):
            last[at] = position
        else:
            call = None
    return last


def _within(record: object, call: Call) -> bool:
    """Whether a record that follows a call in the log happened during it."""
    if not isinstance(record, Command | Memory):
        return isinstance(record, Value)
    time = record.enqueue if isinstance(record, Command) else record.time
    same = (record.thread, record.site) == (call.thread, call.site)
    return same and call.begin <= time <= call.end


def nanoseconds(time: float) -> int:
    """Whole nanoseconds of a time in microseconds."""
    return round(time * 1000)
