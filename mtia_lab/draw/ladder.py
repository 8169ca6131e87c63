"""Ladders of the method resolution order: what classes are made of, side by side."""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

from ..errors import WrongArgument, WrongValue
from ..log.arguments import of_type
from . import palette, svg, text
from .svg import MARGIN, WIDTH, Canvas, Look, Picture

TITLE = "Method resolution order, from the class down to object"
GAP = 18
RUNG = 46
STEP = 74  # from one rung to the next
TAG = 30
RUNGS = 40
Ladders = Mapping[str, Sequence[str]]
TAKES = 'ladders, such as {"torch.Stream": torch.Stream}'


def ladder_of(cls: type) -> list[str]:
    """The full names of a class and its bases, in method resolution order.

    Raises:
        TypeError: `cls` is not a class.
    """
    if not isinstance(cls, type):
        raise WrongArgument(f"ladder_of() takes a class, not a {type(cls).__name__}")
    names = (f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__)
    return [name.removeprefix("builtins.") for name in names]


def ladder(
    ladders: Mapping[str, type | Sequence[object]],
    *,
    dummy: Collection[str] = (),
    title: str = TITLE,
) -> Picture:
    """Ladders side by side; a base that several share stands at one height, as one box if it can.

    Args:
        ladders: for each expression as the reader types it, the names of its classes from the class
            itself to `object`, or the class (then `ladder_of` asks it).
        dummy: names of classes that only stand in for a missing one; drawn dashed.
        title: the message of the picture, which stands above it.

    Raises:
        ValueError: there is no ladder, or more than six, or one has more than 40 rungs.
        TypeError: they are no mapping to classes or names of classes.
    """
    of_type(ladder, TAKES, ladders, Mapping)
    of_type(ladder, "as dummy names of classes", dummy, Collection)
    for names in ladders.values():
        of_type(ladder, TAKES, names, type, Sequence)
    given = {
        str(key): ladder_of(names) if isinstance(names, type) else [str(name) for name in names]
        for key, names in ladders.items()
    }
    if not 1 <= len(given) <= 6:
        raise WrongValue(f"ladder() draws one to six ladders, not {len(given)}; leave some out")
    if (highest := max(map(len, given.values()))) > RUNGS:
        raise WrongValue(f"a ladder has room for {RUNGS} classes, not {highest}; leave some out")
    columns = _arrange(given)
    levels = _levels(list(given.values()))
    top = max(levels.values(), default=0)
    c = Canvas()
    y = c.heading(title, "Python looks a name up from the top of a ladder to its foot")
    width = (WIDTH - 2 * MARGIN - GAP * (len(columns) - 1)) / len(columns)
    floor = y + TAG + 30 + STEP * top  # the y of the lowest rung

    def left(column: int) -> float:
        return MARGIN + column * (width + GAP)

    for column, key in enumerate(columns):
        middle = left(column) + width / 2
        hue = palette.DOOR
        c.rect(left(column), y, width, TAG, fill=hue.pale, stroke=hue.strong, radius=15)
        c.text(middle, y + 19.5, key, size=12.5, bold=True, anchor="middle", fit=width - 24)
        previous = y + TAG
        for name in given[key]:
            rung = floor - STEP * levels[name]
            c.arrow([(middle, previous), (middle, rung - 1)], stroke=palette.MUTED)
            previous = rung + RUNG
    shared = {name for name in levels if sum(name in names for names in given.values()) > 1}
    for name, level in levels.items():
        for first, last in _spans([name in given[key] for key in columns]):
            box = (left(first), floor - STEP * level, left(last) + width - left(first))
            _draw_rung(c, *box, name, name in dummy, shared=name in shared)
    items = [
        (svg.box(palette.DOOR.pale, palette.DOOR.strong), "what you type"),
        (svg.box(palette.WHITE, palette.INK), "class"),
        (svg.box(palette.GOOD.pale, palette.GOOD.strong, width=2), "class that several share"),
    ]
    if set(dummy) & set(levels):
        items.append(
            (svg.box(palette.WHITE, palette.FAINT, dash="5 4"), "stand-in for a class not built")
        )
    y = c.legend(floor + RUNG + 22, items)
    return Picture(_to_text(title, columns, given, levels, dummy), c.svg(y + MARGIN))


