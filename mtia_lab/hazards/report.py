"""The report: what is wrong in a log, and what is of no use in it."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, overload

from ..log.arguments import a_log
from ..log.log import Log
from ..log.records import Command
from ..log.units import count
from .checker import Checker, Race
from .explain import Pair, mended, pair_of
from .finding import REUSE, Finding
from .hints import Hints
from .misused_events import misused_events
from .threads import parts

TOLD = 20  # findings that a report tells of, and hints


class Found(NamedTuple):
    """What a report is about: findings, and how many commands on how many streams were checked."""

    hazards: tuple[Finding, ...] = ()
    hints: tuple[Finding, ...] = ()
    commands: int = 0
    streams: int = 0


class Report(Sequence[Finding]):
    """The hazards of a log, in the order in which they were found; a correct program has none.

    It is a sequence of its hazards alone: ``not report``, ``len(report) == 0`` and "no hazards"
    mean the same. Hints stand beside, in ``hints``: a program with hints is correct. Show it, or
    ``print(report)``, for each with both lines and a fix; ``report[0]`` is one of them, a
    ``Finding``, and ``report[20:]`` a report on some. ``mtia_lab.draw.timeline(log, report)`` marks
    them.

    Args:
        found: what there is to report.
    """

    def __init__(self, found: Found) -> None:
        self._found = found

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> "Report": ...
    def __getitem__(self, index):
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
        numbered = [f"{number}. {finding!r}" for number, finding in enumerate(report[:TOLD], 1)]
        hints = [f"hint: {finding!r}" for finding in report.hints[:TOLD]]
        return "\n\n".join(
            [
                report.headline,
                *numbered,
                *_more(len(report), f"report[{TOLD}:] tells of them"),
                *hints,
                *_more(len(report.hints), f"report.hints[{TOLD}:]"),
            ]
        )

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        from ..draw.hazard import hazards

        return hazards(self)._repr_mimebundle_()


def find_hazards(log: Log) -> Report:
    """Find what is wrong with a program, from its log alone.

    It asks what is ordered, not what happened: two accesses to the same memory, of which one
    writes, are a race unless stream order, a wait, the host's synchronization or the allocator
    orders them, also where this run's schedule happened to give the right value. What one fix
    mends is one finding: after a race the checker goes on as if its fix were in the program.

    Args:
        log: what ``mtia_lab.record()`` yielded. What the host reads and writes in pinned memory is
            only in it after ``record(host=True)``. Of what was before the recording nothing is
            known: begin it before the work that matters.

    Returns:
        A ``Report``; empty for a correct program.

    Raises:
        TypeError: it is no log.
    """
    return Report(check(a_log(find_hazards, log)))


def check(log: Log) -> Found:
    """The same, as plain values."""
    mends = _Mends(log)
    if mends.found:
        # Waiting for no more than is needed is right, unless it takes more waits.
        all_of_them = _Mends(log, lambda pair: True)
        few = all_of_them.pairs
        more = {pair for pair, count in mends.pairs.items() if count > few[pair]}
        mends = _Mends(log, more.__contains__) if more else mends
    hints = _needless(log, mends).findings()
    commands = log.commands
    hazards = [*mends.findings(), *misused_events(log)]
    return Found(
        tuple(add_scenes(hazards, commands)),
        tuple(add_scenes(hints, commands)),
        len(commands),
        len({(command.device, command.stream) for command in commands}),
    )


def _needless(log: Log, mends: "_Mends") -> Hints:
    """What is of no use, whichever thread is faster. What a fix would make needless is not yet."""
    alone = parts(log)
    if len(alone) == 1 and not mends.found:
        return mends.checker.hints
    hints = Hints()
    for part in alone:
        hints.working |= part.shared
        Checker(part.log, lambda checker, race: None, hints)
    return hints


class _Mends:
    """A way through a log on which every race is mended, and what was found on it.

    Args:
        log: what to check.
        waits_for_all: of which pairs the one is to wait for all that the other has been given.
    """

    def __init__(self, log: Log, waits_for_all: Callable[[Pair], bool] = lambda pair: False):
        self.found: dict[tuple, Finding] = {}
        self.pairs: Counter[Pair] = Counter()  # how many fixes let the one wait for the other
        self._waits_for_all = waits_for_all
        self._counts: Counter[tuple] = Counter()
        self.checker = Checker(log, self._mend)

    def findings(self) -> list[Finding]:
        """One a fix, with how often its sides raced."""
        return [finding.times(self._counts[_sides(finding)]) for finding in self.found.values()]

    def _mend(self, checker: Checker, race: Race) -> None:
        finding = mended(checker, race, self._waits_for_all)
        if finding is not None:
            self._counts[_sides(finding)] += 1
            key = _omission(finding)
            if key not in self.found:
                self.found[key] = finding
                self.pairs[pair_of(race, checker)] += 1


def _sides(finding: Finding) -> tuple:
    """What findings in a loop have in common."""
    sides = (finding.first, finding.second)
    return (finding.kind, finding.fix, *((s.name, s.action, s.where, s.site) for s in sides if s))


def _omission(finding: Finding) -> tuple:
    """What findings have in common that one change mends: a line, or the tensor that was freed."""
    if None in (finding.first.site, finding.second.site):
        return _sides(finding)
    return finding.fix, finding.memory[:1] if finding.kind == REUSE else ()


def _more(number: int, where: str) -> list[str]:
    return [f"... and {number - TOLD:,} more: {where}"] if number > TOLD else []


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
            if side is not None and side.command is not None:
                lane, k = lanes[side.where], bisect_left(ids[side.where], side.command)
                near = lane[max(k - AROUND, 0) : k + AROUND + 1]
                chosen |= {command.id: command for command in near}
        yield replace(finding, scene=tuple(chosen[id] for id in sorted(chosen)))
