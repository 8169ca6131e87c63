"""What joins the lanes of a timeline: launches with their bars, recordings with their waits."""

import math
from collections.abc import Iterable

from ..log.units import microseconds
from . import palette
from .lanes import BAR, ROW, Lane, Scale, is_mark, waits_of
from .svg import Canvas, number
from .timetable import describe

FEW = 16  # so many launches are joined with their bars; more would be a thicket


def draw_launches(c: Canvas, scale: Scale, lanes: list) -> None:
    """Thin lines from where the host enqueued a kernel or a copy to where that began."""
    for item, lane, host in launches(lanes):
        begin = (scale.x(item.enqueue), host.bar + BAR)
        c.line([begin, (scale.x(item.start), lane.bar)], stroke=palette.LINE, width=1.2)


def launches(lanes: list) -> list:
    """``(command, its lane, its host's lane)`` of each launch to be joined; none if too many."""
    hosts = {lane.key[0]: lane for lane in lanes if lane.host}
    found = [
        (item, lane, hosts[item.thread])
        for lane in lanes
        for item in lane.items
        if not lane.host and item.type in ("kernel", "copy") and item.thread in hosts
    ]
    return [] if len(found) > FEW else found


def draw_releases(c: Canvas, scale: Scale, lanes: list) -> None:
    """Thin dotted lines from where a wait of the host ends to the bar whose end it waited for."""
    for time, lane, host in releases(lanes):
        ends = [(scale.x(time), host.bar + BAR), (scale.x(time), lane.bar)]
        c.line(ends, stroke=palette.MUTED, width=1.2, dash="2 3")


def releases(lanes: list) -> list:
    """``(time, lane of the command, lane of the host)`` of each wait; none if too many."""
    ends = {
        item.finish: lane
        for lane in lanes
        for item in lane.items
        if not lane.host and item.type in ("kernel", "copy")
    }
    found = [
        (until, ends[until], lane)
        for lane in lanes
        for item in lane.items
        for _, until in waits_of(item)
        if until in ends
    ]
    return [] if len(found) > FEW else found


def draw_chains(c: Canvas, scale: Scale, lanes: list) -> None:
    """Dashed arrows from each random draw to the next on its generator, on another stream."""
    for source, target, here, there in chains(lanes):
        begin = (scale.x(source.finish), here.middle)
        c.arrow([begin, (scale.x(target.start), there.middle)], stroke=palette.INK, dash="3 3")


def chains(lanes: list) -> list:
    """``(earlier, later, lane, lane)`` of kernels in two lanes, the later after the earlier."""
    homes = {item.id: (item, lane) for lane in lanes if not lane.host for item in lane.items}
    return [
        (homes[k][0], item, homes[k][1], lane)
        for item, lane in homes.values()
        for k in item.after
        if not is_mark(item) and k in homes and homes[k][1] is not lane
    ]


def draw_waits(c: Canvas, scale: Scale, lanes: list) -> None:
    """The waits as diamonds, and the arrows that lead to them."""
    streams = [lane for lane in lanes if not lane.host]
    homes = {item.id: (lane, k) for lane in streams for k, item in enumerate(lane.items)}
    waits = [(lane, k) for lane, k in homes.values() if is_mark(lane.items[k])]
    for lane, k in waits:
        x = scale.x(lane.items[k].start)
        for source in lane.items[k].after:
            if source in homes:
                _draw_arrow(c, scale, *homes[source], x, lane)
            else:  # recorded before the log began
                points = [(max(x - 34, scale.left - 18), lane.bar - 4), (x - 6, lane.middle - 4)]
                c.arrow(points, stroke=palette.INK, dash="3 3")
    for lane, k in waits:
        wait, y = lane.items[k], lane.middle
        x = scale.x(wait.start)
        tip = f"{describe(wait)}, over at {microseconds(wait.finish)} \u00b5s"
        diamond = [(x - 6, y), (x, y - 8), (x + 6, y), (x, y + 8)]
        c.polygon(diamond, fill=palette.WHITE, stroke=palette.INK, width=1.8, tip=tip)


def _draw_arrow(c: Canvas, scale: Scale, source: Lane, k: int, x2: float, target: Lane) -> None:
    """A curve from a flag to a wait: from its foot down, or from its top up."""
    x1 = scale.x(source.items[k].finish)
    if source is target:
        if x2 - x1 < 12:  # the stream waits for what it has just done: no way to go
            return
        y1 = y2 = source.bar + BAR
        bend = (y1 + 14, y2 + 14)
        angle = math.atan2(-14, (x2 - x1) / 3)
    else:
        down = target.middle > source.middle
        row = source.labels[k][1] if k in source.labels else -0.6
        y1 = source.bar + BAR if down else source.bar - ROW * (row + 1)
        y2 = target.middle + (-8 if down else 8)
        bend = (y1 + (y2 - y1) / 2, y2 - (y2 - y1) / 2)
        angle = math.pi / 2 if down else -math.pi / 2
    bow = 16 if x2 - x1 < 16 and source is not target else 0
    numbers = (x1, y1, x1 + bow, bend[0], x2 + bow / 2, bend[1], x2, y2)
    draw_curve(c, numbers, (x2, y2), angle)


def draw_curve(c: Canvas, numbers: Iterable, tip: tuple, angle: float) -> None:
    """A curve with a head at ``tip``; ``numbers`` are x and y of its four points in turn."""
    n = [number(value) for value in numbers]
    d = f"M{n[0]} {n[1]} C{n[2]} {n[3]} {n[4]} {n[5]} {n[6]} {n[7]}"
    c.path(d, stroke=palette.WHITE, width=4.5)
    c.path(d, stroke=palette.INK, width=1.7)
    c.arrow_head(*tip, angle, fill=palette.INK)
