"""Sweep 3. Every dtype, those an operator does not take among them."""

from collections.abc import Iterator

import torch

from sweeps import change
from sweeps.corpus import Call, Corpus, is_in_place, outs
from sweeps.program import Program


def units(corpus: Corpus) -> list[str]:
    return [n for n, op in corpus.overloads.items() if not outs(op) and not is_in_place(op)]


def programs(corpus: Corpus, unit: str) -> Iterator[Program]:
    for number, call in enumerate(corpus.calls(unit)):
        name = f"dtypes/{unit}/{number}"
        yield call.program(f"{name}: as it is")
        for dtype in change.DTYPES:
            yield _all_of(call, dtype).program(f"{name}: all of {dtype}")
            if len(call.tensors()) > 1:
                for one in call.tensors():
                    changed = call.replace(**{one: call.values[one].to(dtype)})
                    yield changed.program(f"{name}: {one} of {dtype}")


def _all_of(call: Call, dtype: torch.dtype) -> Call:
    def cast(value):
        if isinstance(value, torch.Tensor):
            return value.to(dtype)
        return [cast(item) for item in value] if isinstance(value, list) else value

    return call.replace(**{key: cast(value) for key, value in call.values.items()})
