"""The order of things: every change that a log tells of, one after the other.

Much happens at one virtual time: most calls of the host take none. So a *moment* is not a time but
a place in this order, and to step is to go from one moment to the next.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import itemgetter

from ..idle import nanoseconds
from ..records import Call, Command, Memory, Value

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


def moments(records: Sequence, late: dict[int, int]) -> list[Moment]:
    """All changes in the order in which they happened; the first is the beginning.

    At one time, the device comes first: what it finishes is what a host that waits goes on with.
    Only a command that starts when it is enqueued follows its enqueueing. Then the host's own
    changes, in the order of the log.

    Args:
        records: of the log.
        late: what `late_values` gives for them.
    """
    last = _extents(records)
    changes = []  # (time, what comes first at that time in three numbers, position, verb)
    for position, record in enumerate(records):
        changes += _changes(record, position, last, late)
    changes.sort()
    return [(0, -1, OPEN), *map(itemgetter(0, 4, 5), changes)]


def late_values(records: Sequence) -> dict[int, int]:
    """Effects that come later than their commands finish: the position of the value -> the id.

    A launch runs all effects that are due, unless the schedule puts them off: so an effect is late
    if there was a launch between its finish and itself, or if an effect before it was late. Late
    for the log is also what was enqueued before it. Of several values of a command the first
    stands for all.
    """
    finish: dict = {}
    launches: list = []  # the host clock at each, in order
    late: dict = {}
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


def _changes(record: object, position: int, last: dict, late: dict) -> Iterator[tuple]:
    """The changes of one record, with the keys that they are sorted by."""
    if isinstance(record, Call):
        begin, end = nanoseconds(record.begin), nanoseconds(record.end)
        stands = any(nanoseconds(since) == begin for since, _ in record.waits)
        if not stands and (end > begin or last[position] > position):
            yield begin, position, 0, 0, position, BEGIN
        for since, until in record.waits:
            yield nanoseconds(since), position, 0, 1, position, WAIT
            if until < record.end:
                yield nanoseconds(until), position, 0, 2, position, RESUME
        yield end, last[position], 2, 0, position, RETURN
    elif isinstance(record, Command):
        enqueue = nanoseconds(record.enqueue)
        yield enqueue, position, 1, 0, position, ENQUEUE
        start, finish = nanoseconds(record.start), nanoseconds(record.finish)
        for verb, at in ((START, start), (FINISH, finish)):
            if verb == FINISH or start < finish:
                anchor, number = (position, 1) if at == enqueue else (-1, record.id)
                yield at, anchor, number, verb, position, verb
    elif not isinstance(record, Value):
        yield nanoseconds(record.time), position, 1, 0, position, HAPPEN
    elif position in late:
        yield nanoseconds(record.time), position, 1, 0, position, APPEAR


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
