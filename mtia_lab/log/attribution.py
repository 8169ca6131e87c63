"""Where each stream's time went: it was busy, or idle because of the host, a dependency or a copy.

A stream is idle for one reason at a time, which the first command in its queue tells:

- host: there is none, because nothing had been enqueued yet;
- copy: what keeps it is a copy: it is one itself, whose engine is taken, or what it waits for is a
  copy that runs or in turn waits for its engine;
- dependency: anything else it waits for: kernels before the event, a draw on its generator, or a
  free slot for a kernel.

Times in here are whole nanoseconds, so that sums are exact.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, chain
from operator import attrgetter

from .records import WORK, Command
from .replay import ready_times


@dataclass
class CopyTime:
    """How long, up to any time, a stream did a copy or was kept idle by one.

    From each of `begins` on, the total is its base plus its slope times the time passed, or plus
    the total of its source, if it has one.
    """

    begins: list[int] = field(default_factory=lambda: [0])
    bases: list[int] = field(default_factory=lambda: [0])
    slopes: list[int] = field(default_factory=lambda: [0])
    sources: list["CopyTime | None"] = field(default_factory=lambda: [None])

    def add(self, begin: int, slope: int, source: "CopyTime | None" = None) -> None:
        """From `begin` on, time counts if `slope` is 1, or where it counts for `source`."""
        if source is None and self.slopes[-1] == slope and self.sources[-1] is None:
            return
        self.bases.append(self.until(begin) - (source.until(begin) if source else 0))
        self.begins.append(begin)
        self.slopes.append(slope)
        self.sources.append(source)

    def until(self, time: int) -> int:
        """The total up to `time`."""
        total, stream = 0, self
        while True:
            k = -1 if time >= stream.begins[-1] else bisect_right(stream.begins, time) - 1
            total += stream.bases[k]
            source = stream.sources[k]
            if source is None:
                return total + stream.slopes[k] * (time - stream.begins[k])
            stream = source


@dataclass
class Spent:
    """The time of one stream, by what it went into, and when it began and ceased to be busy."""

    host: int = 0
    dependency: int = 0
    copy: int = 0
    unknown: int = 0
    free: int = 0  # when its last command finished
    copies: CopyTime = field(default_factory=CopyTime)
    starts: list[int] = field(default_factory=list)
    finishes: list[int] = field(default_factory=list)

    @property
    def busy(self) -> int:
        """How long it ran kernels and copies."""
        return sum(self.finishes) - sum(self.starts)


def attribute(
    commands: Iterable[Command], end: int, engines: bool = True
) -> dict[tuple[int, int], Spent]:
    """The time of each stream from 0 to `end`, by (device, stream) in order.

    Args:
        commands: in enqueue order.
        end: in nanoseconds; nothing finishes later.
        engines: whether a command that could run and did not waited for its engine; else, for what
            is unknown.
    """
    commands = list(commands)
    ready = ready_times(commands)
    streams: defaultdict[tuple[int, int], Spent] = defaultdict(Spent)
    known: dict[int, Command] = {}
    for command in commands:
        spent = streams[command.device, command.stream]
        since = ready[command.id]
        spent.host += since - spent.free
        spent.copies.add(spent.free, 0)
        if command.after and command.start_ns != since:
            since = _released(command, since, spent, streams, known)
        _run(command, since, spent, engines)
        known[command.id] = command
    for spent in streams.values():
        spent.host += end - spent.free
    return dict(sorted(streams.items()))


def _run(command: Command, released: int, spent: Spent, engines: bool) -> None:
    """A command waits no more for others, but maybe for its engine, and then runs."""
    start, finish, is_copy = command.start_ns, command.finish_ns, command.type == "copy"
    if not engines:
        spent.copies.add(released, 0)
        spent.unknown += start - released
        spent.copies.add(start, int(is_copy))
    elif is_copy:
        spent.copies.add(released, 1)
        spent.copy += start - released
    else:
        spent.copies.add(released, 0)
        spent.dependency += start - released
    if finish > start:
        spent.starts.append(start)
        spent.finishes.append(finish)
    spent.free = finish


def _released(
    command: Command,
    ready: int,
    spent: Spent,
    streams: dict[tuple[int, int], Spent],
    known: dict[int, Command],
) -> int:
    """When what the command waits for was done; the time until then is attributed."""
    awaited = [known[k] for k in command.after if k in known]
    if len(awaited) < len(command.after):  # given before the log began: no one knows what it was
        spent.dependency += command.start_ns - ready
        return command.start_ns
    last = max(awaited, key=attrgetter("finish_ns"))
    until = min(last.finish_ns, command.start_ns)
    if until <= ready:
        return ready
    copies = streams[last.device, last.stream].copies
    copying = copies.until(until) - copies.until(ready)
    spent.copies.add(ready, 0, copies)
    spent.copy += copying
    spent.dependency += until - ready - copying
    return until


def overlaps(streams: dict[tuple[int, int], Spent]) -> dict[tuple[int, int], int]:
    """How long each stream was busy while another one was, in nanoseconds."""
    starts = sorted(chain(*(spent.starts for spent in streams.values())))
    finishes = sorted(chain(*(spent.finishes for spent in streams.values())))
    both: dict[int, int] = {}  # how long two or more were busy, up to each of these times
    total = count = before = 0
    for time, change in _merged(starts, finishes):
        if count > 1:
            total += time - before
        both[time], before = total, time
        count += change
    return {
        key: sum(map(both.__getitem__, spent.finishes)) - sum(map(both.__getitem__, spent.starts))
        for key, spent in streams.items()
    }


def _merged(starts: Iterable[int], finishes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """All of them in order, each with how it changes the number of those that are busy."""
    rest = iter(starts)
    start = next(rest, None)
    for finish in finishes:
        while start is not None and start <= finish:
            yield start, 1
            start = next(rest, None)
        yield finish, -1


def held_since(commands: Iterable[Command]) -> dict[int, float]:
    """For each wait that held its stream back, by command id, since when it did, in µs.

    Args:
        commands: in enqueue order.
    """
    commands = list(commands)
    ready = ready_times(commands)
    waits = (command for command in commands if command.type == "wait")
    return {c.id: ready[c.id] / 1000 for c in waits if c.start_ns > ready[c.id]}


def queue_of(commands: Iterable[Command]) -> list[tuple[float, int]]:
    """`(time, count)` steps of the kernels and copies that were enqueued and have not begun."""
    changes: dict[int, int] = {}
    for command in commands:
        given, start = command.enqueue_ns, command.start_ns
        if start > given and command.type in WORK:
            changes[given] = changes.get(given, 0) + 1
            changes[start] = changes.get(start, 0) - 1
    times = sorted(changes)
    counts = accumulate(changes[time] for time in times)
    return [(time / 1000, count) for time, count in zip(times, counts, strict=True)]
