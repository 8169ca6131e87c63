"""SVG that a notebook can show anywhere: the canvas, its swatches, and the finished picture.

What it writes is deliberately poor: rectangles, lines, paths, text. No ids, scripts, styles,
classes or markers, because inside an `<img>` of an untrusted notebook nothing else is sure to
survive; and numbers in one fixed format, because stored pictures are compared byte for byte.
Every name passes through `escape` here.
"""

import base64
import html
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypedDict, Unpack

from ..errors import LONGEST, NoConverter, WrongArgument
from ..log.files import target, write
from . import palette
from .text import shorten, text_width

Point = tuple[float, float]
MARGIN = 24
WIDTH = 860
ROOM = WIDTH - 2 * MARGIN


class Look(TypedDict, total=False):
    """How a shape is drawn; `width` is that of its outline, `dash` an SVG dash pattern."""

    fill: str
    stroke: str
    width: float
    radius: float
    dash: str | None


class Style(TypedDict, total=False):
    """How words are written.

    `fit` shortens them to so many pixels and keeps the whole as a tooltip; `halo` is a color to
    surround the letters with, so that a line passes behind them.
    """

    size: float
    color: str
    bold: bool
    mono: bool
    anchor: str
    fit: float
    halo: str


@dataclass(frozen=True, repr=False)
class Picture:
    """One drawing in two forms: SVG and plain ASCII.

    Args:
        text: the picture in ASCII, at most 100 columns; its `repr`, and what nbval compares.
        svg: the picture as a complete SVG document.
    """

    text: str
    svg: str

    def __repr__(self) -> str:
        return self.text

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to a file: its name ends in .svg, in .txt for ASCII, or in .png.

        Args:
            path: the file. If there is one already it is replaced, once the new one is complete.

        Returns:
            the path.

        Raises:
            ValueError: the name ends otherwise.
            OSError: the file cannot be written.
            TypeError: that is no path.
            MTIALabError: it is to be a PNG, and no library that is installed can make one.
        """
        forms = self._forms()
        place = target(path, "a picture", tuple(forms))
        return write(place, [forms[place.suffix]()])

    def _forms(self) -> dict[str, Callable[[], bytes]]:
        """What can be saved: the ending of a name -> how the file is made."""
        return {
            ".svg": lambda: f"{self.svg}\n".encode(),
            ".txt": lambda: f"{self.text}\n".encode(),
            ".png": lambda: _png(self.svg),
        }

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        # The <img> is what survives everywhere: both themes, untrusted notebooks, exports. A screen
        # reader reads all of its alt text, so that is the headline alone.
        data = base64.b64encode(self.svg.encode()).decode("ascii")
        alt = html.escape(self.text.partition("\n")[0])
        return {
            "text/plain": self.text,
            "image/svg+xml": self.svg,
            "text/html": f'<img src="data:image/svg+xml;base64,{data}" alt="{alt}">',
        }


def _png(svg: str) -> bytes:
    try:
        cairosvg = import_module("cairosvg")  # there if somebody installed it
    except (ImportError, OSError) as error:  # itself, or the library that it opens
        raise NoConverter(
            "The picture cannot be saved as PNG.",
            f"that takes the package cairosvg, which cannot be imported: {error}.",
            "save it as .svg, which browsers and editors show; or `pip install cairosvg`.",
        ) from None
    made: bytes = cairosvg.svg2png(bytestring=svg.encode(), scale=2)  # for screens of today
    return made


def number(value: float) -> str:
    """A coordinate: at most two decimals, no trailing zeros, no minus zero."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def legal(text: str) -> str:
    """Text on one line, with a mark in the place of characters that XML forbids."""
    if text.isprintable():  # as nearly all is
        return text
    return "".join(c if c.isprintable() else " " if c in "\t\n\r" else "\ufffd" for c in text)


def brief(text: str) -> str:
    """The same, of what is very long the beginning."""
    return legal(text if len(text) <= LONGEST else text[:LONGEST] + "\u2026")


def escape(text: str) -> str:
    """Any text, for XML."""
    return html.escape(legal(text)).replace("&#x27;", "&#39;")


Attributes = dict[str, str | float | None]


def _look(look: Look, width: float) -> Attributes:
    fill: Attributes = {"fill": look.get("fill", "none")}
    if "stroke" not in look:
        return fill
    edge: Attributes = {"stroke": look["stroke"], "stroke-width": look.get("width", width)}
    return fill | edge | {"stroke-dasharray": look.get("dash")}


