"""Notebook 08: a pipeline of copies and products that takes half the time."""

from collections.abc import Callable
from random import Random
from typing import Any

import torch
from torch import Tensor

from ..check import Answer, Feedback, kind_of
from ..judge import Cases, judge, program_cases

BATCHES, SIDE = 8, 256
WHY = (
    "copies from pinned memory, non_blocking, and streams of their own keep both copy engines and "
    "the kernels busy at once, and the host waits before anybody reads"
)


def judge_overlapped(answer: Answer) -> Feedback:
    """Whether a function gives the products that `plain` gives, in half its time."""
    return judge(answer, _cases, why=WHY)


def _cases(rng: Random) -> Cases:
    return program_cases(_sums, _plain, rng, inputs=_inputs, kernels=["mm"], slack=0.5)


def _inputs(rng: Random) -> tuple[Any, ...]:
    """Batches and a weight of small whole numbers, so that their products have no rounding."""
    generator = torch.Generator().manual_seed(rng.randrange(2**32))
    *batches, weight = torch.randint(-3, 4, (BATCHES + 1, SIDE, SIDE), generator=generator).float()
    return batches, weight.to("mtia")


def _plain(batches: list[Tensor], weight: Tensor) -> list[Tensor]:
    return [(batch.to("mtia") @ weight).cpu() for batch in batches]


def _sums(answer: Callable[..., Any], batches: list[Tensor], weight: Tensor) -> list[float]:
    """A number for each result, for which the host reads all of it."""
    results = answer(batches, weight)
    if not isinstance(results, list | tuple):
        raise AssertionError(f"returned {kind_of(results)}, where a list of tensors was asked for")
    if len(results) != BATCHES:
        raise AssertionError(f"returned {len(results)} results for {BATCHES} batches")
    for k, result in enumerate(results):
        if not isinstance(result, Tensor):
            raise AssertionError(f"result {k} is {kind_of(result)}, where a tensor was asked for")
        if result.device.type != "cpu":
            raise AssertionError(f"result {k} is on {result.device}, where the CPU was asked for")
        if result.shape != (SIDE, SIDE):
            raise AssertionError(
                f"result {k} has the shape {tuple(result.shape)}, where {SIDE, SIDE} was asked for"
            )
    rows = torch.arange(1.0, SIDE + 1, dtype=torch.float64)
    return [(result.double() * rows).sum().item() for result in results]
