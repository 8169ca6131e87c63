"""Sweep 4. Every number of a call changed to a wrong one, after the same call with the right one.

So that no plan made for the right one serves the wrong one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from sweeps.corpus import Corpus
from sweeps.program import Program

NAN, INF = float("nan"), float("inf")
WRONG = {
    "float": (NAN, INF, -1.0, 0.0, 1.5, 1e300),
    "number": (NAN, INF, -1, 0, 2.5, True, 1j, 2**40),
    "int": (-1, 0, 3, 99, 9_999),  # not so many that a list of so many takes an hour
    "bool": (True, False),
    "ScalarType": (torch.float64, torch.int64, torch.bool, torch.complex64),
}


# Pinned memory is the host's, and of layouts there is only one.
_NOT_CHANGED = ("pin_memory", "layout")


@dataclass(frozen=True)
class Twice:
    """Calls an overload with the right arguments, then with the wrong ones, and gives the second.

    Both have tensors of their own.
    """

    overload: torch._ops.OpOverload

    @property
    def source(self) -> str:
        return f"{self.overload}, right and then wrong"

    def __call__(self, right: tuple, wrong: tuple):
        self.overload(*right[0], **right[1])
        return self.overload(*wrong[0], **wrong[1])


def units(corpus: Corpus) -> list[str]:
    return [name for name, op in corpus.overloads.items() if any(map(_wrong, _arguments(op)))]


def programs(corpus: Corpus, unit: str) -> Iterator[Program]:
    for number, call in enumerate(corpus.calls(unit)[:2]):
        right = call.program("")
        for argument in _arguments(call.overload):
            old = call.values.get(argument.name, argument.default_value)
            for what, value in _changes(argument, old):
                wrong = call.replace(**{argument.name: value}).program("")
                yield Program(
                    f"numbers/{unit}/{number}: {argument.name} {what}",
                    Twice(call.overload),
                    ((right.args, right.kwargs), (wrong.args, wrong.kwargs)),
                )


def _arguments(op) -> list:
    return [a for a in op._schema.arguments if not a.is_out and a.name not in _NOT_CHANGED]


def _wrong(argument) -> tuple:
    text = str(argument.type).removeprefix("Optional[").removesuffix("]")
    inner = text.removeprefix("List[").removesuffix("]")
    return WRONG.get(inner.removesuffix("]"), ())


def _changes(argument, old) -> Iterator[tuple[str, object]]:
    for wrong in _wrong(argument):
        if "List" not in str(argument.type):
            if wrong != old and (argument.name, wrong) != ("n", 2**40):  # a number of steps
                yield f"= {wrong}", wrong
        elif isinstance(old, list | tuple):
            for i in range(len(old)):
                yield f"[{i}] = {wrong}", [*old[:i], wrong, *old[i + 1 :]]
    if isinstance(old, list | tuple) and old and _wrong(argument):
        yield "empty", []
        yield "one more", [*old, old[-1]]
