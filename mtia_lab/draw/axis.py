"""What every timeline has around its bars: the axis, and the names of the lanes."""

from ..log.units import microseconds
from . import palette
from .lanes import BAR, FONT, Scale
from .stateview import draw_stream
from .svg import MARGIN, Canvas


def draw_axis(c: Canvas, scale: Scale, top: float, bottom: float) -> None:
    """Round times below the lanes, and faint lines up from them."""
    for tick in scale.ticks():
        x = scale.x(tick)
        c.line([(x, top), (x, bottom + 4)], stroke=palette.LINE, width=1)
        label = microseconds(tick)
        c.text(x, bottom + 20, label, size=FONT, color=palette.MUTED, anchor="middle")
    c.line([(scale.left, bottom), (scale.right, bottom)], stroke=palette.MUTED, width=1.2)
    c.text(MARGIN, bottom + 20, "virtual time, \u00b5s", size=FONT, color=palette.MUTED)


def draw_track(c: Canvas, scale: Scale, lane: object) -> None:
    """The empty lane with its name."""
    c.rect(scale.left, lane.bar, scale.right - scale.left, BAR, fill=palette.PANEL, radius=0)
    if lane.host:
        room = scale.left - MARGIN - 8
        name = f"host thread {lane.key[0]}"
        c.text(MARGIN, lane.middle + 4.5, name, size=12, bold=True, fit=room)
    else:
        draw_stream_name(c, lane.bar, lane.key)


def draw_stream_name(c: Canvas, top: float, key: tuple) -> None:
    """The stream ``(device, stream)`` of a lane, left of its bars, which begin at ``top``."""
    device, stream = key
    c.text(MARGIN, top + BAR / 2 + 4, f"mtia:{device}", size=12, mono=True, fit=58)
    draw_stream(c, MARGIN + 58, top + BAR / 2 - 9, 76, stream)
