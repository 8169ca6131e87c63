"""Forward and backward, mirrored: above, time runs right up to the turn; below, it runs back."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ..errors import WrongValue, cut
from ..log.arguments import a_log, needs, of_type
from ..log.log import BACKWARDS, Log
from ..log.records import BACKWARD, Call, Command
from ..log.replay import Backwards
from ..log.units import microseconds
from . import lanes_svg, lanes_text, palette, text
from .lanes import (
    BAR,
    FONT,
    LEFT,
    Lane,
    Scale,
    describe,
    is_mark,
    kind_of,
    lane_name,
    place,
    stream_of,
)
from .svg import MARGIN, WIDTH, Canvas, Picture, Point, Style, number
from .text import text_width

TITLE = "Forward and backward in virtual time"
RIGHT = WIDTH - MARGIN - 40
PITCH = BAR + 20  # from one lane to the next
MOST = 150  # commands of a half
STEP, SPREAD = 13, 39  # from one mark to the next at one place, and of all of them
BOW = 22  # how far an arrow over other lanes swings out
NAME, WHAT = 19, 45  # columns of the ASCII form
CHART = text.COLUMNS - NAME - 2
KEY = {
    "kernel": "[=kernel=]",
    "copy": "[#copy#]",
    "record": "R record an event",
    "wait": "W wait for one",
}


@dataclass(frozen=True)
class Half:
    """What was enqueued before autograd's engine took over, or from then on.

    `forward` says which, and so which way time runs; `span` is how many µs lie between
    `left` and `right`, the same in both halves; `more` commands, far from the turn, are left
    out; `later` says that there was a backward before.
    """

    forward: bool
    commands: Sequence[Command]
    span: float
    more: int = 0
    later: bool = False
    left: float = LEFT
    right: float = RIGHT

    @cached_property
    def begin(self) -> float:
        """When its first command started."""
        return min((command.start for command in self.commands), default=0.0)

    @cached_property
    def end(self) -> float:
        """When its last command was done."""
        return max((command.finish for command in self.commands), default=0.0)

    @property
    def title(self) -> str:
        """What it is and who enqueued it."""
        name = "forward" if self.forward else "backward"
        name = "since the backward before, and forward" if self.later else name
        if not self.commands:
            return f"no {name} pass in this log"
        threads = sorted({command.thread for command in self.commands})
        plural = "s" if len(threads) > 1 else ""
        names = ", ".join(map(str, threads[:4])) + (", ..." if len(threads) > 4 else "")
        who = f"{name}, enqueued by host thread{plural} {names}"
        far = "before" if self.forward else "after"
        return who + (f"; {self.more:,} {far}: draw.timeline(log) has all" if self.more else "")

    def streams(self) -> list[tuple[int, int]]:
        """The lanes from the top down; backward's are upside down, as in a mirror."""
        return sorted({stream_of(c) for c in self.commands}, reverse=not self.forward)

    def of(self, stream: tuple[int, int]) -> list[Command]:
        """The commands of one lane."""
        return [command for command in self.commands if stream_of(command) == stream]

    def x(self, time: float) -> float:
        """Where a time is. The right is the turn: forward's end, and backward's beginning."""
        away = self.end - time if self.forward else time - self.begin
        share = min(max(away, 0.0), self.span)
        return self.right - (self.right - self.left) * share / self.span

    def ticks(self) -> list[float]:
        """Round times within it, as far apart in both halves."""
        step = Scale(self.span, 0, 1).ticks()[1]
        times = [step * k for k in range(int(self.begin / step), int(self.end / step) + 2)]
        return [time for time in times if self.begin <= time <= self.end]

    def lanes(self, y: float) -> list[Lane]:
        """The lanes from `y` down; of marks at one place each is beside the others."""
        lanes = []
        for k, stream in enumerate(self.streams()):
            placed = place(self.of(stream), self)
            marks = [n for n, it in enumerate(placed) if is_mark(it.item)]
            spots = apart([placed[n].left for n in marks], self.forward, (self.left, self.right))
            for n, x in zip(marks, spots, strict=True):
                placed[n] = replace(placed[n], left=x)
            lanes.append(Lane(stream, y + PITCH * k, placed))
        return lanes


