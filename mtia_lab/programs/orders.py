"""All orders of a small program: whether any of them gives another value, and the smallest one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from ..errors import OrdersUnknown, cut
from ..hazards.conflicts import Conflicts, Order, Step
from ..hazards.sanitizer import LiveReport, sanitizer
from ..log.records import POISON, Command, Host
from ..log.units import count, stream_name
from .settings import configured, idle

COMMANDS = 1_000  # of a program whose orders are looked for
ORDERS = 1_000  # that are run
SHOWN = 5  # pairs of an order


@dataclass(frozen=True)
class Run:
    """What a program did in one order.

    Attributes:
        order: which one.
        value: what it returned; None if it raised.
        error: what it raised, or None.
        report: what the sanitizer says.
        seen: what came of it, as it was then, and equal for what is equal.
    """

    order: Order
    value: Any
    error: Exception | None
    report: LiveReport = field(repr=False)
    seen: Any = field(repr=False)

    @property
    def schedule(self) -> str:
        """Runs it again: `mtia_lab.trial(program, schedule=..., poison=True)`."""
        return self.order.schedule

    @property
    def outcome(self) -> str:
        """What came of it, in a few words."""
        return f"{type(self.error).__name__}: {self.error}" if self.error else repr(self.value)


@dataclass(frozen=True, repr=False)
class Every:
    """What came of a program in every order that its synchronization allows.

    Attributes:
        value: what it returns in the order in which it enqueues its commands.
        report: what the sanitizer says; its `log` is what was recorded.
        us: how long the host took, in µs of virtual time.
        orders: how many were tried: all of them, unless `other` was found.
        other: the run with the fewest pairs turned round that gave another value; or None.
    """

    value: Any
    report: LiveReport
    us: float
    orders: int
    other: Run | None

    def __repr__(self) -> str:
        if self.other is None:
            tried = f"all {self.orders:,} were tried" if self.orders > 1 else "there is only one"
            return f"No order gives another value; {tried}."
        turned = self.other.order.turned
        lines = [
            f"Another order gives {cut(self.other.outcome, 60)}, not {cut(repr(self.value), 60)}:",
            *(f"  {_say(first)} before {_say(second)}" for first, second in turned[:SHOWN]),
        ]
        lines += [f"  ... and {len(turned) - SHOWN} more"] if len(turned) > SHOWN else []
        again = f'mtia_lab.trial(program, schedule="{self.other.schedule}", poison=True)'
        return "\n".join([*lines, f"once more: {again}"])


def every(program: Callable[..., Any], args: tuple[Any, ...]) -> Every:
    """What `trial(program, *args, schedule="every")` does."""
    runs = every_run(program, args)
    first = next(runs)
    if first.error is not None:
        raise first.error
    us = max((call.end for call in first.report.log.calls), default=0.0)
    orders = 1
    for run in runs:
        orders += 1
        if run.seen != first.seen:
            return Every(first.value, first.report, us, orders, run)
    return Every(first.value, first.report, us, orders, None)


def every_run(program: Callable[..., Any], args: tuple[Any, ...]) -> Iterator[Run]:
    """The program in each of its orders, its own first, then those with the fewest pairs turned.

    Raises:
        OrdersUnknown: there are too many, or the program is not the same in each.
    """
    first = _run(program, args, Order((), (), ()))
    log = first.report.log
    if len(log.commands) > COMMANDS:
        raise _too_many(
            f"it has {len(log.commands):,} commands, and at most {COMMANDS:,} are tried"
        )
    conflicts = Conflicts(log)
    for number, order in enumerate(conflicts.orders()):
        if number == ORDERS:
            pairs = count(len(conflicts.pairs), "pair")
            raise _too_many(
                f"{pairs} of uses are not ordered, and in the first {ORDERS:,} orders, with the "
                "fewest of them turned round, the value is the same"
            )
        run = _run(program, args, order)
        same = run.seen == first.seen or number > 0
        moved = number > 0  # else poison, of what another thread frees, may come elsewhere
        if not same or (run.error is None and _signature(run, moved) != _signature(first, moved)):
            raise OrdersUnknown(
                "The orders of this program cannot be tried.",
                "it does not do the same each time: it draws random numbers without a seed, goes "
                "on from what its last run left behind, enqueues what its values ask for, or "
                "returns what is equal to nothing but itself.",
                "give a program that enqueues the same commands each time it is called, and "
                "returns plain values.",
            )
        yield run


def allocate_alike() -> None:
    """Leave no memory cached: what comes next allocates, and so numbers its commands, as ever.

    An order counts the commands since it was configured, and memory that is cached is poisoned by
    commands when it is used again.
    """
    idle()
    torch.accelerator.empty_cache()


def _run(program: Callable[..., Any], args: tuple[Any, ...], order: Order) -> Run:
    value, error = None, None
    allocate_alike()
    try:
        with configured(order.schedule, poison=True), sanitizer() as report:
            value = program(*args)
    except Exception as raised:
        error = raised
    return Run(order, value, error, report, [str(type(error)), str(error), _plain(value)])


def _too_many(why: str) -> OrdersUnknown:
    return OrdersUnknown(
        "This program has too many orders to try all.",
        f"{why}.",
        "try a smaller part of it, or look at `mtia_lab.trial(program).report` first.",
    )


def _signature(run: Run, poison: bool) -> list[tuple[Any, ...]]:
    """What a program does, whatever comes of it. Its streams, events and memory may be new ones."""
    steps = [record for record in run.report.log if isinstance(record, Command | Host)]
    return [
        (
            step.type if isinstance(step, Command) else "host",
            step.name if isinstance(step, Host) or step.event is None else "",
            *((access.tensor, access.bytes) for access in (*step.reads, *step.writes)),
        )
        for step in steps
        if step.marker != POISON or (poison and isinstance(step, Command))
    ]


def _plain(value: Any) -> Any:
    """Something that is equal for equal values, also of tensors, and of NaN."""
    if isinstance(value, torch.Tensor):
        return [str(value.dtype), _plain(value.tolist())]
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [type(value).__name__, *map(_plain, value)]
    return "NaN" if isinstance(value, float) and value != value else value


def _say(step: Step) -> str:
    where = stream_name(step.device, step.stream) if isinstance(step, Command) else "the host"
    line = f", {step.site}" if step.site else ""
    return f"{cut(step.name, 40)} on {where}{line}"
