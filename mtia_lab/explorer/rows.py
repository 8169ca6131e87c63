"""What is true at a moment: rows, each a value that holds from one moment until the next change."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from .moments import BEGIN, ENQUEUE, FINISH, RESUME, RETURN, WAIT, Moment

MOST_WAITERS = 20  # of one event that are named


@dataclass
class Row:
    """A value that changes: `values[i]` holds from moment `at[i]` on."""

    at: list[int] = field(default_factory=list)
    values: list = field(default_factory=list)

    def set(self, moment: int, value: object) -> None:
        """From this moment on it is `value`; moments come in order."""
        if not self.values or self.values[-1] != value:
            self.at.append(moment)
            self.values.append(value)

    def get(self, moment: int):
        """What it is at a moment; None before it is known."""
        place = bisect_right(self.at, moment)
        return self.values[place - 1] if place else None


def thread_rows(
    records: Sequence, moments: Sequence[Moment], initial: dict[int, tuple]
) -> dict[int, Row]:
    """Of each host thread: (its state, the position of the call it is in or -1, does it wait).

    The state is `(device, stream on 0, stream on 1, …)`; empty until the log tells it.
    """
    rows: dict = {}
    states = dict(initial)
    inside: dict = {}  # thread -> the calls it is in, the innermost last
    for thread, state in sorted(states.items()):
        rows.setdefault(thread, Row()).set(0, (state, -1, False))
    for number, (_, position, verb) in enumerate(moments):
        if verb not in (BEGIN, WAIT, RESUME, RETURN):
            continue
        call = records[position]
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


def event_rows(records: Sequence, moments: Sequence[Moment]) -> dict[int, Row]:
    """Of each event: (the version last recorded, is it complete, who waits for the event).

    Who waits: how many, and the positions of the first of them. The version is 0, and complete
    None, of an event that was recorded before the log.
    """
    rows: dict = {}
    waiting: dict = {}
    for number, (_, position, verb) in enumerate(moments):
        if verb not in (ENQUEUE, FINISH) or records[position].event is None:
            continue
        record = records[position]
        row = rows.setdefault(record.event, Row())
        version, complete, _ = row.values[-1] if row.values else (0, None, None)
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
