"""Sweep 1. Every operator that writes to an argument: operand bigger, of another dtype, sharing."""

from collections.abc import Iterator

from sweeps import change
from sweeps.corpus import Call, Corpus, is_in_place
from sweeps.program import Program


def units(corpus: Corpus) -> list[str]:
    return [name for name, op in corpus.overloads.items() if is_in_place(op)]


def programs(corpus: Corpus, unit: str) -> Iterator[Program]:
    for number, call in enumerate(corpus.calls(unit)):
        name = f"in_place/{unit}/{number}"
        yield call.program(f"{name}: as it is")
        written = [n for n in call.tensors() if call.is_written(n)]
        if not written:
            continue
        for other in call.tensors():
            yield from _changes(name, call, written[0], other)


def _changes(name: str, call: Call, written: str, other: str) -> Iterator[Program]:
    tensor = call.values[other]
    yield call.replace(**{other: change.bigger(tensor)}).program(f"{name}: {other} bigger")
    if tensor.numel() > 1:
        yield call.replace(**{other: change.expanded(tensor)}).program(f"{name}: {other} expanded")
        yield call.replace(**{other: tensor[:1].clone()}).program(f"{name}: {other} smaller")
    for dtype in change.DTYPES:
        if dtype != tensor.dtype:
            changed = call.replace(**{other: tensor.to(dtype)})
            yield changed.program(f"{name}: {other} of {dtype}")
    if other != written and tensor.shape == call.values[written].shape:
        if tensor.dtype == call.values[written].dtype:
            first, second = change.overlapping(tensor)
            shared = call.replace(**{written: first, other: second})
            yield shared.program(f"{name}: {other} overlaps {written}")
        yield call.replace(**{other: call.values[written]}).program(f"{name}: {other} is {written}")
    if other != written:
        scalar = call.replace(**{other: change.scalar_of(tensor)})
        yield scalar.program(f"{name}: {other} of no dimension")
