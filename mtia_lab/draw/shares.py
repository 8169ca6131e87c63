"""A timeline of too many commands: for each lane and each column, the share of time it was busy."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from ..log.summary import by_time
from .lanes import BAR, STRIP, Scale, is_copy, waits_of

MOST_THREADS, MOST_STREAMS = 8, 24  # those with most to do are shown
NOTES = 34  # height of the two lines of words below the bars


@dataclass
class Block:
    """Columns in which a lane is never wholly idle: from ``first`` to ``last``.

    ``count`` kernels and copies, or calls, begin in them; they are busy for ``share`` of the time.
    """

    first: int
    last: int
    count: int
    share: float


@dataclass
class Busy:
    """One lane. ``layers`` holds the share of each column, from 0 to 1, by what the time went into.

    A host thread has "call" and "waits", a stream "copy", "kernel" and "waits": there, a wait kept
    it from what it had to do. ``names`` maps each name to how often and how long it ran in µs,
    ``kinds`` counts the items, ``sources`` the waits by the stream they wait for, and ``queue`` is
    the most that stood in the queue in each column.
    """

    host: bool
    key: tuple
    layers: dict
    kinds: Counter
    names: dict
    blocks: list
    sources: Counter = field(default_factory=Counter)
    queue: list = field(default_factory=list)
    top: float = 0.0

    @property
    def bar(self) -> float:
        """The top of the bars."""
        return self.top + 10

    @property
    def middle(self) -> float:
        """The height at which the bars have their middle."""
        return self.bar + BAR / 2

    @property
    def bottom(self) -> float:
        """Where the next lane begins."""
        return self.bar + BAR + NOTES + (STRIP if any(self.queue) else 0)

    def share(self, *layers: str) -> float:
        """Of all the time, what went into these layers."""
        columns = len(self.layers["waits"])
        return sum(sum(self.layers[name]) for name in layers) / columns

    def halved(self) -> "Busy":
        """The same with half as many columns."""
        layers = {name: _pairs(shares, _mean) for name, shares in self.layers.items()}
        return replace(self, layers=layers, queue=_pairs(self.queue, max))

    def longest(self, most: int = 3) -> list:
        """The names that took longest, as ``(name, count, time)``."""
        return [(name, *figures) for name, figures in by_time(self.names)[:most]]


def _pairs(columns: list, joined: Callable) -> list:
    return [joined(a, b) for a, b in zip(columns[::2], columns[1::2], strict=True)]


def _mean(a: float, b: float) -> float:
    return (a + b) / 2


def busy_lanes(window: object, columns: int) -> tuple:
    """The lanes from the top down, and how many more there are that are not shown."""
    scale = Scale(window.end, 0, columns, window.begin)
    homes = {command.id: (command.device, command.stream) for command in window.commands}
    threads = [_thread(key, calls, scale, columns) for key, calls in window.threads.items()]
    streams = [_stream(key, window, scale, columns, homes) for key in window.streams]
    shown = [*_busiest(threads, MOST_THREADS), *_busiest(streams, MOST_STREAMS)]
    return shown, len(threads) + len(streams) - len(shown)


def _busiest(lanes: list, most: int) -> list:
    """Those with most items, in their own order."""
    ranked = sorted(lanes, key=lambda lane: (-lane.kinds.total(), lane.key))[:most]
    return sorted(ranked, key=lambda lane: lane.key)


def _thread(thread: int, calls: list, scale: Scale, columns: int) -> Busy:
    layers = {
        "call": spread(_between_waits(calls), scale, columns),
        "waits": spread((wait for call in calls for wait in waits_of(call)), scale, columns),
    }
    spans = [(call.begin, call.end) for call in calls]
    blocks = _blocks(layers.values(), [begin for begin, _ in spans], scale)
    return Busy(True, (thread,), layers, Counter(calls=len(calls)), _names(calls, spans), blocks)


def _between_waits(calls: list) -> Iterable:
    for call in calls:
        begin = call.begin
        for since, until in waits_of(call):
            yield begin, since
            begin = until
        yield begin, call.end


def _stream(key: tuple, window: object, scale: Scale, columns: int, homes: dict) -> Busy:
    commands = window.streams[key]
    held = [
        (window.held[command.id], command.start)
        for command in commands
        if command.id in window.held
    ]
    work = [command for command in commands if command.type in ("kernel", "copy")]
    layers = {
        "copy": spread(((c.start, c.finish) for c in work if is_copy(c)), scale, columns),
        "kernel": spread(((c.start, c.finish) for c in work if not is_copy(c)), scale, columns),
        "waits": spread(held, scale, columns),
    }
    spans = [(command.start, command.finish) for command in work]
    waits = (command for command in commands if command.type == "wait")
    sources = Counter(homes.get(k) for wait in waits for k in wait.after)
    kinds = Counter(command.type for command in commands)
    busy = (layers["copy"], layers["kernel"])
    blocks = _blocks(busy, [begin for begin, _ in spans], scale)
    queue = deepest(window.queue(key), scale, columns)
    return Busy(False, key, layers, kinds, _names(work, spans), blocks, sources, queue)


def spread(intervals: Iterable, scale: Scale, columns: int) -> list:
    """The share of each column that intervals of time cover, at most 1."""
    width = scale.span / columns
    covered = [0.0] * columns
    for since, until in intervals:
        begin = max(since, scale.begin) - scale.begin
        end = min(until, scale.end) - scale.begin
        first, last = int(begin / width), int(end / width)
        if first == last < columns:
            covered[first] += end - begin
        elif begin < end:
            for k in range(first, min(last + 1, columns)):
                covered[k] += min(end, (k + 1) * width) - max(begin, k * width)
    return [min(time / width, 1.0) for time in covered]


def column(time: float, scale: Scale, columns: int) -> int:
    """The column of a time."""
    inside = min(max(time, scale.begin), scale.end) - scale.begin
    return min(int(inside / scale.span * columns), columns - 1)


def deepest(steps: list, scale: Scale, columns: int) -> list:
    """The most that a queue held in each column, from its ``(time, count)`` steps."""
    counts, now, before = [0] * columns, 0, 0
    for time, count in [*steps, (scale.end, 0)]:
        here = column(time, scale, columns)
        for k in range(before, here + 1):
            counts[k] = max(counts[k], now)
        counts[here] = max(counts[here], count)
        before, now = here, count
    return counts


def _names(items: list, spans: list) -> dict:
    names: dict = {}
    for item, (begin, end) in zip(items, spans, strict=True):
        count, time = names.get(item.name, (0, 0.0))
        names[item.name] = (count + 1, time + end - begin)
    return names


def _blocks(layers: Iterable, begins: list, scale: Scale) -> list:
    shares = [sum(parts) for parts in zip(*layers, strict=True)]
    counts = Counter(column(begin, scale, len(shares)) for begin in begins)
    blocks: list = []
    for k, share in enumerate(shares):
        if not share:
            continue
        if blocks and blocks[-1].last == k - 1:
            blocks[-1].last = k
        else:
            blocks.append(Block(k, k, 0, 0.0))
        blocks[-1].count += counts[k]
        blocks[-1].share += share
    for block in blocks:
        block.share = min(1.0, block.share / (block.last + 1 - block.first))
    return blocks
