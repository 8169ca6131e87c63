"""Where the explorer opens: at what a reader of the log would look for first."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..hazards import Finding, Side
from ..log.records import POISON, Command
from .model import Model
from .moments import FINISH, START


class Opening(NamedTuple):
    """A moment, and the positions of the records that are chosen there."""

    moment: int
    records: list[int]


def opening(model: Model, findings: Iterable[Finding]) -> Opening:
    """Where to open.

    At the first hazard; without one at the first read of poison, the first wait that holds its
    stream back, the first two commands that run at once, the first that runs at all.

    Args:
        model: what is shown.
        findings: what the checker found.
    """
    for openings in (_races(model, findings), _poisoned(model), _held(model), _overlaps(model)):
        found = min(openings, default=None)
        if found is not None:
            return found
    return Opening(0, [])


def sides(model: Model, finding: Finding) -> list[int]:
    """The records of a finding's sides, as far as the log has them."""
    both = (finding.first, finding.second)
    found = [_record(model, side) for side in both if side is not None]
    return [position for position in found if position is not None]


def _record(model: Model, side: Side) -> int | None:
    """The record of one side: a command, or what the host did there and then."""
    if side.command is not None:
        return model.place.get(side.command)
    return model.hosts.get((side.name, side.site, side.start))


def _races(model: Model, findings: Iterable[Finding]) -> Iterator[Opening]:
    """Each hazard, when the second of its sides starts, which had to wait for the first."""
    for finding in findings:
        records = sides(model, finding) if finding.severity == "hazard" else []
        if records:
            yield Opening(model.start[records[-1]], records[-1:])


def _poisoned(model: Model) -> Iterator[Opening]:
    """Each command that reads a block which was last filled with poison, when it starts."""
    marks = (getattr(record, "marker", None) for record in model.records)
    poison = {position for position, mark in enumerate(marks) if mark == POISON}
    for position, accesses in model.accesses.items() if poison else ():
        start = model.start[position]
        for block, _, writes in accesses:
            content = None if writes else model.values.of_block(block, start)
            if content is not None and content.writer in poison:
                yield Opening(start, [position])


def _held(model: Model) -> Iterator[Opening]:
    """Of each stream, the first wait that holds it back, from when it does."""
    for positions in model.streams.values():
        free = 0
        for position in positions:
            record, since = model.records[position], max(model.first[position], free)
            free = model.last[position]
            waits = isinstance(record, Command) and record.type == "wait"
            if waits and model.times[free] > model.times[since]:
                yield Opening(since, [position])
                break


def _overlaps(model: Model) -> Iterator[Opening]:
    """The first command that starts beside another one, or else the first that starts."""
    running, alone = 0, None
    for moment, (_, position, verb) in enumerate(model.moments):
        if verb == START:
            running += 1
            alone = alone or Opening(moment, [position])
            if running > 1:
                yield Opening(moment, [position])
                return
        elif verb == FINISH and model.start[position] < model.last[position]:
            running -= 1
    if alone:
        yield alone
