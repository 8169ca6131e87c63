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
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate

from .records import Command
from .replay import ready_times


@dataclass
class CopyTime:
    """How long, up to any time, a stream did a copy or was kept idle by one.

    `segments` holds, for the time from each of `begins` on, `(base, slope, source)`: the
    total is `base` plus `slope` times the time passed, or plus the total of stream `source`.
    """

    begins: list[int] = field(default_factory=lambda: [0])
    segments: list["tuple[int, int, CopyTime | None]"] = field(
        default_factory=lambda: [(0, 0, None)]
    )

    def add(self, begin: int, slope: int, source: "CopyTime | None" = None) -> None:
        """From `begin` on, time counts if `slope` is 1, or where it counts for `source`."""
        if self.segments[-1][1:] == (slope, source) and source is None:
            return
        base = self.until(begin) - (source.until(begin) if source else 0)
        self.begins.append(begin)
        self.segments.append((base, slope, source))

    def until(self, time: int) -> int:
        """The total up to `time`."""
        total, stream = 0, self
        while True:
            k = -1 if time >= stream.begins[-1] else bisect_right(stream.begins, time) - 1
            base, slope, source = stream.segments[k]
            total += base
            if source is None:
                return total + slope * (time - stream.begins[k])
            stream = source


@dataclass
class Spent:
    """The time of one stream, by what it went into, and its busy intervals."""

    host: int = 0
    dependency: int = 0
    copy: int = 0
    free: int = 0  # when its last command finished
    copies: CopyTime = field(default_factory=CopyTime)
    intervals: list[tuple[int, int]] = field(default_factory=list)

    @property
    def busy(self) -> int:
        """How long it ran kernels and copies."""
        return sum(finish - start for start, finish in self.intervals)


Homes = dict[int, tuple[Spent, int]]  # of each command, its stream and when it finishes


def attribute(commands: Iterable[Command], end: int) -> dict[tuple[int, int], Spent]:
    """The time of each stream from 0 to `end`, by (device, stream) in order.

    Args:
        commands: in enqueue order.
        end: in nanoseconds; nothing finishes later.
    """
    commands = list(commands)
    ready = ready_times(commands)
    streams: defaultdict[tuple[int, int], Spent] = defaultdict(Spent)
    homes: Homes = {}
    for command in commands:
        spent = streams[command.device, command.stream]
        _add(spent, command, ready[command.id], homes)
        homes[command.id] = (spent, command.finish_ns)
    for spent in streams.values():
        spent.host += end - spent.free
    return dict(sorted(streams.items()))


def _add(spent: Spent, command: Command, ready: int, homes: Homes) -> None:
    start, finish, is_copy = command.start_ns, command.finish_ns, command.type == "copy"
    spent.host += ready - spent.free
    spent.copies.add(spent.free, 0)
    released = _released(command, ready, start, homes, spent)
    spent.copies.add(released, int(is_copy))
    if is_copy:
        spent.copy += start - released
    else:
        spent.dependency += start - released
    if finish > start:
        spent.intervals.append((start, finish))
    spent.free = finish


def _released(command: Command, ready: int, start: int, homes: Homes, spent: Spent) -> int:
    """When what the command waits for was done; the time until then is attributed."""
    if not command.after or start == ready:
        return ready
    known = [homes[k] for k in command.after if k in homes]
    if len(known) < len(command.after):  # enqueued before the log began: no one knows what it was
        spent.dependency += start - ready
        return start
    source, finish = max(known, key=lambda home: home[1])
    until = min(finish, start)
    if until <= ready:
        return ready
    copying = source.copies.until(until) - source.copies.until(ready)
    spent.copies.add(ready, 0, source.copies)
    spent.copy += copying
    spent.dependency += until - ready - copying
    return until


def overlaps(streams: dict[tuple[int, int], Spent]) -> dict[tuple[int, int], int]:
    """How long each stream was busy while another one was, in nanoseconds."""
    edges = sorted(
        edge
        for spent in streams.values()
        for start, finish in spent.intervals
        for edge in ((start, 1), (finish, -1))
    )
    both = CopyTime()  # the same bookkeeping: how long two or more were busy
    count = 0
    for time, change in edges:
        count += change
        both.add(time, int(count > 1))
    return {
        key: sum(both.until(finish) - both.until(start) for start, finish in spent.intervals)
        for key, spent in streams.items()
    }


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
    changes: dict[float, int] = {}
    for command in commands:
        if command.type in ("kernel", "copy") and command.start > command.enqueue:
            changes[command.enqueue] = changes.get(command.enqueue, 0) + 1
            changes[command.start] = changes.get(command.start, 0) - 1
    times = sorted(changes)
    return list(zip(times, accumulate(changes[time] for time in times), strict=True))
