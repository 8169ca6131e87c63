"""The explorer as a widget, with the static timeline for whoever cannot run it."""

from collections.abc import Iterable
from pathlib import Path

import anywidget
import traitlets

from ..draw.timeline import timeline
from ..log import Log
from .model import Model
from .payload import payload

FRONT = Path(__file__).parent / "front"
PARTS = ("data", "page", "view", "arrows", "lanes", "details", "state", "explorer")
STYLES = ("theme", "lanes", "panels")


class Explorer(anywidget.AnyWidget):
    """A log to go through. Make one with `mtia_lab.explore`.

    Its text is that of the timeline, so what a notebook stores does not change from run to run.
    """

    _esm = "\n".join((FRONT / f"{part}.js").read_text(encoding="utf-8") for part in PARTS)
    _css = "\n".join((FRONT / f"{part}.css").read_text(encoding="utf-8") for part in STYLES)
    payload = traitlets.Bytes().tag(sync=True)

    def __init__(self, log: Log, findings: Iterable = ()) -> None:
        self._picture = timeline(log, findings)
        super().__init__(payload=payload(Model(log), findings))

    def __repr__(self) -> str:
        return repr(self._picture)

    def _repr_mimebundle_(self, **kwargs) -> dict:
        view = super()._repr_mimebundle_(**kwargs)
        data = view[0] if isinstance(view, tuple) else view
        return (data or {}) | self._picture._repr_mimebundle_()
