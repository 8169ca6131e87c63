"""The tree of calls: which methods of guard and hooks a line of Python calls, and what they set."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import WrongValue
from ..log.arguments import a_log, of_type
from ..log.log import Log
from ..log.records import Call
from . import palette, svg, text
from .svg import MARGIN, WIDTH, Canvas, Look, Picture, Style, legal
from .text import shorten, text_width

TITLE = "The tree of calls: from Python through two doors to one state"
ROOT = 160  # width of the box of a line of Python
GAP = 12  # before the column of a door
RIGHT = WIDTH - MARGIN
STATE = RIGHT - 88  # left edge of the column of states
ROW, BOX = 28, 22
MOST, FIRST, LAST = 40, 20, 10  # of more calls of a line, so many at either end are drawn
LINES = 40
Columns = dict[str, tuple[float, float]]  # the left edge and the width of each door's
DOORS = {"guard": palette.DOOR, "hooks": palette.COPY}


class Leaf(NamedTuple):
    """One call: the door, what it reads like, the state after it, and whether it changed that.

    Without a door it stands for calls that are not drawn.
    """

    door: str
    words: str
    state: tuple[int, ...]
    changed: bool
    place: int  # in the log


def calls(logs: Mapping[str, Log], *, title: str = TITLE) -> Picture:
    """For each line of Python the methods that it calls, in order, and the thread's state after.

    Args:
        logs: for each line, as the reader types it, the log of running it on one thread. Calls of
            other doors than guard and hooks are left out. Of more than 40 calls of a line the first
            and the last are drawn.
        title: the message of the picture, which stands above it.

    Raises:
        ValueError: there are no logs, or more than 40.
        TypeError: it is no mapping to logs.
    """
    of_type(calls, 'a mapping of logs, such as {"torch.Event()": log}', logs, Mapping)
    if not logs:
        raise WrongValue("there are no logs to draw: give at least one line of Python and its log")
    if len(logs) > LINES:
        raise WrongValue(f"a picture has room for {LINES} lines of Python, not for {len(logs):,}")
    trees = {str(line): _shown(_leaves(a_log(calls, log))) for line, log in logs.items()}
    c = Canvas()
    y = c.heading(title, "State: current device, current stream on mtia:0, on mtia:1, ...")
    used = {leaf.door for leaves in trees.values() for leaf in leaves if leaf.door} or set(DOORS)
    columns = _columns([door for door in DOORS if door in used])
    for door, (left, width) in columns.items():
        color = DOORS[door].strong
        c.text(left + width / 2, y + 12, door, bold=True, anchor="middle", color=color)
    c.text(STATE, y + 12, "state", size=13, bold=True)
    y += 26
    for line, leaves in trees.items():
        y = _draw_tree(c, y, line, leaves, columns) + 14
    items = [
        (svg.box(palette.WHITE, palette.INK), "Python"),
        *(
            (svg.box(hue.pale, hue.strong), f"method of the {door}")
            for door, hue in DOORS.items()
            if door in columns
        ),
        (svg.box(palette.PANEL, palette.INK, width=2), "state changed by this call (*)"),
    ]
    y = c.legend(y + 4, items)
    return Picture(_to_text(title, trees), c.svg(y + MARGIN))


def _columns(doors: Sequence[str]) -> Columns:
    """The left edge and the width of each door's column: as wide as there is room."""
    start, end = MARGIN + ROOT + 22, STATE - 18
    width = (end - start + GAP) / len(doors) - GAP
    return {door: (start + k * (width + GAP), width) for k, door in enumerate(doors)}


def _shown(leaves: list[Leaf]) -> list[Leaf]:
    """All of them; or the first and the last, and between them what is said of the others."""
    hidden = leaves[FIRST:-LAST]
    if len(leaves) <= MOST:
        return leaves
    where = f"log[{hidden[0].place}:{leaves[-LAST].place}]"
    more = Leaf("", f"... {len(hidden):,} more calls, in its {where}", (), False, 0)
    return [*leaves[:FIRST], more, *leaves[-LAST:]]


