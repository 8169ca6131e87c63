"""A page of its own in a notebook's output: picture, script and data in one piece of HTML.

It needs no kernel, so it lives as long as the output that holds it: in a notebook that was closed
and opened again, and in an export. Where no script may run, the picture is what is left.
"""

import html
import json
import zlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ..draw.svg import Picture

FRONT = Path(__file__).parent / "front"


class Program(NamedTuple):
    """What runs in a page, all from the folder `front`; its last part has a function `show`."""

    parts: tuple[str, ...]
    styles: tuple[str, ...]


EXPLORER = Program(
    ("data", "page", "stage", "view", "boxes", "arrows", "lanes", "details", "state", "explorer"),
    ("theme", "lanes", "panels"),
)
KNOBS = Program(("page", "stage", "knobs"), ("theme", "knobs"))

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font-family: system-ui, sans-serif; }}
h1 {{ font-size: 16px; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


@dataclass(frozen=True, repr=False)
class Page(Picture):
    """A picture that a page takes the place of where one can run.

    Args:
        beside: HTML that comes after the picture: the script that takes its place, or why there
            is none.
    """

    beside: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle = super()._repr_mimebundle_(include, exclude)
        return bundle | {"text/html": f"<div>{bundle['text/html']}{self.beside}</div>"}

    def _forms(self) -> dict[str, Callable[[], bytes]]:
        return {".html": self._page} | super()._forms()

    def _page(self) -> bytes:
        """The whole of it in one file, which asks for no kernel and no network."""
        title = html.escape(self.text.partition("\n")[0])
        return PAGE.format(title=title, body=self._repr_mimebundle_()["text/html"]).encode()


def script(program: Program, data: bytes) -> str:
    """A script, as one line of HTML, that runs in the element it stands in, on deflated JSON."""
    return _boot().format(front=front(program), data=_text(data))


@cache
def front(program: Program) -> str:
    """Program and style of the page, deflated, in base64."""
    parts = [_read(f"{part}.js") for part in program.parts]
    style = json.dumps("\n".join(_read(f"{part}.css") for part in program.styles))
    code = "\n".join([*parts, f"show(document.currentScript, {style});"])
    return _text(zlib.compress(f"(() => {{\n{code}\n}})();".encode()))


@cache
def _boot() -> str:
    lines = _read("boot.js").replace("{", "{{").replace("}", "}}").splitlines()
    code = " ".join(line.strip() for line in lines if not line.startswith("//"))
    return f'<script>({code})("{{front}}", "{{data}}")</script>'


def _read(name: str) -> str:
    return (FRONT / name).read_text(encoding="utf-8")


def _text(data: bytes) -> str:
    return b64encode(data).decode("ascii")
