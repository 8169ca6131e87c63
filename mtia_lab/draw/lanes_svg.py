"""Lanes in SVG: the axis, tracks, bars, flags, the links between them, and their one legend."""

import math
from collections.abc import Iterable, Sequence

from ..log.records import Call
from ..log.units import microseconds
from . import palette, svg
from .lanes import (
    BAR,
    FONT,
    LEFT,
    RIGHT,
    STRIP,
    Finding,
    Item,
    Key,
    Lane,
    Layout,
    Link,
    Placed,
    Scale,
    Side,
    describe,
    is_mark,
    kind_of,
    label_of,
    lane_name,
    times_of,
    waits_of,
)
from .stateview import draw_stream
from .svg import MARGIN, WIDTH, Canvas, Entry, Look, Point, Style, number
from .text import text_width, wrap

MOST = 12  # findings that are drawn in a timeline
NAME_ROOM = 138  # left of the lanes


def hue_of(item: Item) -> palette.Hue:
    """The color of an item: gray of the host, dark of a copy, else that of its stream."""
    if kind_of(item) == "copy":
        return palette.COPY
    return palette.PLAIN if isinstance(item, Call) else palette.stream_hue(item.stream)


def paint(c: Canvas, layout: Layout, y: float) -> float:
    """All of a layout below `y`; returns where it ends, but for its axis."""
    if not layout.lanes:
        return y + 24
    bottom = layout.lanes[-1].bottom
    draw_axis(c, layout.scale, y, bottom)
    for link in layout.of("launch"):
        c.line([link.begin, link.end], stroke=palette.LINE, width=1.2)
    for link in layout.of("release"):
        c.line([link.begin, link.end], stroke=palette.MUTED, width=1.2, dash="2 3")
    for lane in layout.lanes:
        draw_track(c, lane)
        for placed in lane.items:
            _draw_item(c, lane, placed)
        _draw_poles(c, lane)
        _draw_queue(c, layout.scale, lane)
    for link in layout.of("chain"):
        c.arrow([link.begin, link.end], stroke=palette.INK, dash="3 3")
    for link in layout.links:
        if link.kind == "tie":
            _draw_tie(c, link)
        elif link.kind == "before":
            c.arrow([link.begin, link.end], stroke=palette.INK, dash="3 3")
    for lane in layout.lanes:
        for placed in lane.items:
            if kind_of(placed.item) == "wait":
                finish = microseconds(times_of(placed.item)[1])
                tip = f"{describe(placed.item)}, over at {finish} \u00b5s"
                draw_diamond(c, placed.left, lane.middle, tip)
    for lane in layout.lanes:  # words last: an arrow passes behind them
        _draw_names(c, lane)
        _draw_labels(c, lane)
    return bottom


def draw_axis(c: Canvas, scale: Scale, top: float, bottom: float) -> None:
    """Round times below the lanes, and faint lines up from them."""
    for tick in scale.ticks():
        x = scale.x(tick)
        c.line([(x, top), (x, bottom + 4)], stroke=palette.LINE, width=1)
        label = microseconds(tick)
        c.text(x, bottom + 20, label, size=FONT, color=palette.MUTED, anchor="middle")
    c.line([(scale.left, bottom), (scale.right, bottom)], stroke=palette.MUTED, width=1.2)
    c.text(MARGIN, bottom + 20, f"{scale.clock}, \u00b5s", size=FONT, color=palette.MUTED)


def draw_track(c: Canvas, lane: Lane, right: float = RIGHT) -> None:
    """The empty lane with its name."""
    c.rect(LEFT, lane.bar, right - LEFT, BAR, fill=palette.PANEL, radius=0)
    draw_name(c, lane.key, lane.bar)


def draw_name(c: Canvas, key: Key, top: float) -> None:
    """What a lane is called, left of its bars, which begin at `top`."""
    if not isinstance(key, tuple):
        c.text(MARGIN, top + 18.5, lane_name(key), size=12, bold=True, fit=NAME_ROOM)
        return
    c.text(MARGIN, top + BAR / 2 + 4, f"mtia:{key[0]}", size=12, mono=True, fit=58)
    draw_stream(c, MARGIN + 58, top + BAR / 2 - 9, 84, key[1])


def draw_bar(c: Canvas, placed: Placed, top: float) -> None:
    """A call, a kernel or a copy."""
    hue = hue_of(placed.item)
    begin, end = map(microseconds, times_of(placed.item))
    tip = f"{describe(placed.item)}, {begin} to {end} \u00b5s"
    fill = hue.strong if kind_of(placed.item) == "copy" else hue.pale
    look: Look = {"fill": fill, "stroke": hue.strong, "radius": min(4, placed.width / 2)}
    c.rect(placed.left, top, placed.width, BAR, tip=tip, **look)


