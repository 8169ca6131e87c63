"""Legend swatches, which draw themselves in 24 by 14 pixels. Most functions return one."""

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


def flag(c, x, y):
    """The flag of a recording: a swatch itself."""
    c.line([(x + 3, y), (x + 3, y + 15)], stroke=palette.INK, width=1.6)
    c.rect(x + 3, y, 18, 9, fill=palette.INK, radius=0)


def diamond(c, x, y):
    """The diamond of a wait: a swatch itself."""
    points = [(x + 7, y + 7), (x + 12, y), (x + 17, y + 7), (x + 12, y + 14)]
    c.polygon(points, fill=palette.WHITE, stroke=palette.INK, width=1.8)
