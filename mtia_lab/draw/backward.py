"""Forward and backward, mirrored: above, time runs right up to the turn; below, it runs back."""

import math

from ..log.arguments import a_log
from ..log.log import Log
from ..log.units import microseconds
from . import palette, svg, text
from .axis import draw_stream_name
from .halves import Half, halves
from .lanes import BAR, FONT, is_copy, is_flag, is_mark
from .marks import apart, diamond, dot, draw_marks
from .svg import MARGIN, WIDTH, Canvas, Picture, number
from .text import text_width
from .timetable import describe

TITLE = "Forward and backward in virtual time"
LEFT, RIGHT = 170, WIDTH - MARGIN - 40
PITCH = BAR + 20  # from one lane to the next
NAME, WHAT = 19, 45  # columns of the ASCII form
CHART = text.COLUMNS - NAME - 2
KEY = (
    ("[=kernel=]", "kernel"),
    ("[#copy#]", "copy"),
    ("R record an event", "record"),
    ("W wait for one", "wait"),
)


def backward(log: Log) -> Picture:
    """A pass through autograd: forward's commands, and mirrored below them backward's.

    The halves meet at the right, at the turn: above it time runs to the right, below it back to the
    left, so that an operator's backward lies about under its forward. Each lane is a stream. Dots
    are event recordings, and an arrow leads from one to each wait for it. A name that finds no room
    is in the ASCII form only. Times are microseconds of virtual time since the recording began. Of
    each half the 150 commands next to the turn are drawn.

    Args:
        log: what ``mtia_lab.record()`` yielded, of one forward and one backward pass.

    Raises:
        TypeError: it is no log.
    """
    forward, back = halves(a_log(backward, log))
    c, rows = Canvas(), {}
    y = c.heading(TITLE, "Forward to the right, up to the turn; backward to the left again")
    y = _place(rows, forward, _draw_title(c, forward, y + 16) + 36)
    turn = y - 4
    y = _place(rows, back, y + 16)
    for half in (forward, back):
        _draw_axis(c, half, rows)
        for lane in half.lanes():
            _draw_lane(c, half, lane, rows[half.forward, lane])
    if forward.commands and back.commands:
        _draw_turn(c, turn)
    for half in (forward, back):
        _draw_events(c, half, rows)
    for half in (forward, back):  # words last: an arrow passes behind them
        for lane in half.lanes():
            _draw_names(c, half, lane, rows[half.forward, lane])
    y = _draw_title(c, back, y + 18)
    y = c.legend(y + 22, _legend(forward.commands + back.commands))
    return Picture(_tell(forward, back), c.svg(y + MARGIN))


def _place(rows: dict, half: Half, y: float) -> float:
    """Give each lane of a half its height; return where the next thing begins."""
    for lane in half.lanes():
        rows[half.forward, lane] = y
        y += PITCH
    return y


def _x(half: Half, time: float) -> float:
    return half.place(time, LEFT, RIGHT)


def _draw_title(c: Canvas, half: Half, y: float) -> float:
    width = c.text(MARGIN, y, half.title, bold=True, color=palette.MUTED, size=12)
    ends = [(MARGIN + width + 10, y - 4), (MARGIN + width + 60, y - 4)]
    if half.commands:
        c.arrow(ends if half.forward else ends[::-1], stroke=palette.MUTED)
    return y


def _draw_axis(c: Canvas, half: Half, rows: dict) -> None:
    tops = [rows[half.forward, lane] for lane in half.lanes()]
    if not tops:
        return
    top, bottom = min(tops) - 6, max(tops) + BAR + 5
    for tick in half.ticks():
        x, y = _x(half, tick), top - 12 if half.forward else bottom + 13
        c.line([(x, top), (x, bottom)], stroke=palette.LINE, width=1)
        label = microseconds(tick)
        c.text(x, y, label, size=FONT, color=palette.MUTED, anchor="middle")


def _draw_lane(c: Canvas, half: Half, lane: tuple, y: float) -> None:
    c.rect(LEFT, y, RIGHT - LEFT, BAR, fill=palette.PANEL, radius=0)
    draw_stream_name(c, y, lane)
    for command in half.of(lane):
        if not is_flag(command) and not is_mark(command):
            _draw_bar(c, half, command, y)


def _draw_bar(c: Canvas, half: Half, command: object, y: float) -> None:
    left, width = _bar(half, command)
    hue = _hue(command)
    times = f"{microseconds(command.start)} to {microseconds(command.finish)} \u00b5s"
    fill = hue.strong if is_copy(command) else hue.pale
    look = {"fill": fill, "stroke": hue.strong, "radius": min(4, width / 2)}
    c.rect(left, y, width, BAR, tip=f"{describe(command)}, {times}", **look)


def _bar(half: Half, command: object) -> tuple:
    """Left edge and width of a bar; one too short to see is widened to 2 pixels."""
    left, right = sorted((_x(half, command.start), _x(half, command.finish)))
    return left, max(right - left, 2.0)


def _hue(command: object) -> palette.Hue:
    return palette.COPY if is_copy(command) else palette.stream_hue(command.stream)