def _draw_item(c: Canvas, lane: Lane, placed: Placed) -> None:
    """A bar, hatched where it waits; of a mark only how long it held its stream back."""
    if is_mark(placed.item):
        for left, width in placed.stalls:
            c.hatch(left, lane.bar + 6, width, BAR - 12, stroke=palette.FAINT)
        return
    draw_bar(c, placed, lane.bar)
    edge = hue_of(placed.item).strong
    for left, width in placed.stalls:
        c.rect(left, lane.bar, width, BAR, fill=palette.WHITE, stroke=edge, radius=0)
        c.hatch(left, lane.bar, width, BAR, stroke=palette.FAINT)


def _draw_poles(c: Canvas, lane: Lane) -> None:
    """The poles of the flags, and the leaders that say whose a name above the bars is."""
    for k, placed in enumerate(lane.items):
        top = lane.top_of(k)
        if kind_of(placed.item) == "record":
            pole = [(placed.left, lane.bar + BAR), (placed.left, top)]
            c.line(pole, stroke=palette.INK, width=1.6)
        elif k in lane.labels:
            leader = [(placed.middle, lane.bar), (placed.middle, top + 15)]
            c.line(leader, stroke=palette.MUTED, width=1)


def _draw_queue(c: Canvas, scale: Scale, lane: Lane) -> None:
    """Below the bars of a stream, how many kernels and copies stand in its queue."""
    if not lane.queue or not isinstance(lane.key, tuple):
        return
    floor, unit = lane.bar + BAR + STRIP, (STRIP - 6) / lane.deepest
    points, height = [(scale.x(lane.queue[0][0]), floor)], floor
    for time, count in lane.queue:
        points.append((scale.x(time), height))
        height = floor - unit * count
        points.append((scale.x(time), height))
    hue = palette.stream_hue(lane.key[1])
    c.polygon(points, fill=hue.pale, stroke=hue.strong, width=1)
    note_queue(c, floor, lane.deepest)


def note_queue(c: Canvas, floor: float, most: int) -> None:
    """Left of a strip that stands on `floor`, what it shows."""
    words = f"in its queue: up to {most:,}"
    c.text(MARGIN, floor - 2, words, size=FONT, color=palette.MUTED, fit=NAME_ROOM)


def _draw_names(c: Canvas, lane: Lane) -> None:
    """The names that fit their bars."""
    for placed in lane.items:
        item = placed.item
        if is_mark(item) or not placed.fits:
            continue
        if waits_of(item):  # words do not read on hatching
            room = text_width(label_of(item), FONT) + 6
            left = placed.middle - room / 2
            c.rect(left, lane.bar + 6, room, BAR - 12, fill=palette.WHITE, radius=3)
        style: Style = {"size": FONT, "anchor": "middle"}
        if kind_of(item) == "copy":
            style["color"] = palette.WHITE
        else:
            style["halo"] = hue_of(item).pale
        c.text(placed.middle, lane.middle + 4, label_of(item), **style)


def _draw_labels(c: Canvas, lane: Lane) -> None:
    """The flags of the recordings, and the names that do not fit their bars."""
    for k, (left, _) in lane.labels.items():
        words, top = label_of(lane.items[k].item), lane.top_of(k)
        style: Style = {"size": FONT, "anchor": "middle"}
        if kind_of(lane.items[k].item) == "record":
            width = text_width(words, FONT, bold=True) + 12
            c.rect(left, top, width, 15, fill=palette.INK, radius=0)
            style |= {"bold": True, "color": palette.WHITE}
        else:
            width = text_width(words, FONT) + 8
            c.rect(left, top, width, 15, fill=palette.WHITE, stroke=palette.LINE, radius=3)
        c.text(left + width / 2, top + 11.5, words, **style)


def draw_dot(c: Canvas, x: float, y: float, tip: str | None = None) -> None:
    """An event recorded, where a flag has no room."""
    c.rect(x - 4, y - 4, 8, 8, fill=palette.INK, stroke=palette.WHITE, radius=4, tip=tip)


