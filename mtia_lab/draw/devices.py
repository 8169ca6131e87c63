"""The grid of devices: what each of them did, and what was copied between them and the host."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..log.arguments import a_log
from ..log.log import Log
from ..log.records import Command
from ..log.units import microseconds, size
from . import palette, text
from .stateview import draw_stream
from .svg import MARGIN, WIDTH, Canvas, Picture, Point
from .text import text_width

TITLE = "Devices, and the copies between them"
HOST = -1
BOX, GAP, AISLE, ROW = 86, 24, 86, 34  # heights of a box, an aisle for arrows, a row of peer copies
LABEL = 130  # room for the words of an arrow
CHIPS = 6  # of so many streams at most the chip is shown


@dataclass
class Device:
    """What one device did: kernels, how long at least one of them ran, and on which streams."""

    kernels: int = 0
    busy: float = 0.0
    streams: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Route:
    """The arrow of some copies: its corners, and where its words stand, with how much room."""

    points: list[Point]
    middle: Point
    room: float


Ends = tuple[int, int]  # where copies lead from and to
Copies = dict[Ends, tuple[int, int]]  # how many, and their bytes
Places = Sequence[tuple[float, float]]  # left edge and width of each device's box


def devices(log: Log, *, title: str = TITLE) -> Picture:
    """A box for the host's memory and for each device, and arrows for the copies.

    Each arrow says how many copies went that way and how much they moved; each box on which
    streams the device worked, how many kernels ran, and for how long at least one of them did.

    Args:
        log: what `mtia_lab.record()` yielded.
        title: the message of the picture, which stands above it.

    Raises:
        TypeError: it is no log.
    """
    log = a_log(devices, log)
    commands = log.commands
    boxes, copies = _count(log, commands)
    end = max((command.finish for command in commands), default=0.0)
    c = Canvas()
    y = c.heading(title, f"in {microseconds(end)} \u00b5s of virtual time")
    c.rect(MARGIN, y, WIDTH - 2 * MARGIN, 40, fill=palette.PLAIN.pale, stroke=palette.PLAIN.strong)
    c.text(WIDTH / 2, y + 25, "memory of the host", bold=True, anchor="middle")
    places = _places(len(boxes))
    top = y + 40 + (AISLE if any(HOST in ends for ends in copies) else GAP)
    routes = _routes(copies, places, y + 40, top)
    for route in routes.values():
        c.arrow(route.points, stroke=palette.COPY.strong, width=2)
    for index, box in enumerate(boxes):
        _draw_device(c, places[index], top, index, box)
    for ends, route in routes.items():  # words last: lines pass behind them
        _draw_label(c, route, _words(copies[ends]))
    y = max([top + BOX, *(route.middle[1] + 12 for route in routes.values())])
    return Picture(_to_text(title, boxes, copies, end), c.svg(y + MARGIN))


def _count(log: Log, commands: Sequence[Command]) -> tuple[list[Device], Copies]:
    """The devices, and the copies by their ends, where -1 is the host."""
    states = [*log.initial_state.values(), *(call.state for call in log.calls)]
    highest = max((command.device for command in commands), default=0)
    boxes = [Device() for _ in range(max([1 + highest, *(len(state) - 1 for state in states)]))]
    copies: Copies = {}
    kernels: list[list[tuple[float, float]]] = [[] for _ in boxes]
    for command in commands:
        if command.type == "copy":
            ends = _ends(command)
            count, moved = copies.get(ends, (0, 0))
            moved += max(access.bytes for access in (*command.reads, *command.writes))
            copies[ends] = (count + 1, moved)
        elif command.type == "kernel":
            boxes[command.device].kernels += 1
            kernels[command.device].append((command.start, command.finish))
        boxes[command.device].streams.add(command.stream)
    for box, intervals in zip(boxes, kernels, strict=True):
        box.busy = _covered(intervals)
    return boxes, copies


def _ends(copy: Command) -> Ends:
    """Where a copy leads from and to."""
    if copy.direction == "H2D":
        return HOST, copy.device
    if copy.direction == "D2H":
        return copy.device, HOST
    return copy.reads[0].device, copy.writes[0].device


def _covered(intervals: Iterable[tuple[float, float]]) -> float:
    """How much of the time at least one interval covers."""
    total, until = 0.0, 0.0
    for start, finish in sorted(intervals):
        total += max(0.0, finish - max(start, until))
        until = max(until, finish)
    return total


def _places(count: int) -> Places:
    """Left edge and width of each device's box."""
    width = (WIDTH - 2 * MARGIN - GAP * (count - 1)) / count
    return [(MARGIN + k * (width + GAP), width) for k in range(count)]


