"""The exercise of notebook 00: when the last of three kernels finishes, each in its own stream."""

from collections.abc import Callable, Iterable
from random import Random
from types import FunctionType
from typing import Any

import torch

from ...device import launch
from ...log.recording import record
from ...programs.settings import idle
from ..check import RIGHT, Answer, Case, Feedback, compare_values, show
from ..judge import Cases, judge

Times = tuple[int, int, int]  # of three kernels, in µs

# What somebody may believe, and what he then answers for kernels of a, b and c µs.
BELIEFS: dict[str, Callable[[int, int, int], int]] = {
    "that is one stream, in which each kernel waits for the one before": lambda a, b, c: (
        2 + a + b + c
    ),
    "that is one stream, and it leaves out what the launches cost": lambda a, b, c: a + b + c,
    "three streams overlap, and do not add up": lambda a, b, c: 6 + a + b + c,
    "that leaves out what the launches cost the host": lambda a, b, c: max(a, b, c),
    "a kernel does not wait until the later ones are launched": lambda a, b, c: 6 + max(a, b, c),
    "the second and the third launch begin later than the first": lambda a, b, c: 2 + max(a, b, c),
    "a kernel starts when its launch returns, not when it begins": (
        lambda a, b, c: max(a, 2 + b, 4 + c)
    ),
    "the kernel that was launched last need not finish last": lambda a, b, c: 6 + c,
}


def judge_last_finish(answer: Answer) -> Feedback:
    """Judge a function of three durations, in µs, against the device itself."""
    why = (
        "a kernel starts when its launch returns, at 2, 4 and 6 µs, and no stream waits for another"
    )
    return judge(answer, _cases, wants=FunctionType, takes=("a", "b", "c"), why=why)


def _cases(rng: Random) -> Cases:
    us, more = rng.randrange(10, 50), rng.randrange(7, 30)
    kernels = {
        "three alike": (us, us, us),
        "a long one first": (us + more, us, us - 1),
        "a long one in the middle": (us, us + more, us),
        "a long one last": (us, us - 2, us + more),
        "the second by one µs": (us, us + 3, us),
    }
    return {
        f"{name}, {times} µs": _case(times, kernels.values()) for name, times in kernels.items()
    }


def _case(times: Times, all_times: Iterable[Times]) -> Case:
    def case(answer: Any) -> str | None:
        got = answer(*times)
        idle()  # what it launched may not hold up the kernels that are measured
        expected = last_finish(*times)
        if compare_values(got, expected)[0] == RIGHT:
            return None
        if got is None:
            return "it returned nothing; end it with `return` and a number of µs"
        if isinstance(got, bool) or not isinstance(got, int | float):
            return f"expected a number of µs, got {show(got)}"
        said = [(times, answer(*times)) for times in all_times]
        believed = [
            words
            for words, belief in BELIEFS.items()
            if all(belief(*times) == given for times, given in said)
        ]
        return f"expected {expected:g}, got {got:g}" + (f": {believed[0]}" if believed else "")

    return case


def last_finish(*times: float) -> float:
    """What the device does: kernels of these times, in µs, each in a stream of its own."""
    with record() as log:
        for us in times:
            with torch.Stream("mtia:0"):
                launch("kernel", us)
        torch.accelerator.synchronize()
    return max(command.finish for command in log.commands)