def draw_diamond(
    c: Canvas,
    x: float,
    y: float,
    tip: str | None = None,
    *,
    stroke: str = palette.INK,
    half: float = 8,
) -> None:
    """A wait, from `half` above `y` to as much below."""
    corners = [(x - 6, y), (x, y - half), (x + 6, y), (x, y + half)]
    c.polygon(corners, fill=palette.WHITE, stroke=stroke, width=1.8, tip=tip)


def _draw_tie(c: Canvas, link: Link) -> None:
    """A curve from a recording to the wait for it; within a lane it swings below the bars."""
    (x1, y1), (x2, y2) = link.begin, link.end
    if y1 == y2:
        bends, bow, angle = (y1 + 14, y2 + 14), 0, math.atan2(-14, (x2 - x1) / 3)
    else:
        bends = (y1 + (y2 - y1) / 2, y2 - (y2 - y1) / 2)
        bow = 16 if x2 - x1 < 16 else 0
        angle = math.pi / 2 if y2 > y1 else -math.pi / 2
    points = [(x1, y1), (x1 + bow, bends[0]), (x2 + bow / 2, bends[1]), (x2, y2)]
    draw_curve(c, points, (x2, y2), angle)


def draw_curve(c: Canvas, points: Sequence[Point], tip: Point, angle: float) -> None:
    """A curve through its four points, with a head at `tip` that points along `angle`."""
    start, *rest = (f"{number(x)} {number(y)}" for x, y in points)
    d = f"M{start} C{' '.join(rest)}"
    c.path(d, stroke=palette.WHITE, width=4.5)
    c.path(d, stroke=palette.INK, width=1.7)
    c.arrow_head(*tip, angle, fill=palette.INK)


# --- Findings: the order that is missing ----------------------------------------------------------


def draw_missing(
    c: Canvas, scale: Scale, lanes: Sequence[Lane], hazards: Sequence[Finding]
) -> None:
    """A red edge from the end of the first bar of each finding to the beginning of the second."""
    for label, finding in enumerate(hazards[:MOST], 1):
        sides = [side for side in (finding.first, finding.second) if side is not None]
        shown = [s for s in sides if s.finish >= scale.begin and s.start <= scale.end]
        ends = [lane for side in shown for lane in _lane_of(side, lanes)]
        if len(ends) < 2:
            continue
        begin, end = scale.x(sides[0].finish), scale.x(sides[1].start)
        edge = draw_edge(c, (begin, ends[0].bar), (end, ends[1].bar))
        x, y = _free_place(c, edge)
        draw_cross(c, x, y)
        if c.has_room(*_room(x, y)):
            style: Style = {"size": 12, "bold": True, "halo": palette.WHITE}
            style["color"] = palette.FAULT.strong
            c.text(x + 8, y + 4, str(label), **style)
        for side, lane in zip(sides, ends, strict=True):
            x = scale.x(side.start)
            look: Look = {"stroke": palette.FAULT.strong, "width": 2.6, "radius": 4}
            c.rect(x, lane.bar, max(scale.x(side.finish) - x, 3), BAR, **look)


def _lane_of(side: Side, lanes: Sequence[Lane]) -> list[Lane]:
    """The lane of a side, if there is one; of what the host did, the first of a host thread."""
    mine = [lane for lane in lanes if lane.key == side.where or (lane.host and side.where is None)]
    return mine[:1]


def draw_edge(c: Canvas, start: Point, end: Point) -> list[Point]:
    """A dashed arrow between bars, each given by x and its top; returns the part for the cross."""
    (x1, here), (x2, there) = start, end
    if here == there:  # above the lane and back
        points = [(x1, here), (x1, here - 12), (x2, here - 12), (x2, here)]
    else:
        down = here < there
        points = [(x1, here + (BAR if down else 0)), (x2, there + (0 if down else BAR))]
    c.line(points, stroke=palette.WHITE, width=5)
    c.arrow(points, stroke=palette.FAULT.strong, width=2.4, dash="6 4")
    return points[1:3] if here == there else points


def draw_cross(c: Canvas, x: float, y: float) -> None:
    """A cross on an edge: this is what is missing."""
    for slope in (-5, 5):
        c.line([(x - 5, y - slope), (x + 5, y + slope)], stroke=palette.FAULT.strong, width=2.4)


def _free_place(c: Canvas, ends: Sequence[Point]) -> Point:
    """Where on the edge the cross and the number cover no words; else in its middle."""
    (x1, y1), (x2, y2) = ends
    parts = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8)
    places = [(x1 + (x2 - x1) * part, y1 + (y2 - y1) * part) for part in parts]
    return next((spot for spot in places if c.has_room(*_room(*spot))), places[0])


