"""Notebook 12: one product on two devices, and the mean of gradients over two processes."""

import re
from collections.abc import Callable
from random import Random
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from ... import distributed
from ...log.records import Command
from ...programs.trials import Trial, trial
from ..check import Answer, Case, Feedback, kind_of
from ..judge import Cases, judge, luck, schedules

_Grads = list[torch.Tensor]

# --- One product on two devices -------------------------------------------------------------------

FASTER = 0.95  # of the time of one device: what counts as an advantage
EVEN = 1.1  # times what the other device multiplies: what counts as half
WHY_TWO = (
    "a copy stands in the current stream of its source, so what mtia:1 needs goes first, "
    "and mtia:0 multiplies while mtia:1 does"
)


def judge_two(two: Answer) -> Feedback:
    """Judge `two(rows, weight)`: their product on mtia:0, half of it computed on mtia:1."""
    return judge(two, _two_cases, why=WHY_TWO)


def _two_cases(rng: Random) -> Cases:
    cases = {f"under {name}": _product(name, _matrices(rng)) for name in schedules(rng)}
    return cases | {"time": _fast(_matrices(rng))}


def _matrices(rng: Random) -> tuple[torch.Tensor, torch.Tensor]:
    """Whole numbers: their sums are exact in any order."""
    rows = 2 * rng.randrange(560, 625)  # far enough from the text's 1,024 to see who counts on them
    dice = torch.Generator().manual_seed(rng.randrange(2**31))
    sizes = (rows, 1024), (1024, 1024)
    rows_, weight = (torch.randint(-3, 4, size, generator=dice).float() for size in sizes)
    return rows_, weight


