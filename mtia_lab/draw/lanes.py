"""Lanes: what stands where in a picture with a line for each host thread and each stream.

A layout is a value, in pixels: lanes with what is placed on them, and links between them. A picture
decides what is on its lanes and where; `lanes_svg` and `lanes_text` paint it.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import attrgetter
from typing import Protocol, TypeVar, runtime_checkable

from ..log.attribution import held_since, queue_of
from ..log.log import Log
from ..log.records import Access, Call, Command
from .svg import MARGIN, WIDTH, Point, legal
from .text import shorten, text_width

LEFT, RIGHT = 170, WIDTH - MARGIN - 14
FONT = 12
BAR = 28  # height of a bar
ROW = 19  # height of a row of flags and names above the bars
ROWS = 5  # at most so many
NAME_ROWS = 3  # of which names use the lowest
FEW = 8  # so many host calls may have their names above them; of more, only those that wait
LINKS = 16  # so many launches are joined with their bars; more would be unreadable
STRIP = 20  # height of the strip that shows how many commands wait in a queue
QUEUE = 3  # so many of them are worth a strip
VIRTUAL, MEASURED = "virtual time", "measured time"
COMMANDS = 300  # so many can be drawn one by one
ITEMS = 1000  # so many commands and calls together
LANES = 32  # so many threads and streams
OPENING = 1 / 8  # of a picture: what the host does in less is crowded
BARE = -0.6  # the row of a flag that has no room for its words: a bare pole

Item = Call | Command
Key = int | tuple[int, int] | None  # a host thread; (device, stream); the host as a whole
Steps = Sequence[tuple[float, int]]  # (time, count)
Kind = TypeVar("Kind", Call, Command)
Where = TypeVar("Where", int, tuple[int, int])


class Side(Protocol):
    """One of the two that a finding is about: a command, or something that the host did."""

    @property
    def name(self) -> str: ...
    @property
    def where(self) -> tuple[int, int] | None: ...
    @property
    def start(self) -> float: ...
    @property
    def finish(self) -> float: ...
    @property
    def command(self) -> int | None: ...
    @property
    def access(self) -> Access | None: ...


@runtime_checkable
class Finding(Protocol):
    """A hazard or a hint, as the checker reports it."""

    @property
    def kind(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def first(self) -> Side | None: ...
    @property
    def second(self) -> Side: ...
    @property
    def fix(self) -> str: ...
    @property
    def legend(self) -> str: ...
    @property
    def memory(self) -> Sequence[str]: ...
    @property
    def count(self) -> int: ...
    @property
    def severity(self) -> str: ...
    @property
    def scene(self) -> Sequence[Command]: ...
    def details(self) -> list[str]: ...


class Axis(Protocol):
    """Where a time is, from left to right."""

    def x(self, time: float) -> float:
        """The position of a time."""


@dataclass(frozen=True)
class Scale:
    """Maps times in µs, from `begin` to `end`, onto positions from `left` to `right`.

    They are of a `clock`: virtual time, unless a real device was measured.
    """

    end: float
    left: float
    right: float
    begin: float = 0.0
    clock: str = VIRTUAL

    @property
    def span(self) -> float:
        """How long it is, in µs."""
        return self.end - self.begin

    def x(self, time: float) -> float:
        """The position of a time; times out of range are put at the border."""
        inside = min(max(time, self.begin), self.end) - self.begin
        return self.left + (self.right - self.left) * inside / self.span

    def ticks(self, most: int = 9) -> list[float]:
        """Round times (1, 2 or 5 times a power of ten apart), at most `most` of them."""
        rough = self.span / (most - 1)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999999)
        first = math.ceil(self.begin / step - 1e-9)
        return [k * step for k in range(first, int(self.end / step + 1e-9) + 1)]


# --- What an item is ------------------------------------------------------------------------------


def kind_of(item: Item) -> str:
    """One of "call", "kernel", "copy", "record" and "wait"."""
    return "call" if isinstance(item, Call) else item.type


def is_mark(item: Item) -> bool:
    """Whether it is a recording or a wait, a point in its stream; the others are bars."""
    return kind_of(item) in ("record", "wait")


def waits_of(item: Item) -> tuple[tuple[float, float], ...]:
    """When a host call waited for the device, as (from, to); a command has no such times."""
    return item.waits if isinstance(item, Call) else ()


def times_of(item: Item) -> tuple[float, float]:
    """From when to when it lasted, in µs."""
    if isinstance(item, Call):
        return item.begin_ns / 1000, item.end_ns / 1000
    return item.start_ns / 1000, item.finish_ns / 1000


stream_of: Callable[[Command], tuple[int, int]] = attrgetter("device", "stream")  # also its lane's


def lane_name(key: Key) -> str:
    """What a lane is called."""
    if isinstance(key, tuple):
        return f"mtia:{key[0]} stream {key[1]}"
    return "host" if key is None else f"host thread {key}"


def describe(item: Item, rows: Mapping[int, int] | None = None) -> str:
    """What an item is, in a few words; in a table also what it waits for.

    `rows` are the numbers that the table gives to commands, by their ids.
    """
    if isinstance(item, Call):
        return item.name
    if item.type == "record":
        return f"record e{item.event} v{item.version}"
    if item.type != "wait":
        words, by, otherwise = f"{item.type} {item.name}", "after", ""
    elif item.event is None:  # a graph's next replay waits for its last
        words, by, otherwise = f"wait for {item.name}", "after", ""
    else:
        words = f"wait for e{item.event} v{item.version}"
        by, otherwise = "recorded by", ", recorded earlier" if item.after else ", never recorded"
    known = [f"no. {rows[id_]}" for id_ in item.after if id_ in rows] if rows else []
    if known:
        return f"{words}, {by} {', '.join(known)}"
    return words if rows is None else words + otherwise


def label_of(item: Item) -> str:
    """What stands on its flag, or on or above its bar: the name, cut if it is very long."""
    if isinstance(item, Command) and item.type == "record":
        return f"e{item.event} v{item.version}"
    return shorten(legal(item.name), 150, FONT) + (" waits" if waits_of(item) else "")


class Window:
    """The calls that took time and the commands of a log, by lane, from `begin` to `end`.

    Attributes:
        begin, end: in virtual µs.
        zoomed: whether that is only a part of the log.
        commands: those of the whole log.
        threads, streams: the calls by thread and the commands by (device, stream), in order, as far
            as they are within the window at any time.
        held: for each wait that held its stream back, by command id, since when it did.
    """

    def __init__(self, log: Log, begin: float, end: float, zoomed: bool = False) -> None:
        self.begin, self.end, self.zoomed = begin, end, zoomed
        self.commands = log.commands
        calls = [call for call in log.calls if call.end_ns > call.begin_ns]
        self.threads = self._lanes(calls, attrgetter("thread"))
        self.streams = self._lanes(self.commands, stream_of)
        self.held = held_since(self.commands)
        self._all = _grouped(self.commands, stream_of) if zoomed else self.streams

    def _lanes(self, items: list[Kind], lane: Callable[[Kind], Where]) -> dict[Where, list[Kind]]:
        if self.zoomed:
            times = map(times_of, items)
            shown = (first <= self.end and last >= self.begin for first, last in times)
            items = list(compress(items, shown))
        return _grouped(items, lane)

    @property
    def readable(self) -> bool:
        """Whether there are so few of everything that each can be drawn."""
        commands = sum(map(len, self.streams.values()))
        items = commands + sum(map(len, self.threads.values()))
        lanes = len(self.threads) + len(self.streams)
        return commands <= COMMANDS and items <= ITEMS and lanes <= LANES

    def queue(self, stream: tuple[int, int]) -> Steps:
        """How many kernels and copies waited in a stream; nothing if they were never three."""
        steps = queue_of(self._all[stream])
        if self.zoomed:
            before = [count for time, count in steps if time <= self.begin]
            inside = [step for step in steps if self.begin < step[0] < self.end]
            steps = [(self.begin, before[-1] if before else 0), *inside, (self.end, 0)]
        return steps if any(count >= QUEUE for _, count in steps) else []


def _grouped(items: Iterable[Kind], lane: Callable[[Kind], Where]) -> dict[Where, list[Kind]]:
    lanes: dict[Where, list[Kind]] = {}
    for item in items:
        lanes.setdefault(lane(item), []).append(item)
    return {key: lanes[key] for key in sorted(lanes)}


# --- The layout -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Placed:
    """An item and its place: the left edge and the width of its bar; of a mark, `left` alone.

    `stalls` are the `(left, width)` in which a call waited, or a wait held its stream back.
    """

    item: Item
    left: float
    width: float
    stalls: tuple[tuple[float, float], ...] = ()

    @property
    def middle(self) -> float:
        """Where the bar has its middle."""
        return self.left + self.width / 2

    @property
    def fits(self) -> bool:
        """Whether the label fits inside the bar."""
        return text_width(label_of(self.item), FONT) + 12 <= self.width


@dataclass(frozen=True)
class Lane:
    """One line of a picture.

    `bar` is the top of its bars. `labels` maps the position of an item to `(left, row)`, the
    place above the bars of its flag, or of a name that does not fit its bar. `queue` says how
    many kernels and copies are enqueued and have not begun.
    """

    key: Key
    bar: float
    items: Sequence[Placed] = ()
    labels: Mapping[int, tuple[float, int]] = field(default_factory=dict)
    queue: Steps = ()

    @property
    def host(self) -> bool:
        """Whether it is not a stream's."""
        return not isinstance(self.key, tuple)

    @property
    def middle(self) -> float:
        """The height at which the bars have their middle."""
        return self.bar + BAR / 2

    @property
    def bottom(self) -> float:
        """Where the next lane may begin."""
        return self.bar + BAR + 12 + (STRIP if self.queue else 0)

    @property
    def deepest(self) -> int:
        """The largest number in the queue at any time."""
        return max((count for _, count in self.queue), default=0)

    def top_of(self, k: int) -> float:
        """The top of the label of item `k`, or of its bare pole."""
        row = self.labels[k][1] if k in self.labels else BARE
        return self.bar - ROW * (row + 1)


