"""Sweep 8. Tensors copied, pickled, saved and loaded: values, strides and what they share."""

import copy
import io
import pickle
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from sweeps.corpus import Corpus
from sweeps.program import Program


@dataclass(frozen=True)
class Named:
    """A function that prints as its name."""

    source: str
    function: Callable

    def __call__(self, *args):
        return self.function(*args)


def _saved(value, *, new: bool) -> io.BytesIO:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=new)
    buffer.seek(0)
    return buffer


def _load(value, *, new: bool = True, weights_only: bool = True, where=None):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "TypedStorage is deprecated")  # torch.load's own
        buffer = _saved(value, new=new)
        return torch.load(buffer, map_location=where, weights_only=weights_only)


def _reduced(value, protocol: int):
    return pickle.loads(pickle.dumps(value, protocol))


WAYS = {
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "pickle 2": lambda v: _reduced(v, 2),
    "pickle 5": lambda v: _reduced(v, 5),
    "torch.save and load": _load,
    "torch.save and load, not only weights": lambda v: _load(v, weights_only=False),
    "the old format": lambda v: _load(v, new=False),
    "the old format, not only weights": lambda v: _load(v, new=False, weights_only=False),
}
# Where the CPU is the answer whatever device is asked.
TO_THE_HOST = {
    "map_location='cpu'": "cpu",
    "map_location=torch.device('cpu')": torch.device("cpu"),
    "map_location=a function": lambda storage, location: storage,
}


def _shared():
    whole = torch.arange(12.0)
    return [whole, whole[:2], whole.view(3, 4).t()]


SUBJECTS = {
    "a tensor": lambda: torch.arange(6.0).reshape(2, 3),
    "a transposed one": lambda: torch.arange(6.0).reshape(2, 3).t(),
    "every other element": lambda: torch.arange(9.0)[1::2],
    "an expanded one": lambda: torch.ones(1, 3).expand(4, 3),
    "views of one storage": _shared,
    "one twice": lambda: (lambda t: [t, t])(torch.ones(2)),
    "one that requires a gradient": lambda: torch.ones(3, requires_grad=True),
    "no element": lambda: torch.ones(0, 3),
    "no dimension": lambda: torch.tensor(3.0),
    "complex, conjugated": lambda: torch.tensor([1 + 2j]).conj(),
    "negated": lambda: torch._neg_view(torch.ones(3)),
    "a dictionary": lambda: {"a": torch.ones(2), "b": [torch.zeros(1, dtype=torch.bool)]},
} | {
    f"of {dtype}": lambda dtype=dtype: torch.arange(3).to(dtype)
    for dtype in (torch.bfloat16, torch.float16, torch.int8, torch.bool, torch.complex128)
}


def _made_alike(x):
    return x.new(3).shape, x.new(x.shape).dtype, x.type(x.type()), x.new_zeros(2)


def _dlpack(x):
    return torch.from_dlpack(x)


OTHERS = {
    "x.new, x.type(x.type())": _made_alike,
    "from_dlpack": _dlpack,
    "to_dlpack": lambda x: torch.from_dlpack(torch.utils.dlpack.to_dlpack(x)),
    "x.clone()": lambda x: x.clone(),
    "x.to(float64)": lambda x: x.to(torch.float64),
    "x._lazy_clone()": lambda x: x._lazy_clone(),
    "x._lazy_clone() written": lambda x: x._lazy_clone().add_(1),
    "x._lazy_clone() read": lambda x: (x._lazy_clone() + 1, x),
    "x._lazy_clone() resized": lambda x: x._lazy_clone().resize_(2),
    "x.storage": lambda x: x.untyped_storage().nbytes(),
    "storage.clone": lambda x: torch.empty(0, device=x.device).set_(
        x.untyped_storage().clone(), 0, (2,)
    ),
}


def units(corpus: Corpus) -> list[str]:
    return sorted(SUBJECTS)


def programs(corpus: Corpus, unit: str) -> Iterator[Program]:
    subject = SUBJECTS[unit]()
    for what, way in WAYS.items():
        yield Program(f"copies/{unit}/0: {what}", Named(what, way), (subject,))
    for what, where in TO_THE_HOST.items():
        load = Named(what, lambda v, where=where: _load(v, where=where, weights_only=False))
        yield Program(f"copies/{unit}/0: {what}", load, (subject,), moved=True)
    if unit == "a tensor":
        for what, way in OTHERS.items():
            yield Program(f"copies/{unit}/0: {what}", Named(what, way), (subject,))
