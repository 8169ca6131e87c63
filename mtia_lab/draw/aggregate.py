"""The timeline of more commands than can be drawn: heights are shares of time."""

from . import palette, svg
from .aggregatetable import CHART, notes, sentence, tell
from .axis import draw_axis, draw_track
from .lanes import BAR, FONT, STRIP, Scale
from .missing import draw_missing, list_missing
from .shares import Busy, busy_lanes
from .svg import MARGIN, Canvas, Picture, number
from .text import text_width
from .timelegend import queue_swatch

COLUMNS = 2 * CHART  # of some four pixels; the ASCII form has half as many


def aggregate(window: object, scale: Scale, hazards: list, title: str) -> Picture:
    """A lane for each host thread and stream, as high as it was busy, with counts and names.

    Its size does not depend on how many commands there are, but for at most 32 lanes.

    Args:
        window: the calls and commands, as ``Window`` gives them.
        scale: from µs of virtual time to pixels.
        hazards: findings, as ``hazards_of`` gives them.
        title: what stands above.
    """
    lanes, more = busy_lanes(window, COLUMNS)
    c = Canvas()
    y = c.heading(title, sentence(lanes, scale))
    for lane in lanes:
        lane.top = y
        y = lane.bottom
    draw_axis(c, scale, lanes[0].top, y)
    for lane in lanes:
        _draw_lane(c, scale, lane)
    draw_missing(c, scale, lanes, hazards)
    if more:
        c.text(MARGIN, y + 44, f"and {more} more lanes, with fewer commands", color=palette.MUTED)
        y += 24
    y = c.legend(y + 46, _legend(lanes, hazards))
    y = list_missing(c, y, hazards)
    return Picture(tell(title, scale, lanes, more, hazards), c.svg(y + MARGIN))


def _draw_lane(c: Canvas, scale: Scale, lane: Busy) -> None:
    draw_track(c, scale, lane)
    left, width = scale.left, scale.right - scale.left
    hue = palette.PLAIN if lane.host else palette.stream_hue(lane.key[1])
    order = ("call", "waits") if lane.host else ("copy", "kernel", "waits")
    looks = {
        "call": (palette.PLAIN.pale, palette.PLAIN.strong),
        "kernel": (hue.pale, hue.strong),
        "copy": (palette.COPY.strong, palette.COPY.strong),
        "waits": (palette.LINE, palette.FAINT),
    }
    floor = lane.bar + BAR
    for k in range(len(order), 0, -1):  # the whole stack, then all but its top
        heights = [
            min(sum(parts), 1.0) for parts in zip(*map(lane.layers.get, order[:k]), strict=True)
        ]
        if any(lane.layers[order[k - 1]]):
            fill, stroke = looks[order[k - 1]]
            d = _steps(heights, left, width, floor, BAR)
            c.path(d, fill=fill, stroke=stroke, width=0.8)
    _draw_counts(c, scale, lane, hue)
    if any(lane.queue):
        most = max(lane.queue)
        heights = [count / most for count in lane.queue]
        d = _steps(heights, left, width, floor + STRIP, STRIP - 6)
        c.path(d, fill=hue.pale, stroke=hue.strong, width=0.8)
        words = f"in its queue: up to {most:,}"
        c.text(MARGIN, floor + STRIP - 2, words, size=FONT, color=palette.MUTED, fit=140)
        floor += STRIP
    for k, line in enumerate(notes(lane)):
        style = {"size": FONT, "color": palette.MUTED, "halo": palette.WHITE}
        c.text(left, floor + 13 + 14 * k, line, fit=width, **style)


def _steps(heights: list, left: float, width: float, floor: float, unit: float) -> str:
    """The outlines of columns that stand on ``floor``, one for each run of them without a gap."""
    d, before = "", 0.0
    for k, height in enumerate([*heights, 0.0]):
        if height == before:
            continue
        x = number(left + width * k / len(heights))
        d += f"H{x}" if before else f"M{x} {number(floor)}"
        d += f"V{number(floor - unit * height)}" + ("" if height else "Z")
        before = height
    return d


def _draw_counts(c: Canvas, scale: Scale, lane: Busy, hue: palette.Hue) -> None:
    """In each block with room for it, how many began in it and what share of it was busy."""
    step = (scale.right - scale.left) / COLUMNS
    for block in lane.blocks:
        words = f"{block.count:,} \u00b7 {block.share:.0%} busy"
        width = step * (block.last + 1 - block.first)
        room = text_width(words, FONT) + 8
        if room + 8 <= width:
            x = scale.left + step * block.first + width / 2
            c.rect(x - room / 2, lane.middle - 8, room, 16, fill=hue.pale, radius=3)
            c.text(x, lane.middle + 4, words, size=FONT, anchor="middle")


def _legend(lanes: list, hazards: list) -> list:
    hue = palette.stream_hue(1)
    layers = [layer for lane in lanes for layer, shares in lane.layers.items() if any(shares)]
    rows = [
        ("call", svg.box(palette.PLAIN.pale, palette.PLAIN.strong), "host calls"),
        ("kernel", svg.box(hue.pale, hue.strong), "kernels, in the stream's color"),
        ("copy", svg.box(palette.COPY.strong, palette.COPY.strong), "copies"),
        ("waits", svg.box(palette.LINE, palette.FAINT), "waits for the device or an event"),
    ]
    legend = [(draw, words) for layer, draw, words in rows if layer in layers]
    if any(any(lane.queue) for lane in lanes):
        legend.append((queue_swatch, "kernels and copies that wait in the queue"))
    if hazards:
        legend.append((svg.arrow(palette.FAULT.strong, dash="6 4"), "the order that is missing"))
    return legend
