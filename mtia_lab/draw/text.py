"""Text: how wide it will be without asking a browser, and the ASCII form of a picture.

Pictures name only the generic fonts `sans-serif` and `monospace`, so the real font differs from
one machine to the next. The advance widths below are those of DejaVu Sans, the widest of the usual
defaults (Arial, Helvetica and Liberation Sans are narrower), rounded up: what fits here fits there.
"""

import textwrap
from collections.abc import Iterable, Sequence
from functools import lru_cache

from ..errors import cut, plain

__all__ = ["COLUMNS", "beside", "cut", "frame", "page", "paragraph", "plain", "shorten"]
__all__ += ["text_width", "wrap"]

COLUMNS = 100  # of the ASCII form

# Thousandths of the font size; a character that is in no group is as wide as a digit.
_GROUPS = {
    300: "'ijlIJ",
    340: " ,./:;\\|\u00b7",
    402: "f()[]-!t",
    420: "r",
    540: '"*_`sz?',
    600: "ckFLvxy",
    700: "ABCEKPRSTVXYZ",
    790: "DGHNOQU&",
    840: "w#+<=>^~\u2192\u2190\u00d7",
    1000: "mMW%@\u2026",
}
_WIDTH = {char: width for width, chars in _GROUPS.items() for char in chars}
NARROWEST = 0.3  # of the font size
_DIGIT = 640
_MONO = 602
_BOLD = 1.12


def _advance(char: str, mono: bool) -> int:
    if ord(char) >= 0x1100:  # Hangul, CJK, symbols, emoji: drawn from some other font, up to square
        wide = 1000 if ord(char) < 0x1F000 else 1400
        return _WIDTH.get(char, wide) if not mono or ord(char) >= 0x2E80 else _MONO
    return _MONO if mono else _WIDTH.get(char, _DIGIT)


@lru_cache(10_000)  # pictures repeat their words
def text_width(text: str, size: float, *, bold: bool = False, mono: bool = False) -> float:
    """An upper estimate of the width of `text`, in pixels, at a font size in pixels."""
    total = sum(_advance(char, mono) for char in text) * size / 1000
    return total * _BOLD if bold and not mono else total


def shorten(text: str, width: float, size: float, *, bold: bool = False, mono: bool = False) -> str:
    """`text`, or as much of its beginning as fits `width` pixels, ending in an ellipsis."""
    kept = text[: int(width / (NARROWEST * size)) + 1]  # no letter is narrower
    if kept == text and text_width(text, size, bold=bold, mono=mono) <= width:
        return text
    while kept and text_width(kept + "\u2026", size, bold=bold, mono=mono) > width:
        kept = kept[:-1]
    return kept.rstrip() + "\u2026" if kept else ""


def wrap(
    text: str, width: float, size: float, *, bold: bool = False, mono: bool = False
) -> list[str]:
    """`text` broken at spaces into lines of at most `width` pixels (long words shortened)."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, bold=bold, mono=mono) <= width:
            lines[-1] = longer
        else:
            lines.append(shorten(word, width, size, bold=bold, mono=mono))
    return lines


# --- The ASCII form ------------------------------------------------------------------------------


def frame(lines: Sequence[str], width: int = 0, *, dashed: bool = False) -> list[str]:
    """`lines` in a frame, `width` columns outside (or as wide as they need)."""
    inner = width - 4 if width else max((len(plain(line)) for line in lines), default=0)
    rule = ("- " * inner)[: inner + 2] if dashed else "-" * (inner + 2)
    side = ":" if dashed else "|"
    body = [f"{side} {cut(line, inner):<{inner}} {side}" for line in lines]
    return [f"+{rule}+", *body, f"+{rule}+"]


def beside(blocks: Sequence[Sequence[str]], gap: int = 3) -> list[str]:
    """Blocks of lines next to each other, their tops level."""
    height = max((len(block) for block in blocks), default=0)
    widths = [max((len(line) for line in block), default=0) for block in blocks]
    rows = []
    for row in range(height):
        cells = [block[row] if row < len(block) else "" for block in blocks]
        padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        rows.append((" " * gap).join(padded).rstrip())
    return rows


def paragraph(text: str, indent: str = "", width: int = COLUMNS) -> list[str]:
    """`text` as lines of at most `width` columns, the second and later ones indented."""
    return textwrap.wrap(plain(text), width, subsequent_indent=indent) or [""]


def page(*parts: str | Iterable[str]) -> str:
    """Lines and blocks of lines joined into the final text: plain ASCII, none over 100 columns."""
    lines: list[str] = []
    for part in parts:
        lines.extend([part] if isinstance(part, str) else part)
    return "\n".join(plain(line)[:COLUMNS].rstrip() for line in lines).rstrip("\n")