def _room(x: float, y: float) -> tuple[float, float, float, float]:
    """What a cross at a place needs, with a number of two digits to its right."""
    return x - 6, y - 8, x + 28, y + 8


def list_missing(c: Canvas, y: float, lines: Sequence[str]) -> float:
    """What the findings are, below the legend; returns the y below them."""
    for line in lines:
        for k, words in enumerate(wrap(line, WIDTH - 2 * MARGIN, 12)):
            y += 20 if k == 0 else 16
            c.text(MARGIN, y, words, size=12, color=palette.FAULT.strong)
    return y


# --- The legend -----------------------------------------------------------------------------------


def _flag(c: Canvas, x: float, y: float) -> None:
    c.line([(x + 3, y), (x + 3, y + 15)], stroke=palette.INK, width=1.6)
    c.rect(x + 3, y, 18, 9, fill=palette.INK, radius=0)


def _diamond(c: Canvas, x: float, y: float) -> None:
    corners = [(x + 7, y + 7), (x + 12, y), (x + 17, y + 7), (x + 12, y + 14)]
    c.polygon(corners, fill=palette.WHITE, stroke=palette.INK, width=1.8)


def _strip(c: Canvas, x: float, y: float) -> None:
    steps = [(1, 14), (1, 9), (7, 9), (7, 2), (17, 2), (17, 9), (23, 9), (23, 14)]
    look: Look = {"fill": _STREAM.pale, "stroke": _STREAM.strong, "width": 1}
    c.polygon([(x + a, y + b) for a, b in steps], **look)


_STREAM, _FAULT = palette.stream_hue(1), palette.FAULT.strong
_LEGEND: dict[str, Entry] = {
    "call": (svg.box(palette.PLAIN.pale, palette.PLAIN.strong), "host call"),
    "calls": (svg.box(palette.PLAIN.pale, palette.PLAIN.strong), "host calls"),
    "kernel": (svg.box(_STREAM.pale, _STREAM.strong), "kernel, in its stream's color"),
    "kernels": (svg.box(_STREAM.pale, _STREAM.strong), "kernels, in the stream's color"),
    "copy": (svg.box(palette.COPY.strong, palette.COPY.strong), "copy"),
    "copies": (svg.box(palette.COPY.strong, palette.COPY.strong), "copies"),
    "waits": (svg.box(palette.LINE, palette.FAINT), "waits for the device or an event"),
    "launch": (svg.wire(palette.LINE), "from its launch"),
    "side": (svg.box(palette.WHITE, _FAULT, width=2.6), "the two sides"),
    "hint": (svg.box(palette.WHITE, palette.GOOD.strong, width=2.6), "what a hint is about"),
    "record": (_flag, "event recorded (event, version)"),
    "flag": (_flag, "event recorded"),
    "dot": (lambda c, x, y: draw_dot(c, x + 12, y + 7), "event recorded"),
    "wait": (_diamond, "wait"),
    "wait for one": (_diamond, "wait for an event"),
    "small wait": (lambda c, x, y: draw_diamond(c, x + 12, y + 7, half=7), "wait"),
    "tie": (svg.arrow(palette.INK), "from the recording waited for"),
    "chain": (svg.arrow(palette.INK, dash="3 3"), "next draw on one generator"),
    "before window": (svg.arrow(palette.INK, dash="3 3"), "recorded before this window"),
    "before": (svg.arrow(palette.INK, dash="3 3"), "recorded before this log"),
    "stall": (svg.hatched(palette.WHITE, palette.FAINT), "waits (hatched)"),
    "release": (svg.wire(palette.MUTED, dash="2 3"), "what the host waited for"),
    "queue": (_strip, "kernels and copies that wait in the queue"),
    "missing": (svg.arrow(_FAULT, dash="6 4"), "the order that is missing"),
    "critical": (svg.wire(palette.GOOD.strong), "critical path"),
}


def legend(kinds: Iterable[str]) -> list[Entry]:
    """What the marks of some kinds mean."""
    return [_LEGEND[kind] for kind in kinds]


def kinds_in(layout: Layout) -> list[str]:
    """The kinds of all marks that occur in a layout."""
    found = {link.kind for link in layout.links}
    found |= set(map(kind_of, layout.items))
    found |= {"tie"} if "wait" in found else set()
    found |= {"stall"} if any(it.stalls for lane in layout.lanes for it in lane.items) else set()
    found |= {"queue"} if any(lane.queue for lane in layout.lanes) else set()
    return [kind for kind in _LEGEND if kind in found]