def passes(log: Log) -> list[tuple[int, int]]:
    """From which record to which each backward goes: from the turn, to the next line's first call.

    A backward may start another, at the same line or at none of the reader's: that is part of it.
    """
    turns: list[int] = []
    ends: list[int] = []
    inside = Backwards()
    for k, record in enumerate(log):
        if isinstance(record, Call):
            known = dict(inside.lines)
            inside.add_call(record)
            if len(ends) < len(turns) and not inside.lines and known:
                ends.append(k)
            if record.marker == BACKWARD and (not known if record.site else not turns):
                turns.append(k)
    return list(zip(turns, [*ends, len(log)], strict=False))


def step_of(log: Log, step: int | None) -> tuple[Log, bool]:
    """The part of a log that one backward is about, and whether there was one before it.

    Raises:
        ValueError: it has several, and no step was given, or one that there is not.
    """
    found = passes(log)
    if step is None and len(found) < 2:
        return log, False
    if step is None or not -len(found) <= step < len(found):
        if not found:
            raise WrongValue(f"this log has no backward pass, and so no step {step}: leave it out")
        asked = "" if step is None else f", and no step {step}"
        raise WrongValue(
            f"this log has {len(found)} backward pass{'' if len(found) == 1 else 'es'}{asked}: "
            "draw one of them, draw.backward(log, step=0), or step=-1 for the last"
        )
    step %= len(found)
    begin = found[step - 1][1] if step else 0
    return log[begin : found[step][1]], step > 0


def halves(log: Log) -> tuple[Half, Half]:
    """The two halves of a log, of each the commands next to the turn.

    The turn is the call that the log marks: autograd's engine asks for devices before it starts.
    """
    parts: tuple[list[Command], list[Command]] = ([], [])
    turned = False
    for record in log:
        turned = turned or (isinstance(record, Call) and record.marker == BACKWARD)
        if isinstance(record, Command):
            parts[turned].append(record)
    left_out = [max(len(part) - MOST, 0) for part in parts]
    ahead, back = parts[0][-MOST:], parts[1][:MOST]
    spans = [max(c.finish for c in p) - min(c.start for c in p) for p in (ahead, back) if p]
    span = max([1.0, *spans])
    return Half(True, ahead, span, left_out[0]), Half(False, back, span, left_out[1])


def apart(places: Sequence[float], forward: bool, ends: tuple[float, float]) -> list[float]:
    """Where marks of one lane go that would coincide: side by side, and not beyond its ends.

    Args:
        places: x of each, in the order in which they were enqueued.
        forward: whether a later one goes to the right.
        ends: x of the lane's left and right end.
    """
    groups: list[list[int]] = []
    for k in sorted(range(len(places)), key=lambda k: (places[k], k if forward else -k)):
        if groups and places[k] - places[groups[-1][-1]] < STEP / 2:
            groups[-1].append(k)
        else:
            groups.append([k])
    moved = list(places)
    for group in (group for group in groups if len(group) > 1):
        first, last = places[group[0]], places[group[-1]]
        wide = max(last - first, min(STEP * (len(group) - 1), SPREAD))
        left = max(ends[0], min((first + last - wide) / 2, ends[1] - wide))
        for n, k in enumerate(group):
            moved[k] = left + wide * n / (len(group) - 1)
    return moved


