"""Notebook 05: four kernels on three streams, put in order with the fewest recordings.

An order that the streams keep holds under every schedule, so the judge does not try schedules out:
it follows stream and wait from each kernel back to all that comes before it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from random import Random
from typing import NamedTuple

import torch

from ...log.records import Call, Command
from ...programs.trials import trial
from ..check import Answer, Case, Feedback
from ..judge import Cases, judge


class Kernel(NamedTuple):
    """A kernel of the exercise."""

    stream: str  # the argument that it is launched on
    us: float
    needs: frozenset[str]  # what has to come before it, and nothing else may


KERNELS = {
    "load": Kernel("a", 40, frozenset()),
    "left": Kernel("b", 30, frozenset({"load"})),
    "right": Kernel("c", 50, frozenset({"load"})),
    "merge": Kernel("a", 10, frozenset({"load", "left", "right"})),
}
RECORDINGS = 3  # of load, of left and of right: each has a kernel of another stream behind it
HOST = {"queryEvent", "queryStream", "synchronizeEvent", "synchronizeStream"}
HOST |= {"synchronizeDevice", "deviceSynchronize"}
WHY = (
    "load, left and right each have a kernel of another stream behind them, so each is recorded; "
    "several streams may wait for one recording, and what waits for a stream waits for all that "
    "the stream has waited for"
)


def judge_ordered(ordered: Answer) -> Feedback:
    """Judge `ordered(a, b, c)`, which launches the four kernels in order."""
    return judge(ordered, _cases, takes=tuple("abc"), why=WHY)


def _cases(rng: Random) -> Cases:
    device = f"mtia:{rng.randrange(2)}"
    made = [torch.Stream(device) for _ in range(3)]
    rng.shuffle(made)
    streams = dict(zip("abc", made, strict=True))

    def case(judged: Callable[[list[Command], list[Call]], str | None]) -> Case:
        def run(ordered: Callable[..., object]) -> str | None:
            log = trial(ordered, *made).report.log
            return judged(log.commands, log.calls)

        return run

    def kernels(commands: list[Command], calls: list[Call]) -> str | None:
        found = _kernels(commands)
        for name in KERNELS:
            if len(found[name]) != 1:
                return f"{name} has to run once, and ran {len(found[name])} times"
            if hint := _misplaced(name, found[name][0], streams):
                return hint
        extra = [name for name in found if name not in KERNELS]
        return f"nobody asked for the kernel {extra[0]!r}" if extra else None

    def order(commands: list[Command], calls: list[Call]) -> str | None:
        if kernels(commands, calls):
            return "not looked at until the four kernels are right"
        before = _before(commands)
        hints = [
            _order(name, kernel, before[command.id])
            for name, kernel in KERNELS.items()
            for command in _kernels(commands)[name]
        ]
        return "; ".join(filter(None, hints)) or None

    def few(commands: list[Command], calls: list[Call]) -> str | None:
        count = sum(command.type == "record" for command in commands)
        return f"there are {count}, and fewer will do" if count > RECORDINGS else None

    def host(commands: list[Command], calls: list[Call]) -> str | None:
        names = [call.name for call in calls if call.name in HOST]
        if not names:
            return None
        does = "asks whether work is done" if "query" in names[0] else "waits"
        return f"the host {does} ({names[0]}); let a stream wait for an event instead"

    return {
        "the four kernels": case(kernels),
        "their order": case(order),
        "recordings": case(few),
        "the host": case(host),
    }


def _kernels(commands: Iterable[Command]) -> defaultdict[str, list[Command]]:
    found = defaultdict(list)
    for command in commands:
        if command.type == "kernel":
            found[command.name].append(command)
    return found


def _misplaced(name: str, command: Command, streams: dict[str, torch.Stream]) -> str | None:
    """What is wrong with a kernel by itself."""
    wanted, us = KERNELS[name], command.finish - command.start
    where = {(s.device_index, s.stream_id): argument for argument, s in streams.items()}
    on = where.get((command.device, command.stream), "another stream")
    if on != wanted.stream:
        return f"{name} has to run on stream {wanted.stream}, and ran on {on}"
    return None if us == wanted.us else f"{name} has to take {wanted.us} µs, and took {us:g} µs"


def _before(commands: Iterable[Command]) -> dict[int, set[str]]:
    """For each command, by its id, the kernels that come before it under every schedule."""
    before: dict[int, set[str]] = {}
    last: dict[tuple[int, int], Command] = {}
    through: dict[int, set[str]] = defaultdict(set)  # a command, and what comes before it
    for command in commands:
        where = (command.device, command.stream)
        sources = [*command.after, *([last[where].id] if where in last else [])]
        before[command.id] = set().union(*(through[source] for source in sources))
        own = {command.name} if command.type == "kernel" else set()
        through[command.id] = before[command.id] | own
        last[where] = command
    return before


def _order(name: str, kernel: Kernel, before: set[str]) -> str | None:
    """What is wrong with what comes before a kernel, in words."""
    parts = []
    if missing := kernel.needs - before:
        parts.append(f"does not wait for {_listed(missing)}, which it needs")
    if more := before - kernel.needs:
        parts.append(f"waits for {_listed(more)}, which it does not need")
    return f"{name}, on stream {kernel.stream}, {' and '.join(parts)}" if parts else None


def _listed(names: Iterable[str]) -> str:
    return " and ".join(name for name in KERNELS if name in set(names))