def _draw_names(c: Canvas, half: Half, lane: tuple, y: float) -> None:
    """A name stands in its bar, else above it, else, where that is taken, nowhere."""
    taken = LEFT
    for command in sorted(half.of(lane), key=lambda command: _x(half, command.finish)):
        if is_flag(command) or is_mark(command):
            continue
        left, width = _bar(half, command)
        room, middle = text_width(command.name, FONT), left + width / 2
        style = {"size": FONT, "anchor": "middle"}
        if room + 16 <= width:
            ink = palette.WHITE if is_copy(command) else palette.INK
            halo = _hue(command).strong if is_copy(command) else _hue(command).pale
            c.text(middle, y + BAR / 2 + 4, command.name, color=ink, halo=halo, **style)
        elif taken <= middle - room / 2 and middle + room / 2 <= RIGHT:
            taken = middle + room / 2 + 4
            c.text(middle, y - 4, command.name, color=palette.MUTED, halo=palette.WHITE, **style)


def _draw_turn(c: Canvas, y: float) -> None:
    """The line that mirrors, and the arrow that turns round it."""
    c.line([(LEFT, y), (RIGHT, y)], stroke=palette.INK, width=1.2, dash="2 4")
    near, far = number(RIGHT + 6), number(RIGHT + 34)
    above, below = number(y - 22), number(y + 22)
    d = f"M{near} {above} C{far} {above} {far} {below} {number(RIGHT + 13)} {below}"
    c.path(d, stroke=palette.INK, width=1.6)
    c.arrow_head(RIGHT + 6, y + 22, math.pi, fill=palette.INK)


def _draw_events(c: Canvas, half: Half, rows: dict) -> None:
    spots = {}
    for lane in half.lanes():
        marks = [command for command in half.of(lane) if is_flag(command) or is_mark(command)]
        places = apart([_x(half, mark.finish) for mark in marks], half.forward, (LEFT, RIGHT))
        y = rows[half.forward, lane] + BAR / 2
        spots |= {mark.id: (x, y) for mark, x in zip(marks, places, strict=True)}
    marks = [command for command in half.commands if command.id in spots]
    draw_marks(c, marks, spots, RIGHT)


def _legend(commands: list) -> list:
    hue = palette.stream_hue(1)
    parts = [
        (svg.box(hue.pale, hue.strong), "kernel, in its stream's color", "kernel"),
        (svg.box(palette.COPY.strong, palette.COPY.strong), "copy", "copy"),
        (lambda c, x, y: dot(c, x + 12, y + 7), "event recorded", "record"),
        (lambda c, x, y: diamond(c, x + 12, y + 7), "wait", "wait"),
        (svg.arrow(palette.INK), "from the recording waited for", "wait"),
    ]
    types = {command.type for command in commands}
    return [(draw, words) for draw, words, type in parts if type in types]


# --- The same in ASCII ----------------------------------------------------------------------------


def _tell(forward: Half, back: Half) -> str:
    lines = [TITLE, ""]
    for half in (forward, back):
        arrow = "-->" if half.forward else "<--"
        span = f", {microseconds(half.begin)} to {microseconds(half.end)} us  {arrow}"
        title = [half.title + (span if half.commands else "")]
        chart = [_chart(half, lane) for lane in half.lanes()]
        lines += title + chart if half.forward else chart + title
        if half.forward and half.commands and back.commands:
            lines.append(f"{'':<{NAME}}{'- ' * (CHART // 2 - 2)}turn")
    commands = forward.commands + back.commands
    if not commands:
        return text.page(lines)
    types = {command.type for command in commands}
    key = "   ".join(words for words, type in KEY if type in types)
    head = f"{'id':>4}  {'where':<{NAME}}{'thread':>6}  {'what':<{WHAT}}"
    head += f" {'start':>9} {'finish':>9}"
    return text.page(lines, "", key, "", head, [_row(command) for command in commands])


def _chart(half: Half, lane: tuple) -> str:
    cells, marked = ["."] * CHART, set()
    for command in sorted(half.of(lane), key=lambda c: is_flag(c) or is_mark(c)):
        ends = (half.place(t, 0, CHART) for t in (command.start, command.finish))
        first, last = sorted(int(end) for end in ends)
        first = min(first, CHART - 1)
        if is_flag(command) or is_mark(command):
            ahead = range(first, CHART) if half.forward else range(first, -1, -1)
            marked.add(place := next((k for k in ahead if k not in marked), first))
            cells[place] = "R" if is_flag(command) else "W"
            continue
        width = max(last - first, 1)
        bar = ("#" if is_copy(command) else "=") * width
        if width > 2:
            bar = f"[{text.cut(command.name, width - 2).center(width - 2, bar[0])}]"
        cells[first : first + width] = bar
    return f"{f'mtia:{lane[0]} stream {lane[1]}':<{NAME}}|{''.join(cells)}"


def _row(command: object) -> str:
    where = f"mtia:{command.device} stream {command.stream}"
    times = " ".join(f"{microseconds(t):>9}" for t in (command.start, command.finish))
    what = text.cut(describe(command), WHAT)
    return f"{command.id:>4}  {where:<{NAME}}{command.thread:>6}  {what:<{WHAT}} {times}"
