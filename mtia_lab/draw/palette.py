"""The colors of every picture: dark text on a white card, one hue per stream, red for faults only.

The hues follow Okabe and Ito's color-blind-safe set (https://jfly.uni-koeln.de/color/), darkened
until text of that color reads on white. Its vermilion is left to faults. No picture relies on a
hue: a stream is always named as well, a fault always carries a word.
"""

from typing import NamedTuple


class Hue(NamedTuple):
    """A strong color for outlines and text, and a pale one to fill with."""

    strong: str
    pale: str


INK = "#1f2933"  # text
MUTED = "#52606d"  # secondary text
FAINT = "#8d99a6"  # missing things
LINE = "#cbd2d9"  # rules and frames
PANEL = "#f5f7fa"  # large quiet areas
WHITE = "#ffffff"
FILM = "#2b3440"

FAULT = Hue("#c0271d", "#fdeae8")
GOOD = Hue("#00694c", "#e0f3ec")
PLAIN = Hue("#3e4c59", "#eef1f4")
COPY = Hue("#46417d", "#e6e4f4")  # drawn as dark bars, which no kernel is
DOOR = Hue("#0b5c8f", "#e1f0fa")

_STREAMS = (
    Hue("#5f6b7a", "#e9edf2"),  # the default stream: gray, because it was not chosen
    Hue("#0068a5", "#d8ebf8"),
    Hue("#9a5b00", "#fdecc8"),
    Hue("#00735a", "#d3f0e6"),
    Hue("#8b3f80", "#f6e1f2"),
    Hue("#656000", "#f4f1c0"),
    Hue("#4b4fb3", "#e4e5fb"),
    Hue("#22748c", "#d6f1f7"),
)


def stream_hue(stream: int) -> Hue:
    """The hue of a stream id, the same in every picture; ids past the palette start over at 1."""
    if 0 <= stream < len(_STREAMS):
        return _STREAMS[stream]
    return _STREAMS[1 + (stream - 1) % (len(_STREAMS) - 1)]
