"""Trials of a program: its value under each schedule, and what the sanitizer says about it."""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from ..hazards.sanitizer import LiveReport, sanitizer
from ..programs.settings import configured
from .check import Case

SCHEDULES = ("modelled", "blocking", "latest", "random:1")


class Trial(NamedTuple):
    """What a program did under one schedule.

    Attributes:
        value: what it returned.
        report: what the sanitizer says; its `log` is what was recorded.
        us: how long the host took, in µs of virtual time.
    """

    value: Any
    report: LiveReport
    us: float

    @property
    def done(self) -> float:
        """When the last of host and devices was done, in µs of virtual time."""
        return max([self.us, *(command.finish for command in self.report.log.commands)])


def trial(
    program: Callable[..., Any], *args: Any, schedule: str = "modelled", poison: bool = False
) -> Trial:
    """Run a program under a schedule and the sanitizer.

    The devices are idle before and after, and then again configured as they were.

    Args:
        program: called with `args`. It should return plain values, read after a synchronization.
        schedule, poison: as `mtia_lab.configure` takes them.

    Raises:
        Whatever the program raises; if it raises nothing, what the kernels that it did not wait for
        raise at the end. If both do, the program's own exception has the kernels' as a note.
    """
    with configured(schedule, poison=poison):
        with sanitizer() as report:
            value = program(*args)
        us = max((call.end for call in report.log.calls), default=0.0)
    return Trial(value, report, us)


def trial_cases(
    program: Callable[..., Any], *, right: Any, within: float, kernels: dict[str, int] | None = None
) -> dict[str, Case]:
    """Cases for `mtia_lab.check`: is a program with the reader's part in it right, and frugal?

    Args:
        program: called with the answer, for each of the four schedules, and for the sanitizer.
        right: the value it has to return under each of them.
        within: how long the host may take for it, in µs of virtual time under "modelled".
        kernels: how often which kernels have to run, so that a right value is also computed.

    Returns:
        Named cases. Their hints: a wrong value; still a hazard, and between which commands; kernels
        that are missing; or, though nothing is wrong, over-synchronized.
    """

    def value(schedule: str) -> Case:
        def case(answer: Any) -> bool | str:
            got = trial(program, answer, schedule=schedule).value
            return got == right or f"wrong value: {got}"

        return case

    def sanitized(answer: Any) -> str | None:
        for finding in trial(program, answer).report:
            names = [side.name for side in (finding.first, finding.second) if side]
            return f"still a hazard: {finding.kind}, between {' and '.join(names)}"
        return None

    def computed(answer: Any) -> str | None:
        names = Counter(command.name for command in trial(program, answer).report.log.commands)
        for name, times in (kernels or {}).items():
            if names[name] != times:
                return f"not computed: {name} ran {names[name]} times, not {times}"
        return None

    def frugal(answer: Any) -> bool | str:
        _, report, us = trial(program, answer)
        if us > within:
            return f"over-synchronized: the host took {us:.0f} us, and {within:g} will do"
        return not report.hints or f"over-synchronized: {report.hints[0].kind}"

    cases: dict[str, Case] = {f"value under {schedule}": value(schedule) for schedule in SCHEDULES}
    cases |= {"kernels": computed} if kernels else {}
    return cases | {"sanitizer": sanitized, "time": frugal}
