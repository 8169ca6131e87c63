"""Lanes in ASCII: a row of characters for each lane, and a table of all that is on them."""

from collections.abc import Iterable, Mapping, Sequence

from ..errors import cut
from ..log.records import Call, Command
from ..log.units import microseconds, stream_name
from . import text
from .lanes import (
    Finding,
    Item,
    Key,
    Lane,
    Layout,
    Scale,
    Side,
    Steps,
    describe,
    is_mark,
    kind_of,
    lane_name,
    times_of,
    waits_of,
)

NAME = 17
CHART = text.COLUMNS - NAME - 2
WHAT = 40
MOST = 12  # findings that are listed


def to_text(title: str, layout: Layout, missing: Sequence[str]) -> str:
    """The same facts as the drawing: who did what, where, from when to when."""
    scale = layout.scale
    lines = [f"{title}, {microseconds(scale.begin)} to {microseconds(scale.end)} us", ""]
    for lane in layout.lanes:
        lines.append(row(lane_name(lane.key), _cells(lane, scale)))
        lines += [queue_row(deepest(lane.queue, scale, CHART))] if lane.queue else []
    items = [(placed.item, lane.key) for lane in layout.lanes for placed in lane.items]
    rows = [_row(item, key, {}) for item, key in items if isinstance(item, Call)]
    commands = [(item, key) for item, key in items if isinstance(item, Command)]
    ordered = sorted(commands, key=lambda pair: pair[0].id)
    numbers = {item.id: number for number, (item, _) in enumerate(ordered, 1)}
    rows += [_row(item, key, numbers) for item, key in ordered]
    if rows:
        head = f"{'no.':>4}  {'where':<{NAME}}  {'what':<{WHAT}} {'waited':>9}"
        lines += ["", *_key(layout), "", f"{head} {'start':>10} {'finish':>10}", *rows]
    else:
        lines.append("nothing was enqueued")
    return text.page(lines, missing)


def row(name: str, cells: Iterable[str], width: int = NAME) -> str:
    """A lane: its name and its columns."""
    return f"{cut(name, width):<{width}} |{''.join(cells)}"


def bar(name: str, width: int, sign: str, least: int = 0) -> str:
    """A bar of some columns, with as much of a name as has room, if over `least` letters."""
    if width < 3:
        return sign * width
    word = cut(name, width - 2)
    return f"[{word if len(word) > least else '':{sign}^{width - 2}}]"


def column(time: float, scale: Scale, columns: int) -> int:
    """The column of a time."""
    return columns_of([time], scale, columns)[0]


def columns_of(times: Iterable[float], scale: Scale, columns: int) -> list[int]:
    """The column of each time."""
    begin, end, span, last = scale.begin, scale.end, scale.span, columns - 1
    inside = (min(max(time, begin), end) - begin for time in times)
    return [min(int(time / span * columns), last) for time in inside]


def deepest(steps: Steps, scale: Scale, columns: int) -> list[int]:
    """The most that a queue held in each column."""
    counts, now, before = [0] * columns, 0, 0
    steps = [*steps, (scale.end, 0)]
    places = columns_of((time for time, _ in steps), scale, columns)
    for here, (_, count) in zip(places, steps, strict=True):
        for k in range(before, here + 1):
            counts[k] = max(counts[k], now)
        counts[here] = max(counts[here], count)
        before, now = here, count
    return counts


def queue_row(counts: Iterable[int]) -> str:
    """The row below a stream that says how many stand in its queue, a digit a column."""
    return row("  in its queue", ("." if n == 0 else str(n) if n < 10 else "+" for n in counts))


def _cells(lane: Lane, scale: Scale) -> list[str]:
    cells = ["."] * CHART
    items = [placed.item for placed in lane.items]
    for item in (item for item in items if not is_mark(item)):
        first, last = _columns(*times_of(item), scale)
        width = last + 1 - first
        if isinstance(item, Call):
            cells[first : last + 1] = "h" * width
        else:
            cells[first : last + 1] = bar(item.name, width, "#" if item.type == "copy" else "=", 2)
        for since, until in waits_of(item):
            a, b = _columns(since, until, scale)
            cells[a : b + 1] = "~" * (b + 1 - a)
        word = cut(item.name, max(width - 2, 0))
        if isinstance(item, Call) and len(word) > 2 and word == item.name:
            middle = first + (width - len(word)) // 2
            cells[middle : middle + len(word)] = word
    for item in filter(is_mark, items):
        sign = "R" if kind_of(item) == "record" else "W"
        cells[column(times_of(item)[1], scale, CHART)] = sign
    return cells


def _columns(begin: float, finish: float, scale: Scale) -> tuple[int, int]:
    """The first and the last column of a bar."""
    first = column(begin, scale, CHART)
    return first, max(first, column(finish, scale, CHART) - 1)


def _key(layout: Layout) -> list[str]:
    items = layout.items
    kinds = set(map(kind_of, items))
    parts = [
        ("h host call", "call" in kinds),
        ("~ the host waits", any(map(waits_of, items))),
        ("[=kernel=]", "kernel" in kinds),
        ("[#copy#]", "copy" in kinds),
        ("R record an event", "record" in kinds),
        ("W wait for one", "wait" in kinds),
        ("1 to 9, + in the queue", any(lane.queue for lane in layout.lanes)),
    ]
    lines = [""]
    for words in (words for words, used in parts if used):
        if len(lines[-1]) + len(words) > text.COLUMNS:
            lines.append("")
        lines[-1] += words + "   "
    return lines


def _row(item: Item, key: Key, numbers: Mapping[int, int]) -> str:
    number: int | str = ""
    if isinstance(item, Call):
        what, waited = f"{item.name} {item.args}".strip(), item.waited
    else:
        number, what = numbers[item.id], describe(item, numbers)
        waited = item.start - item.enqueue
    times = " ".join(f"{microseconds(time):>10}" for time in times_of(item))
    shown = microseconds(waited) if waited > 0 else ""
    where = cut(lane_name(key), NAME)
    return f"{number:>4}  {where:<{NAME}}  {cut(what, WHAT):<{WHAT}} {shown:>9} {times}"


# --- Findings -------------------------------------------------------------------------------------


def missing_lines(hazards: Sequence[Finding]) -> list[str]:
    """A line for each finding: both sides, and the fix."""
    lines = []
    for number, finding in enumerate(hazards[:MOST], 1):
        sides = " and ".join(_side(side) for side in (finding.first, finding.second) if side)
        fix = f"; {finding.fix}" if finding.fix else ""
        lines.append(f"{number}. {finding.kind}: {sides}{fix}")
    more = len(hazards) - MOST
    return [*lines, f"... and {more:,} more: show the report"] if more > 0 else lines


def missing_text(lines: Sequence[str]) -> list[str]:
    """The same in ASCII, below an empty line."""
    return [part for line in ["", *lines] for part in text.paragraph(line, "   ")] if lines else []


def _side(side: Side) -> str:
    where = "the host" if side.where is None else stream_name(*side.where)
    return f"{side.name} ({where}, from {microseconds(side.start)} us)".strip()
