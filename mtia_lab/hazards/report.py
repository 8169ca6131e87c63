"""The report: what is wrong in a log, and what is of no use in it."""

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, overload

from ..log.arguments import a_log, needs
from ..log.log import MEMORY, Log
from ..log.records import Command
from ..log.units import count
from .checker import Checker
from .events import misused_events
from .explain import explain
from .finding import REUSE, Finding
from .hints import Hints
from .names import Names
from .sequence import in_order

SHOWN = 20  # findings that a report shows, and hints


class Found(NamedTuple):
    """What a report is about: findings, and how many commands on how many streams were checked."""

    hazards: tuple[Finding, ...] = ()
    hints: tuple[Finding, ...] = ()
    commands: int = 0
    streams: int = 0


class Report(Sequence[Finding]):
    """The hazards of a log, in the order in which they were found; a correct program has none.

    It is a sequence of its hazards alone: `not report`, `len(report) == 0` and "no hazards"
    mean the same. Hints stand beside, in `hints`: a program with hints is correct. Show it, or
    `print(report)`, for each with both lines and a fix; `report[0]` is one of them, a
    `Finding`, and `report[20:]` a report on some. `mtia_lab.draw.timeline(log, report)` marks
    them.

    Args:
        found: what there is to report.
    """

    def __init__(self, found: Found) -> None:
        self._content = found

    @property
    def _found(self) -> Found:
        return self._content

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> "Report": ...
    def __getitem__(self, index: int | slice) -> "Finding | Report":
        found = self._found
        if isinstance(index, slice):
            return Report(found._replace(hazards=found.hazards[index], hints=()))
        return found.hazards[index]

    def __len__(self) -> int:
        return len(self._found.hazards)

    @property
    def hints(self) -> tuple[Finding, ...]:
        """Synchronization that is of no use, and the like: nothing that makes a result wrong."""
        return self._found.hints

    @property
    def headline(self) -> str:
        """How much was found in how much, in one line."""
        hazards, hints, commands, streams = self._found
        found = count(len(hazards), "hazard") if hazards else "no hazards"
        found += f" and {count(len(hints), 'hint')}" if hints else ""
        return f"{found} in {count(commands, 'command')} on {count(streams, 'stream')}"

    def __repr__(self) -> str:
        report = Report(self._found)
        numbered = [f"{number}. {finding!r}" for number, finding in enumerate(report[:SHOWN], 1)]
        hints = [f"hint: {finding!r}" for finding in report.hints[:SHOWN]]
        return "\n\n".join(
            [
                report.headline,
                *numbered,
                *_more(len(report), f"report[{SHOWN}:] has them"),
                *hints,
                *_more(len(report.hints), f"report.hints[{SHOWN}:]"),
            ]
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from ..draw.hazard import hazards

        return hazards(self)._repr_mimebundle_()


def find_hazards(log: Log) -> Report:
    """Find what is wrong with a program, from its log alone.

    It asks what is ordered, not what happened: two accesses to the same memory, of which one
    writes, are a race unless stream order, a wait, the host's synchronization or the allocator
    orders them, also where this run's schedule happened to give the right value. What one fix
    removes is one finding: after a race the checker goes on as if its fix were in the program.

    Args:
        log: what `mtia_lab.record()` yielded. What the host reads and writes in pinned memory is
            only in it after `record(host=True)`. Of what was before the recording nothing is
            known: begin it before the work that matters.

    Returns:
        A `Report`; empty for a correct program.

    Raises:
        TypeError: it is no log.
    """
    log = a_log(find_hazards, log)
    needs(find_hazards, log, MEMORY)
    return Report(check(log))


def check(log: Log) -> Found:
    """The same, as plain values."""
    checker = Checker(log)
    hints = Hints(log, checker.given, checker.callers)
    for record in in_order(log):
        checker.add(record)
        hints.add(record)
    found: dict[Hashable, Finding] = {}
    names = Names(log)
    for finding in (explain(hazard, names) for hazard in checker.hazards()):
        found.setdefault(_omission(finding), finding)
    hazards, commands = [*found.values(), *misused_events(log, names)], log.commands
    findings = tuple(add_scenes([*hazards, *hints.findings(names)], commands))
    return Found(
        findings[: len(hazards)],
        findings[len(hazards) :],
        len(commands),
        len({(command.device, command.stream) for command in commands}),
    )


def _omission(finding: Finding) -> Hashable:
    """What findings have in common that one change fixes: a line, or the tensor that was freed."""
    sides = [side for side in (finding.first, finding.second) if side is not None]
    if any(side.site is None and side.backward is None for side in sides):
        sides_of = [(side.name, side.action, side.where, side.site) for side in sides]
        return finding.kind, finding.fix, *sides_of
    return finding.fix, finding.memory[:1] if finding.kind == REUSE else ()


def _more(number: int, where: str) -> list[str]:
    return [f"... and {number - SHOWN:,} more: {where}"] if number > SHOWN else []


AROUND = 2  # commands before and after each side, in its own stream


def add_scenes(findings: Iterable[Finding], commands: list[Command]) -> Iterator[Finding]:
    """Each finding with the commands of its streams that lie near its sides.

    Args:
        findings: what was found.
        commands: all there are, in the order of their ids.
    """
    findings = list(findings)
    if findings:
        lanes: dict[tuple[int, int], list[Command]] = {}
        for command in commands:
            lanes.setdefault((command.device, command.stream), []).append(command)
        ids = {where: [command.id for command in lane] for where, lane in lanes.items()}
    for finding in findings:
        chosen: dict[int, Command] = {}
        for side in (finding.first, finding.second):
            if side is not None and side.where is not None and side.command is not None:
                lane, k = lanes[side.where], bisect_left(ids[side.where], side.command)
                near = lane[max(k - AROUND, 0) : k + AROUND + 1]
                chosen |= {command.id: command for command in near}
        yield replace(finding, scene=tuple(chosen[id] for id in sorted(chosen)))