@dataclass(frozen=True)
class Link:
    """A line between lanes: "launch", "release", "chain", "tie", or "before" from an unseen one."""

    kind: str
    begin: Point
    end: Point


@dataclass(frozen=True)
class Layout:
    """The lanes from the top down, and the links between them."""

    scale: Scale
    lanes: Sequence[Lane]
    links: Sequence[Link]

    @property
    def items(self) -> list[Item]:
        """All that is on the lanes."""
        return [placed.item for lane in self.lanes for placed in lane.items]

    def of(self, kind: str) -> list[Link]:
        """The links of a kind."""
        return [link for link in self.links if link.kind == kind]


def place(
    items: Iterable[Item],
    axis: Axis,
    least: float = 2.0,
    held: Mapping[int, float] | None = None,
) -> list[Placed]:
    """Items on an axis, which may run to the left; no bar is narrower than `least`.

    `held` says of waits that held their stream back, by command id, since when they did.
    """
    found = []
    for item in items:
        left, right = sorted(map(axis.x, times_of(item)))
        stalls = [(axis.x(since), axis.x(until)) for since, until in waits_of(item)]
        if held and isinstance(item, Command) and item.id in held:
            stalls.append((axis.x(held[item.id]), left))
        areas = tuple((a, b - a) for a, b in stalls)
        found.append(Placed(item, left, max(right - left, least), areas))
    return found