def _one(rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return rows @ weight


def _read(two: Callable[..., Any], rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """What it returns, on the CPU."""
    result = two(rows, weight)
    if not isinstance(result, torch.Tensor):
        raise AssertionError(f"it returned {kind_of(result)}, and not the product")
    assert result.device == rows.device, f"the result is on {result.device}, not on {rows.device}"
    return result.cpu()


def _product(schedule: str, matrices: tuple[torch.Tensor, torch.Tensor]) -> Case:
    def case(two: Any) -> str | None:
        given = [matrix.to("mtia:0") for matrix in matrices]
        attempt = trial(_read, two, *given, schedule=schedule, poison=True)
        got, wanted = attempt.value, _one(*matrices)
        if got.shape != wanted.shape:
            return f"the result has the shape {[*got.shape]}, and not {[*wanted.shape]}"
        wrong = (got != wanted).any(1).nonzero().flatten().tolist()
        if wrong:
            where = f"the first is row {wrong[0]}"
            return f"{len(wrong)} of {len(wanted)} rows of the result are wrong, {where}"
        return luck(attempt)

    return case


def _fast(matrices: tuple[torch.Tensor, torch.Tensor]) -> Case:
    def case(two: Any) -> str | None:
        attempt = trial(two, *(matrix.to("mtia:0") for matrix in matrices))
        alone = trial(_one, *(matrix.to("mtia:0") for matrix in matrices))
        waited = [call for call in attempt.report.log.calls if call.waited]
        if waited:
            return f"the host waited for the device, {sum(c.waited for c in waited):.0f} µs in all"
        longest = [_longest(attempt, device) for device in (0, 1)]
        if None in longest:
            return f"no kernel ran on mtia:{longest.index(None)}"
        first, second = sorted((c for c in longest if c), key=lambda command: command.start)
        uneven = _uneven(first, second)
        if uneven or attempt.done <= FASTER * alone.done:
            return uneven
        took = f"it took {attempt.done:.0f} µs, and one device alone takes {alone.done:.0f} µs"
        if second.start < first.finish:
            return took
        begun = f"the product on mtia:{second.device} began when that on mtia:{first.device}"
        return f"{took}: {begun} was done. What stood in the queue before its copies?"

    return case


def _uneven(*products: Command) -> str | None:
    """Which device has more than its half, by how long it multiplies."""
    (least, less), (most, more) = sorted((c.finish - c.start, c.device) for c in products)
    if most <= EVEN * least:
        return None
    return f"mtia:{more} multiplies for {most:.0f} µs, mtia:{less} for {least:.0f}: half each"


def _longest(attempt: Trial, device: int) -> Command | None:
    """The kernel of a device that took longest."""
    kernels = [c for c in attempt.report.log.commands if (c.type, c.device) == ("kernel", device)]
    return max(kernels, key=lambda command: command.finish - command.start, default=None)


# --- The mean over two processes ------------------------------------------------------------------

RANKS = 3  # not the two of the text, so that no number will do in place of their count
SEES = "the ranks see torch, dist, nn and your function, and none of this notebook's variables"
WHY_AVERAGE = (
    "each rank has the gradients of its own data; their mean is that of all data, and as all ranks "
    "take the same step, their models stay equal"
)


def judge_average(average: Answer) -> Feedback:
    """Judge `average(parameters)`: each gradient becomes the mean over all ranks."""
    return judge(average, _average_cases, why=WHY_AVERAGE)


def _average_cases(rng: Random) -> Cases:
    dice = torch.Generator().manual_seed(rng.randrange(2**31))
    rows = RANKS * rng.randrange(4, 9)
    images, labels = torch.randn(rows, 5, generator=dice), torch.randint(3, (rows,), generator=dice)
    seed, tried = rng.randrange(2**31), schedules(rng)

    def case(average: Any) -> str | None:
        answer = getattr(average, "__wrapped__", average)  # the reader's, whose source is sent
        arguments = (trial, tried, getattr(answer, "__name__", ""), seed, images, labels)
        try:
            uses = [model, gradients, answer]
            ranks = distributed.run(in_a_rank, *arguments, ranks=RANKS, uses=uses, timeout=10)
        except distributed.RanksFailed as error:
            return _failure(error.why)
        own = [gradients(model(seed), *_share(rank, images, labels)) for rank in range(RANKS)]
        for schedule in tried:
            found = [results[schedule] for results in ranks]
            if wrong := _compared([grads for grads, *_ in found], own):
                moved = any(moved for *_, moved in found)
                besides = ". The parameters themselves were changed" if moved else ""
                return f"under {schedule}: {wrong}{besides}"
            for rank, (_, hazards, moved) in enumerate(found):
                if moved:
                    return f"under {schedule}, rank {rank}: the parameters were changed as well"
                if hazards:
                    return f"right by luck, under {schedule}, rank {rank}: {hazards[0]}"
        return None

    return {"gradients": case}


def model(seed: int) -> nn.Module:
    """The same for all ranks."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))


def gradients(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> list[torch.Tensor]:
    """The gradients of one batch, which the parameters then have."""
    nn.functional.cross_entropy(network(images), labels).backward()
    return [parameter.grad for parameter in network.parameters() if parameter.grad is not None]


def _share(rank: int, *data: torch.Tensor) -> list[torch.Tensor]:
    return [part.chunk(RANKS)[rank] for part in data]


def _same(grad: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether they are equal but for the last bits, which depend on how the data are aligned."""
    return torch.allclose(grad, other, rtol=1e-5, atol=1e-7)


def in_a_rank(
    trial: "Callable[..., Trial]",
    schedules: tuple[str, ...],
    name: str,
    seed: int,
    *data: torch.Tensor,
) -> "dict[str, tuple[_Grads, list[str], bool]]":
    """For each schedule: gradients after the function of that name, hazards, new parameters or not.

    It is sent to the ranks as text, so it sees what `distributed.run` says, the functions that it
    is sent with, and its arguments.
    """
    mine = [part.chunk(dist.get_world_size())[dist.get_rank()].to("mtia") for part in data]

    def step() -> list[tuple[torch.Tensor, torch.Tensor]]:
        network = model(seed).to("mtia")
        gradients(network, *mine)
        globals()[name](list(network.parameters()))
        return [(p.grad.cpu(), p.detach().cpu()) for p in network.parameters()]  # type: ignore[union-attr]

    found, before = {}, [parameter.detach() for parameter in model(seed).parameters()]
    for schedule in schedules:
        pairs, report, _ = trial(step, schedule=schedule, poison=True)
        moved = not all(torch.equal(p, old) for (_, p), old in zip(pairs, before, strict=True))
        found[schedule] = [grad for grad, _ in pairs], [finding.kind for finding in report], moved
    return found


def _compared(ranks: list[_Grads], own: list[_Grads]) -> str | None:
    """What is wrong with the gradients of each rank, given those that each had."""
    wrong: dict[str, list[str]] = {}  # what it is -> in which ranks
    for rank, grads in enumerate(ranks):
        for number, grad in enumerate(grads):
            each = [others[number] for others in own]
            mean = torch.stack(each).mean(0)
            if _same(grad, mean):
                continue
            kinds = {
                "its own, as before": each[rank],
                "the sum over the ranks, and not the mean": mean * RANKS,
                "half of the sum, which is the mean of two ranks only": mean * RANKS / 2,
                "the mean, divided once more": mean / RANKS,
            } | {f"that of rank {other}": given for other, given in enumerate(each)}
            same = (kind for kind, other in kinds.items() if _same(grad, other))
            what = next(same, "neither its own, nor the sum, nor the mean")
            wrong.setdefault(f"parameter {number}: the gradient is {what}", []).append(f"{rank}")
            break
    said = (f"rank {', '.join(which)}, {what}" for what, which in wrong.items())
    return "; ".join(said) or None


def _failure(why: str) -> str:
    """Why ranks failed, for a reader: in one line, and once if it is the same for all."""
    lines = [line for line in why.splitlines() if not line.startswith(" ")]
    lines = [line for line in lines if "PeerLost" not in line] or lines  # the other's news
    causes = {re.sub(r"^rank \d+:? ", "", line): line for line in lines}
    said = f"each rank: {next(iter(causes))}" if len(causes) == 1 < len(lines) else "; ".join(lines)
    return f"{said}. Remember: {SEES}" if "NameError" in said else said
