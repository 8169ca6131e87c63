"""The heap strip: which addresses of a device's memory were in use, step by step."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Unpack

from ..log.arguments import LOG, needs, of_type, wrong
from ..log.log import MEMORY, Log, Which
from ..log.replay import Heap, Span, of_snapshot
from ..log.units import microseconds, size
from . import palette, svg, text
from .svg import MARGIN, WIDTH, Canvas, Picture, Point, Style
from .text import text_width

LEFT, RIGHT = 176, WIDTH - MARGIN - 14
FONT = 12
STRIP = (150, 330)  # least and largest height of the strip
ROW = 19  # wanted height of the lowest block
FLAG = 18  # room above the strip for the words of a failed request
CURVES = 66  # height of the curves
STEP = {"rests": 7.0, "poisoned": 4.0}  # from one stroke of a hatching to the next
STROKES = 2500  # of so many more they stand farther apart
LABEL = 24
CHART = text.COLUMNS - LABEL - 2
ROWS = 40  # at most so many rows of addresses, and so many lines in the table
SHORT = {"segment_free": "return", "record_stream": "record", "oom": "no room"}
SIGNS = {"segment": ".", "rests": "/", "poisoned": "x"}
KEY = {
    ".": "cached",
    "/": "freed, another stream may use it",
    "x": "freed and overwritten",
    "!": "out of memory",
}


class Heights:
    """Maps addresses onto heights: in proportion, but nothing is lower than `least`."""

    def __init__(self, edges: Sequence[int], bottom: float, height: float, least: float) -> None:
        self._edges, self.bottom, self.top = edges, bottom, bottom - height
        gaps = [high - low for low, high in pairwise(edges)]
        least = min(least, height / max(len(gaps), 1))
        wide = set(range(len(gaps)))
        rate = 0.0
        while wide:  # those too low get the least; the others share what is left
            room = height - least * (len(gaps) - len(wide))
            rate = room / sum(gaps[k] for k in wide)
            low = {k for k in wide if gaps[k] * rate < least}
            if not low:
                break
            wide -= low
        self._places = [bottom]
        for k, gap in enumerate(gaps):
            self._places.append(self._places[-1] - (gap * rate if k in wide else least))

    def y(self, address: int) -> float:
        """Where one of the edges lies."""
        return self._places[bisect_left(self._edges, address)]


def memory(
    log: Log | dict[str, Any],
    device: int = 0,
    *,
    since: float | None = None,
    until: float | None = None,
    title: str | None = None,
    **wanted: Unpack[Which],
) -> Picture:
    """Blocks over time: from left to right one step an action, from bottom to top addresses.

    A gray area is a segment, memory that the allocator has reserved; on it the blocks, in the
    color of their stream, from `alloc` to `free`. An arrow leads from a block to a later one
    at its addresses. What was freed while another stream may use it (`record_stream`) is hatched
    until that stream is done. Below stand the two sums: allocated never exceeds reserved. Low
    blocks are drawn higher than they are, so that each can be seen. Of more than 400 actions those
    around the most that was allocated are drawn, and of more than 600 blocks the largest; the
    picture says so.

    Args:
        log: what `mtia_lab.record()` yielded, or what `torch.mtia.snapshot()` returned.
        device: whose memory.
        since, until: from when to when, in virtual µs; what was allocated before is there.
        title: the message of the picture, which stands above it.
        wanted: only a part, as `log.filter` takes it: `draw.memory(log, line="train.py:12")`.

    Raises:
        TypeError: it is neither a log nor a snapshot, or the device is no number.
        ValueError: nothing can be filtered by that.
    """
    if isinstance(log, dict) and "segments" in log:
        log = of_snapshot(log)
    if not isinstance(log, Log):
        raise wrong(memory, f"{LOG}, or what torch.mtia.snapshot() returned", log)
    of_type(memory, "as device a number", device, int)
    needs(memory, log, MEMORY)
    heap = Heap(log.filter(**wanted, since=since, until=until), device)
    title = title or f"Memory of mtia:{device}, step by step"
    c = Canvas()
    y = c.heading(title, "Left to right: one step for each action. Bottom to top: addresses") + 4
    if heap.left_out:
        c.note(y + 10, heap.left_out)
        y += 24
    y += FLAG if any(step.action == "oom" for step in heap.steps) else 0
    edges = heap.boundaries
    if not edges:
        c.text(MARGIN, y + 20, "nothing was allocated", color=palette.MUTED)
        return Picture(_to_text(title, heap), c.svg(y + 40))
    height = min(max(ROW * (len(edges) - 1), STRIP[0]), STRIP[1])
    scale = Heights(edges, y + height, height, ROW)
    _draw_strip(c, heap, scale)
    y = _draw_steps(c, heap, y + height)
    y = _draw_curves(c, heap, y + 20)
    y = c.legend(y + 24, _legend(heap))
    return Picture(_to_text(title, heap), c.svg(y + MARGIN))


def _x(heap: Heap, step: int) -> float:
    """Where a step begins."""
    return LEFT + (RIGHT - LEFT) * step / len(heap.steps)


def _area(heap: Heap, scale: Heights, span: Span) -> tuple[float, float, float, float]:
    """Left, top, width and height of a span."""
    left, right = _x(heap, span.begin), _x(heap, span.end)
    top, bottom = scale.y(span.top), scale.y(span.address)
    return left, top, right - left, bottom - top


def _draw_strip(c: Canvas, heap: Heap, scale: Heights) -> None:
    for segment in heap.of("segment"):
        tip = f"segment of {size(segment.bytes)}, stream {segment.stream}"
        area = _area(heap, scale, segment)
        c.rect(*area, tip, fill=palette.PANEL, stroke=palette.FAINT, radius=0)
    holes = [(hole, _area(heap, scale, hole)) for hole in [*heap.of("rests"), *heap.of("poisoned")]]
    strokes = sum((width + height) / STEP[hole.kind] for hole, (_, _, width, height) in holes)
    wider = max(1.0, strokes / STROKES)
    for hole, area in holes:
        users = [stream for _, (_, stream) in hole.users]
        stroke = palette.stream_hue(min(users)).strong if hole.kind == "rests" else palette.FILM
        c.hatch(*area, stroke=stroke, step=STEP[hole.kind] * wider)
    for earlier, later in heap.reuses:
        _draw_reuse(c, heap, scale, earlier, later)
    for block in heap.of("block"):
        _draw_block(c, heap, scale, block)
    _draw_failures(c, heap, scale)
    _draw_addresses(c, heap, scale)


def _draw_block(c: Canvas, heap: Heap, scale: Heights, block: Span) -> None:
    left, top, width, height = _area(heap, scale, block)
    hue = palette.stream_hue(block.stream)
    tip = f"{block.name}: {size(block.bytes)} on stream {block.stream}"
    tip += f", allocated at {block.site}" if block.site else ""
    radius = min(3, width / 2)
    c.rect(left, top, width, height, tip, fill=hue.pale, stroke=hue.strong, radius=radius)
    words = f"{block.name}  {size(block.bytes)}"
    if text_width(words, FONT, bold=True) + 8 > width:
        words = block.name
    if text_width(words, FONT, bold=True) + 4 <= width and height >= FONT + 3:
        middle = top + height / 2
        c.text(left + width / 2, middle + 4, words, size=FONT, bold=True, anchor="middle")


def _draw_reuse(c: Canvas, heap: Heap, scale: Heights, earlier: Span, later: Span) -> None:
    """An arrow through the addresses that both have, if some time lies between them."""
    begin, end = _x(heap, earlier.end), _x(heap, later.begin)
    if end - begin >= 12:
        top = scale.y(min(earlier.top, later.top))
        bottom = scale.y(max(earlier.address, later.address))
        y = (top + bottom) / 2
        c.arrow([(begin + 1, y), (end - 1, y)], stroke=palette.INK)


def _draw_failures(c: Canvas, heap: Heap, scale: Heights) -> None:
    """A red line where a request found no memory, with what was asked if there is room."""
    free: float = LEFT
    for k, step in enumerate(heap.steps):
        if step.action == "oom":
            x = (_x(heap, k) + _x(heap, k + 1)) / 2
            line = [(x, scale.top - 4), (x, scale.bottom)]
            c.line(line, stroke=palette.FAULT.strong, width=2, dash="5 3")
            width = text_width(step.what, FONT, bold=True)
            left = min(x - width / 2, RIGHT - width)
            if left >= free:
                color = palette.FAULT.strong
                c.text(left, scale.top - 8, step.what, size=FONT, bold=True, color=color)
                free = left + width + 8


def _draw_addresses(c: Canvas, heap: Heap, scale: Heights) -> None:
    """On the left, what each segment is and where it begins and ends."""
    c.line([(LEFT - 6, scale.bottom), (LEFT - 6, scale.top)], stroke=palette.MUTED, width=1)
    free = ticked = scale.bottom + 20  # below this line all is still free for words
    segments = sorted(heap.of("segment"), key=lambda segment: (segment.address, segment.begin))
    for edge in sorted({edge for s in segments for edge in (s.address, s.top)}):
        y = scale.y(edge)
        if y <= ticked - 1:
            c.line([(LEFT - 10, y), (LEFT - 6, y)], stroke=palette.MUTED, width=1)
            ticked = y
        if y <= free - FONT - 4:
            style: Style = {"size": FONT, "color": palette.MUTED, "anchor": "end"}
            c.text(LEFT - 14, min(y + 4, scale.bottom), _edge(edge), **style)
            free = y
    free = scale.bottom + 20
    for segment in segments:
        y = (scale.y(segment.address) + scale.y(segment.top)) / 2
        if y <= free - 2 * FONT - 8:
            room = LEFT - MARGIN - 74
            c.text(MARGIN, y - 2, size(segment.bytes), size=FONT, bold=True, fit=room)
            words = f"stream {segment.stream}"
            c.text(MARGIN, y + 12, words, size=FONT, color=palette.MUTED, fit=room)
            free = y


def _draw_steps(c: Canvas, heap: Heap, y: float) -> float:
    """Below the strip, what happened in each step and when; only as far as there is room."""
    width = _x(heap, 1) - LEFT
    style: Style = {"size": FONT, "color": palette.MUTED}
    middle: Style = {**style, "anchor": "middle"}
    words = [SHORT.get(step.action, step.action) for step in heap.steps]
    if max(text_width(word, FONT) for word in words) + 4 <= width:
        for k, word in enumerate(words):
            c.text(_x(heap, k) + width / 2, y + 17, word, **middle)
        c.text(MARGIN, y + 17, "action", **style)
        y += 18
    c.text(MARGIN, y + 17, "virtual time, \u00b5s", **style)
    free, shown = LEFT - 1.0, None
    for k, step in enumerate(heap.steps):
        x = _x(heap, k)
        if step.time != shown and x > free and x + 60 < WIDTH - MARGIN:
            c.line([(x, y), (x, y + 20)], stroke=palette.LINE, width=1)
            free = x + 4 + c.text(x + 4, y + 17, microseconds(step.time), **style) + 8
            shown = step.time
    return y + 20


def _draw_curves(c: Canvas, heap: Heap, y: float) -> float:
    reserved, allocated = zip(*((s.reserved, s.allocated) for s in heap.steps), strict=True)
    most, floor = max(reserved) or 1, y + CURVES
    for amounts, hue in ((reserved, palette.PLAIN), (allocated, palette.DOOR)):
        points: list[Point] = [(LEFT, floor)]
        for k, amount in enumerate(amounts):
            height = floor - CURVES * amount / most
            points += [(_x(heap, k), height), (_x(heap, k + 1), height)]
        c.polygon([*points, (RIGHT, floor)], fill=hue.pale, stroke=hue.strong, width=1.6)
    top = max(floor - CURVES * max(allocated) / most, y + 16)
    for name, amount, at in (("reserved", most, y), ("allocated", max(allocated), top)):
        words = f"{name}: peak {size(amount)}"
        c.text(LEFT - 14, at + 4, words, size=FONT, anchor="end")
    c.line([(LEFT, floor), (RIGHT, floor)], stroke=palette.MUTED, width=1.2)
    return floor


def _legend(heap: Heap) -> list[svg.Entry]:
    hue = palette.stream_hue(1)
    legend = [
        (svg.box(palette.PANEL, palette.FAINT), "segment: reserved, cached where it is empty"),
        (svg.box(hue.pale, hue.strong), "block: allocated, in its stream's color"),
    ]
    if any(later.begin > earlier.end for earlier, later in heap.reuses):
        legend.append((svg.arrow(palette.INK), "the same addresses again"))
    if heap.of("rests"):
        legend.append((svg.hatched(palette.PANEL, hue.strong), "freed, another stream may use it"))
    if heap.of("poisoned"):
        legend.append((svg.hatched(palette.PANEL, palette.FILM), "freed and overwritten"))
    legend.append((svg.box(palette.PLAIN.pale, palette.PLAIN.strong), "sum of the reserved"))
    legend.append((svg.box(palette.DOOR.pale, palette.DOOR.strong), "sum of the allocated"))
    return legend


# --- The same in ASCII ----------------------------------------------------------------------------


def _to_text(title: str, heap: Heap) -> str:
    """The same facts as the drawing: which block was where, from which step to which."""
    if not heap.boundaries:
        return text.page(title, "", "nothing was allocated")
    width = max(1, min(CHART // len(heap.steps), 6))
    strip = _strip(heap, width)
    signs = {sign for row in strip for sign in row.partition("|")[2]}
    key = ["a b ..  blocks", *(f"{sign} {words}" for sign, words in KEY.items() if sign in signs)]
    lines = [title, "", *strip, "", "   ".join(key), ""]
    head = f"{'us':>10}  {'action':<40} {'allocated':>12} {'reserved':>12}  line"
    rows = [
        f"{microseconds(step.time):>10}  {text.cut(step.what, 40):<40} {size(step.allocated):>12}"
        f" {size(step.reserved):>12}  {text.cut(step.site or '', 20)}"
        for step in heap.steps
    ]
    more = [f"... and {len(rows) - ROWS} more: log.memory has all"] if len(rows) > ROWS else []
    left_out = [heap.left_out] if heap.left_out else []
    return text.page(lines, head, rows[:ROWS], more, left_out)


def _strip(heap: Heap, width: int) -> list[str]:
    """A row of addresses for each of the lowest gaps between edges, `width` columns a step."""
    edges = heap.boundaries
    rows = [[" "] * len(heap.steps) for _ in edges[1 : ROWS + 1]]
    for span in heap.spans:  # a segment comes before what is on it
        sign = SIGNS.get(span.kind) or span.name[:1]
        first, last = (bisect_left(edges, edge) for edge in (span.address, span.top))
        for cells in rows[first:last]:
            cells[span.begin : span.end] = sign * (span.end - span.begin)
    rows.append(["!" if step.action == "oom" else " " for step in heap.steps])
    count = len(heap.steps)
    columns = range(count) if count <= CHART else [k * count // CHART for k in range(CHART)]
    drawn = ["".join(cells[k] * width for k in columns) for cells in rows]
    lines = [
        f"{f'{size(high - low)} from {_edge(low)}':>{LABEL}} |{cells}"
        for low, high, cells in zip(edges, edges[1:], drawn[:-1], strict=False)
    ]
    if (skipped := len(edges) - 1 - ROWS) > 0:
        lines.append(f"... and {skipped} rows more")
    return [*reversed(lines), *([f"{'':{LABEL + 1}}|{drawn[-1]}"] if "!" in drawn[-1] else [])]


def _edge(address: int) -> str:
    return size(address) if address else "0"