def _arrange(given: Ladders) -> list[str]:
    """The keys, each moved next to an earlier one with which it shares most classes."""
    order: list[str] = []
    for key, names in given.items():
        shared = [len(set(names) & set(given[other])) for other in order]
        best = max(shared, default=0)
        at = len(order)
        if best > min(shared, default=0):
            at = max(k for k, count in enumerate(shared) if count == best) + 1
        order.insert(at, key)
    return order


def _levels(ladders: Sequence[Sequence[str]]) -> dict[str, int]:
    """A height for each class, 0 for the lowest, so that every ladder descends without a turn."""
    names = list(dict.fromkeys(name for names in ladders for name in reversed(names)))
    level = dict.fromkeys(names, 0)
    for _ in names:  # longest path; bounded, so orders that contradict each other end too
        for ladder in ladders:
            for upper, lower in pairwise(ladder):
                level[upper] = max(level[upper], level[lower] + 1)
    return level


def _spans(has: Sequence[bool]) -> list[tuple[int, int]]:
    """Runs of neighboring columns that have a class, as `(first, last)`."""
    spans: list[tuple[int, int]] = []
    for column, present in enumerate(has):
        if present and spans and spans[-1][1] == column - 1:
            spans[-1] = (spans[-1][0], column)
        elif present:
            spans.append((column, column))
    return spans


def _draw_rung(
    c: Canvas, x: float, y: float, w: float, name: str, is_dummy: bool, *, shared: bool
) -> None:
    module, _, short = name.rpartition(".")
    look: Look = {"fill": palette.WHITE, "stroke": palette.INK, "radius": 8}
    if is_dummy:
        look |= {"stroke": palette.FAINT, "dash": "5 4", "width": 1.6}
    elif shared:
        look |= {"fill": palette.GOOD.pale, "stroke": palette.GOOD.strong, "width": 2}
    c.rect(x, y, w, RUNG, **look)
    color = palette.MUTED if is_dummy else palette.INK
    middle, room = x + w / 2, w - 16
    origin = " ".join(part for part in (module, "(stand-in)" if is_dummy else "") if part)
    if origin:
        c.text(middle, y + 17, origin, size=12, color=palette.MUTED, anchor="middle", fit=room)
    at = y + 35 if origin else y + 28
    c.text(middle, at, short, size=13, bold=True, mono=True, anchor="middle", color=color, fit=room)


def _to_text(
    title: str,
    columns: Sequence[str],
    given: Ladders,
    levels: Mapping[str, int],
    dummy: Collection[str],
) -> str:
    width = min(36, (text.COLUMNS - 3 * (len(columns) - 1)) // len(columns))
    blocks = []
    for key in columns:
        rungs = {levels[name]: name for name in given[key]}
        block = [text.cut(key, width)]
        for level in range(max(levels.values(), default=0), -1, -1):
            if level in rungs:
                name = rungs[level]
                module, _, short = name.rpartition(".")
                wide = [name] if len(name) <= width - 4 else [module, short]
                note = ["(stand-in)"] if name in dummy else []
                block += _rung(text.frame([*wide, *note], width, dashed=name in dummy))
            else:
                block += _rung([f"{'|':^{width}}"] * 4)
        blocks.append(block)
    shared = [n for n in levels if sum(n in names for names in given.values()) > 1]
    counts = [f"shared: {n} ({sum(n in v for v in given.values())} ladders)" for n in shared]
    return text.page(title, "", text.beside(blocks), "", [text.cut(t, 100) for t in counts])


def _rung(lines: Sequence[str]) -> list[str]:
    """Lines of one rung, five high in every column so that shared bases line up."""
    return [*lines, *[""] * (5 - len(lines))]
