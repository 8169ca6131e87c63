"""A canvas that writes SVG a notebook can show anywhere.

What it writes is deliberately poor: rectangles, lines, paths, text. No ids, scripts, styles,
classes or markers, because inside an ``<img>`` of an untrusted notebook nothing else is sure to
survive; and numbers in one fixed format, because stored pictures are compared byte for byte.
"""

import math
from collections.abc import Callable, Iterable, Sequence

from ..errors import LONGEST
from . import palette
from .measure import shorten, text_width

Point = tuple[float, float]
MARGIN = 24
WIDTH = 860


def number(value: float) -> str:
    """A coordinate: at most two decimals, no trailing zeros, no minus zero."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def legal(value: object) -> str:
    """Text on one line, with a mark in the place of characters that XML forbids."""
    return "".join(c if c.isprintable() else " " if c in "\t\n\r" else "\ufffd" for c in str(value))


def brief(value: object) -> str:
    """The same, of what is very long the beginning."""
    text = str(value)
    return legal(text if len(text) <= LONGEST else text[:LONGEST] + "\u2026")


def escape(value: object) -> str:
    """Text for XML, whatever it holds."""
    text = legal(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("'", "&#39;")


class Canvas:
    """Collects shapes on a white card; ``svg(height)`` gives the document. Sizes are in pixels."""

    def __init__(self, width: float = WIDTH) -> None:
        self.width = width
        self._parts: list[str] = []
        self._words: list[tuple] = []  # where there is text: left, top, right, bottom

    def _add(self, tag: str, attributes: dict, body: str = "") -> None:
        given = "".join(
            f' {key}="{number(value) if isinstance(value, int | float) else escape(value)}"'
            for key, value in attributes.items()
            if value is not None
        )
        self._parts.append(f"<{tag}{given}>{body}</{tag}>" if body else f"<{tag}{given}/>")

    def rect(
        self, x, y, w, h, *, fill="none", stroke=None, width=1.2, radius=6, dash=None, tip=None
    ) -> None:
        """A rectangle; ``tip`` is a tooltip, ``dash`` an SVG dash pattern."""
        self._add(
            "rect",
            {"x": x, "y": y, "width": w, "height": h, "rx": radius, "fill": fill}
            | _outline(stroke, width, dash),
            _tip(tip),
        )

    def line(self, points: Sequence[Point], *, stroke, width=1.4, dash=None) -> None:
        """An open polyline through ``points``."""
        path = "M" + " L".join(f"{number(x)} {number(y)}" for x, y in points)
        self.path(path, stroke=stroke, width=width, dash=dash)

    def path(self, d: str, *, stroke=None, fill="none", width=1.4, dash=None, tip=None) -> None:
        """Any path; the caller formats ``d`` with ``number``."""
        self._add("path", {"d": d, "fill": fill} | _outline(stroke, width, dash), _tip(tip))

    def polygon(self, points: Sequence[Point], *, fill, stroke=None, width=1.2, tip=None) -> None:
        """A closed, filled shape."""
        corners = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        outline = _outline(stroke, width, None)
        self._add("polygon", {"points": corners, "fill": fill} | outline, _tip(tip))

    def arrow(self, points: Sequence[Point], *, stroke, width=1.6, dash=None) -> None:
        """A polyline with a head at its last point."""
        (x1, y1), (x2, y2) = points[-2:]
        angle = math.atan2(y2 - y1, x2 - x1)
        base = (x2 - 7 * math.cos(angle), y2 - 7 * math.sin(angle))
        self.line([*points[:-1], base], stroke=stroke, width=width, dash=dash)
        self.arrow_head(x2, y2, angle, fill=stroke)

    def arrow_head(self, x: float, y: float, angle: float, *, fill: str) -> None:
        """A head whose tip is at ``(x, y)``, pointing along ``angle`` (radians)."""
        sides = (angle + 0.42, angle - 0.42)
        back = [(x - 9 * math.cos(side), y - 9 * math.sin(side)) for side in sides]
        self.polygon([(x, y), *back], fill=fill)

    def hatch(self, x, y, w, h, *, stroke, step=6.0) -> None:
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

    def text(
        self,
        x,
        y,
        value,
        *,
        size=13,
        color=palette.INK,
        bold=False,
        mono=False,
        anchor="start",
        fit=None,
        halo=None,
    ) -> float:
        """One line of text with its baseline at ``y``; returns its estimated width.

        ``fit`` shortens it to that many pixels and keeps the whole of it as a tooltip; ``halo`` is
        a color to surround the letters with, so that a line passes behind them.
        """
        whole = brief(value)
        shown = whole if fit is None else shorten(whole, fit, size, bold=bold, mono=mono)
        attributes = {
            "x": x,
            "y": y,
            "font-family": "monospace" if mono else "sans-serif",
            "font-size": size,
            "font-weight": "bold" if bold else None,
            "text-anchor": None if anchor == "start" else anchor,
            "fill": color,
        }
        if halo:
            attributes |= {"stroke": halo, "stroke-width": 3, "paint-order": "stroke"}
        if shown:
            self._add("text", attributes, _tip(whole if shown != whole else None) + escape(shown))
        width = text_width(shown, size, bold=bold, mono=mono)
        left = x - {"middle": width / 2, "end": width}.get(anchor, 0)
        self._words.append((left, y - 0.76 * size, left + width, y + 0.22 * size))
        return width

    def has_room(self, left, top, right, bottom) -> bool:
        """Whether there is no text so far in a rectangle."""
        return all(c <= left or right <= a or d <= top or bottom <= b for a, b, c, d in self._words)

    def heading(self, title: str, subtitle: str = "") -> float:
        """Title and subtitle at the top of the card; returns the y where the picture may begin."""
        self.text(MARGIN, 36, title, size=18, bold=True, fit=self.width - 2 * MARGIN)
        if subtitle:
            room = self.width - 2 * MARGIN
            self.text(MARGIN, 57, subtitle, size=13, color=palette.MUTED, fit=room)
        return 78 if subtitle else 58

    def legend(self, y: float, items: Iterable[tuple[Callable, str]]) -> float:
        """Swatches with their meaning, from left to right; returns the y below them.

        Each item is ``(swatch, text)``; ``swatch(canvas, x, y)`` draws 24 by 14 pixels there.
        """
        x = MARGIN
        for swatch, text in items:
            needed = 32 + text_width(text, 12)
            if x > MARGIN and x + needed > self.width - MARGIN:
                x, y = MARGIN, y + 24
            swatch(self, x, y)
            self.text(x + 32, y + 11, text, size=12, color=palette.MUTED)
            x += needed + 24
        return y + 14

    def svg(self, height: float) -> str:
        """The document, ``height`` pixels high, with its own opaque white card."""
        w, h = number(self.width), number(height)
        card = (
            f'<rect x="0.5" y="0.5" width="{number(self.width - 1)}" height="{number(height - 1)}"'
            f' rx="14" fill="{palette.WHITE}" stroke="{palette.LINE}"/>'
        )
        size = f'width="{w}" height="{h}" viewBox="0 0 {w} {h}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
        return "\n".join([head, card, *self._parts, "</svg>"])


def _outline(stroke, width, dash) -> dict:
    if stroke is None:
        return {}
    return {"stroke": stroke, "stroke-width": width, "stroke-dasharray": dash}


def _tip(tip) -> str:
    return f"<title>{escape(brief(tip))}</title>" if tip else ""
