"""Sweep 6. Every memory layout of the inputs."""

from collections.abc import Iterator

import torch

from sweeps import change
from sweeps.corpus import Call, Corpus, outs
from sweeps.program import Program


def _when(condition, make):
    return lambda t: make(t) if condition(t) else None


LAYOUTS = {
    "transposed": _when(lambda t: t.dim() > 1, change.transposed),
    "channels_last": _when(lambda t: t.dim() in (4, 5), change.channels_last),
    "strided": _when(lambda t: t.dim() > 0, change.strided),
    "expanded": _when(lambda t: t.dim() and t.shape[0] > 1, change.expanded),
    "narrow": _when(lambda t: t.dim() > 1, lambda t: change.narrow(t)),
    "at an offset": lambda t: change.overlapping(t)[1].copy_(t),
    "conj": _when(torch.is_complex, lambda t: t.conj()),
    "neg": _when(
        lambda t: t.dtype.is_floating_point or t.is_complex(), lambda t: torch._neg_view(t)
    ),
    "of no element": _when(lambda t: t.dim() > 0, lambda t: t[:0]),
    "one bigger": _when(lambda t: t.dim() > 0, lambda t: torch.cat([t, t[:1]])),
    "of no dimension": _when(lambda t: t.dim() > 0, change.scalar_of),
}


def units(corpus: Corpus) -> list[str]:
    return [name for name, op in corpus.overloads.items() if not outs(op)]


def programs(corpus: Corpus, unit: str) -> Iterator[Program]:
    for number, call in enumerate(corpus.calls(unit)):
        tensors = call.tensors()
        for what, make in LAYOUTS.items():
            name = f"layouts/{unit}/{number}"
            all_of_them = _changed(call, tensors, make)
            if all_of_them is not None:
                yield all_of_them.program(f"{name}: all {what}")
            for one in tensors if len(tensors) > 1 else []:
                if (changed := _changed(call, [one], make)) is not None:
                    yield changed.program(f"{name}: {one} {what}")


def _changed(call: Call, names: list[str], make) -> Call | None:
    made = {name: make(call.values[name]) for name in names}
    kept = {name: tensor for name, tensor in made.items() if tensor is not None}
    return call.replace(**kept) if kept else None
