"""The C++ a notebook shows is the C++ that runs: fetched by tag, never pasted."""

import html
import re
from functools import cache
from pathlib import Path

from .. import build
from ..errors import UnknownName

_TAG = re.compile(r"^( *)// \[([a-z_.]+)\]$")


class Source(str):
    """A piece of C++ that shows itself as code in a notebook."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return f"```cpp\n{self}\n```"


class Closed(Source):
    """One that a notebook shows behind a click."""

    def _repr_markdown_(self) -> str:
        name = self.partition("{")[0].strip().rpartition("\n")[2]  # after the comment above it
        summary = f"<summary>{html.escape(name)}</summary>"
        return f"<details>{summary}\n\n{super()._repr_markdown_()}\n</details>"


def source(tag: str, *, closed: bool = False) -> Source:
    """The C++ under a tag, from the comment after it to the end of the block.

    Args:
        tag: such as "guard.exchange_device"; written `// [guard.exchange_device]` in the source.
        closed: whether a notebook shows no more of it than a line to click on.

    Raises:
        KeyError: no file has that tag.
    """
    pieces = _pieces(build.source_root()) | _pieces(Path(__file__).parents[1] / "guards")
    if tag not in pieces:
        raise UnknownName(f"no C++ is tagged {tag!r}; the tags are {', '.join(sorted(pieces))}")
    return Closed(pieces[tag]) if closed else pieces[tag]


@cache
def _pieces(root: Path) -> dict[str, Source]:
    pieces: dict[str, Source] = {}
    for file in sorted(root.rglob("*.cpp")) + sorted(root.rglob("*.h")):
        lines = file.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if match := _TAG.match(line):
                indent, tag = match.groups()
                if tag in pieces:
                    raise ValueError(f"two pieces of C++ are tagged {tag!r}; tags must be unique")
                pieces[tag] = Source("\n".join(_block(lines[number + 1 :], indent)))
    return pieces


def _block(lines: list[str], indent: str) -> list[str]:
    """Up to the closing brace that stands as far in as the tag did."""
    end = next(i for i, line in enumerate(lines) if re.match(rf"{indent}}};?(  // .*)?$", line))
    return [line.removeprefix(indent) for line in lines[: end + 1]]
