"""Programs that are wrong on the device in one way each: proof that the sweeps can fail."""

import os
import signal
import warnings
from collections.abc import Iterator

import torch

from sweeps.copies import Named
from sweeps.corpus import Corpus
from sweeps.program import Program


def _wrong(right, wrong):
    """`right` on the CPU and `wrong` on the device."""
    return lambda x: (right if x.device.type == "cpu" else wrong)(x)


def _raise(error: Exception):
    def function(x):
        raise error

    return function


def _warn(text: str):
    def function(x):
        warnings.warn(text, stacklevel=1)

    return function


def _index(x):
    return x[torch.tensor([9], device=x.device)]


def _late_anyway(x):
    """Fails at a synchronization, whatever is in the memory of `x`."""
    torch.ops.aten.index_select(x, 0, torch.full((1,), 9, device=x.device))
    return x


def _die(x):
    os.kill(os.getpid(), signal.SIGSEGV)


# Check -> what the CPU does, what the device does.
PLANTED = {
    "value": (lambda x: x + 1, lambda x: x + 2),
    "sizes": (lambda x: x + 1, lambda x: x[:2] + 1),
    "strides": (lambda x: x * 2, lambda x: x.mul(2).t().contiguous().t()),
    "dtype": (lambda x: x + 1, lambda x: x.double() + 1),
    "sharing": (lambda x: x.t(), lambda x: x.t().clone(memory_format=torch.preserve_format)),
    "flags": (lambda x: x.neg(), lambda x: torch._neg_view(x)),
    "device": (lambda x: x + 1, lambda x: x.cpu() + 1),
    "structure": (lambda x: (x, x), lambda x: [x, x]),
    "missing": (_raise(ValueError("no")), lambda x: x),
    "raised": (lambda x: x, _raise(ValueError("no"))),
    "type": (_raise(ValueError("no")), _raise(TypeError("no"))),
    "text": (_raise(ValueError("no")), _raise(ValueError("other"))),
    "late": (_raise(IndexError("index out of range in self")), _late_anyway),
    "warnings": (_warn("one"), _warn("two")),
    "crash": (lambda x: x, _die),
    "none": (_index, _index),  # late, and rightly so: it depends on the index's values
}


def units(corpus: Corpus) -> list[str]:
    return [*PLANTED, "nan and zero", "a kernel"]


def programs(corpus: Corpus, unit: str) -> Iterator[Program]:
    x = torch.arange(9.0).reshape(3, 3)
    if unit in PLANTED:
        yield Program(f"planted/{unit}", Named(unit, _wrong(*PLANTED[unit])), (x,))
    elif unit == "nan and zero":  # NaNs are equal whatever their bits; zeros of unlike sign are not
        nans = _wrong(lambda x: x / 0 * 0, lambda x: -(x / 0 * 0))
        zeros = _wrong(lambda x: x * 0, lambda x: x * -0.0)
        yield Program("planted/NaN", Named("NaN", nans), (x[0],))
        yield Program("planted/zero", Named("zero", zeros), (x,))
    else:
        yield Program("planted/a kernel", Named("sgn", _with_a_wrong_kernel), (x,))


def _with_a_wrong_kernel(x: torch.Tensor) -> torch.Tensor:
    """Registers a kernel for the device that is not the CPU's, and calls it."""
    library = torch.library.Library("aten", "IMPL")
    library.impl("sgn", lambda x: x.abs() + 7, "MTIA")
    try:
        return torch.sgn(x)
    finally:
        library._destroy()
