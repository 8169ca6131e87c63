"""What the checker goes through: the records of a log that say what comes before what."""

import sys
from collections.abc import Iterator
from typing import NamedTuple

from ..log.log import Log
from ..log.records import Call, Command, Record

# What asks the host to wait, also where there was nothing to wait for.
SYNCHRONIZATIONS = frozenset(
    {"synchronizeStream", "synchronizeEvent", "synchronizeDevice", "deviceSynchronize"}
)
IDLE_WAITS = "torch"  # the door of waits that PyTorch skips


class Learned(NamedTuple):
    """What the host learned by a call, where that comes after commands that are written later."""

    call: Call


def callers(log: Log) -> dict[int | None, Call]:
    """The calls in which commands have a meaning of their own, by id: events, and collectives."""
    return {
        call.id: call
        for call in log.calls
        if call.name in ("record", "block") or call.door == "distributed"
    }


def in_order(log: Log) -> Iterator[Record | Learned]:
    """The records with the commands in the order of their ids, and when the host learned what.

    A call is written down when it returns, so where two host threads take part, their commands may
    stand in another order than they were enqueued in. Most calls only look which stream is current:
    up to the first backward, whose end any call may be, such calls are left out.
    """
    records = list(log)
    ids = [record.id for record in records if type(record) is Command]
    if ids != sorted(ids):
        newest, keys = 0, []
        for record in records:
            if isinstance(record, Command):
                newest = max(newest, record.id)
                keys.append((record.id, 0))
            else:
                keys.append((newest, 1))
        records = [records[k] for k in sorted(range(len(records)), key=keys.__getitem__)]
        ids.sort()
    pending: list[Call] = []
    ids.append(sys.maxsize)
    place = 0
    all_calls = False
    for record in records:
        if type(record) is Call:
            if record.synchronized:
                pending.append(record)
            all_calls = all_calls or record.marker is not None
            if (
                all_calls
                or record.events
                or record.synchronized
                or record.name in SYNCHRONIZATIONS
                or record.door == IDLE_WAITS
            ):
                yield record
        else:
            yield record
            place += type(record) is Command
        while pending and pending[0].synchronized[-1].newest < ids[place]:
            yield Learned(pending.pop(0))
