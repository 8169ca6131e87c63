"""Events in the mirrored picture: dots that record, diamonds that wait, arrows between them."""

import math
from itertools import chain

from . import palette
from .arrows import draw_curve
from .lanes import is_mark
from .svg import Canvas
from .timetable import describe

STEP, SPREAD = 13, 39  # from one mark to the next at one place, and of all of them
BOW = 22  # how far an arrow over other lanes swings out


def draw_marks(c: Canvas, marks: list, spots: dict, right: float) -> None:
    """Recordings as dots, waits as diamonds, and an arrow from each to each.

    An arrow that passes over another lane is bowed, so that it hides no mark there and no arrow.

    Args:
        marks: the commands that record or wait, in the order in which they were enqueued.
        spots: ``id -> (x, y)``, where each of them is; ``apart`` has seen to it that none coincide.
        right: where the lanes end, beyond which no arrow goes.
    """
    lanes = {y for _, y in spots.values()}
    for mark in marks:
        for source in (k for k in mark.after if is_mark(mark) and k in spots):
            (x1, y1), (x2, y2) = spots[source], spots[mark.id]
            over = any(min(y1, y2) < y < max(y1, y2) for y in lanes)
            bow = BOW if max(x1, x2) + BOW < right else -BOW
            _arrow(c, (x1, y1), (x2, y2), bow if over else 0)
    for mark in marks:
        (diamond if is_mark(mark) else dot)(c, *spots[mark.id], tip=describe(mark))


def apart(places: list, forward: bool, ends: tuple) -> list:
    """Where marks of one lane go that would coincide: side by side, and not beyond its ends.

    Args:
        places: x of each, in the order in which they were enqueued.
        forward: whether a later one goes to the right.
        ends: x of the lane's left and right end.
    """
    groups: list = []
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


def _arrow(c: Canvas, source: tuple, target: tuple, bow: int) -> None:
    """A line, or a curve that swings out by ``bow``."""
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
    draw_curve(c, chain.from_iterable(points), (x2, y2), angle)


def dot(c: Canvas, x: float, y: float, tip: str | None = None) -> None:
    """An event recorded."""
    c.rect(x - 4, y - 4, 8, 8, fill=palette.INK, stroke=palette.WHITE, radius=4, tip=tip)


def diamond(c: Canvas, x: float, y: float, tip: str | None = None) -> None:
    """A wait for one."""
    points = [(x - 6, y), (x, y - 7), (x + 6, y), (x, y + 7)]
    c.polygon(points, fill=palette.WHITE, stroke=palette.INK, width=1.8, tip=tip)
