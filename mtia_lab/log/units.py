"""How what a log holds is shown to people: times, amounts, streams, tensors."""

from collections.abc import Sequence


def nanoseconds(time: float) -> int:
    """Whole nanoseconds of a time in µs."""
    return round(time * 1000)


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


def size(count: int) -> str:
    """A number of bytes in the largest unit that leaves at least 1, at most two decimals."""
    for unit, unit_bytes in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= unit_bytes:
            return f"{count / unit_bytes:.2f}".rstrip("0").rstrip(".") + f" {unit}"
    return f"{count} B"


def stream_name(device: int, stream: int) -> str:
    """A stream, as PyTorch's devices are written, with its id: "mtia:0/3"."""
    return f"mtia:{device}/{stream}"


def tensor_name(dtype: str, sizes: Sequence[int], strides: Sequence[int] | None = None) -> str:
    """A tensor, as "float32[2, 3]"; with the strides if it has others than by rows."""
    laid_out = "" if strides is None else f" strides {list(strides)}"
    return f"{dtype}{list(sizes)}{laid_out}"