class Canvas:
    """Collects shapes on a white card; `svg(height)` gives the document. Sizes are in pixels."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._words: list[tuple[float, float, float, float]] = []  # left, top, right, bottom

    def _add(
        self, tag: str, attributes: Attributes, tip: str | None = None, body: str = ""
    ) -> None:
        given = "".join(
            f' {key}="{escape(value) if isinstance(value, str) else number(value)}"'
            for key, value in attributes.items()
            if value is not None
        )
        body = f"<title>{escape(brief(tip))}</title>{body}" if tip else body
        self._parts.append(f"<{tag}{given}>{body}</{tag}>" if body else f"<{tag}{given}/>")

    def rect(
        self, x: float, y: float, w: float, h: float, tip: str | None = None, **look: Unpack[Look]
    ) -> None:
        """A rectangle; `tip` is a tooltip."""
        place: Attributes = {"x": x, "y": y, "width": w, "height": h, "rx": look.get("radius", 6)}
        self._add("rect", place | _look(look, 1.2), tip)

    def line(self, points: Iterable[Point], **look: Unpack[Look]) -> None:
        """An open polyline through `points`."""
        self.path("M" + " L".join(f"{number(x)} {number(y)}" for x, y in points), **look)

    def path(self, d: str, **look: Unpack[Look]) -> None:
        """Any path; the caller formats `d` with `number`."""
        self._add("path", {"d": d, **_look(look, 1.4)})

    def polygon(
        self, points: Iterable[Point], tip: str | None = None, **look: Unpack[Look]
    ) -> None:
        """A closed, filled shape."""
        corners = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        self._add("polygon", {"points": corners, **_look(look, 1.2)}, tip)

    def arrow(self, points: Sequence[Point], **look: Unpack[Look]) -> None:
        """A polyline with a head at its last point."""
        (x1, y1), (x2, y2) = points[-2:]
        angle = math.atan2(y2 - y1, x2 - x1)
        base = (x2 - 7 * math.cos(angle), y2 - 7 * math.sin(angle))
        thick: Look = {"width": 1.6}
        self.line([*points[:-1], base], **(thick | look))
        self.arrow_head(x2, y2, angle, look["stroke"])

    def arrow_head(self, x: float, y: float, angle: float, fill: str) -> None:
        """A head whose tip is at `(x, y)`, pointing along `angle` (radians)."""
        sides = (angle + 0.42, angle - 0.42)
        back = [(x - 9 * math.cos(side), y - 9 * math.sin(side)) for side in sides]
        self.polygon([(x, y), *back], fill=fill)

    def verdict(self, x: float, y: float, good: bool, **look: Unpack[Look]) -> None:
        """A tick, or a cross, around `(x, y)`."""
        if good:
            self.line([(x - 6, y), (x - 2, y + 5), (x + 6, y - 5)], **look)
        else:
            self.line([(x - 5, y - 5), (x + 5, y + 5)], **look)
            self.line([(x - 5, y + 5), (x + 5, y - 5)], **look)

    def hatch(
        self, x: float, y: float, w: float, h: float, *, stroke: str, step: float = 6.0
    ) -> None:
        """Diagonal lines inside a rectangle (patterns would need ids, so each line is drawn)."""
        strokes = []
        for k in range(1, math.ceil((w + h) / step)):
            c = k * step
            x1, x2 = max(0.0, c - h), min(w, c)
            strokes.append(
                f"M{number(x + x1)} {number(y + c - x1)} L{number(x + x2)} {number(y + c - x2)}"
            )
        if strokes:
            self.path(" ".join(strokes), stroke=stroke, width=1)

    def text(self, x: float, y: float, value: str, **style: Unpack[Style]) -> float:
        """One line of text with its baseline at `y`; returns its estimated width."""
        size, bold, mono = style.get("size", 13), style.get("bold", False), style.get("mono", False)
        anchor, halo = style.get("anchor", "start"), style.get("halo")
        whole = shown = brief(value)
        if "fit" in style:
            shown = shorten(whole, style["fit"], size, bold=bold, mono=mono)
        attributes: Attributes = {
            "x": x,
            "y": y,
            "font-family": "monospace" if mono else "sans-serif",
            "font-size": size,
            "font-weight": "bold" if bold else None,
            "text-anchor": None if anchor == "start" else anchor,
            "fill": style.get("color", palette.INK),
        }
        if halo:
            attributes |= {"stroke": halo, "stroke-width": 3, "paint-order": "stroke"}
        if shown:
            self._add("text", attributes, whole if shown != whole else None, escape(shown))
        width = text_width(shown, size, bold=bold, mono=mono)
        left = x - {"middle": width / 2, "end": width}.get(anchor, 0)
        self._words.append((left, y - 0.76 * size, left + width, y + 0.22 * size))
        return width

    def has_room(self, left: float, top: float, right: float, bottom: float) -> bool:
        """Whether there is no text so far in a rectangle."""
        return all(c <= left or right <= a or d <= top or bottom <= b for a, b, c, d in self._words)

    def heading(self, title: str, subtitle: str = "") -> float:
        """Title and subtitle at the top of the card; returns the y where the picture may begin."""
        if not isinstance(title, str):
            raise WrongArgument(f"the title is of type {type(title).__name__}; give text")
        title = title.replace("`", "")  # which mark code in text, and are only dots in a picture
        self.text(MARGIN, 36, title, size=18, bold=True, fit=ROOM)
        if subtitle:
            self.text(MARGIN, 57, subtitle, color=palette.MUTED, fit=ROOM)
        return 78 if subtitle else 58

    def note(self, y: float, words: str, **style: Unpack[Style]) -> None:
        """A line of small words, muted, at the left of the card."""
        muted: Style = {"size": 12, "color": palette.MUTED}
        self.text(MARGIN, y, words, **(muted | style))

    def legend(self, y: float, items: Iterable["Entry"]) -> float:
        """Swatches with their meaning, from left to right; returns the y below them.

        Each item is `(swatch, words)`; `swatch(canvas, x, y)` draws 24 by 14 pixels there.
        """
        x: float = MARGIN
        for swatch, words in items:
            needed = 32 + text_width(words, 12)
            if x > MARGIN and x + needed > WIDTH - MARGIN:
                x, y = MARGIN, y + 24
            swatch(self, x, y)
            self.text(x + 32, y + 11, words, size=12, color=palette.MUTED)
            x += needed + 24
        return y + 14

    def svg(self, height: float) -> str:
        """The document, `height` pixels high, with its own opaque white card."""
        card = (
            f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{number(height - 1)}"'
            f' rx="14" fill="{palette.WHITE}" stroke="{palette.LINE}"/>'
        )
        h = number(height)
        size = f'width="{WIDTH}" height="{h}" viewBox="0 0 {WIDTH} {h}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
        return "\n".join([head, card, *self._parts, "</svg>"])


# --- Swatches of a legend, which draw themselves in 24 by 14 pixels ------------------------------

Swatch = Callable[[Canvas, float, float], None]
Entry = tuple[Swatch, str]


def box(fill: str, stroke: str, *, dash: str | None = None, width: float = 1.2) -> Swatch:
    """A filled rectangle."""
    look: Look = {"fill": fill, "stroke": stroke, "dash": dash, "width": width, "radius": 4}
    return lambda c, x, y: c.rect(x + 1, y, 22, 14, **look)


def hatched(fill: str, stroke: str) -> Swatch:
    """A hatched rectangle."""

    def draw(c: Canvas, x: float, y: float) -> None:
        c.rect(x + 1, y, 22, 14, fill=fill, stroke=stroke, radius=0)
        c.hatch(x + 1, y, 22, 14, stroke=stroke)

    return draw


def arrow(stroke: str, *, dash: str | None = None) -> Swatch:
    """A short arrow."""
    return lambda c, x, y: c.arrow([(x, y + 7), (x + 24, y + 7)], stroke=stroke, dash=dash)


def wire(stroke: str, *, dash: str | None = None, width: float = 1.4) -> Swatch:
    """A short line."""
    look: Look = {"stroke": stroke, "dash": dash, "width": width}
    return lambda c, x, y: c.line([(x, y + 7), (x + 24, y + 7)], **look)


def pointer(c: Canvas, x: float, y: float) -> None:
    """The triangle that marks the current device: a swatch itself."""
    c.polygon([(x + 8, y + 2), (x + 8, y + 12), (x + 17, y + 7)], fill=palette.INK)
