"""The route of a call through the dispatcher: which key has a kernel for it, and where it ends."""

from collections.abc import Iterable, Mapping

from ..errors import WrongValue
from ..log.arguments import of_type
from . import palette, svg, text
from .svg import MARGIN, WIDTH, Canvas, Picture, Style
from .text import wrap

Kinds = Mapping[str, str]  # a dispatch key -> the kind of its kernel
Ends = Mapping[str, str | Iterable[str]]  # an operator -> what was seen
TITLE = "The route of a call: who runs it?"
LABEL = 136  # width of the column of keys
HEAD, ROW, BOX = 34, 62, 40
LEADING = 16  # of the lines at the end of a route
MOST = 6  # operators side by side
KEYS = 60
WORDS = 12  # lines at the end of a route
TAKES = 'a table, such as {"relu": {"MTIA": "backend fallback"}}'
WIDEST = 230  # of a column
COMPOSITE = ("math kernel", "default backend kernel")
PASSES = "fallthrough"


def route(table: Mapping[str, Kinds], ends: Ends | None = None, *, title: str = TITLE) -> Picture:
    """Operators side by side, dispatch keys from the highest priority down, and what came of it.

    A route passes the keys that have nothing for it, goes through kernels that call on, and ends at
    the first composite kernel or at the last key, the device's own.

    Args:
        table: for each operator a mapping from key to kind, in the dispatcher's words: "kernel",
            "autograd kernel", "math kernel" (a composite that autograd sees through), "default
            backend kernel" (one that it does not), "backend fallback" or "fallthrough".
        ends: what was seen at the end of an operator's route, a few words each.
        title: the message of the picture, which stands above it.

    Raises:
        ValueError: there are no operators or more than six, or two have different keys, or there
            are more than 60 of those.
        TypeError: the table is none, or the ends are.
    """
    of_type(route, TAKES, table, Mapping)
    of_type(route, "as ends a mapping from operators to words", ends or {}, Mapping)
    for kinds in table.values():
        of_type(route, TAKES, kinds, Mapping)
    ends = ends or {}
    if not 1 <= len(table) <= MOST:
        raise WrongValue(f"a picture has room for one to six operators, and these are {len(table)}")
    keys = list(next(iter(table.values())))
    for op, kinds in table.items():
        if list(kinds) != keys or not keys:
            raise WrongValue(f"the keys of {op!r} are {list(kinds)}, but the first has {keys}")
    if len(keys) > KEYS:
        raise WrongValue(f"a picture has room for {KEYS} keys, and these are {len(keys)}")
    c = Canvas()
    y = c.heading(title, "A column is a call. A row is a dispatch key, the highest priority on top")
    width = min((WIDTH - 2 * MARGIN - LABEL) / len(table), WIDEST)
    for row, key in enumerate(keys):
        top = y + HEAD + 18 + ROW * row
        c.text(MARGIN, top + BOX / 2 + 4, key, size=12, mono=True, fit=LABEL - 10)
    seen = y + HEAD + 18 + ROW * len(keys)
    c.text(MARGIN, seen + 18, "what was seen", size=12, color=palette.MUTED, fit=LABEL - 10)
    last = [_draw_column(c, k, y, width, op, table[op], ends) for k, op in enumerate(table)]
    items = [
        (svg.wire(palette.MUTED, width=2.4), "passes on"),
        (svg.box(palette.WHITE, palette.INK), "does its part, calls on"),
        (svg.box(palette.DOOR.pale, palette.DOOR.strong), "the backend's"),
        (svg.box(palette.GOOD.pale, palette.GOOD.strong), "composite: calls other operators"),
    ]
    if any(stop(kinds) < len(keys) - 1 for kinds in table.values()):
        items.append((svg.arrow(palette.FAINT, dash="4 4"), "keys not reached (dashed)"))
    y = c.legend(max(last) + 18, items)
    return Picture(_to_text(title, keys, table, ends), c.svg(y + MARGIN))


def stop(kinds: Kinds) -> int:
    """The position of the key at which the route ends."""
    composite = (k for k, kind in enumerate(kinds.values()) if kind in COMPOSITE)
    return next(composite, len(kinds) - 1)


def _draw_column(
    c: Canvas, k: int, y: float, width: float, op: str, kinds: Kinds, ends: Ends
) -> float:
    x, room = MARGIN + LABEL + k * width + 6, width - 12
    middle, halt = x + room / 2, stop(kinds)
    first = y + HEAD + 18
    bottom = first + ROW * len(kinds)
    reached = first + ROW * halt + BOX
    c.line([(middle, y + HEAD), (middle, reached)], stroke=palette.MUTED, width=2.4)
    color, dash = (palette.FAINT, "4 4") if halt < len(kinds) - 1 else (palette.MUTED, None)
    c.arrow([(middle, reached), (middle, bottom - 2)], stroke=color, width=1.8, dash=dash)
    c.rect(x, y, room, HEAD, fill=palette.WHITE, stroke=palette.INK, radius=17)
    style: Style = {"size": 12.5, "bold": True, "mono": True, "anchor": "middle", "fit": room - 20}
    c.text(middle, y + 21.5, op, **style)
    for row, kind in enumerate(list(kinds.values())[: halt + 1]):
        _draw_stop(c, x, first + ROW * row, room, kind, final=row == len(kinds) - 1)
    lines = [part for words in _words(ends, op) for part in wrap(words, room - 12, 12)][:WORDS]
    height = LEADING * max(len(lines), 1) + 12
    c.rect(x, bottom, room, height, fill=palette.PANEL, stroke=palette.LINE)
    for row, words in enumerate(lines):
        c.text(middle, bottom + 18 + LEADING * row, words, size=12, anchor="middle")
    return bottom + height


def _draw_stop(c: Canvas, x: float, y: float, room: float, kind: str, *, final: bool) -> None:
    middle = x + room / 2
    if kind == PASSES:
        c.text(middle + 8, y + BOX / 2 + 4, "passes on", size=12, color=palette.MUTED, fit=room / 2)
        return
    hue = palette.DOOR if final else palette.Hue(palette.INK, palette.WHITE)
    if kind in COMPOSITE:
        hue = palette.GOOD
    c.rect(x, y, room, BOX, fill=hue.pale, stroke=hue.strong, radius=8)
    lines = wrap(kind, room - 10, 12)[:2]
    for row, words in enumerate(lines):
        at = y + BOX / 2 + 4 + 14 * (row - (len(lines) - 1) / 2)
        c.text(middle, at, words, size=12, anchor="middle")


def _words(ends: Ends, op: str) -> list[str]:
    found = ends.get(op, ())
    return [found] if isinstance(found, str) else list(found)[:WORDS]


def _to_text(title: str, keys: list[str], table: Mapping[str, Kinds], ends: Ends) -> str:
    lines = [title]
    width = max(len(text.plain(key)) for key in keys)
    for op, kinds in table.items():
        lines += ["", text.cut(op, text.COLUMNS)]
        for row, (key, kind) in enumerate(kinds.items()):
            reached = row <= stop(kinds)
            ending = " <- ends here" if row == stop(kinds) else ""
            lines.append(
                f"  {text.plain(key):<{width}}  {kind if reached else '(not reached)'}{ending}"
            )
        lines += [
            part for words in _words(ends, op) for part in text.paragraph(f"  = {words}", "    ")
        ]
    return text.page(*lines)
