"""Notebook 13: the wait that a first fix put into the wrong place."""

from collections.abc import Callable
from random import Random
from typing import Any

import torch
from torch import Event, Tensor

from ...device import Profile, launch
from ..check import Answer, Feedback
from ..judge import Cases, judge, program_cases

BUSY = Profile(allocate_us=0, launch_us=8)  # the host has about as much to do as the device
WHY = (
    "the host waits before it writes the first of the inputs, for the event behind the last "
    "step's copies, and for nothing that runs behind them"
)
Wait = Callable[[str, Event], Any]


def judge_wait(answer: Answer) -> Feedback:
    """Whether a function that is called at three places of each step keeps the inputs in order."""

    def cases(rng: Random) -> Cases:
        return program_cases(_serve, _wait, rng, inputs=_few, slack=1.05)

    return judge(answer, cases, takes=("place", "copied"), why=WHY, profile=BUSY)


def _serve(wait: Wait, requests: list[tuple[float, float]], size: int) -> list[float]:
    temperature, tokens = (torch.zeros(size).pin_memory() for _ in range(2))
    copied, answers = Event("mtia"), list[Tensor]()
    for heat, token in requests:
        wait("update", copied)
        temperature.fill_(heat)
        hot = temperature.to("mtia", non_blocking=True)
        wait("prepare", copied)
        tokens.fill_(token)
        ids = tokens.to("mtia", non_blocking=True)
        copied.record()
        wait("launch", copied)
        launch("model", us=60)
        answers.append((hot + ids)[0])
    return [answer.item() for answer in answers]


def _few(rng: Random) -> tuple[list[tuple[float, float]], int]:
    pairs = [(float(rng.randrange(1, 50)), 100.0 * rng.randrange(1, 50)) for _ in range(5)]
    return pairs, 1024 * rng.randrange(4, 17)


def _wait(place: str, copied: Event) -> None:
    if place == "update":
        copied.synchronize()
