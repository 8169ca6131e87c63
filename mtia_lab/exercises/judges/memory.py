"""Notebook 11: the same number with half of the memory. `peak` is for the notebook as well."""

import math
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import torch

from ...log.records import Command
from ...programs.trials import Trial, trial
from ..check import Answer, Case, Feedback, kind_of, one_line
from ..judge import Cases, judge, luck, schedules

MiB = 2**20
PARTS = 1.5  # of the size of x: wasteful makes three tensors of it, and half of that will do
ROUNDED = 4096  # bytes for results of one element, of which each gets a block of 512
SIZE = 2 * MiB  # numbers in the x of the text, and about as many in the one of the peak


def peak(program: Callable[..., object], *arguments: object) -> int:
    """Run a program; return how many bytes more than before were allocated at the worst moment."""
    before = torch.accelerator.memory_allocated()
    torch.accelerator.reset_peak_memory_stats()
    program(*arguments)
    return torch.accelerator.max_memory_allocated() - before


def judge_frugal(frugal: Answer) -> Feedback:
    """Judge `frugal(x)`: the mean square of `x` brought to 0 to 1, with half of the peak."""
    peaks: list[float] = []
    feedback = judge(frugal, lambda rng: _cases(rng, peaks), why="right")
    if not feedback.ok:
        return feedback
    held = f"at its worst moment it holds {peaks[-1]:.2f} times the size of x"
    return replace(feedback, message=f"{held}, where one block more is enough: written in place")


def _cases(rng: Random, peaks: list[float]) -> Cases:
    cases = {f"the number, under {name}": _value(name, _tensor(rng)) for name in schedules(rng)}
    return cases | {
        "x": _unchanged(_tensor(rng)),
        "where it is computed": _on_the_device(_tensor(rng)),
        "peak": _half(_tensor(rng, SIZE), peaks),
    }


def _tensor(rng: Random, least: int = 280_000) -> torch.Tensor:
    """Numbers on the CPU. Neither end is 0 or 1, and the mean is not in the middle."""
    low, span = rng.uniform(-9, -3), rng.uniform(4, 30)
    count = least + rng.randrange(120_000)  # over 1 MiB, so that blocks are cut exactly
    ramp = torch.linspace(0, 1, count, dtype=torch.float64) ** rng.uniform(0.5, 3)
    return (low + span * ramp).float()


def _run(frugal: Callable[..., Any], x: torch.Tensor) -> float:
    """What it returns for a tensor on the device, read after it is done."""
    result = frugal(x)
    if not isinstance(result, torch.Tensor):
        raise AssertionError(f"it returned {kind_of(result)}; return a tensor, as wasteful does")
    assert result.shape != x.shape, "it returned as many numbers as x has: one was asked for"
    assert result.numel() == 1, f"it returned {result.numel()} numbers: one was asked for"
    assert result.device == x.device, f"its result is on {result.device}, and x on {x.device}"
    return float(result.item())


def _trial(
    frugal: Callable[..., Any], x: torch.Tensor, schedule: str = "modelled", poison: bool = False
) -> Trial:
    return trial(_run, frugal, x.to("mtia"), schedule=schedule, poison=poison)


def _value(schedule: str, x: torch.Tensor) -> Case:
    def case(frugal: Any) -> str | None:
        exact = x.double()
        wanted = ((exact - exact.min()) / (exact.max() - exact.min())).square().mean().item()
        attempt = _trial(frugal, x, schedule=schedule, poison=True)
        got = attempt.value
        if not math.isclose(got, wanted, rel_tol=1e-4):
            ends = f"from {x.min().item():.3g} to {x.max().item():.3g}"
            return f"for numbers {ends} expected {wanted:.5f}, got {got:.5f}"
        return luck(attempt)

    return case


def _unchanged(x: torch.Tensor) -> Case:
    def case(frugal: Any) -> str | None:
        given = x.to("mtia")
        _run(frugal, given)
        now = given.cpu()
        if torch.equal(now, x):
            return None
        where = int((now != x).nonzero()[0])
        before, after = (f"{tensor[where].item():.9g}" for tensor in (x, now))  # float32 in full
        return one_line(f"it was changed: x[{where}] was {before}, and is {after} afterwards")

    return case


def _on_the_device(x: torch.Tensor) -> Case:
    def case(frugal: Any) -> str | None:
        commands = _trial(frugal, x).report.log.commands
        away = sum(access.bytes for c in commands if _leaves(c) for access in c.reads)
        if away < x.nbytes / 2:
            return None
        return f"{away / MiB:.2f} MiB were copied to the host: let the device compute"

    return case


def _leaves(command: Command) -> bool:
    return command.direction == "D2H"


def _half(x: torch.Tensor, peaks: list[float]) -> Case:
    def case(frugal: Any) -> str | None:
        given = x.to("mtia")
        needed = peak(_run, frugal, given)
        peaks.append(needed / x.nbytes)
        if needed <= PARTS * x.nbytes + ROUNDED:
            return None
        held = f"it needed {peaks[-1]:.2f} times the size of x"
        return f"{held}, {x.nbytes / MiB:.0f} MiB, at its worst moment: {PARTS:g} will do"

    return case
