"""Bytes of memory as the numbers of a tensor, for reading."""

import re
import struct
from collections.abc import Callable, Sequence
from math import prod

EDGE = 6  # so many entries of a dimension are shown
MOST = 24  # and so many in all

_TENSOR = re.compile(r"(\w+)\[([\d, ]*)\](?: strides \[([\d, ]*)\])?")
_FORMATS = {
    "bool": "?",
    "uint8": "B",
    "int8": "b",
    "uint16": "H",
    "int16": "h",
    "uint32": "I",
    "int32": "i",
    "uint64": "Q",
    "int64": "q",
    "float16": "e",
    "bfloat16": "2s",
    "float32": "f",
    "float64": "d",
    "complex64": "ff",
    "complex128": "dd",
}


def numbers(tensor: str, data: bytes) -> str:
    """The first entries of a tensor, as nested lists; "…" stands for what is left out.

    Args:
        tensor: dtype and sizes as in `Access.tensor`, such as "float32[2, 3]".
        data: the first bytes of its memory. Of an unknown dtype they are given in hexadecimal.
    """
    found = _TENSOR.fullmatch(tensor)
    if found is None or found[1] not in _FORMATS:
        return data[:16].hex(" ") + (" …" if len(data) > 16 else "")
    sizes = _integers(found[2])
    strides = _integers(found[3]) if found[3] is not None else _contiguous(sizes)
    form = "<" + _FORMATS[found[1]]
    size = struct.calcsize(form)

    def entry(offset: int) -> str | None:
        if (offset + 1) * size > len(data):
            return None
        return _text(struct.unpack_from(form, data, offset * size))

    return _nest(entry, sizes, strides, 0, [MOST])


def _nest(entry: Callable, sizes: Sequence, strides: Sequence, offset: int, left: list) -> str:
    """One dimension after the other; `left` counts down the entries that may still be shown."""
    if not sizes:
        left[0] -= 1
        return (entry(offset) if left[0] >= 0 else None) or "…"
    parts: list = []
    while len(parts) < sizes[0] and (not parts or parts[-1][-1] != "…"):
        part = "…"
        if len(parts) < EDGE:
            part = _nest(entry, sizes[1:], strides[1:], offset + len(parts) * strides[0], left)
        parts.append("…" if part.startswith(("[…", "[[…")) else part)
    return "[" + ", ".join(parts) + "]"


def _text(values: tuple) -> str:
    if len(values) == 2:
        return f"{values[0]:.4g}{values[1]:+.4g}j"
    value = values[0]
    if isinstance(value, bytes):  # bfloat16 is the upper half of a float32
        value = struct.unpack("<f", b"\0\0" + value)[0]
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _integers(text: str) -> list[int]:
    return [int(word) for word in text.split(",") if word.strip()]


def _contiguous(sizes: Sequence[int]) -> list[int]:
    return [prod(sizes[k + 1 :]) for k in range(len(sizes))]
