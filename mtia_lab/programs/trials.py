"""Trials of a program: its value under each schedule, and what the sanitizer says about it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ..hazards.sanitizer import LiveReport, sanitizer
from .settings import configured

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
