"""The critical path: the chain of host work, kernels and copies that the end waits for.

It is followed back from what was done last. A command began when the last of these came: the host
enqueued it, its stream was done with the one before, what it waits for was done, or its engine was
free (Note [Start rule] in cpp_extensions/sim/internal/enqueue.cpp). The host went on when what it
waited for was done. Where a log tells no reason for some time, that time is unknown.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter

from ..errors import cut
from .log import Log
from .records import WORK, Call, Command, Known
from .replay import last_ns
from .table import Table
from .units import count, thousands

REASONS = ("event", "launch", "synchronization", "engine", "stream")  # the most telling first
SHOWN = 10  # rows of the table
NAME = 40

Stream = tuple[int, int]  # device, stream
Engine = tuple[int, str]  # of a device, what it does
_Wait = tuple[int, int, Call]  # until when and since when the host waited, and in which call


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of the critical path.

    Attributes:
        kind: "kernel", "copy", "host" or "unknown".
        name: what ran; of the host, the call that it ended in.
        begin_ns, end_ns: from when to when, in virtual time; it begins where the last one ended.
        because: why it could not begin earlier: "stream" (its stream was not done with the leg
            before), "event" (it waited for it), "engine" (which the leg before kept), "launch" (the
            host had to enqueue it), "synchronization" (the host waited); "" of the first.
        where: of a kernel or a copy its (device, stream), else None.
        thread: the host thread: of a command, that enqueued it.
        line: as the log names it, or None.
        command: the command's id, or None.
    """

    kind: str
    name: str
    begin_ns: int
    end_ns: int
    because: str = ""
    where: tuple[int, int] | None = None
    thread: int | None = None
    line: str | None = None
    command: int | None = None

    @property
    def time(self) -> float:
        """How long it is, in µs."""
        return (self.end_ns - self.begin_ns) / 1000


class CriticalPath(tuple[Leg, ...]):
    """The legs of a critical path, in order, without gaps; printed, it is a table by name.

    To end earlier, a program has to shorten one of them. `mtia_lab.what_if(log, name, times=0.5)`
    says by how much it then would.
    """

    __slots__ = ()

    def by_name(self) -> list[tuple[str, str, int, float]]:
        """(kind, name, how many legs, µs in all), the longest first; all of the host is one."""
        found: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for leg in self:
            total = found[leg.kind, "" if leg.kind == "host" else leg.name]
            total[0] += 1
            total[1] += leg.end_ns - leg.begin_ns
        rows = sorted(found.items(), key=lambda item: (-item[1][1], item[0]))
        return [(*key, number, time / 1000) for key, (number, time) in rows]

    def __repr__(self) -> str:
        span = sum(leg.end_ns - leg.begin_ns for leg in self)
        title = f"Critical path of {thousands(span / 1000)} us: {count(len(self), 'leg')}"
        rows = self.by_name()
        words = [
            (cut(name or kind, NAME), kind, f"{number:,}", thousands(us), f"{us / span * 1e5:.1f}%")
            for kind, name, number, us in rows[:SHOWN]
        ]
        head = ("on the critical path", "", "legs", "time, us", "share")
        whole = "summary(log).critical_path"
        table = Table(head, words, names=2, total=len(rows), whole=whole)
        return "\n".join([title, "", *(table.lines() if rows else [])]).rstrip()


def engine_of(command: Command) -> Engine | None:
    """What a command occupies while it runs: one at a time, or for kernels as many as fit."""
    if command.type not in WORK:
        return None
    own = command.type == "copy" and command.direction in ("H2D", "D2H", "peer")
    return command.device, (command.direction or "") if own else "kernels"


def last_known(known: Known, streams: Mapping[Stream, list[Command]]) -> Iterator[Command]:
    """The last command of each stream that the host knows is done."""
    for (device, stream), commands in streams.items():
        if device == known.device and known.stream in (None, stream):
            place = bisect_right(commands, known.command, key=attrgetter("id"))
            yield from commands[max(place - 1, 0) : place]


def critical_path(log: Log) -> CriticalPath:
    """The chain of what had to come one after the other, from the beginning to the end of a log."""
    return CriticalPath(tuple(_Walk(log).legs()))


