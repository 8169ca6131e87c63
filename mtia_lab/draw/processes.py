"""A family of processes: what each did in its life, what it forked, and how that ended."""

from collections.abc import Mapping
from typing import Any

from ..errors import WrongArgument, WrongValue
from ..log.arguments import of_type
from . import palette, svg, text
from .svg import MARGIN, WIDTH, Canvas, Look, Picture, Style
from .text import text_width, wrap

Process = Mapping[str, Any]
TITLE = "Processes: each life runs downwards, a fork branches off"
INDENT = 150
BOX = 330
MOST = 100  # processes and steps
LIFE = 22  # x of the life line, from the left edge of a box


def processes(tree: Process, *, title: str = TITLE, branch: str = "fork") -> Picture:
    """The tree of processes that a fork makes, from plain nested data.

    Args:
        tree: one process: `name`; `verdict` (what came of it, in words); `ok` (True, False,
            or None for no judgment); `steps`, in the order of its life, each a string (something
            it did) or another such mapping (a child it forked then).
        title: the message of the picture, which stands above it.
        branch: what one process does to another where it branches off, in a word or two.

    Raises:
        TypeError: a process is not a mapping, or a step is neither mapping nor string, or
            the branch is no text.
        ValueError: a process has no name, or there are more than 100 processes and steps.
    """
    of_type(processes, "as branch a word or two", branch, str)
    if (size := _check(tree)) > MOST:
        raise WrongValue(f"a picture has room for {MOST} processes and steps, not for {size:,}")
    c = Canvas()
    y = c.heading(title)
    y = _draw(c, MARGIN, y, tree, branch)
    items = [
        (svg.wire(palette.MUTED, width=2.4), "life of a process"),
        (svg.arrow(palette.DOOR.strong), branch),
        (svg.box(palette.GOOD.pale, palette.GOOD.strong), "works (tick)"),
        (svg.box(palette.FAULT.pale, palette.FAULT.strong, width=2.2), "fails (cross)"),
    ]
    y = c.legend(y + 10, items)
    return Picture(text.page(title, "", _to_text(tree, branch)), c.svg(y + MARGIN))


def _check(tree: Process) -> int:
    """How many processes and steps there are, if they are of the right form."""
    waiting, size = [tree], 0
    while waiting and size <= MOST:
        node, size = waiting.pop(), size + 1
        if not isinstance(node, Mapping):
            kind = type(node).__name__
            raise WrongArgument(
                f"a process is a mapping with name, verdict, ok and steps, not a {kind}"
            )
        if not node.get("name"):
            raise WrongValue('a process needs a name; add {"name": "parent"}')
        steps = list(node.get("steps", ()))
        waiting += [step for step in steps if not isinstance(step, str)]
        size += sum(isinstance(step, str) for step in steps)
    return size + len(waiting)


def _draw(c: Canvas, x: float, y: float, node: Process, branch: str) -> float:
    """One process with its descendants; returns the y below them all."""
    width = min(BOX, WIDTH - MARGIN - x)
    height = _draw_box(c, x, y, width, node)
    line, top = x + LIFE, y + height
    at = top + 16
    shapes = []
    for step in node.get("steps", ()):
        if isinstance(step, str):
            shapes.append(at + 8)
            words = step.lstrip()  # SVG has no leading spaces
            inset = " " * min(len(step) - len(words), 16)
            left = line + 16 + text_width(inset, 13, mono=True)
            c.text(left, at + 12.5, words, size=13, mono=True, fit=WIDTH - MARGIN - left - 4)
            at += 34
        else:
            child = min(x + INDENT, WIDTH - MARGIN - BOX)
            c.arrow([(line, at + 20), (child, at + 20)], stroke=palette.DOOR.strong, width=1.8)
            style: Style = {"size": 12, "bold": True, "color": palette.DOOR.strong}
            c.text(line + 12, at + 14, branch, **style | {"fit": INDENT - LIFE - 12})
            at = _draw(c, child, at, step, branch) + 6
    if at > top + 16:
        c.line([(line, top), (line, at - 6)], stroke=palette.MUTED, width=2.4)
        c.line([(line - 6, at - 6), (line + 6, at - 6)], stroke=palette.MUTED, width=2.4)
    for dot in shapes:
        look: Look = {"fill": palette.WHITE, "stroke": palette.MUTED, "width": 2, "radius": 5}
        c.rect(line - 5, dot - 5, 10, 10, **look)
    return max(at, top + 14)


def _draw_box(c: Canvas, x: float, y: float, width: float, node: Process) -> float:
    ok = node.get("ok")
    hue = palette.PLAIN if ok is None else palette.GOOD if ok else palette.FAULT
    verdict = wrap(str(node.get("verdict", "")), width - 50, 12.5)
    height = 38 + 18 * len(verdict) - (4 if not verdict else 0)
    thick = 2.2 if ok is False else 1.3
    c.rect(x, y, width, height, fill=hue.pale, stroke=hue.strong, width=thick, radius=9)
    left, middle = x + 17, y + 20
    if ok is not None:
        c.verdict(left, middle, bool(ok), stroke=hue.strong, width=2.4)
    name = x + (16 if ok is None else 34)
    c.text(name, y + 25, node["name"], size=14, bold=True, fit=width - 50)
    for k, words in enumerate(verdict):
        c.text(name, y + 44 + 18 * k, words, size=12.5, color=palette.MUTED)
    return height


def _to_text(node: Process, branch: str, width: int = text.COLUMNS) -> list[str]:
    ok = node.get("ok")
    mark = "" if ok is None else "[works] " if ok else "[fails] "
    verdict = f": {node['verdict']}" if node.get("verdict") else ""
    lines = text.paragraph(f"{mark}{node['name']}{verdict}", "    ", max(width, 30))
    for step in node.get("steps", ()):
        if isinstance(step, str):
            lines.append(f"  | {text.plain(step)}")
        else:
            arrow = f"  +-- {text.plain(branch)} --> "
            head, *rest = _to_text(step, branch, width - len(arrow))
            lines += [f"{arrow}{head}", *(f"{'  |':<{len(arrow)}}{line}" for line in rest)]
    return lines
