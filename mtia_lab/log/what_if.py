"""What if some commands took longer or less long: the program once more, by the device's rules.

The host does between two calls what it did, and each command takes the time that it took, but for
those that are changed. When what begins and ends then follows from the start rule (Note [Start
rule] in cpp_extensions/sim/internal/enqueue.cpp) and from the host's waits: for synchronizations,
and for room in full queues.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from numbers import Real
from typing import Any, Unpack

from ..device import Profile, configuration
from ..errors import CannotReplay, WrongArgument, WrongValue
from .arguments import a_log, of_type
from .critical import Stream, engine_of, last_known
from .log import Log, Where, Words
from .records import Call, Command
from .replay import last_ns
from .units import count, thousands

_LARGEST = 1_000_000  # times a time: what comes out can still be a float
QUERIES = ("queryStream", "queryEvent", "elapsedTime")  # which learn something and never wait


@dataclass(frozen=True)
class WhatIf:
    """When a program would end.

    Attributes:
        changed: how many commands would take another time.
        before, after: when it ends, and when it would, in µs of virtual time.
    """

    changed: int
    before: float
    after: float

    @property
    def sooner(self) -> float:
        """By how much, in µs; negative if it would end later."""
        return self.before - self.after

    def __repr__(self) -> str:
        way = "sooner" if self.sooner >= 0 else "later"
        share = f" ({abs(self.sooner) / self.before:.1%})" if self.before else ""
        return (
            f"{thousands(abs(self.sooner))} us {way}{share}: the end at {thousands(self.after)} "
            f"us instead of {thousands(self.before)}, with {count(self.changed, 'command')} changed"
        )


def what_if(
    log: Log,
    name: Words = None,
    *,
    times: float,
    profile: Profile | None = None,
    **wanted: Unpack[Where],
) -> WhatIf:
    """Say how much sooner a program would end if some of its commands took another time.

    It is exact, if the program does not ask about events whether they are done, and would do the
    same: to the nanosecond what it does on a device on which these commands take that long.

    Args:
        log: what `mtia_lab.record()` yielded, of a program that began on idle devices.
        name: of the kernels and copies, such as "mm", "H2D", "conv*", or several; None for all.
        times: their time then, as a multiple of what it was, 0 to 1,000,000: 0.5 is twice as fast.
        profile: what the device cost; None for what is configured now.
        wanted: which of them, as `log.filter` takes it: `stream=1`, `line="train.py:12"`.

    Raises:
        CannotReplay: the log does not follow from the profile, as that of a part of a program.
        ValueError, TypeError: it is no log, no multiple, no profile, or nothing can be filtered by
            that.
    """
    log = a_log(what_if, log)
    if isinstance(times, bool) or not isinstance(times, Real):
        raise WrongArgument(f"times is {times!r}, but has to be a number, such as 0.5")
    if not 0 <= times <= _LARGEST:
        given = "too far from 0" if abs(times) > _LARGEST else times
        raise WrongValue(f"times is {given}, but has to be 0 to {_LARGEST:,}, such as 0.5")
    if "kind" in wanted:
        raise WrongArgument("kind cannot be chosen: kernels and copies take time, and nothing else")
    profile = configuration().profile if profile is None else profile
    of_type(what_if, "as profile a mtia_lab.Profile", profile, Profile)
    chosen = {c.id for c in log.filter(**wanted, name=name, kind=["kernel", "copy"]).commands}
    if log.unknown:
        raise _cannot_replay(f"the log does not tell {', '.join(log.unknown)}")
    program = _Program(log, profile)
    program.check()
    end = program.run(lambda c: round(_took(c) * times) if c.id in chosen else _took(c))
    return WhatIf(len(chosen), program.end / 1000, end / 1000)


def _took(command: Command) -> int:
    return command.finish_ns - command.start_ns


@dataclass(frozen=True, slots=True)
class _Step:
    """Something that the host does: it enqueues a command, or waits until some are done.

    Recorded, it lasted from `begin` to `end`; a wait costs `cost` at least.
    """

    begin: int
    end: int
    command: Command | None = None
    awaited: tuple[Command, ...] = ()
    cost: int = 0


class _Program:
    """A log as a program for the device."""

    def __init__(self, log: Log, profile: Profile) -> None:
        self._costs = profile.fields()
        self._commands = log.commands
        self.end = last_ns(log.commands, log.calls)
        self._host_end = max((call.end_ns for call in log.calls), default=0)
        self._streams: defaultdict[Stream, list[Command]] = defaultdict(list)
        for command in self._commands:
            self._streams[command.device, command.stream].append(command)
        self._steps = self._in_order(log)
        self.times: dict[int, tuple[int, int]] = {}

    def _in_order(self, log: Log) -> list[_Step]:
        """What the host does, in order."""
        steps = [
            ((command.id, 0, 0), _Step(command.enqueue_ns, command.enqueue_ns, command))
            for command in self._commands
        ]
        for call in log.calls:
            if call.waits_ns or (call.synchronized and call.name not in QUERIES):
                steps += self._waits(call)
        return [step for _, step in sorted(steps, key=lambda pair: pair[0])]

    def _waits(self, call: Call) -> Iterator[tuple[tuple[int, int, int], _Step]]:
        cost, waits = self._costs["synchronize"], list(call.waits_ns)
        for known in call.synchronized if call.name not in QUERIES else ():
            awaited = tuple(last_known(known, self._streams))
            until = max((command.finish_ns for command in awaited), default=0)
            since = next((begin for begin, end in waits if end == until), None)
            if since is None:  # it did not have to wait
                since = call.end_ns - cost
                until = call.end_ns
            else:
                waits.remove((since, until))
            yield (known.newest, 1, since), _Step(since, until, None, awaited, cost)
        for since, until in waits:  # for room in a queue
            newest = [c.id for c in self._commands if c.enqueue_ns <= since][-1:]
            yield ((newest or [0])[0], 2, since), _Step(since, until)

    def check(self) -> None:
        """Unchanged, it has to be as it was recorded.

        Raises:
            CannotReplay: it is not.
        """
        end = self.run(_took)
        recorded = {c.id: (c.start_ns, c.finish_ns) for c in self._commands}
        if end != self.end or self.times != recorded:
            raise _cannot_replay("when commands began does not follow from the device's costs")

    def run(self, takes: Callable[[Command], int]) -> int:
        """When it ends if each command takes that long, in ns; `times` then has all commands."""
        costs, self.times = self._costs, {}
        free: dict[Stream, int] = {}
        slots: dict[Any, list[int]] = {}
        given: defaultdict[Stream, list[int]] = defaultdict(list)  # when each is done
        clock = before = 0
        for step in self._steps:
            clock += step.begin - before
            before = step.end
            command = step.command
            if command is None:
                done = [self.times[c.id][1] for c in step.awaited if c.id in self.times]
                clock = max([clock + step.cost, *done])
                continue
            stream = command.device, command.stream
            cost = costs["launch" if engine_of(command) else "event"]
            ahead = len(given[stream]) - costs["queue_depth"]
            if ahead >= 0 and given[stream][ahead] > clock - cost:
                clock = given[stream][ahead] + cost
            start = max(clock, free.get(stream, 0))
            start = max([start, *(self.times[id][1] for id in command.after if id in self.times)])
            finish = start
            if (engine := engine_of(command)) is not None:
                many = costs["kernel_slots"] if engine[1] == "kernels" else 1
                mine = slots.setdefault(engine, [0] * many)
                slot = mine.index(min(mine))
                start = max(start, mine[slot])
                finish = mine[slot] = start + takes(command)
            free[stream] = finish
            given[stream].append(finish)
            self.times[command.id] = start, finish
        return max([clock + self._host_end - before, *(end for _, end in self.times.values())])


def _cannot_replay(why: str) -> CannotReplay:
    return CannotReplay(
        "What this program would do cannot be worked out from its log.",
        f"{why}.",
        'record the whole program, from idle devices on and under no "blocking" schedule, and give '
        "the profile that it ran with: what_if(log, ..., profile=...).",
    )
