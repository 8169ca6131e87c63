"""A plain table: in text for a terminal, in HTML for a notebook, with the same words."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

ROWS = 40  # at most so many are shown


@dataclass(frozen=True, repr=False)
class Table:
    """Rows of text under a head. The first `names` columns name a row; the others hold numbers.

    Args:
        head: what stands above each column.
        rows: as many words each.
        names: how many columns are aligned to the left.
        total: how many rows there would be, if not all are given.
        whole: what has all of them, also those that are not shown.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    names: int = 1
    total: int | None = None
    whole: str = ""

    @property
    def more(self) -> str:
        """What is said about the rows that are not shown; "" if all are."""
        hidden = (self.total or len(self.rows)) - len(self.shown)
        return f"... and {hidden:,} more: {self.whole} has all" if hidden else ""

    @property
    def shown(self) -> Sequence[Sequence[str]]:
        """The rows that are shown."""
        return self.rows[:ROWS]

    def lines(self) -> list[str]:
        """The table in text."""
        rows = [self.head, *self.shown]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(self._cells(row, widths)).rstrip() for row in rows]
        return [*lines, self.more] if self.more else lines

    def _cells(self, row: Sequence[str], widths: Sequence[int]) -> list[str]:
        return [
            word.ljust(width) if k < self.names else word.rjust(width)
            for k, (word, width) in enumerate(zip(row, widths, strict=True))
        ]

    def html(self) -> str:
        """The table as an HTML element. Colors are the notebook's own, so both themes read."""
        head = self._row("th", self.head)
        body = "\n".join(self._row("td", row) for row in self.shown)
        more = f"<p>{html.escape(self.more)}</p>" if self.more else ""
        return f"<table>\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>\n</table>{more}"

    def _row(self, tag: str, row: Sequence[str]) -> str:
        sides = ("left" if k < self.names else "right" for k in range(len(row)))
        cells = (
            f'<{tag} style="text-align: {side}">{html.escape(word)}</{tag}>'
            for side, word in zip(sides, row, strict=True)
        )
        return f"<tr>{''.join(cells)}</tr>"