def lay_out(window: Window, scale: Scale, y: float) -> Layout:
    """All of a window from `y` down, the labels out of each other's way."""
    found = _stacked(window.threads.items(), scale, y)
    y = found[-1].bottom if found else y
    found += _stacked(window.streams.items(), scale, y, window)
    links = [*_launches(found, scale), *_releases(found, scale), *_ties(found, scale)]
    return Layout(scale, found, links)


def opening(layout: Layout, y: float) -> Layout | None:
    """The host lanes from `y` down, of the first microseconds alone, drawn as wide as the whole.

    None unless the host was fast: most of its calls lie there, and one found no room for its name.
    """
    scale, hosts = layout.scale, [lane for lane in layout.lanes if lane.host]
    soon = scale.begin + scale.span * OPENING
    first: dict[Key, list[Item]] = {}
    nameless = False
    for lane in hosts:
        for k, placed in enumerate(lane.items):
            if times_of(placed.item)[1] <= soon:
                first.setdefault(lane.key, []).append(placed.item)
                nameless |= not placed.fits and k not in lane.labels
    found = [item for items in first.values() for item in items]
    if not nameless or 2 * len(found) < sum(len(lane.items) for lane in hosts):
        return None
    end = max(times_of(item)[1] for item in found)
    near = Scale(end, scale.left, scale.right, scale.begin)
    return Layout(near, _stacked(first.items(), near, y), ())


def _stacked(
    lanes: Iterable[tuple[Key, Sequence[Item]]],
    scale: Scale,
    y: float,
    window: Window | None = None,
) -> list[Lane]:
    """Lanes below each other; those of streams with what their window knows of queues."""
    found: list[Lane] = []
    for key, items in lanes:
        placed = place(items, scale, held=window.held if window else None)
        labels = _labels(placed, scale, isinstance(key, tuple) or len(items) <= FEW)
        rows = 1 + max((row for _, row in labels.values()), default=-1)
        queue = window.queue(key) if window and isinstance(key, tuple) else ()
        found.append(Lane(key, y + 8 + ROW * rows, placed, labels, queue))
        y = found[-1].bottom
    return found


