"""A finished picture and the forms in which a notebook can show it."""

import base64
import html
from dataclasses import dataclass


@dataclass(frozen=True, repr=False)
class Picture:
    """One drawing, told twice: as SVG and as plain ASCII.

    Args:
        text: the picture in ASCII, at most 100 columns; its ``repr``, and what nbval compares.
        svg: the picture as a complete SVG document.
    """

    text: str
    svg: str

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        # The <img> is what survives everywhere: both themes, untrusted notebooks, exports.
        data = base64.b64encode(self.svg.encode()).decode("ascii")
        alt = html.escape(self.text, quote=True).replace("\n", "&#10;")
        return {
            "text/plain": self.text,
            "image/svg+xml": self.svg,
            "text/html": f'<img src="data:image/svg+xml;base64,{data}" alt="{alt}">',
        }
