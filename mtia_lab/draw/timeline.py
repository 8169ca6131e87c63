"""The timeline: what the host and every stream did, on the axis of virtual time."""

from . import palette, swatch
from .arrows import chains, draw_chains, draw_launches, draw_waits, launches
from .canvas import MARGIN, WIDTH, Canvas
from .lanes import (
    BAR,
    FONT,
    ROW,
    STRIP,
    Lane,
    Scale,
    bar_of,
    flag_text,
    held_since,
    is_copy,
    is_flag,
    is_mark,
    microseconds,
    name_fits,
    name_of,
    plan,
    waits_of,
)
from .measure import text_width
from .picture import Picture
from .stateview import draw_stream
from .timetable import describe, tell

TITLE = "Timeline in virtual time"
LEFT, RIGHT = 170, WIDTH - MARGIN - 14


def timeline(log: object) -> Picture:
    """Lanes for the host threads and for each stream; bars are calls, kernels and copies.

    Flags are event recordings, and an arrow leads from a recording to each wait for it. Where the
    host waited for the device, or a wait held its stream back, the lane is hatched. Where several
    commands stand in a stream's queue, a strip below it shows how many. Times are microseconds of
    virtual time since the recording began. A name that finds no room is in the ASCII form only.

    Args:
        log: what ``mtia_lab.record()`` yielded.
    """
    times = [command.finish for command in log.commands] + [call.end for call in log.calls]
    scale = Scale(max([1.0, *times]), LEFT, RIGHT)
    c = Canvas()
    y = c.heading(TITLE, "Left to right: microseconds since the recording began")
    lanes = plan(log, scale, y)
    bottom = lanes[-1].bottom if lanes else y + 24
    if lanes:
        _draw_axis(c, scale, y, bottom)
        draw_launches(c, scale, lanes)
    held = held_since(log.commands)
    for lane in lanes:
        _draw_track(c, lane)
        for item in lane.items:
            _draw_item(c, scale, lane, item, held)
        _draw_poles(c, scale, lane)
        _draw_queue(c, scale, lane)
    draw_chains(c, scale, lanes)
    draw_waits(c, scale, lanes)
    for lane in lanes:  # words last: an arrow passes behind them
        _draw_names(c, scale, lane)
        _draw_labels(c, lane)
    if not lanes:
        c.text(MARGIN, y + 20, "nothing was enqueued", color=palette.MUTED)
    y = c.legend(bottom + 46, _legend(lanes, held)) if lanes else bottom
    return Picture(tell(TITLE, lanes, scale.end), c.svg(y + MARGIN))


def _draw_axis(c: Canvas, scale: Scale, top: float, bottom: float) -> None:
    for tick in scale.ticks():
        x = scale.x(tick)
        c.line([(x, top), (x, bottom + 4)], stroke=palette.LINE, width=1)
        label = microseconds(tick)
        c.text(x, bottom + 20, label, size=FONT, color=palette.MUTED, anchor="middle")
    c.line([(scale.left, bottom), (scale.right, bottom)], stroke=palette.MUTED, width=1.2)
    c.text(MARGIN, bottom + 20, "virtual time, \u00b5s", size=FONT, color=palette.MUTED)


def _draw_track(c: Canvas, lane: Lane) -> None:
    c.rect(LEFT, lane.bar, RIGHT - LEFT, BAR, fill=palette.PANEL, radius=0)
    if lane.host:
        room = LEFT - MARGIN - 8
        name = f"host thread {lane.key[0]}"
        c.text(MARGIN, lane.middle + 4.5, name, size=12, bold=True, fit=room)
    else:
        device, stream = lane.key
        c.text(MARGIN, lane.middle + 4, f"mtia:{device}", size=12, mono=True, fit=58)
        draw_stream(c, MARGIN + 58, lane.middle - 9, 76, stream)


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


def _diamond(c: Canvas, x: float, y: float) -> None:
    points = [(x + 7, y + 7), (x + 12, y), (x + 17, y + 7), (x + 12, y + 14)]
    c.polygon(points, fill=palette.WHITE, stroke=palette.INK, width=1.8)


def _flag(c: Canvas, x: float, y: float) -> None:
    c.line([(x + 3, y), (x + 3, y + 15)], stroke=palette.INK, width=1.6)
    c.rect(x + 3, y, 18, 9, fill=palette.INK, radius=0)


def _queue(c: Canvas, x: float, y: float) -> None:
    hue = palette.stream_hue(1)
    steps = [(1, 14), (1, 9), (7, 9), (7, 2), (17, 2), (17, 9), (23, 9), (23, 14)]
    c.polygon([(x + a, y + b) for a, b in steps], fill=hue.pale, stroke=hue.strong, width=1)


def _legend(lanes: list, held: dict) -> list:
    items = [item for lane in lanes for item in lane.items]
    commands = [item for lane in lanes if not lane.host for item in lane.items]
    known = {command.id for command in commands}
    waits = [item for item in items if is_mark(item)]
    legend = []
    if any(lane.host for lane in lanes):
        legend.append((swatch.box(palette.PLAIN.pale, palette.PLAIN.strong), "host call"))
    if any(item.type == "kernel" for item in commands):
        hue = palette.stream_hue(1)
        legend.append((swatch.box(hue.pale, hue.strong), "kernel, in its stream's colour"))
    if any(map(is_copy, items)):
        legend.append((swatch.box(palette.COPY.strong, palette.COPY.strong), "copy"))
    if launches(lanes):
        legend.append((swatch.wire(palette.LINE), "from its launch"))
    if any(map(is_flag, items)):
        legend.append((_flag, "event recorded (event, version)"))
    if waits:
        legend += [(_diamond, "wait"), (swatch.arrow(palette.INK), "from the recording waited for")]
    if chains(lanes):
        legend.append((swatch.arrow(palette.INK, dash="3 3"), "next draw on one generator"))
    if any(source not in known for wait in waits for source in wait.after):
        legend.append((swatch.arrow(palette.INK, dash="3 3"), "recorded before this log"))
    if held or any(map(waits_of, items)):
        legend.append((swatch.hatched(palette.WHITE, palette.FAINT), "waits (hatched)"))
    if any(lane.queue for lane in lanes):
        legend.append((_queue, "kernels and copies that wait in the queue"))
    return legend
