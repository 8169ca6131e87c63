"""The heap strip in ASCII: addresses as rows, steps as columns, then everything in a table."""

from ..log.replay import Heap
from ..log.units import microseconds, size
from . import ascii

LABEL = 24
CHART = ascii.COLUMNS - LABEL - 2
ROWS = 40  # at most so many rows of addresses, and so many lines in the table
KEY = {
    ".": "cached",
    "/": "freed, another stream may use it",
    "x": "freed and overwritten",
    "!": "out of memory",
}


def tell(title: str, heap: Heap) -> str:
    """The same facts as the drawing: which block was where, from which step to which."""
    if not heap.boundaries():
        return ascii.page(title, "", "nothing was allocated")
    width = max(1, min(CHART // len(heap.steps), 6))
    strip = _strip(heap, width)
    signs = {sign for row in strip for sign in row.partition("|")[2]}
    key = ["a b ..  blocks", *(f"{sign} {words}" for sign, words in KEY.items() if sign in signs)]
    lines = [title, "", *strip, "", "   ".join(key), ""]
    head = f"{'us':>10}  {'action':<40} {'allocated':>12} {'reserved':>12}  line"
    rows = [
        f"{microseconds(step.time):>10}  {ascii.cut(step.what, 40):<40} {size(step.allocated):>12}"
        f" {size(step.reserved):>12}  {ascii.cut(step.site or '', 20)}"
        for step in heap.steps
    ]
    more = [f"... and {len(rows) - ROWS} more: log.memory has all"] if len(rows) > ROWS else []
    left_out = [heap.left_out] if heap.left_out else []
    return ascii.page(lines, head, rows[:ROWS], more, left_out)


def _strip(heap: Heap, width: int) -> list:
    edges = heap.boundaries()
    count = len(heap.steps)
    columns = range(count) if count <= CHART else [k * count // CHART for k in range(CHART)]
    rows = []
    for low, high in zip(edges[:ROWS], edges[1:], strict=False):
        cells = [_cell(heap, low, k) for k in columns]
        name = f"{size(high - low)} from {size(low) if low else '0'}"
        rows.append(f"{name:>{LABEL}} |{''.join(cell * width for cell in cells)}")
    if (skipped := len(edges) - 1 - ROWS) > 0:
        rows.append(f"... and {skipped} rows more")
    marks = ["!" if heap.steps[k].action == "oom" else " " for k in columns]
    last = (
        [" " * (LABEL + 1) + "|" + "".join(mark * width for mark in marks)] if "!" in marks else []
    )
    return [*reversed(rows), *last]


def _cell(heap: Heap, address: int, step: int) -> str:
    """What was at an address in a step."""
    found = " "
    for span in heap.spans:  # a segment comes before what is on it
        if span.begin <= step < span.end and span.address <= address < span.top:
            signs = {"segment": ".", "rests": "/", "poisoned": "x"}
            found = signs.get(span.kind, span.name[:1])
    return found
