"""The critical path in a timeline: a line below the bars that the end waits for."""

from collections.abc import Sequence
from itertools import pairwise

from ..log.critical import CriticalPath
from ..log.units import thousands
from . import palette
from .lanes import BAR, Key, Lane, Scale
from .svg import Canvas
from .text import paragraph

MOST = 300  # legs that are drawn; of more, those too short to be seen are left out
NAMES = 6  # in the ASCII form


def draw_path(c: Canvas, scale: Scale, lanes: Sequence[Lane], path: CriticalPath) -> None:
    """The legs below the bars of their lanes, each joined with the next."""
    heights: dict[Key, float] = {lane.key: lane.bar + BAR + 4 for lane in lanes}
    spots: list[tuple[float, float, float]] = []  # from x to x, at y
    for leg in path:
        y = heights.get(leg.where if leg.where is not None else leg.thread)
        begin, end = leg.begin_ns / 1000, leg.end_ns / 1000
        if y is None or end < scale.begin or begin > scale.end:
            continue
        left, right = scale.x(begin), scale.x(end)
        if spots and spots[-1][2] == y:
            spots[-1] = (spots[-1][0], right, y)
        elif right - left >= 1 or len(path) <= MOST:
            spots.append((left, right, y))
    for (_, x, above), (_, _, below) in pairwise(spots):
        c.line([(x, above), (x, below)], stroke=palette.GOOD.strong, width=1.4, dash="3 2")
    for left, right, y in spots:
        ends = [(left, y), (max(right, left + 1), y)]
        c.line(ends, stroke=palette.GOOD.strong, width=4)


def path_text(path: CriticalPath) -> list[str]:
    """What is on it, as lines of the ASCII form; none of an empty one."""
    if not path:
        return []
    parts = [f"{name or kind} {thousands(us)} us" for kind, name, _, us in path.by_name()]
    hidden = [f"{len(parts) - NAMES} names more"] if len(parts) > NAMES else []
    return ["", *paragraph(f"critical path: {', '.join(parts[:NAMES] + hidden)}", "    ")]
