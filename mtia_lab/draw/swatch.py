"""Legend swatches: each function returns one that draws itself in 24 by 14 pixels."""

from . import palette


def box(fill, stroke, *, dash=None, width=1.2):
    """A filled rectangle."""
    return lambda c, x, y: c.rect(
        x + 1, y, 22, 14, fill=fill, stroke=stroke, dash=dash, width=width, radius=4
    )


def hatched(fill, stroke):
    """A hatched rectangle."""

    def draw(c, x, y):
        c.rect(x + 1, y, 22, 14, fill=fill, stroke=stroke, radius=0)
        c.hatch(x + 1, y, 22, 14, stroke=stroke)

    return draw


def arrow(stroke, *, dash=None):
    """A short arrow."""
    return lambda c, x, y: c.arrow([(x, y + 7), (x + 24, y + 7)], stroke=stroke, dash=dash)


def wire(stroke, *, dash=None, width=1.4):
    """A short line."""
    return lambda c, x, y: c.line(
        [(x, y + 7), (x + 24, y + 7)], stroke=stroke, dash=dash, width=width
    )


def pointer(fill=palette.INK):
    """The triangle that marks the current device."""
    return lambda c, x, y: c.polygon([(x + 8, y + 2), (x + 8, y + 12), (x + 17, y + 7)], fill=fill)
