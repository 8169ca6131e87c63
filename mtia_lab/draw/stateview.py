"""How one host thread's runtime state is drawn, in every picture that shows one.

A state is the tuple `(device, stream on 0, stream on 1, ...)`. Its parts are numbered as in the
tuple: part 0 is the current device, part `1 + d` the current stream of device `d`.
"""

from collections.abc import Collection, Sequence
from typing import Any, Unpack

from ..errors import WrongArgument
from . import palette
from .svg import Canvas, Look

State = tuple[int, ...]
ROW = 26


def as_tuple(state: Any) -> State:
    """The plain tuple of a state.

    Raises:
        TypeError: it is not a sequence of numbers.
    """
    try:
        return tuple(int(part) for part in state)
    except (TypeError, ValueError):
        raise WrongArgument(
            f"a state is a tuple (device, stream on 0, stream on 1, ...), not a"
            f" {type(state).__name__}; take mtia_lab.state() or the `state` of a call in a log"
        ) from None


def state_text(state: Sequence[int]) -> str:
    """The state as the tuple the notebooks write."""
    return "(" + ", ".join(str(part) for part in state) + ")"


def part_name(part: int) -> str:
    """What a part of the state is called in words."""
    return "current device" if part == 0 else f"stream on mtia:{part - 1}"


def differing(before: Sequence[int], after: Sequence[int]) -> tuple[int, ...]:
    """The parts in which two states differ."""
    return tuple(k for k, (a, b) in enumerate(zip(before, after, strict=False)) if a != b)


def state_height(state: Sequence[int]) -> float:
    """The height that `draw_state` needs."""
    return ROW * (len(state) - 1)


def draw_state(
    c: Canvas,
    x: float,
    y: float,
    w: float,
    state: Sequence[int],
    *,
    changed: Collection[int] = (),
    fault: Collection[int] = (),
) -> None:
    """One row a device: a pointer at the current one, and the device's current stream as a chip.

    Parts in `changed` get a thick outline, parts in `fault` a thick red one.
    """
    for device, stream in enumerate(state[1:]):
        top = y + ROW * device
        if device == state[0]:
            _current_row(c, x, top, w, 0 in changed, 0 in fault)
        color = palette.INK if device == state[0] else palette.MUTED
        c.text(x + 18, top + 17, f"mtia:{device}", size=12, mono=True, color=color, fit=50)
        part = 1 + device
        hue = palette.stream_hue(stream)
        outline = palette.FAULT.strong if part in fault else hue.strong
        thick = 2.4 if part in fault or part in changed else 1
        draw_stream(c, x + 66, top + 4, w - 70, stream, stroke=outline, width=thick)


def draw_stream(
    c: Canvas, x: float, y: float, w: float, stream: int, **outline: Unpack[Look]
) -> None:
    """A chip, 18 pixels high, that names a stream in its color."""
    hue = palette.stream_hue(stream)
    look: Look = {"fill": hue.pale, "stroke": hue.strong, "width": 1, "radius": 9, **outline}
    c.rect(x, y, w, 18, **look)
    c.text(x + w / 2, y + 13, f"stream {stream}", size=12, anchor="middle", fit=w - 6)


def _current_row(c: Canvas, x: float, top: float, w: float, changed: bool, fault: bool) -> None:
    color = palette.FAULT.strong if fault else palette.INK
    if changed or fault:
        c.rect(x, top + 1, w, 24, fill=palette.PANEL, stroke=color, width=1.8, radius=7)
    else:
        c.rect(x, top + 1, w, 24, fill=palette.PANEL, radius=7)
    c.polygon([(x + 5, top + 8), (x + 5, top + 18), (x + 13, top + 13)], fill=color)
