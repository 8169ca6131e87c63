"""Findings of the checker in a timeline: the order that is missing, as a red edge."""

from collections.abc import Iterable

from ..log.units import microseconds
from . import palette, text
from .lanes import BAR, Lane, Scale
from .svg import MARGIN, WIDTH, Canvas
from .text import wrap

MOST = 12  # so many are drawn and told


def hazards_of(findings: Iterable) -> list:
    """The findings that something is wrong: not the hints."""
    return [f for f in findings if getattr(f, "severity", "hazard") == "hazard" and f.first]


def draw_missing(c: Canvas, scale: Scale, lanes: list, hazards: list) -> None:
    """A red edge from the end of the first bar of each finding to the beginning of the second."""
    for number, finding in enumerate(hazards[:MOST], 1):
        sides = (finding.first, finding.second)
        first, second = (_lane(side, lanes) for side in sides)
        if first is None or second is None or any(_outside(side, scale) for side in sides):
            continue
        begin, end = scale.x(finding.first.finish), scale.x(finding.second.start)
        _edge(c, (begin, first), (end, second), str(number))
        _frame(c, scale, finding.first, first)
        _frame(c, scale, finding.second, second)


def _lane(side: object, lanes: list) -> Lane | None:
    """The lane of a side; of what the host did, the first of a host thread."""
    wanted = (
        (lane for lane in lanes if lane.host)
        if side.where is None
        else (lane for lane in lanes if not lane.host and lane.key == side.where)
    )
    return next(wanted, None)


def _outside(side: object, scale: Scale) -> bool:
    return side.finish < scale.begin or side.start > scale.end


def _frame(c: Canvas, scale: Scale, side: object, lane: Lane) -> None:
    x = scale.x(side.start)
    width = max(scale.x(side.finish) - x, 3)
    c.rect(x, lane.bar, width, BAR, stroke=palette.FAULT.strong, width=2.6, radius=4)


def draw_edge(c: Canvas, start: tuple, end: tuple) -> list:
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


def _edge(c: Canvas, start: tuple, end: tuple, label: str) -> None:
    """The edge between two lanes, with a cross and the finding's number where there is room."""
    (x1, first), (x2, second) = start, end
    x, y = _place(c, draw_edge(c, (x1, first.bar), (x2, second.bar)))
    draw_cross(c, x, y)
    if c.has_room(*_room(x, y)):
        style = {"bold": True, "color": palette.FAULT.strong, "halo": palette.WHITE}
        c.text(x + 8, y + 4, label, size=12, **style)


def _place(c: Canvas, ends: list) -> tuple:
    """Where on the edge the cross and the number cover no words; else in its middle."""
    (x1, y1), (x2, y2) = ends
    parts = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8)
    places = [(x1 + (x2 - x1) * part, y1 + (y2 - y1) * part) for part in parts]
    return next((place for place in places if c.has_room(*_room(*place))), places[0])


def _room(x: float, y: float) -> tuple:
    """What a cross at a place needs, with a number of two digits to its right."""
    return x - 6, y - 8, x + 28, y + 8


def list_missing(c: Canvas, y: float, hazards: list) -> float:
    """What the findings are, below the legend; returns the y below them."""
    for line in _told(hazards):
        for k, words in enumerate(wrap(line, WIDTH - 2 * MARGIN, 12)):
            y += 20 if k == 0 else 16
            c.text(MARGIN, y, words, size=12, color=palette.FAULT.strong)
    return y


def tell_missing(hazards: list) -> list:
    """The same in ASCII."""
    lines = [row for line in _told(hazards) for row in text.paragraph(line, "   ")]
    return ["", *lines] if lines else []


def _told(hazards: list) -> list:
    lines = []
    for number, finding in enumerate(hazards[:MOST], 1):
        sides = " and ".join(map(_side, (finding.first, finding.second)))
        fix = f"; {finding.fix}" if getattr(finding, "fix", "") else ""
        lines.append(f"{number}. {getattr(finding, 'kind', 'hazard')}: {sides}{fix}")
    more = len(hazards) - MOST
    return [*lines, f"... and {more:,} more: show the report"] if more > 0 else lines


def _side(side: object) -> str:
    name = getattr(side, "name", "")
    where = "the host" if side.where is None else f"mtia:{side.where[0]}/{side.where[1]}"
    id_ = "" if side.command is None else f"command {side.command}, "
    return f"{name} ({id_}{where}, from {microseconds(side.start)} us)".strip()
