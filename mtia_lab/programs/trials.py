"""Trials of a program: its value under each schedule, and what the sanitizer says about it."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, overload

from ..hazards.sanitizer import LiveReport, sanitizer
from ..log.arguments import of_type, wrong
from .orders import Every, allocate_alike, every
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


@overload
def trial(
    program: Callable[..., Any], *args: Any, schedule: Literal["every"], poison: bool = False
) -> Every: ...
@overload
def trial(
    program: Callable[..., Any], *args: Any, schedule: str = "modelled", poison: bool = False
) -> Trial: ...
def trial(
    program: Callable[..., Any], *args: Any, schedule: str = "modelled", poison: bool = False
) -> Trial | Every:
    """Run a program under a schedule and the sanitizer; or, if it is small, in every order.

    The devices are idle before and after, and then again configured as they were.

    With `schedule="every"` it runs once for each order of its commands, and of what the host does
    with pinned memory, that can give another value: each way in which the pairs of uses that the
    checker calls unordered can come. Memory is poisoned then, so that what an earlier run left
    behind is not taken for a value. What it gives says that no order gives another value, or has
    in `other` the order with the fewest pairs turned round that does, and the schedule to run it
    again. What effects of `mtia_lab.launch` do outside the device's memory is not known.

    Args:
        program: called with `args`. It should return plain values, read after a synchronization.
        schedule, poison: as `mtia_lab.configure` takes them; or the schedule is "every".

    Raises:
        TypeError: the program is no function, or the schedule no name.
        OrdersUnknown: with "every", the program has more than 1,000 orders, in none of which so far
            the value is another; or it does not enqueue the same commands each time.
        Whatever the program raises; if it raises nothing, what the kernels that it did not wait for
        raise at the end. If both do, the program's own exception has the kernels' as a note.
    """
    if not callable(program):
        raise wrong(trial, "a function", program)
    of_type(trial, 'as schedule a name, such as "latest"', schedule, str)
    if schedule == "every":
        return every(program, args)
    if schedule.startswith("order:"):
        allocate_alike()
    with configured(schedule, poison=poison):
        with sanitizer() as report:
            value = program(*args)
        us = max((call.end for call in report.log.calls), default=0.0)
    return Trial(value, report, us)