def _leaves(log: Log) -> list[Leaf]:
    state = next(iter(log.initial_state.values()), None)
    leaves = []
    for place, call in enumerate(log):
        if not isinstance(call, Call):
            continue
        state = state or (0,) * len(call.state)  # as a thread starts
        if call.door in DOORS:
            result = "" if call.result is None else f" -> {call.result}"
            ending = result if call.error is None else " raised"
            words = f"{call.name}({call.args}){ending}"
            leaves.append(Leaf(call.door, words, call.state, call.state != state, place))
            state = call.state
    return leaves


def _draw_tree(c: Canvas, y: float, line: str, leaves: Sequence[Leaf], columns: Columns) -> float:
    """One line of Python and its calls; returns the y below them."""
    words = _broken(line, ROOT - 16)
    height = max(ROW * max(len(leaves), 1), 17 * len(words) + 12)
    c.rect(MARGIN, y, ROOT, height - (ROW - BOX), fill=palette.WHITE, stroke=palette.INK)
    for k, part in enumerate(words):
        inset = 14 if part.startswith("  ") else 0  # SVG has no leading spaces
        c.text(MARGIN + 8 + inset, y + 15 + 17 * k, part.strip(), size=12, mono=True, bold=True)
    if not leaves:
        c.text(MARGIN + ROOT + 22, y + 16, "no call", size=12, color=palette.MUTED)
    for k, leaf in enumerate(leaves):
        top = y + ROW * k
        if not leaf.door:
            c.text(MARGIN + ROOT + 22, top + 15, leaf.words, size=12, color=palette.MUTED)
            continue
        hue = DOORS[leaf.door]
        left, width = columns[leaf.door]
        c.line([(MARGIN + ROOT, top + BOX / 2), (left, top + BOX / 2)], stroke=palette.MUTED)
        c.rect(left, top, width, BOX, fill=hue.pale, stroke=hue.strong, radius=5)
        c.text(left + 7, top + 15, leaf.words, size=12, mono=True, fit=width - 14)
        _draw_state(c, top, leaf)
    return y + height


def _broken(line: str, room: float) -> list[str]:
    """A line of Python in as many lines as it takes, broken after dots, commas and spaces."""
    lines = [""]
    for piece in re.findall(r"[^\s.,]*[\s.,]?", legal(line)):
        if lines[-1] and text_width(lines[-1] + piece.rstrip(), 12, mono=True) > room:
            lines.append("  ")
        lines[-1] += piece
    return [shorten(part.rstrip(), room, 12, mono=True) for part in lines]


def _draw_state(c: Canvas, top: float, leaf: Leaf) -> None:
    if leaf.changed:
        look: Look = {"fill": palette.PANEL, "stroke": palette.INK, "width": 2, "radius": 11}
        c.rect(STATE - 8, top, RIGHT - STATE + 8, BOX, **look)
    style: Style = {"size": 12, "mono": True, "bold": leaf.changed, "fit": RIGHT - STATE - 6}
    c.text(STATE, top + 15, str(tuple(leaf.state)), **style)


def _to_text(title: str, trees: Mapping[str, Sequence[Leaf]]) -> str:
    lines = [title]
    for line, leaves in trees.items():
        lines += ["", *(text.cut(part, text.COLUMNS) for part in line.splitlines())]
        lines += [_leaf_text(leaf) for leaf in leaves] or ["  no call"]
    return text.page(lines, ["", "* state changed by this call"])


def _leaf_text(leaf: Leaf) -> str:
    if not leaf.door:
        return f"  {leaf.words}"
    words = text.cut(f"{leaf.door}.{leaf.words}", 70)
    return f"  +- {words:<71} {'*' if leaf.changed else ' '} {tuple(leaf.state)}"
