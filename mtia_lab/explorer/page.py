"""The explorer as a page of its own: picture, script and data in one piece of HTML.

It needs no kernel, so it lives as long as the output that holds it: in a notebook that was closed
and opened again, and in an export. Where no script may run, the picture is what is left.
"""

import json
import zlib
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..draw.svg import Picture
from ..hazards import Finding
from ..log.log import Log
from .model import Model
from .payload import payload

FRONT = Path(__file__).parent / "front"
PARTS = ("data", "page", "view", "arrows", "lanes", "details", "state", "explorer")
STYLES = ("theme", "lanes", "panels")


@dataclass(frozen=True, repr=False)
class Explorer(Picture):
    """A log to go through. Make one with `mtia_lab.explore`.

    Args:
        beside: HTML that comes after the picture: the script that takes its place, or why there
            is none.
    """

    beside: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle = super()._repr_mimebundle_(include, exclude)
        return bundle | {"text/html": f"<div>{bundle['text/html']}{self.beside}</div>"}


def script(log: Log, findings: Iterable[Finding]) -> str:
    """A script, as one line of HTML, that shows the explorer in the element it stands in."""
    return _boot().format(front=front(), data=_text(payload(Model(log), findings)))


@cache
def front() -> str:
    """Program and style of the page, deflated, in base64."""
    parts = [_read(f"{part}.js") for part in PARTS]
    style = json.dumps("\n".join(_read(f"{part}.css") for part in STYLES))
    program = "\n".join([*parts, f"show(document.currentScript, {style});"])
    return _text(zlib.compress(f"(() => {{\n{program}\n}})();".encode()))


@cache
def _boot() -> str:
    lines = _read("boot.js").replace("{", "{{").replace("}", "}}").splitlines()
    code = " ".join(line.strip() for line in lines if not line.startswith("//"))
    return f'<script>({code})("{{front}}", "{{data}}")</script>'


def _read(name: str) -> str:
    return (FRONT / name).read_text(encoding="utf-8")


def _text(data: bytes) -> str:
    return b64encode(data).decode("ascii")