def _labels(items: Sequence[Placed], scale: Scale, all_named: bool) -> dict[int, tuple[float, int]]:
    """`(left, row)` of the flags, and of the names that have no room in their bars."""
    spans = {}
    for k, placed in enumerate(items):
        item, words = placed.item, label_of(placed.item)
        if kind_of(item) == "record":
            size = text_width(words, FONT, bold=True) + 12
            on_right = placed.left + size <= scale.right + 10
            spans[k] = (placed.left if on_right else placed.left - size, size)
        elif (all_named or waits_of(item)) and not is_mark(item) and not placed.fits:
            size = text_width(words, FONT) + 8
            left = min(max(placed.middle - size / 2, scale.left), scale.right + 10 - size)
            spans[k] = (left, size)

    def interest(k: int) -> tuple[bool, bool, float, int]:
        item = items[k].item
        return kind_of(item) != "record", not waits_of(item), spans[k][0], k

    order = sorted(spans, key=interest)
    rows = stack(((spans[k][0], sum(spans[k])) for k in order), ROWS)
    return {
        k: (spans[k][0], row)
        for k, row in zip(order, rows, strict=True)
        if row is not None and (row < NAME_ROWS or kind_of(items[k].item) == "record")
    }


def stack(
    intervals: Iterable[tuple[float, float]], rows: int, gap: float = 5
) -> Iterator[int | None]:
    """For each `(left, right)` in turn, the lowest row where it fits; None if there is none."""
    taken: list[list[tuple[float, float]]] = [[] for _ in range(rows)]
    for left, right in intervals:
        free = (
            row
            for row in range(rows)
            if all(right + gap <= a or b + gap <= left for a, b in taken[row])
        )
        row = next(free, None)
        if row is not None:
            taken[row].append((left, right))
        yield row


def _launches(lanes: Sequence[Lane], scale: Scale) -> list[Link]:
    """From where the host enqueued a kernel or a copy to where that began; none if too many."""
    hosts = {lane.key: lane for lane in lanes if lane.host}
    found = []
    for lane in lanes:
        for item in (placed.item for placed in lane.items):
            if isinstance(item, Command) and not is_mark(item) and item.thread in hosts:
                begin = (scale.x(item.enqueue), hosts[item.thread].bar + BAR)
                found.append(Link("launch", begin, (scale.x(item.start), lane.bar)))
    return found if len(found) <= LINKS else []


def _releases(lanes: Sequence[Lane], scale: Scale) -> list[Link]:
    """From where a wait of the host ends to the bar whose end it waited for; none if too many."""
    ends = {
        placed.item.finish: lane
        for lane in lanes
        for placed in lane.items
        if isinstance(placed.item, Command) and not is_mark(placed.item)
    }
    found = [
        Link("release", (scale.x(until), lane.bar + BAR), (scale.x(until), ends[until].bar))
        for lane in lanes
        for placed in lane.items
        for _, until in waits_of(placed.item)
        if until in ends
    ]
    return found if len(found) <= LINKS else []


def _ties(lanes: Sequence[Lane], scale: Scale) -> Iterator[Link]:
    """To each wait from the recordings it waits for; and from each random draw to the next on its
    generator, if that is on another stream.
    """
    homes = {
        placed.item.id: (lane, k)
        for lane in lanes
        for k, placed in enumerate(lane.items)
        if isinstance(placed.item, Command)
    }
    for lane, k in homes.values():
        target = lane.items[k]
        for source in target.item.after if isinstance(target.item, Command) else ():
            if kind_of(target.item) == "wait":
                if source in homes:
                    yield from _to_wait(*homes[source], target.left, lane)
                else:  # recorded before the log began
                    begin = (max(target.left - 34, scale.left - 18), lane.bar - 4)
                    yield Link("before", begin, (target.left - 6, lane.middle - 4))
            elif source in homes and homes[source][0] is not lane:
                here, draw = homes[source][0], homes[source][0].items[homes[source][1]]
                begin = (scale.x(times_of(draw.item)[1]), here.middle)
                yield Link("chain", begin, (target.left, lane.middle))


def _to_wait(source: Lane, k: int, x: float, target: Lane) -> Iterator[Link]:
    """From a flag to a wait: from its foot down, or from its top up."""
    begin = source.items[k].left
    if source is not target:
        down = target.middle > source.middle
        top = source.bar + BAR if down else source.top_of(k)
        yield Link("tie", (begin, top), (x, target.middle + (-8 if down else 8)))
    elif x - begin >= 12:  # else the stream waits for what it has just done: no way to go
        yield Link("tie", (begin, source.bar + BAR), (x, source.bar + BAR))
