"""The judge of the exercises: fresh inputs, all schedules, clean memory, what a right answer costs.

Each notebook's exercises have a module of their own beside this one, in `judges/`: their inputs,
their cases and a right answer to measure by. Here is what they share.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from typing import Any

import torch

from ..device import configure, simulator
from .check import (
    RIGHT,
    WRONG_VALUE,
    Answer,
    Case,
    Feedback,
    check,
    compare_values,
    is_stub,
    one_line,
    say,
)
from .trials import SCHEDULES, Trial, idle, trial

Cases = Mapping[str, Case]
_attempts = itertools.count()


def judge(
    answer: Answer,
    cases: Callable[[Random], Cases],
    *,
    wants: type | None = None,
    why: str,
) -> Feedback:
    """Judge an answer on inputs that no attempt has seen, and leave no trace of it.

    Afterwards the devices are idle, and schedule, poison, current device and streams are as before.

    Args:
        answer: what the reader filled in.
        cases: makes the cases, as `mtia_lab.check` takes them, from a source of random numbers.
        wants: a type that the answer must be an instance of.
        why: the law that makes a right answer right, in one sentence.
    """
    if is_stub(answer):
        return check(answer, cases={})
    with _as_before():
        feedback = check(answer, cases=cases(Random(next(_attempts))), wants=wants, why=why)
        try:
            idle()
        except Exception as failure:
            return Feedback(WRONG_VALUE, f"work that it did not wait for failed: {say(failure)}")
        return feedback


def program_cases(
    program: Callable[..., Any],
    reference: Callable[..., Any],
    rng: Random,
    *,
    inputs: Callable[[Random], tuple[Any, ...]] = lambda _: (),
    kernels: Collection[str] = (),
    slack: float = 1.0,
) -> dict[str, Case]:
    """Cases for a part of a program: it must compute, under every schedule, and not wait in vain.

    Args:
        program: called with the answer and the inputs; returns plain values, which it reads after a
            synchronization of its own or of the answer's.
        reference: a right answer. Value, kernels and time of the program with it are the measure.
        rng: where inputs and one more schedule come from.
        inputs: makes the inputs.
        kernels: names of kernels that must run as often as with the reference, and all copies must
            if "copy" is among them.
        slack: how much longer than with the reference it may take until host and device are done.
    """
    given = inputs(rng)
    right = trial(program, reference, *given)
    schedules = (*SCHEDULES, f"random:{rng.randrange(2, 10_000)}")

    def value(schedule: str) -> Case:
        def case(answer: Any) -> bool | str:
            got = trial(program, answer, *given, schedule=schedule, poison=True).value
            fine = compare_values(got, right.value)[0] == RIGHT
            return fine or f"expected {_show(right.value)}, got {_show(got)}"

        return case

    def sanitized(answer: Any) -> str | None:
        for finding in trial(program, answer, *given, poison=True).report:
            names = [side.name for side in (finding.first, finding.second) if side]
            return f"still a hazard: {finding.kind}, between {' and '.join(names)}"
        return None

    def computed(answer: Any) -> str | None:
        found, wanted = _counts(trial(program, answer, *given)), _counts(right)
        for name in kernels:
            if found[name] != wanted[name]:
                return f"{name} has to run {_times(wanted[name])}, and ran {_times(found[name])}"
        return None

    def frugal(answer: Any) -> str | None:
        attempt = trial(program, answer, *given)
        allowed = slack * right.done
        if attempt.done > allowed:
            return f"took {attempt.done:g} µs, and {allowed:g} will do"
        unneeded = {hint.kind for hint in attempt.report.hints}
        unneeded -= {hint.kind for hint in right.report.hints}
        return f"waits in vain: {min(unneeded)}" if unneeded else None

    cases: dict[str, Case] = {f"value under {name}": value(name) for name in schedules}
    cases |= {"what runs on the device": computed} if kernels else {}
    return cases | {"sanitizer": sanitized, "time": frugal}


@contextmanager
def _as_before() -> Iterator[None]:
    """Whatever happens inside, configuration and current streams are as they were before."""
    schedule, device = simulator.schedule(), torch.mtia.current_device()
    streams = [torch.mtia.current_stream(d) for d in range(torch.mtia.device_count())]
    try:
        yield
    finally:
        try:
            idle()
        finally:
            configure(schedule, poison=False)
            for stream in streams:
                torch.mtia.set_stream(stream)
            torch.mtia.set_device(device)


def _counts(attempt: Trial) -> Counter[str]:
    """How often each kernel ran, and how many copies there were."""
    commands = attempt.report.log.commands
    names = (c.name if c.type == "kernel" else c.type for c in commands)
    return Counter(names)


def _times(number: int) -> str:
    return {0: "not at all", 1: "once", 2: "twice"}.get(number, f"{number} times")


def _show(value: Any) -> str:
    return one_line(repr(value))
