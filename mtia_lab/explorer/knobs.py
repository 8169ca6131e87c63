"""A picture with knobs: one real run for each way they can stand, and sliders between them."""

import itertools
import json
import zlib
from collections.abc import Callable, Collection, Sequence
from math import prod

from ..draw.svg import Picture
from ..errors import WrongArgument, WrongValue
from ..log.arguments import of_type, wrong
from .page import KNOBS, Page, script

MOST = 64  # settings: each is a run of the program and a picture that is stored


def knobs(program: Callable[..., Picture], **values: Sequence[object]) -> Page:
    """Draw a program's picture for all values of its arguments, with a slider for each argument.

    The program runs at once, on the device, once for each combination. Moving a slider, by mouse
    or keyboard, shows the picture of the run that belongs to it. As the explorer, it needs no
    kernel afterwards; where no page can run, the picture of the first values is left.

    Args:
        program: called with a value for each argument, by name; returns a picture, such as
            `draw.timeline(log)`.
        values: for each argument what it can be, from left to right; the first is shown first.

    Raises:
        TypeError: the program cannot be called, there is no argument, its values are no
            collection, or it returns no picture.
        ValueError: there are no values for an argument, or more than 64 combinations.
        Whatever the program raises, with a note that says for which values.
    """
    if not callable(program):
        raise wrong(knobs, "a function that draws", program)
    if not values:
        raise WrongArgument("knobs() takes values for the function's arguments, such as us=[5, 50]")
    for name, row in values.items():
        of_type(knobs, f"as values of {name} a list", row, Collection)
    if (settings := prod(len(row) for row in values.values())) not in range(1, MOST + 1):
        raise WrongValue(f"{settings:,} combinations of values; give 1 to {MOST}, fewer of each")
    pictures = [_picture(program, values, row) for row in itertools.product(*values.values())]
    data = {
        "knobs": [{"name": n, "values": [str(v) for v in row]} for n, row in values.items()],
        "pictures": [(each.svg, each.text.partition("\n")[0]) for each in pictures],
    }
    first = pictures[0]
    ranges = "; ".join(f"{n}: {', '.join(map(str, row))}" for n, row in values.items())
    packed = zlib.compress(json.dumps(data).encode())
    return Page(f"{first.text}\n\nKnobs, in JupyterLab: {ranges}", first.svg, script(KNOBS, packed))


def _picture(
    program: Callable[..., Picture], values: dict[str, Sequence[object]], row: tuple[object, ...]
) -> Picture:
    setting = dict(zip(values, row, strict=True))
    try:
        picture = program(**setting)
    except Exception as error:
        error.add_note(f"With {', '.join(f'{name}={value!r}' for name, value in setting.items())}.")
        raise
    if not isinstance(picture, Picture):
        raise WrongArgument(
            f"the function of knobs() returned a {type(picture).__name__}, and has to return a "
            "picture, such as draw.timeline(log)"
        )
    return picture
