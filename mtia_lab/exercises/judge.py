"""The judge of the exercises: fresh inputs, all schedules, clean memory, what a right answer costs.

Each notebook's exercises have a module of their own beside this one, in `judges/`: their inputs,
their cases and a right answer to measure by. Here is what they share.
"""

import inspect
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from types import FunctionType
from typing import Any

import torch

from ..device import Profile, configuration, configure, state
from ..programs.settings import idle
from ..programs.trials import SCHEDULES, Trial, trial
from .check import (
    RIGHT,
    WRONG_TYPE,
    Answer,
    Case,
    Feedback,
    check,
    compare_values,
    is_stub,
    one_line,
    say,
    wrong_type,
)

Cases = Mapping[str, Case]
ROUNDING = 1.0  # µs: less is neither said nor judged, as it depends on what the cache holds
_attempts = itertools.count()


def judge(
    answer: Answer,
    cases: Callable[[Random], Cases],
    *,
    wants: type | None = None,
    takes: Collection[str] = (),
    why: str,
    profile: Profile | None = None,
) -> Feedback:
    """Judge an answer on inputs that no attempt has seen, and leave no trace of it.

    Each case begins on idle devices, at device 0 and default streams. Afterwards the devices are
    idle, and configuration, current device and streams are as before.

    Args:
        answer: what the reader filled in.
        cases: makes the cases, as `mtia_lab.check` takes them, from a source of random numbers.
        wants: a type that the answer must be an instance of.
        takes: for a function, the names of what it is called with.
        why: the law that makes a right answer right, in one sentence.
        profile: what the devices cost while it is judged. The default costs, if None, but memory
            for nothing: what is cached differs from attempt to attempt.
    """
    if is_stub(answer):
        return check(answer, cases={})
    if takes:
        if not callable(answer):
            return wrong_type(FunctionType, answer)
        if not _takes(answer, takes):
            name = one_line(getattr(answer, "__name__", "it"))
            return Feedback(WRONG_TYPE, f"it is called like this: {name}({', '.join(takes)})")
    idle()
    with _as_before():
        configure("modelled", profile or Profile(allocate_us=0), poison=False)
        made = cases(Random(next(_attempts)))
        alone = {name: _alone(case) for name, case in made.items()}
        return check(answer, cases=alone, wants=wants, why=why)


def program_cases(
    program: Callable[..., Any],
    reference: Callable[..., Any],
    rng: Random,
    *,
    inputs: Callable[[Random], tuple[Any, ...]] = lambda _: (),
    kernels: Collection[str] = (),
    slack: float = 1.0,
    host: bool = False,
) -> dict[str, Case]:
    """Cases for a part of a program: it must compute, under every schedule, and not wait in vain.

    Args:
        program: called with the answer and the inputs; returns plain values, which it reads after a
            synchronization of its own or of the answer's. What it asserts is said to the reader.
        reference: a right answer. Value, kernels and time of the program with it are the measure.
        rng: where inputs and one more schedule come from.
        inputs: makes the inputs; each case has its own.
        kernels: names of kernels that must run as often as with the reference, and all copies must
            if "copy" is among them.
        slack: how much longer than with the reference it may take until host and device are done.
        host: whether only the host's time counts, as the device goes on with something else.
    """

    def both(answer: Any, **how: Any) -> tuple[Trial, Trial]:
        """The program with the answer, then with the reference, which so leaves it no memory."""
        seed = rng.random()
        attempt = trial(program, answer, *inputs(Random(seed)), **how)
        return attempt, trial(program, reference, *inputs(Random(seed)))

    def under(schedule: str) -> Case:
        def case(answer: Any) -> str | None:
            attempt, right = both(answer, schedule=schedule, poison=True)
            if compare_values(attempt.value, right.value)[0] != RIGHT:
                return f"expected {_show(right.value)}, got {_show(attempt.value)}"
            return luck(attempt)

        return case

    def computed(answer: Any) -> str | None:
        found, wanted = map(_counts, both(answer))
        for name in kernels:
            if found[name] != wanted[name]:
                return f"{name} has to run {_times(wanted[name])}, and ran {_times(found[name])}"
        return None

    def frugal(answer: Any) -> str | None:
        attempt, right = both(answer)
        took, least = (run.us if host else run.done for run in (attempt, right))
        if took > slack * least + ROUNDING:
            return f"took {took:.0f} µs, and {slack * least:.0f} µs will do"
        unneeded = {hint.kind for hint in attempt.report.hints}
        unneeded -= {hint.kind for hint in right.report.hints}
        return f"waits in vain: {min(unneeded)}" if unneeded else None

    cases: dict[str, Case] = {f"under {name}": under(name) for name in schedules(rng)}
    cases |= {"what runs on the device": computed} if kernels else {}
    return cases | {"time": frugal}


def schedules(rng: Random) -> tuple[str, ...]:
    """All schedules, and one more random one."""
    return (*SCHEDULES, f"random:{rng.randrange(10, 10_000)}")


def luck(attempt: Trial) -> str | None:
    """The hazard by which a right value is one by luck; None if there is none."""
    for finding in attempt.report:
        names = [side.name for side in (finding.first, finding.second) if side]
        return f"right by luck: {finding.kind}, between {' and '.join(names)}"
    return None


def _alone(case: Case) -> Case:
    """The case, from defaults, and with what it leaves pending as its own."""

    def alone(answer: Any) -> bool | str | None:
        with _as_before():
            found = case(answer)
            try:
                idle()
            except Exception as failure:
                return f"work that it did not wait for failed: {say(failure)}"
            return found

    return alone


def _takes(answer: Callable[..., Any], arguments: Collection[str]) -> bool:
    """Whether a function can be called with so many arguments, as far as Python can tell."""
    try:
        inspect.signature(answer).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # some functions in C do not say
        return True
    return True


def twins() -> Iterator[tuple[torch.Stream, torch.Stream]]:
    """Streams of mtia:0 and mtia:1 with one number, new ones each time: inputs for a case.

    Who takes the number alone for the stream is found out by them.
    """
    while True:
        pair = [torch.Stream("mtia:0"), torch.Stream("mtia:1")]
        while pair[0].stream_id != pair[1].stream_id:
            behind = int(pair[1].stream_id < pair[0].stream_id)
            pair[behind] = torch.Stream(f"mtia:{behind}")
        yield pair[0], pair[1]


@contextmanager
def _as_before() -> Iterator[None]:
    """From device 0 and default streams. Whatever happens inside, all is then as it was before."""
    configured, (device, *_) = configuration(), state()
    streams = [torch.mtia.current_stream(d) for d in range(torch.mtia.device_count())]
    _set_current([torch.mtia.default_stream(d) for d in range(len(streams))], 0)
    try:
        yield
    finally:
        try:
            idle()
        finally:
            configure(*configured)
            _set_current(streams, device)


def _set_current(streams: list[torch.Stream], device: int) -> None:
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
