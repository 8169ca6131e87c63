"""The geometry of a timeline: a time scale, lanes, and labels that keep out of each other's way."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .svg import legal
from .text import shorten, text_width

FONT = 11
BAR = 28  # height of a bar
ROW = 19  # height of a row of flags and names above the bars
ROWS = 5  # at most so many
NAME_ROWS = 3  # of which names use the lowest
FEW = 8  # so many host calls may have their names above them; of more, only those that wait
STRIP = 20  # height of the strip that shows how many commands wait in a queue


@dataclass(frozen=True)
class Scale:
    """Maps times in µs, from ``begin`` to ``end``, onto positions from ``left`` to ``right``."""

    end: float
    left: float
    right: float
    begin: float = 0.0

    @property
    def span(self) -> float:
        """How long it is, in µs."""
        return self.end - self.begin

    def x(self, time: float) -> float:
        """The position of a time; times out of range are put at the border."""
        inside = min(max(time, self.begin), self.end) - self.begin
        return self.left + (self.right - self.left) * inside / self.span

    def ticks(self, most: int = 9) -> list:
        """Round times (1, 2 or 5 times a power of ten apart), at most ``most`` of them."""
        rough = self.span / (most - 1)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999999)
        first = math.ceil(self.begin / step - 1e-9)
        return [k * step for k in range(first, int(self.end / step + 1e-9) + 1)]


def stack(intervals: Iterable, rows: int, gap: float = 5) -> Iterator:
    """For each ``(left, right)`` in turn, the lowest row where it fits; None if there is none."""
    taken: list[list] = [[] for _ in range(rows)]
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


@dataclass
class Lane:
    """One line of the timeline: a host thread's calls, or a stream's commands.

    ``labels`` maps the position of an item to ``(left, row)``, the place above the bars of its flag
    or of a name that does not fit its bar; an item without either is not in it. ``queue`` holds
    ``(time, count)`` steps: how many kernels and copies are enqueued and have not begun.
    """

    host: bool
    key: tuple
    items: list
    top: float
    labels: dict = field(default_factory=dict)
    queue: list = field(default_factory=list)

    @property
    def bar(self) -> float:
        """The top of the bars."""
        return self.top + 8 + ROW * (1 + max((row for _, row in self.labels.values()), default=-1))

    @property
    def middle(self) -> float:
        """The height at which the bars have their middle."""
        return self.bar + BAR / 2

    @property
    def bottom(self) -> float:
        """Where the next lane begins."""
        return self.bar + BAR + 12 + (STRIP if self.queue else 0)

    @property
    def deepest(self) -> int:
        """The largest number in the queue at any time."""
        return max((count for _, count in self.queue), default=0)


def bar_of(item: object, scale: Scale) -> tuple:
    """Left edge and width of an item's bar; a bar too short to see is widened to 2 pixels."""
    begin, end = (item.begin, item.end) if hasattr(item, "begin") else (item.start, item.finish)
    return scale.x(begin), max(scale.x(end) - scale.x(begin), 2.0)


def is_flag(item: object) -> bool:
    """Whether an item is an event recording, drawn as a flag."""
    return getattr(item, "type", "") == "record"


def is_mark(item: object) -> bool:
    """Whether an item is a wait, drawn as a diamond and without a label of its own."""
    return getattr(item, "type", "") == "wait"


def is_copy(item: object) -> bool:
    """Whether an item is a copy, drawn as a dark bar."""
    return getattr(item, "type", "") == "copy"


def waits_of(item: object) -> tuple:
    """When a host call waited for the device, as (from, to); a command has no such times."""
    return getattr(item, "waits", ())


def flag_text(command: object) -> str:
    """What stands on the flag of a recording: event and version."""
    return f"e{command.event} v{command.version}"


def name_of(item: object) -> str:
    """What stands on a bar or above it: the name, cut if it is very long."""
    return shorten(legal(item.name), 150, FONT) + (" waits" if waits_of(item) else "")


def name_fits(item: object, scale: Scale) -> bool:
    """Whether the name of an item fits inside its bar."""
    return text_width(name_of(item), FONT) + 12 <= bar_of(item, scale)[1]


def plan(window: object, scale: Scale, y: float) -> list:
    """The lanes from the top down: host threads whose calls took time, then streams in use."""
    lanes = []
    for thread, mine in window.threads.items():
        lanes.append(Lane(True, (thread,), mine, y))
        _place_labels(lanes[-1], scale)
        y = lanes[-1].bottom
    for key, mine in window.streams.items():
        lanes.append(Lane(False, key, mine, y, queue=window.queue(key)))
        _place_labels(lanes[-1], scale)
        y = lanes[-1].bottom
    return lanes


def _place_labels(lane: Lane, scale: Scale) -> None:
    spans = {}
    all_named = not lane.host or len(lane.items) <= FEW
    for k, item in enumerate(lane.items):
        x, width = bar_of(item, scale)
        if is_flag(item):
            size = text_width(flag_text(item), FONT, bold=True) + 12
            spans[k] = (x if x + size <= scale.right + 10 else x - size, size)
        elif (all_named or waits_of(item)) and not is_mark(item) and not name_fits(item, scale):
            size = text_width(name_of(item), FONT) + 8
            left = min(max(x + width / 2 - size / 2, scale.left), scale.right + 10 - size)
            spans[k] = (left, size)
    first = [(not is_flag(item), not waits_of(item)) for item in lane.items]  # of most interest
    order = sorted(spans, key=lambda k: (first[k], spans[k][0], k))
    rows = stack(((spans[k][0], sum(spans[k])) for k in order), ROWS)
    for k, row in zip(order, rows, strict=True):
        if row is not None and (row < NAME_ROWS or is_flag(lane.items[k])):
            lane.labels[k] = (spans[k][0], row)


def held_since(commands: Iterable) -> dict:
    """For each wait that held its stream back, by command id, since when it did."""
    held: dict = {}
    free: dict = {}
    for command in sorted(commands, key=lambda c: c.id):
        lane = (command.device, command.stream)
        ready = max(command.enqueue, free.get(lane, 0.0))
        if command.type == "wait" and command.start > ready:
            held[command.id] = ready
        free[lane] = command.finish
    return held


def queue_of(commands: Iterable, least: int = 3) -> list:
    """``(time, count)`` steps of the kernels and copies that were enqueued and have not begun.

    Empty if there were never ``least`` of them: that is no queue worth a strip.
    """
    changes: dict = {}
    for command in commands:
        if not is_flag(command) and not is_mark(command) and command.start > command.enqueue:
            changes[command.enqueue] = changes.get(command.enqueue, 0) + 1
            changes[command.start] = changes.get(command.start, 0) - 1
    steps, count = [], 0
    for time, change in sorted(changes.items()):
        count += change
        steps.append((time, count))
    return steps if any(count >= least for _, count in steps) else []
