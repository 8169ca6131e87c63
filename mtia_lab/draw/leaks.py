"""Which context leaves what behind: a matrix of contexts and of what is done in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import starmap
from typing import Any

from ..errors import WrongArgument, WrongValue
from ..log.log import Log
from . import palette, svg, text
from .filmstrip import Strip, filmstrip, frames_of
from .stateview import State, state_text
from .svg import MARGIN, ROOM, Canvas, Picture, Style
from .text import wrap

TITLE = "What each context leaves behind"
HEAD = 262  # width of the column that names the contexts
WIDEST = 150  # of the other columns
CELL = 62  # height of a cell
MOST = 6, 24  # columns and rows


@dataclass(frozen=True)
class Film:
    """A block that was recorded.

    Attributes:
        log: what `mtia_lab.record()` yielded.
        captions: its phases, as `draw.filmstrip` takes them.
    """

    log: Log
    captions: tuple[tuple[int, str], ...] = ()

    @property
    def states(self) -> tuple[State, State, State]:
        """The state before, after the first phase (entering), and at the end."""
        frames = self._strip.frames
        inside = [f.state for f in frames if f.phase in ("", *(n for _, n in self.captions[:1]))]
        return frames[0].state, inside[-1], frames[-1].state

    @property
    def leaked(self) -> dict[str, tuple[int, int]]:
        """What is not as it was: "device", or "mtia:1" for a stream there -> before and after."""
        strip = self._strip
        first, last = strip.frames[0].state, strip.frames[-1].state
        names = {part: f"mtia:{part - 1}" if part else "device" for part in strip.leaked}
        return {name: (first[part], last[part]) for part, name in names.items()}

    @cached_property
    def _strip(self) -> Strip:
        return frames_of(self.log, 2, self.captions)[1][0]

    def picture(self, title: str) -> Picture:
        """Its film strip."""
        return filmstrip(self.log, captions=self.captions, title=title)


@dataclass(frozen=True, repr=False)
class Matrix(Picture):
    """The matrix, with the film strip of each cell to open below it.

    Args:
        films: row -> column -> the film strip of that cell.
    """

    films: Mapping[str, Mapping[str, Picture]]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle = super()._repr_mimebundle_(include, exclude)
        rows = [
            _details(row, f"<blockquote>{''.join(starmap(_opened, films.items()))}</blockquote>")
            for row, films in self.films.items()
        ]
        return bundle | {"text/html": bundle["text/html"] + "".join(rows)}


def leaks(films: Mapping[str, Mapping[str, Film]], *, title: str = TITLE) -> Matrix:
    """A matrix of films of one host thread: does each end in the state in which it began?

    Below it, each row opens its cells' film strips.

    Args:
        films: a context, in words -> what was done in it, in words -> its film. All contexts have
            the same columns.
        title: the message of the picture, which stands above it.

    Raises:
        TypeError: something given is no mapping, or no film.
        ValueError: contexts differ in their columns, or there are too many.
    """
    columns = _columns(films)
    c = Canvas()
    y = c.heading(
        title, "Rows: the context. Columns: what its body does. Below: the state at the end"
    )
    width = min(WIDEST, (ROOM - HEAD) / max(len(columns), 1))
    y = _draw_head(c, y, columns, width)
    for row, cells in films.items():
        lines = wrap(row, HEAD - 12, 12, mono=True)[:3]
        for k, line in enumerate(lines):
            middle = y + CELL / 2 + 4.5 + 16 * (k - (len(lines) - 1) / 2)
            c.text(MARGIN + 4, middle, line, size=12, mono=True)
        for k, film in enumerate(cells.values()):
            _draw_cell(c, MARGIN + HEAD + k * width, y, width, film)
        y += CELL
    items = [
        (svg.box(palette.GOOD.pale, palette.GOOD.strong), "as it began (tick)"),
        (
            svg.box(palette.FAULT.pale, palette.FAULT.strong, width=2.2),
            "leaked (cross): from \u2192 to",
        ),
    ]
    y = c.legend(y + 14, items)
    strips = {
        row: {column: film.picture(f"{row}  {column}") for column, film in cells.items()}
        for row, cells in films.items()
    }
    return Matrix(_to_text(title, columns, films), c.svg(y + MARGIN), strips)


def _columns(films: Mapping[str, Mapping[str, Film]]) -> list[str]:
    """The names of the columns, which all rows share."""
    wanted = "leaks() takes a mapping: context -> what is done in it -> its film"
    if not isinstance(films, Mapping):
        raise WrongArgument(f"{wanted}, not {type(films).__name__}")
    columns: list[str] = []
    for row, cells in films.items():
        if not isinstance(cells, Mapping) or not all(isinstance(f, Film) for f in cells.values()):
            raise WrongArgument(f"{wanted}; {text.cut(repr(row), 60)} has something else")
        columns = columns or list(cells)
        if list(cells) != columns:
            raise WrongValue(f"{text.cut(repr(row), 60)} has other columns than the first context")
    if len(columns) > MOST[0] or len(films) > MOST[1]:
        raise WrongValue(f"a matrix has room for {MOST[0]} columns and {MOST[1]} contexts")
    return columns


def _draw_head(c: Canvas, y: float, columns: list[str], width: float) -> float:
    heads = [wrap(name, width - 10, 12, bold=True, mono=True)[:3] for name in columns]
    height = 16 * max(map(len, heads), default=0) + 8
    for k, lines in enumerate(heads):
        for up, line in enumerate(reversed(lines)):
            middle = MARGIN + HEAD + (k + 0.5) * width
            style: Style = {"size": 12, "bold": True, "mono": True, "anchor": "middle"}
            c.text(middle, y + height - 10 - 16 * up, line, **style)
    return y + height


def _draw_cell(c: Canvas, x: float, y: float, width: float, film: Film) -> None:
    leaked = film.leaked
    hue = palette.FAULT if leaked else palette.GOOD
    thick = 2.2 if leaked else 1.2
    c.rect(x + 3, y + 3, width - 6, CELL - 6, fill=hue.pale, stroke=hue.strong, width=thick)
    c.verdict(x + 16, y + 17, not leaked, stroke=hue.strong, width=2.2)
    words = [f"{name} {first} \u2192 {last}" for name, (first, last) in leaked.items()]
    for k, line in enumerate(words[:2]):
        c.text(x + 28, y + 21 + 15 * k, line, size=12, fit=width - 34)
    state = state_text(film.states[-1])
    c.text(x + width / 2, y + CELL - 9, state, size=12, mono=True, anchor="middle", fit=width - 12)


def _opened(column: str, film: Picture) -> str:
    return _details(column, film._repr_mimebundle_()["text/html"])


def _details(summary: str, body: str) -> str:
    return (
        f"<details><summary><code>{svg.escape(svg.brief(summary))}</code></summary>{body}</details>"
    )


def _to_text(title: str, columns: list[str], films: Mapping[str, Mapping[str, Film]]) -> str:
    room = (text.COLUMNS - 30) // max(len(columns), 1)
    lines = [
        title,
        "",
        " " * 30 + "".join(f"{text.cut(name, room - 1):<{room}}" for name in columns),
    ]
    for row, cells in films.items():
        ends = [
            state_text(film.states[-1]) + (" !" if film.leaked else "") for film in cells.values()
        ]
        line = "".join(f"{text.cut(end, room - 1):<{room}}" for end in ends)
        lines.append(f"{text.cut(row, 29):<30}{line}")
    return text.page(lines, "", "! leaked: it is not the state in which it began")
