"""Notebook 10: how many event pairs backward inserts, and two losses side by side."""

from collections.abc import Callable
from random import Random
from typing import Any

import torch
from torch import Tensor

from ...device import Profile
from ...log.log import Log
from ...log.recording import record
from ...programs.settings import configured
from ..check import NOT_YET, WRONG_TYPE, Answer, Feedback, check, show
from ..judge import Cases, judge, program_cases

SIDE = 384
TO_COUNT = ("straight", "wholly_aside", "relay", "twice_aside", "detached")


# --- Exercise 1: count the pairs ------------------------------------------------------------------


def judge_counted(answer: Answer) -> Feedback:
    """Whether each function has as many event pairs in its backward as the answer says."""
    why = (
        "a pair for each edge between two streams, the one from the starting gradient included, "
        "and one at the end for each other stream on which leaves got gradients"
    )
    if not isinstance(answer, dict):
        return Feedback(WRONG_TYPE, f"wanted a dict of counts by function, got {show(answer)}")
    if not all(callable(function) for function in answer):
        return Feedback(WRONG_TYPE, "the keys are the functions themselves, as in {straight: ...}")
    functions: dict[str, Any] = {function.__name__: function for function in answer}
    given = {function.__name__: count for function, count in answer.items()}
    if lacking := [name for name in TO_COUNT if name not in given]:
        return Feedback(NOT_YET, f"no count for {', '.join(lacking)}")
    with configured("modelled", poison=False):
        logs = {name: _passes(functions[name]) for name in TO_COUNT}
    expected = {name: len(_pairs(back)) for name, (_, back) in logs.items()}
    beliefs = {name: _belief(given[name], *logs[name]) for name in TO_COUNT}
    reasons = {name: belief for name, belief in beliefs.items() if belief}
    return check(given, expected=expected, reasons=reasons, why=why)


def _passes(function: Callable[[Tensor], Tensor]) -> tuple[Log, Log]:
    """A forward and a backward pass."""
    with record() as ahead:
        loss = function(torch.randn(8, 8).to("mtia").requires_grad_())
    with record() as back:
        loss.backward()
    return ahead, back


def _pairs(log: Log) -> list[tuple[int, int]]:
    """Of each event pair, which stream recorded and which waits."""
    stream = {command.id: command.stream for command in log.commands}
    return [(stream[c.after[0]], c.stream) for c in log.commands if c.type == "wait"]


def _belief(given: object, ahead: Log, back: Log) -> str | None:
    """What one believes who counts so many pairs; None if that is not known."""
    pairs, waits = _pairs(back), len(_pairs(ahead))
    at_the_end = back.commands[-1].type == "wait"
    if not isinstance(given, int) or given == len(pairs):
        return None
    if given == len(set(pairs)):
        return f"{given}: you counted streams, not edges; two edges have two pairs"
    if given == waits:
        return f"{given} waits are in forward; backward has them where a gradient crosses"
    if at_the_end and len(pairs) - 2 <= given < len(pairs):
        return f"{given}: both the starting gradient and the wait at the end have a pair"
    return None


# --- Exercise 2: two losses, side by side ---------------------------------------------------------


def judge_side_by_side(answer: Answer) -> Feedback:
    """Whether the gradients of two losses are computed at the same time, and added properly."""
    why = (
        "each backward runs where its forward ran, at the same time; the default stream waits for "
        "both, and the memory of the parts is lent to it"
    )
    return judge(answer, _cases, why=why, profile=Profile(kernel_slots=64, allocate_us=0))


def _cases(rng: Random) -> Cases:
    cases = program_cases(_summed, _side_by_side, rng, inputs=_inputs, kernels=["mm"], slack=1.15)
    timed = cases["time"]

    def time(answer: Any) -> str | None:
        took = timed(answer)
        reason = _in_turn(answer, *_inputs(rng)) if isinstance(took, str) else None
        return f"{took}: {reason}" if reason else took  # type: ignore[return-value]

    return {**cases, "time": time, "the host": lambda answer: _never_waits(answer, *_inputs(rng))}


def _inputs(rng: Random) -> tuple[Tensor, tuple[Callable[[Tensor], Tensor], ...]]:
    generator = torch.Generator().manual_seed(rng.randrange(2**32))
    start, weight = torch.randn(2, SIDE, SIDE, generator=generator).to("mtia")
    return start, (lambda x: (x @ weight).sum(), lambda x: (x @ weight.t()).sin().sum())


def _called(answer: Callable[..., Any], start: Tensor, losses: Any) -> Tensor:
    """What it returns for an x that the default stream has only just been told to compute."""
    total = answer((start * 1).requires_grad_(), losses)
    if not isinstance(total, Tensor):
        raise AssertionError(
            f"returned {show(total)}, where the sum of the gradients was asked for"
        )
    if total.shape != start.shape:
        raise AssertionError(
            f"returned a tensor of shape {tuple(total.shape)}, where the gradient has "
            f"{tuple(start.shape)}"
        )
    return total


def _summed(answer: Callable[..., Any], start: Tensor, losses: Any) -> list[float]:
    sums = _called(answer, start, losses).cpu().double().sum(1)
    return [round(value, 2) for value in sums[:3].tolist()] + [round(sums.sum().item(), 1)]


def _never_waits(answer: Callable[..., Any], start: Tensor, losses: Any) -> str | None:
    with record() as log:
        _called(answer, start, losses)
    waits = [call.name for call in log.calls if call.waited]
    return f"it waited for the device, in {waits[0]}" if waits else None


def _in_turn(answer: Callable[..., Any], start: Tensor, losses: Any) -> str | None:
    """Why the second backward comes after the first, as far as that can be seen."""
    with record() as log:
        _called(answer, start, losses)
    products = [command for command in log.commands if command.name == "mm"]
    if len({command.stream for command in products}) == 1:
        return "all products run on one stream"
    starting = [command for command in log.commands if command.name == "fill_"]
    if len(starting) == 2 and {command.stream for command in starting} == {0}:
        return (
            "the second backward begins behind the first, as its starting gradient is made on the "
            "default stream, which waits for the first"
        )
    return None


def _side_by_side(x: Tensor, losses: Any) -> Tensor:
    main, parts = torch.mtia.current_stream(), []
    streams = [torch.Stream("mtia") for _ in losses]
    for stream, loss in zip(streams, losses, strict=True):
        stream.wait_stream(main)
        with stream:
            parts.append(torch.autograd.grad(loss(x), x)[0])
    for stream, part in zip(streams, parts, strict=True):
        main.wait_stream(stream)
        part.record_stream(main)
    return parts[0] + parts[1]
