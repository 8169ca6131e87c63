"""Sweep 2. Every `out=`: empty, of another shape, strided, of a wrong dtype, sharing an input."""

from collections.abc import Iterator

import torch

from sweeps import change
from sweeps.corpus import Call, Corpus, outs
from sweeps.program import Program, copy_to, tensors_in


def units(corpus: Corpus) -> list[str]:
    return [name for name, op in corpus.overloads.items() if outs(op)]


def programs(corpus: Corpus, unit: str) -> Iterator[Program]:
    for number, call in enumerate(corpus.calls(unit)):
        right = _right(call)
        if right is None:
            continue
        name = f"out/{unit}/{number}"
        for what, make in CHANGES.items():
            given = {key: _given(value, make) for key, value in right.items()}
            if None not in given.values():
                yield call.replace(**given).program(f"{name}: {what}")
        first = next(iter(right))
        for other in call.tensors():
            if other not in right and isinstance(right[first], torch.Tensor):
                yield from _shared(name, call, right, first, other)


def _shared(name: str, call: Call, right: dict, out: str, other: str) -> Iterator[Program]:
    same = right | {out: call.values[other]}
    fits = right[out].shape == call.values[other].shape
    # Where it does not fit, an input is resized: no values can be right.
    yield call.replace(**same).program(f"{name}: {out} is {other}", loose=not fits)
    if fits and right[out].numel() and right[out].dtype == call.values[other].dtype:
        one, two = change.overlapping(call.values[other])
        shared = call.replace(**(right | {other: one, out: two}))
        yield shared.program(f"{name}: {out} overlaps {other}")


def _given(value, make):
    if isinstance(value, list):
        made = [make(item) for item in value]
        return None if any(item is None for item in made) else made
    return make(value)


def _right(call: Call) -> dict | None:
    """What the operator gives into empty `out`s, in its own dtypes."""
    import warnings

    names = outs(call.overload)
    types = {a.name: str(a.type) for a in call.overload._schema.arguments}
    inputs = tensors_in(call.values)
    dtypes = dict.fromkeys([t.dtype for t in inputs] + [torch.float32, torch.int64, torch.bool])
    for dtype in dtypes:
        given = {}
        for name in names:
            one = torch.empty(0, dtype=dtype)
            given[name] = [one, torch.empty(0, dtype=dtype)] if "List" in types[name] else one
        program = call.replace(**given).program("")
        args, kwargs = copy_to("cpu", (program.args, program.kwargs))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                call.overload(*args, **kwargs)
            except Exception:
                continue
        result = dict(zip([a.name for a in call.overload._schema.arguments], args, strict=False))
        result |= kwargs
        return {name: result[name] for name in names}
    return None


def _flat(out):
    return out.reshape(-1).clone() if out.dim() != 1 else out.reshape(1, -1).clone()


def _narrowed(out):
    whole = torch.zeros(*out.shape[:-1], out.shape[-1] + 2, dtype=out.dtype) if out.dim() else None
    return None if whole is None else whole.narrow(-1, 1, out.shape[-1])


def _flat_narrowed(out):
    """The right number of elements, in two rows inside three columns more."""
    if out.numel() == 0 or out.numel() % 2:
        return None
    return torch.zeros(2, out.numel() // 2 + 3, dtype=out.dtype).narrow(1, 1, out.numel() // 2)


def _other_dtype(dtype):
    return lambda out: out.to(dtype) if out.dtype != dtype else None


CHANGES = {
    "right": lambda out: out,
    "empty": lambda out: torch.empty(0, dtype=out.dtype),
    "no dimension": lambda out: torch.zeros((), dtype=out.dtype),
    "too big": lambda out: change.bigger(out),
    "right number in another shape": _flat,
    "right number in another shape, strided": _flat_narrowed,
    "narrow": _narrowed,
    "strided": lambda out: change.strided(out) if out.dim() else None,
    "transposed": lambda out: change.transposed(out) if out.dim() > 1 else None,
    "channels_last": lambda out: change.channels_last(out) if out.dim() == 4 else None,
    "expanded": lambda out: change.expanded(out) if out.dim() and out.shape[0] > 1 else None,
} | {f"of {dtype}": _other_dtype(dtype) for dtype in change.DTYPES}
