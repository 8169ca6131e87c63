"""What a host thread can be sure of by its own doing, where others are at work as well.

A log is one order of what its threads did. In another run another thread may come later, and what
it made needless in this one is needed then; a log does not know where threads meet. So what is
needless is looked for in each thread's part alone.
"""

from collections import defaultdict
from dataclasses import replace
from typing import NamedTuple

from ..log.log import Log
from ..log.records import Call, Command, Known, Memory, Record
from .autograd import Backwards
from .order import Stream


class Part(NamedTuple):
    """What one thread did on its own.

    Attributes:
        log: its records, without what it did on streams to which others give work as well.
        shared: the lines where it did that.
    """

    log: Log
    shared: frozenset[str | None]


def parts(log: Log) -> list[Part]:
    """A part for each host thread that gives commands or waits; the whole log if it is one."""
    records = list(log)
    owners = _owners(records)
    active = {o for r, o in zip(records, owners, strict=True) if _is_active(r)}
    if len(active) <= 1:
        return [Part(log, frozenset())]
    users: defaultdict[Stream, set[int]] = defaultdict(set)
    for record, owner in zip(records, owners, strict=True):
        if isinstance(record, Command) and record.type != "record":
            users[record.device, record.stream].add(owner)
    found = []
    for thread in sorted(active):
        own = [r for r, owner in zip(records, owners, strict=True) if owner == thread]
        found.append(_part(own, {stream for stream, who in users.items() if who - {thread}}))
    return found


def _is_active(record: Record) -> bool:
    return isinstance(record, Command) or (isinstance(record, Call) and bool(record.synchronized))


def _owners(records: list[Record]) -> list[int | None]:
    """Of each record, whose doing it is: a thread's, also if autograd's does it for that one."""
    backwards, seen, helpers, owners = Backwards(), set(), set(), []
    for record in records:
        thread = getattr(record, "thread", None)
        caller = backwards.caller()
        if thread not in seen:
            seen.add(thread)
            if caller is not None and record.site is None:
                helpers.add(thread)
        owners.append(thread if caller is None or thread not in helpers else caller)
        if isinstance(record, Call):
            backwards.add_call(record)
    return owners


def _part(own: list[Record], foreign: set[Stream]) -> Part:
    """What is left of a thread's records if nothing is known of the streams in ``foreign``."""
    kept: list[Record] = []
    shared: set[str | None] = set()
    ids: set[int] = set()
    newest = 0
    for record in own:
        if isinstance(record, Command):
            if (record.device, record.stream) in foreign:
                shared.add(record.site)
                continue
            newest = max(newest, record.id)
            ids.add(record.id)
            if record.type == "wait" and not ids.issuperset(record.after):
                record = replace(record, type="kernel")  # for all that one knows, as good as work
        elif isinstance(record, Call) and record.synchronized:
            if any(_is_of(known, stream) for known in record.synchronized for stream in foreign):
                shared.add(record.site)
                continue
            known = tuple(known._replace(newest=newest) for known in record.synchronized)
            record = replace(record, synchronized=known)
        if not isinstance(record, Memory):
            kept.append(record)
    return Part(Log(kept), frozenset(shared))


def _is_of(known: Known, stream: Stream) -> bool:
    return known.device == stream[0] and known.stream in (None, stream[1])
