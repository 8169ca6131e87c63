"""The report: what is wrong in a log, and what is of no use in it."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ..log import Log
from .checker import Checker, Race
from .events import misused_events
from .explain import mended
from .finding import Finding
from .scene import add_scenes


class Found(NamedTuple):
    """What a report is about: findings, and how many commands on how many streams were checked."""

    hazards: tuple[Finding, ...] = ()
    hints: tuple[Finding, ...] = ()
    commands: int = 0
    streams: int = 0


class Report(Sequence[Finding]):
    """The hazards of a log, in the order in which they were found; a correct program has none.

    It is a sequence of its hazards alone: ``not report``, ``len(report) == 0`` and "no hazards"
    mean the same. Hints stand beside, in ``hints``: a program with hints is correct.

    Args:
        found: what there is to report.
    """

    def __init__(self, found: Found) -> None:
        self._found = found

    def __getitem__(self, index):
        return self._found.hazards[index]

    def __len__(self) -> int:
        return len(self._found.hazards)

    @property
    def hints(self) -> tuple[Finding, ...]:
        """Synchronisation that is of no use, and the like: nothing that makes a result wrong."""
        return self._found.hints

    @property
    def headline(self) -> str:
        """How much was found in how much, in one line."""
        hazards, hints, commands, streams = self._found
        found = _count(len(hazards), "hazard") if hazards else "no hazards"
        found += f" and {_count(len(hints), 'hint')}" if hints else ""
        return f"{found} in {_count(commands, 'command')} on {_count(streams, 'stream')}"

    def __repr__(self) -> str:
        numbered = [f"{number}. {finding!r}" for number, finding in enumerate(self, 1)]
        hints = [f"hint: {finding!r}" for finding in self.hints]
        return "\n\n".join([self.headline, *numbered, *hints])

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        from ..draw.hazard import hazards

        return hazards(self)._repr_mimebundle_()


def find_hazards(log: Log) -> Report:
    """Find what is wrong with a program, from its log alone.

    It asks what is ordered, not what happened: two accesses to the same memory, of which one
    writes, are a race unless stream order, a wait, the host's synchronisation or the allocator
    orders them, also where this run's schedule happened to give the right value. What one fix
    mends is one finding: after a race the checker goes on as if its fix were in the program.

    Args:
        log: what ``mtia_lab.record()`` yielded. What the host reads and writes in pinned memory is
            only in it after ``record(host=True)``. Of what was before the recording nothing is
            known: begin it before the work that matters.

    Returns:
        A ``Report``; empty for a correct program.
    """
    return Report(check(log))


def check(log: Log) -> Found:
    """The same, as plain values."""
    found: dict[tuple, Finding] = {}
    counts: Counter[tuple] = Counter()

    def note(checker: Checker, race: Race) -> None:
        finding = mended(checker, race)
        if finding is not None:
            key = _identity(finding)
            found.setdefault(key, finding)
            counts[key] += 1

    checker = Checker(log, note)
    if found:  # what a fix would make needless is not needless yet
        checker = Checker(log, lambda checker, race: None)
    hints = checker.hints.findings()
    commands = log.commands
    hazards = [finding.times(counts[key]) for key, finding in found.items()]
    hazards += misused_events(log)
    return Found(
        tuple(add_scenes(hazards, commands)),
        tuple(add_scenes(hints, commands)),
        len(commands),
        len({(command.device, command.stream) for command in commands}),
    )


def _identity(finding: Finding) -> tuple:
    """What findings in a loop have in common."""
    sides = (finding.first, finding.second)
    return (finding.kind, finding.fix, *((s.name, s.action, s.where, s.site) for s in sides if s))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
