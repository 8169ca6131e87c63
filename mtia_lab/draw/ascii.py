"""Small helpers for the ASCII half of a picture."""

import textwrap

from ..errors import cut, plain

__all__ = ["beside", "box", "cut", "page", "paragraph", "plain"]

COLUMNS = 100


def box(lines: list, width: int = 0, *, dashed: bool = False) -> list:
    """``lines`` in a frame, ``width`` columns outside (or as wide as they need)."""
    inner = width - 4 if width else max((len(plain(line)) for line in lines), default=0)
    rule = ("- " * inner)[: inner + 2] if dashed else "-" * (inner + 2)
    side = ":" if dashed else "|"
    body = [f"{side} {cut(line, inner):<{inner}} {side}" for line in lines]
    return [f"+{rule}+", *body, f"+{rule}+"]


def beside(blocks: list, gap: int = 3) -> list:
    """Blocks of lines next to each other, their tops level."""
    height = max((len(block) for block in blocks), default=0)
    widths = [max((len(line) for line in block), default=0) for block in blocks]
    rows = []
    for row in range(height):
        cells = [block[row] if row < len(block) else "" for block in blocks]
        padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        rows.append((" " * gap).join(padded).rstrip())
    return rows


def paragraph(text: str, indent: str = "", width: int = COLUMNS) -> list:
    """``text`` as lines of at most ``width`` columns, the second and later ones indented."""
    return textwrap.wrap(plain(text), width, subsequent_indent=indent) or [""]


def page(*parts: object) -> str:
    """Lines and blocks of lines joined into the final text, none over 100 columns."""
    lines: list[str] = []
    for part in parts:
        lines.extend([part] if isinstance(part, str) else part)
    return "\n".join(line[:COLUMNS].rstrip() for line in lines).rstrip("\n")
