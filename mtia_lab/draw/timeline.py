"""The timeline: what the host and every stream did, on the axis of virtual time."""

from collections.abc import Iterable

from ..log.arguments import a_log, some_findings
from ..log.log import Log
from ..log.units import microseconds
from . import palette
from .aggregate import aggregate
from .arrows import draw_chains, draw_launches, draw_releases, draw_waits
from .axis import draw_axis, draw_track
from .lanes import (
    BAR,
    FONT,
    ROW,
    STRIP,
    Lane,
    Scale,
    bar_of,
    flag_text,
    is_copy,
    is_flag,
    is_mark,
    name_fits,
    name_of,
    plan,
    waits_of,
)
from .missing import draw_missing, hazards_of, list_missing
from .svg import MARGIN, WIDTH, Canvas, Picture
from .text import text_width
from .timelegend import legend
from .timetable import describe, tell
from .window import Window

TITLE = "Timeline in virtual time"
LEFT, RIGHT = 170, WIDTH - MARGIN - 14


def timeline(
    log: Log,
    findings: Iterable | None = None,
    *,
    since: float | None = None,
    until: float | None = None,
) -> Picture:
    """Lanes for the host threads and for each stream; bars are calls, kernels and copies.

    Flags are event recordings, and an arrow leads from a recording to each wait for it. Where the
    host waited for the device, or a wait held its stream back, the lane is hatched. Where several
    commands stand in a stream's queue, a strip below it shows how many. Times are microseconds of
    virtual time since the recording began. A name that finds no room is in the ASCII form only.

    More than 300 commands are not drawn one by one: the height in a lane then is the share of time
    it was busy. ``since`` and ``until`` show a part, which may be short enough for every command.

    Args:
        log: what ``mtia_lab.record()`` yielded.
        findings: what ``mtia_lab.find_hazards(log)`` or ``mtia_lab.sanitizer()`` found: the order
            that is missing becomes a red edge between the two bars.
        since, until: from when to when, in virtual µs; None for the beginning and the end.

    Raises:
        ValueError: ``until`` does not come after ``since``.
        TypeError: one of them is no number, or the log is none, or the findings are none.
    """
    window = Window(a_log(timeline, log), since, until)
    hazards = hazards_of(some_findings(timeline, findings))
    scale = Scale(window.end, LEFT, RIGHT, window.begin)
    if not window.readable:
        return aggregate(window, scale, hazards, TITLE)
    c = Canvas()
    y = c.heading(TITLE, "Left to right: microseconds since the recording began")
    lanes = plan(window, scale, y)
    bottom = lanes[-1].bottom if lanes else y + 24
    if lanes:
        draw_axis(c, scale, y, bottom)
        draw_launches(c, scale, lanes)
        draw_releases(c, scale, lanes)
    for lane in lanes:
        draw_track(c, scale, lane)
        for item in lane.items:
            _draw_item(c, scale, lane, item, window.held)
        _draw_poles(c, scale, lane)
        _draw_queue(c, scale, lane)
    draw_chains(c, scale, lanes)
    draw_waits(c, scale, lanes)
    for lane in lanes:  # words last: an arrow passes behind them
        _draw_names(c, scale, lane)
        _draw_labels(c, lane)
    draw_missing(c, scale, lanes, hazards)
    if not lanes:
        c.text(MARGIN, y + 20, "nothing was enqueued", color=palette.MUTED)
    y = c.legend(bottom + 46, legend(lanes, window, hazards)) if lanes else bottom
    y = list_missing(c, y, hazards)
    return Picture(tell(TITLE, lanes, scale, hazards), c.svg(y + MARGIN))