def backward(log: Log, *, step: int | None = None, title: str = TITLE) -> Picture:
    """A pass through autograd: forward's commands, and mirrored below them backward's.

    The halves meet at the right, at the turn: above it time runs to the right, below it back to the
    left, so that an operator's backward lies about under its forward. Each lane is a stream. Dots
    are event recordings, and an arrow leads from one to each wait for it. A name that finds no room
    is in the ASCII form only. Times are microseconds of virtual time since the recording began. Of
    each half the 150 commands next to the turn are drawn.

    Args:
        log: what `mtia_lab.record()` yielded, of one forward and one backward pass, or of several.
        step: which of several backward passes, from 0 on; -1 for the last. What was done since the
            backward before it, as the optimizer's step, stands with its forward.
        title: the message of the picture, which stands above it.

    Raises:
        TypeError: it is no log, or the step no number.
        ValueError: the log has several backward passes and no step is given, or one that there is
            not.
    """
    if step is not None:
        of_type(backward, "as step a number", step, int)
    log = a_log(backward, log)
    needs(backward, log, BACKWARDS)
    part, later = step_of(log, step)
    ahead, back = halves(part)
    ahead = replace(ahead, later=later)
    c = Canvas()
    y = c.heading(title, "Forward to the right, up to the turn; backward to the left again")
    above = ahead.lanes(_draw_title(c, ahead, y + 16) + 36)
    turn = y + 48 + PITCH * len(above)
    below = back.lanes(turn + 20)
    sides = ((ahead, above), (back, below))
    for half, lanes in sides:
        _draw_axis(c, half, lanes)
        for lane in lanes:
            lanes_svg.draw_track(c, lane, RIGHT)
            for placed in lane.items:
                if not is_mark(placed.item):
                    lanes_svg.draw_bar(c, placed, lane.bar)
    if above and below:
        _draw_turn(c, turn)
    for _, lanes in sides:
        _draw_events(c, lanes)
    for _, lanes in sides:  # words last: an arrow passes behind them
        for lane in lanes:
            _draw_names(c, lane)
    y = _draw_title(c, back, turn + 38 + PITCH * len(below))
    kinds = {command.type for half in (ahead, back) for command in half.commands}
    marks = {"kernel": ["kernel"], "copy": ["copy"], "record": ["dot"]}
    marks["wait"] = ["small wait", "tie"]
    y = c.legend(y + 22, lanes_svg.legend(m for kind in KEY if kind in kinds for m in marks[kind]))
    return Picture(_to_text(title, ahead, back), c.svg(y + MARGIN))


def _draw_title(c: Canvas, half: Half, y: float) -> float:
    width = c.text(MARGIN, y, half.title, bold=True, color=palette.MUTED, size=12)
    ends = [(MARGIN + width + 10, y - 4), (MARGIN + width + 60, y - 4)]
    if half.commands:
        c.arrow(ends if half.forward else ends[::-1], stroke=palette.MUTED)
    return y


def _draw_axis(c: Canvas, half: Half, lanes: Sequence[Lane]) -> None:
    if not lanes:
        return
    top, bottom = lanes[0].bar - 6, lanes[-1].bar + BAR + 5
    for tick in half.ticks():
        x, y = half.x(tick), top - 12 if half.forward else bottom + 13
        c.line([(x, top), (x, bottom)], stroke=palette.LINE, width=1)
        label = microseconds(tick)
        c.text(x, y, label, size=FONT, color=palette.MUTED, anchor="middle")


def _draw_names(c: Canvas, lane: Lane) -> None:
    """A name stands in its bar, else above it, else, where that is taken, nowhere."""
    taken: float = LEFT
    bars = [placed for placed in lane.items if not is_mark(placed.item)]
    for placed in sorted(bars, key=lambda placed: placed.left):
        item, middle = placed.item, placed.middle
        room = text_width(item.name, FONT)
        style: Style = {"size": FONT, "anchor": "middle"}
        if room + 16 <= placed.width:
            hue, dark = lanes_svg.hue_of(item), kind_of(item) == "copy"
            style["color"] = palette.WHITE if dark else palette.INK
            style["halo"] = hue.strong if dark else hue.pale
            c.text(middle, lane.middle + 4, item.name, **style)
        elif taken <= middle - room / 2 and middle + room / 2 <= RIGHT:
            taken = middle + room / 2 + 4
            style |= {"color": palette.MUTED, "halo": palette.WHITE}
            c.text(middle, lane.bar - 4, item.name, **style)


def _draw_turn(c: Canvas, y: float) -> None:
    """The line that mirrors, and the arrow that turns round it."""
    c.line([(LEFT, y), (RIGHT, y)], stroke=palette.INK, width=1.2, dash="2 4")
    near, far = number(RIGHT + 6), number(RIGHT + 34)
    above, below = number(y - 22), number(y + 22)
    d = f"M{near} {above} C{far} {above} {far} {below} {number(RIGHT + 13)} {below}"
    c.path(d, stroke=palette.INK, width=1.6)
    c.arrow_head(RIGHT + 6, y + 22, math.pi, fill=palette.INK)