def _words(moved: tuple[int, int]) -> str:
    count, amount = moved
    return f"{count} {'copy' if count == 1 else 'copies'}, {size(amount)}"


def _summary(box: Device) -> str:
    if not box.kernels:
        return "no kernel"
    kernels = "1 kernel" if box.kernels == 1 else f"{box.kernels} kernels"
    return f"{kernels}, busy for {microseconds(box.busy)} \u00b5s"


def _routes(copies: Copies, places: Places, above: float, top: float) -> dict[Ends, Route]:
    """The arrow of each pair of ends."""
    routes = {}
    for index, (left, width) in enumerate(places):
        middle = left + width / 2
        for ends, share, at in (((HOST, index), 0.25, 0.33), ((index, HOST), 0.75, 0.67)):
            if ends in copies:
                ys = (above, top) if ends[0] == HOST else (top, above)
                x = left + share * width
                center = x if width > 2 * LABEL else middle
                height = above + AISLE * (0.5 if width > 2 * LABEL else at)
                routes[ends] = Route([(x, y) for y in ys], (center, height), width)
    peers = sorted(ends for ends in copies if HOST not in ends)
    for row, ends in enumerate(peers):
        y = top + BOX + 24 + ROW * row
        xs = [_port(places, peers, ends, end) for end in ends]
        corners = [(xs[0], y), (xs[1], y)]
        points = [(xs[0], top + BOX), *corners, (xs[1], top + BOX)]
        half = LABEL / 2 + 8
        center = min(max(sum(xs) / 2, MARGIN + half), WIDTH - MARGIN - half)
        routes[ends] = Route(points, (center, y), LABEL + 16)
    return routes


def _port(places: Places, peers: Sequence[Ends], ends: Ends, device: int) -> float:
    """Where on the lower edge of a box an arrow begins or ends: each has a place of its own."""
    mine = [pair for pair in peers if device in pair]
    # Those that lead to the left stand left. Of those to the same side, the lower rows stand out.
    mine.sort(key=lambda pair: (sum(pair) > 2 * device, _outer(pair, device, peers)))
    left, width = places[device]
    return left + width * (mine.index(ends) + 1) / (len(mine) + 1)


def _outer(pair: Ends, device: int, peers: Sequence[Ends]) -> int:
    row = peers.index(pair)
    return -row if sum(pair) > 2 * device else row


def _draw_device(
    c: Canvas, place: tuple[float, float], top: float, index: int, box: Device
) -> None:
    left, width = place
    c.rect(left, top, width, BOX, fill=palette.WHITE, stroke=palette.INK, width=1.6)
    c.text(left + 14, top + 25, f"mtia:{index}", bold=True, mono=True, fit=width - 28)
    c.text(left + 14, top + 45, _summary(box), size=12, color=palette.MUTED, fit=width - 28)
    for k, stream in enumerate(sorted(box.streams)[:CHIPS]):
        x = left + 14 + 82 * k
        if x + 76 <= left + width - 8:
            draw_stream(c, x, top + 57, 76, stream)


def _draw_label(c: Canvas, route: Route, words: str) -> None:
    (x, y), width = route.middle, min(text_width(words, 12) + 14, route.room)
    c.rect(x - width / 2, y - 11, width, 22, fill=palette.WHITE, stroke=palette.LINE, radius=11)
    c.text(x, y + 4, words, size=12, anchor="middle", fit=width - 10)


def _to_text(title: str, boxes: Sequence[Device], copies: Copies, end: float) -> str:
    """The same facts in ASCII."""
    names = {HOST: "host"} | {k: f"mtia:{k}" for k in range(len(boxes))}
    lines = [title, "", f"in {microseconds(end)} us of virtual time", ""]
    for index, box in enumerate(boxes):
        streams = ", ".join(map(str, sorted(box.streams)[:CHIPS])) or "none"
        streams += f" and {hidden} more" if (hidden := len(box.streams) - CHIPS) > 0 else ""
        summary = _summary(box).replace("\u00b5", "u")
        lines.append(f"{names[index]:<8} {summary:<36} streams {streams}")
    arrows = [
        f"{names[ends[0]]:>8} ---> {names[ends[1]]:<8} {_words(moved)}"
        for ends, moved in sorted(copies.items())
    ]
    return text.page(lines, "", arrows or ["no copies"])