def _draw_item(c: Canvas, scale: Scale, lane: Lane, item, held: dict) -> None:
    x, width = bar_of(item, scale)
    if is_mark(item):
        if item.id in held:
            left = scale.x(held[item.id])
            c.hatch(left, lane.bar + 6, x - left, BAR - 12, stroke=palette.FAINT)
    elif not is_flag(item):
        hue = _hue(lane, item)
        begin, end = (item.begin, item.end) if lane.host else (item.start, item.finish)
        what = item.name if lane.host else describe(item)
        tip = f"{what}, {microseconds(begin)} to {microseconds(end)} \u00b5s"
        fill = hue.strong if is_copy(item) else hue.pale
        look = {"fill": fill, "stroke": hue.strong, "radius": min(4, width / 2)}
        c.rect(x, lane.bar, width, BAR, tip=tip, **look)
        for since, until in waits_of(item):
            left, room = scale.x(since), scale.x(until) - scale.x(since)
            c.rect(left, lane.bar, room, BAR, fill=palette.WHITE, stroke=hue.strong, radius=0)
            c.hatch(left, lane.bar, room, BAR, stroke=palette.FAINT)


def _hue(lane: Lane, item) -> palette.Hue:
    if lane.host:
        return palette.PLAIN
    return palette.COPY if is_copy(item) else palette.stream_hue(lane.key[1])


def _draw_queue(c: Canvas, scale: Scale, lane: Lane) -> None:
    """Below the bars of a stream, how many kernels and copies stand in its queue."""
    if not lane.queue:
        return
    floor, unit = lane.bar + BAR + STRIP, (STRIP - 6) / lane.deepest
    points, height = [(scale.x(lane.queue[0][0]), floor)], floor
    for time, count in lane.queue:
        points.append((scale.x(time), height))
        height = floor - unit * count
        points.append((scale.x(time), height))
    hue = palette.stream_hue(lane.key[1])
    c.polygon(points, fill=hue.pale, stroke=hue.strong, width=1)
    words = f"in its queue: up to {lane.deepest}"
    c.text(MARGIN, floor - 2, words, size=FONT, color=palette.MUTED, fit=LEFT - MARGIN - 8)


def _draw_poles(c: Canvas, scale: Scale, lane: Lane) -> None:
    """The poles of the flags, and the leaders that say whose a name above the bars is."""
    for k, item in enumerate(lane.items):
        row = lane.labels[k][1] if k in lane.labels else -0.6  # no room for the flag: a bare pole
        top = lane.bar - ROW * (row + 1)
        if is_flag(item):
            x = scale.x(item.finish)
            c.line([(x, lane.bar + BAR), (x, top)], stroke=palette.INK, width=1.6)
        elif k in lane.labels:
            x, width = bar_of(item, scale)
            middle = x + width / 2
            c.line([(middle, lane.bar), (middle, top + 15)], stroke=palette.MUTED, width=1)


def _draw_names(c: Canvas, scale: Scale, lane: Lane) -> None:
    """The names that fit their bars."""
    for item in lane.items:
        if is_flag(item) or is_mark(item) or not name_fits(item, scale):
            continue
        x, width = bar_of(item, scale)
        middle = x + width / 2
        if waits_of(item):  # words do not read on hatching
            room = text_width(name_of(item), FONT) + 6
            c.rect(middle - room / 2, lane.bar + 6, room, BAR - 12, fill=palette.WHITE, radius=3)
        style = {"size": FONT, "anchor": "middle"}
        if is_copy(item):
            style["color"] = palette.WHITE
        else:
            style["halo"] = _hue(lane, item).pale
        c.text(middle, lane.middle + 4, name_of(item), **style)


def _draw_labels(c: Canvas, lane: Lane) -> None:
    """The flags of the recordings, and the names that do not fit their bars."""
    for k, (left, row) in lane.labels.items():
        item, top = lane.items[k], lane.bar - ROW * (row + 1)
        style = {"size": FONT, "anchor": "middle"}
        if is_flag(item):
            words, look = flag_text(item), {"fill": palette.INK, "radius": 0}
            width = text_width(words, FONT, bold=True) + 12
            style |= {"bold": True, "color": palette.WHITE}
        else:
            words, look = (
                name_of(item),
                {"fill": palette.WHITE, "stroke": palette.LINE, "radius": 3},
            )
            width = text_width(words, FONT) + 8
        c.rect(left, top, width, 15, **look)
        c.text(left + width / 2, top + 11.5, words, **style)