def _draw_events(c: Canvas, lanes: Sequence[Lane]) -> None:
    """Recordings as dots, waits as diamonds, and an arrow from each to each.

    An arrow that passes over another lane is bowed, so that it hides no mark there and no arrow.
    """
    spots = {
        placed.item.id: (placed.item, (placed.left, lane.middle))
        for lane in lanes
        for placed in lane.items
        if isinstance(placed.item, Command) and is_mark(placed.item)
    }
    marks = [spots[id_] for id_ in sorted(spots)]
    heights = {y for _, (_, y) in marks}
    for wait, end in marks:
        for source in wait.after if wait.type == "wait" else ():
            if source in spots:
                begin = spots[source][1]
                over = any(min(begin[1], end[1]) < y < max(begin[1], end[1]) for y in heights)
                bow = BOW if max(begin[0], end[0]) + BOW < RIGHT else -BOW
                _draw_tie(c, begin, end, bow if over else 0)
    for mark, spot in marks:
        if mark.type == "record":
            lanes_svg.draw_dot(c, *spot, describe(mark))
        else:
            lanes_svg.draw_diamond(c, *spot, describe(mark), half=7)


def _draw_tie(c: Canvas, source: Point, target: Point, bow: float) -> None:
    """A line, or a curve that swings out by `bow`."""
    (x1, y1), (x2, y2) = source, target
    y2 -= math.copysign(8, y2 - y1) if y1 != y2 else 0
    if not bow:
        c.line([(x1, y1), (x2, y2)], stroke=palette.WHITE, width=4.5)
        c.arrow([(x1, y1), (x2, y2)], stroke=palette.INK, width=1.7)
        return
    bend = (x1 + x2) / 2 + bow
    angle = math.atan2((y2 - y1) / 3, x2 - bend)
    base = (x2 - 7 * math.cos(angle), y2 - 7 * math.sin(angle))
    points = [(x1, y1), (bend, y1 + (y2 - y1) / 3), (bend, y2 - (y2 - y1) / 3), base]
    lanes_svg.draw_curve(c, points, (x2, y2), angle)


# --- The same in ASCII ----------------------------------------------------------------------------


def _to_text(title: str, ahead: Half, back: Half) -> str:
    lines = [title, ""]
    for half in (ahead, back):
        arrow = "-->" if half.forward else "<--"
        span = f", {microseconds(half.begin)} to {microseconds(half.end)} us  {arrow}"
        named = [half.title + (span if half.commands else "")]
        chart = [_chart(half, stream) for stream in half.streams()]
        lines += named + chart if half.forward else chart + named
        if half.forward and half.commands and back.commands:
            lines.append(f"{'':<{NAME}}{'- ' * (CHART // 2 - 2)}turn")
    commands = [*ahead.commands, *back.commands]
    if not commands:
        return text.page(lines)
    types = {command.type for command in commands}
    key = "   ".join(words for kind, words in KEY.items() if kind in types)
    head = f"{'no.':>4}  {'where':<{NAME}}{'thread':>6}  {'what':<{WHAT}}"
    head += f" {'start':>9} {'finish':>9}"
    numbers = {command.id: number for number, command in enumerate(commands, 1)}
    rows = [_row(command, numbers) for command in commands]
    return text.page(lines, "", key, "", head, rows)


def _chart(half: Half, stream: tuple[int, int]) -> str:
    cells, marked, columns = ["."] * CHART, set(), replace(half, left=0, right=CHART)
    for command in sorted(half.of(stream), key=is_mark):
        first, last = sorted(int(columns.x(time)) for time in (command.start, command.finish))
        first = min(first, CHART - 1)
        if is_mark(command):
            ahead = range(first, CHART) if half.forward else range(first, -1, -1)
            marked.add(free := next((k for k in ahead if k not in marked), first))
            cells[free] = "R" if command.type == "record" else "W"
        else:
            width = max(last - first, 1)
            sign = "#" if command.type == "copy" else "="
            cells[first : first + width] = lanes_text.bar(command.name, width, sign)
    return f"{lane_name(stream):<{NAME}}|{''.join(cells)}"


def _row(command: Command, numbers: Mapping[int, int]) -> str:
    where = lane_name(stream_of(command))
    times = " ".join(f"{microseconds(t):>9}" for t in (command.start, command.finish))
    what = cut(describe(command, numbers), WHAT)
    return f"{numbers[command.id]:>4}  {where:<{NAME}}{command.thread:>6}  {what:<{WHAT}} {times}"
