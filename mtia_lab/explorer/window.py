"""The part of a log that a page holds: all of it, what was asked for, or as much as fits."""

import gc
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from ..hazards import Finding
from ..log.log import Log
from ..log.records import Call, Command, Record
from ..log.units import nanoseconds, thousands
from .model import Model
from .page import EXPLORER, script
from .payload import payload

LEAST = 8  # records: where not even these have room, there is no page


class Window(NamedTuple):
    """A page, and what it shows of a log.

    Attributes:
        page: the explorer, as HTML; "" where there is room for none.
        since, until: from when to when, in µs; None for the beginning and the end.
        words: which part of the log it shows, in a sentence; "" if it is all.
    """

    page: str
    since: float | None
    until: float | None
    words: str


def window(
    log: Log,
    findings: Sequence[Finding],
    since: float | None,
    until: float | None,
    most: int,
    most_stored: int,
) -> Window:
    """The page of a part of a log. What is too long for it becomes shorter, around a hazard.

    Args:
        log: all of it.
        findings: what the checker found in it.
        since, until: what part is asked for, in µs; None for the beginning and the end.
        most: so many records at most, or some more that are still going on.
        most_stored: so many characters at most.
    """
    while most >= LEAST:
        part = _part(log, since, until)
        if len(part) > most:
            since, until = _shorter(part, findings, most)
            part = _part(log, since, until)
        page = script(EXPLORER, payload(Model(part), findings, nanoseconds(since or 0)))
        if len(page) <= most_stored:
            return Window(page, since, until, _words(part, log, since, until))
        most = int(len(part) * min(0.5, 0.9 * most_stored / len(page)))
    words = f"This log has {len(log):,} records, too much for a page."
    return Window("", since, until, words)


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep Python from looking for garbage: among millions of new tuples that doubles the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _part(log: Log, since: float | None, until: float | None) -> Log:
    if since is None and until is None:
        return log
    return log.filter(since=since, until=until)


def _shorter(part: Log, findings: Sequence[Finding], most: int) -> tuple[float, float]:
    """From when to when there are so many records, with a quarter before the first hazard."""
    times = sorted(map(_time, part))
    hazards = [f.second.start for f in findings if f.severity == "hazard"]
    seen = [time for time in hazards if times[0] <= time <= times[-1]]
    first = bisect_left(times, min(seen, default=times[0])) - most // 4
    first = min(max(first, 0), len(times) - most)
    return times[first], max(times[first + most - 1], times[first] + 0.001)


def _time(record: Record) -> float:
    if isinstance(record, Call):
        return record.begin
    return record.enqueue if isinstance(record, Command) else record.time


def _words(part: Log, log: Log, since: float | None, until: float | None) -> str:
    """Which part of the log that is."""
    if len(part) == len(log):
        return ""
    begin = "the beginning" if since is None else f"{thousands(since)} us"
    end = "the end" if until is None else f"{thousands(until)} us"
    return (
        f"This is the log from {begin} to {end}: {len(part):,} of {len(log):,} records. "
        "mtia_lab.explore(log, since=…, until=…) shows another part."
    )
