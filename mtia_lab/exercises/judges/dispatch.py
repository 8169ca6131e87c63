"""Notebook 07: what stands in a row of the dispatch table."""

from collections.abc import Callable, Collection
from itertools import chain, combinations
from random import Random
from typing import Any

import torch
from torch.library import _scoped_library

from ..check import Answer, Case, Feedback
from ..judge import judge
from ..tables import COMPOSITE, KINDS, has, operators, row

KEYS = ("CPU", "MTIA", "Meta", *(key for key in COMPOSITE if not key.endswith("NestedTensor")))
OTHERS = ("CUDA", "PrivateUse1", "Autograd")  # keys that operators have, and that settle nothing
MADE_UP = "mtia_lab_made_up"  # their namespace
Known = list[tuple[str, frozenset[str], str]]  # whose registrations, these, and its row MTIA


def judge_predict(answer: Answer) -> Feedback:
    """Judge a function from the registrations of an operator to the kind in its row MTIA."""
    why = "a registration comes first, then the composites, and the fallback takes what is left"
    return judge(answer, _cases, wants=Callable, why=why)  # type: ignore[arg-type]


def _cases(rng: Random) -> dict[str, Case]:
    known = {"operators of PyTorch": _of_torch(), "operators made up for you": _made_up()}
    for operators_known in known.values():
        rng.shuffle(operators_known)
    return {name: _predicts(operators_known) for name, operators_known in known.items()}


def _of_torch() -> Known:
    """Every operator of aten."""
    return [
        (op, frozenset(key for key in (*KEYS, *OTHERS) if has(op, key)), row(op))
        for op in operators()
    ]


def _made_up() -> Known:
    """An operator for each set of registrations; the dispatcher says what its row is."""
    sets = [*chain.from_iterable(combinations(KEYS, size) for size in range(len(KEYS) + 1))]
    sets += [(*keys, other) for other in OTHERS for keys in [(), *combinations(KEYS, 1)]]
    found: Known = []
    with _scoped_library(MADE_UP, "FRAGMENT") as library:
        for number, keys in enumerate(sets):
            name = f"operator_{number}"
            library.define(f"{name}(Tensor x) -> Tensor")
            for key in keys:
                library.impl(name, torch.clone, key)
            found.append(("an operator of ours", frozenset(keys), row(f"{MADE_UP}::{name}")))
    return found


def _predicts(known: Known) -> Case:
    def case(predict: Any) -> Any:
        for op, keys, kind in known:
            said = predict(set(keys))
            if said is ...:
                return said  # not started
            if said is None:
                return f"for {_set(keys)} it returned nothing: does every path of it end in return?"
            if said not in KINDS:
                return f"{said!r} is none of the four kinds: {', '.join(map(repr, KINDS))}"
            if said != kind:
                return f"for {_set(keys)} ({op}) it said {said!r}, and the row says {kind!r}"
        return None

    return case


def _set(keys: Collection[str]) -> str:
    return f"{{{', '.join(map(repr, sorted(keys)))}}}" if keys else "an empty set"