class _Walk:
    """The way back through a log."""

    def __init__(self, log: Log) -> None:
        self._exact = not log.unknown  # one clock of all host threads, and engines, are as we know
        self._commands = commands = log.commands
        self._known = {command.id: command for command in commands}
        self._before: dict[int, Command] = {}
        self._finished: defaultdict[int, list[Command]] = defaultdict(list)
        self._streams: defaultdict[tuple[int, int], list[Command]] = defaultdict(list)
        for command in commands:
            stream = self._streams[command.device, command.stream]
            if stream:
                self._before[command.id] = stream[-1]
            stream.append(command)
            self._finished[command.finish_ns].append(command)
        calls = sorted(log.calls, key=attrgetter("end_ns"))
        self._last = max(calls, key=attrgetter("end_ns"), default=None)
        self._end = last_ns(commands, calls)
        waits = [(until, since, call) for call in calls for since, until in call.waits_ns]
        self._waits = sorted(waits, key=lambda wait: wait[:2])
        self._untils = [until for until, _, _ in self._waits]
        self._calls = {call.id: call for call in calls}

    def legs(self) -> list[Leg]:
        """All of them, the first one first."""
        legs: list[Leg] = []
        reasons: list[str] = []

        def add(leg: Leg) -> None:
            if leg.end_ns > leg.begin_ns:
                if legs:
                    why = min(reasons, key=REASONS.index, default="")
                    legs[-1] = replace(legs[-1], because=why)
                reasons.clear()
                legs.append(leg)

        time = self._end
        last = [c for c in self._finished.get(time, ()) if c.type in WORK]
        at: Command | None = next(reversed(last or self._finished.get(time, [])), None)
        thread = self._last.thread if self._last else 0
        name, line = (self._last.name, self._last.site) if self._last else ("", None)
        while True:
            if at is not None:
                add(_leg_of(at))
                since, why, source = self._cause(at)
                add(Leg("unknown", "unknown", since, at.start_ns))
                if why == "unknown":
                    return legs[::-1]
                reasons.append(why)
                if source is None:
                    thread, line, time = at.thread, at.site, since
                    call = self._calls.get(at.call) if at.call is not None else None
                    name = call.name if call else at.name
                at = source
                continue
            wait = self._wait_before(time, thread)
            begin = wait[0] if wait else 0
            add(Leg("host", name, begin, time, "", None, thread, line))
            if wait is None:
                return legs[::-1]
            until, time, call = wait
            at = self._awaited(until, time) if self._exact else self._last_known(call)
            thread, name, line = call.thread, call.name, call.site
            if at is None or at.finish_ns > until:
                at = None
                add(Leg("unknown", f"{name} waits", time, until, "", None, thread, line))
            elif at.finish_ns <= time:  # it did not have to wait
                at = None
                add(Leg("host", name, time, until, "", None, thread, line))
            else:
                add(Leg("unknown", f"{name} returns", at.finish_ns, until, "", None, thread, line))
                reasons.append("synchronization")

    def _cause(self, command: Command) -> tuple[int, str, Command | None]:
        """When the last thing came that a command waited for, why, and which command it was."""
        found: list[tuple[int, str, Command | None]] = []
        sources = [self._known[id] for id in command.after if id in self._known]
        found += [(source.finish_ns, "event", source) for source in sources]
        if (before := self._before.get(command.id)) is not None:
            found.append((before.finish_ns, "stream", before))
        if self._exact or command.call is not None:
            found.append((command.enqueue_ns, "launch", None))
        found = [cause for cause in found if cause[0] <= command.start_ns]
        if self._exact and not any(cause[0] == command.start_ns for cause in found):
            engine = engine_of(command)
            for other in self._finished.get(command.start_ns, ()):
                if engine is not None and engine_of(other) == engine and other.id < command.id:
                    found.append((other.finish_ns, "engine", other))
        return max(found, key=lambda cause: cause[0], default=(0, "unknown", None))

    def _wait_before(self, time: int, thread: int) -> "_Wait | None":
        """The last wait of the host that was over by then: of any thread, if all have one clock."""
        place = bisect_right(self._untils, time)
        while place and not self._exact and self._waits[place - 1][2].thread != thread:
            place -= 1
        return self._waits[place - 1] if place else None

    def _last_known(self, call: Call) -> Command | None:
        """The command that was over last, of those whose end a call waited for."""
        mine = (last for known in call.synchronized for last in last_known(known, self._streams))
        return max(mine, key=attrgetter("finish_ns"), default=None)

    def _awaited(self, until: int, since: int) -> Command | None:
        """The command whose end a wait of the host was over with."""
        given = [c for c in self._finished.get(until, ()) if c.enqueue_ns <= since]
        work = [command for command in given if command.type in WORK]
        return next(reversed(work or given), None)


def _leg_of(command: Command) -> Leg:
    return Leg(
        command.type,
        command.name,
        command.start_ns,
        command.finish_ns,
        where=(command.device, command.stream),
        thread=command.thread,
        line=command.site,
        command=command.id,
    )
