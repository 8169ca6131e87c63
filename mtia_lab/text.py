"""Text that every terminal, pipe and locale can show, whatever names a reader gave to things."""

LONGEST = 300  # columns of what stands for one thing; its attributes have the whole of it


def plain(value: object) -> str:
    """``value`` as one line of printable ASCII; anything else appears escaped."""
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    escaped = text.encode("ascii", "backslashreplace").decode("ascii")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in escaped)


def cut(value: object, width: int = LONGEST) -> str:
    """``plain(value)``, shortened with dots to at most ``width`` columns."""
    text = plain(str(value)[: width + 1])
    return text if len(text) <= width else text[: max(width - 2, 0)] + ".."[:width]


def microseconds(time: float) -> str:
    """A time in µs: whole nanoseconds, no trailing zeros."""
    text = f"{time:.3f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def thousands(time: float) -> str:
    """The same with thousands apart."""
    return f"{time:,.3f}".rstrip("0").rstrip(".")


def count(number: int, noun: str) -> str:
    """How many of something, in words: "1 call", "2,000 calls"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
