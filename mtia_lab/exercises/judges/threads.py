"""Notebook 04: a thread that takes its state along, and the rule by which calls initialize."""

import threading
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

import torch

from ...device import state
from ...isolated import run_each
from ..check import Answer, Case, Feedback, say, show
from ..judge import Cases, judge, twins

Run = Callable[[Callable[[], Any]], Any]  # what the reader writes: run_in_thread
TAKES = "fn's thread is given each device's stream, and the device last, as set_stream moves it"
RULE = (
    "methods of streams and events, and `with stream:`, go through the guard and initialize "
    "nothing; torch.accelerator initializes before it asks for a device or a stream, torch.mtia "
    "before it asks for a stream; to count devices, or to set an index, torch.mtia does not"
)
# Whether each initializes is measured. The notebook shows these ...
SHOWN = (
    "torch.mtia.current_device()",
    "torch.mtia.set_device(1)",
    "torch.mtia.current_stream()",
    "torch.mtia.synchronize()",
    "with torch.mtia.stream(torch.Stream()): pass",
    "torch.accelerator.is_available()",
    "torch.accelerator.current_device_index()",
    "torch.accelerator.set_device_index(1)",
    "torch.Stream('mtia:1').synchronize()",
    "torch.Event().record()",
    "with torch.Stream(): pass",
)
# ... and not these.
CALLS = (
    "torch.mtia.Stream()",
    "torch.mtia.Event().record()",
    "torch.mtia.synchronize(1)",
    "torch.mtia.default_stream(1)",
    "torch.mtia.set_stream(torch.Stream())",
    "with torch.mtia.device(1): torch.mtia.current_stream()",
    "with torch.mtia.device(1): pass",
    "torch.mtia.device_count()",
    "torch.accelerator.current_stream()",
    "torch.accelerator.synchronize()",
    "with torch.accelerator.device_index(1): pass",
    "torch.accelerator.device_count()",
    "torch.Stream('mtia:1').record_event()",
    "torch.Stream('mtia:0').wait_stream(torch.Stream('mtia:1'))",
    "with torch.Stream('mtia:1'): torch.Event().wait()",
)


def judge_run_in_thread(run_in_thread: Answer) -> Feedback:
    """Judge `run_in_thread(fn)`, which runs `fn` in a new thread and in the caller's state."""
    return judge(run_in_thread, _carries, takes=("fn",), why=TAKES)


def judge_initializes(initializes: Answer) -> Feedback:
    """Judge `initializes(call)`: does the call, given as text, initialize a fresh process?"""
    return judge(
        initializes,
        lambda rng: {call: _says(call) for call in (*SHOWN, *CALLS)},
        takes=("call",),
        why=RULE,
    )


# --- A thread that takes its state along ----------------------------------------------------------


def _carries(rng: Random) -> Cases:
    streams = twins()
    return {
        "a new thread": _new_thread,
        "the result": _result,
        "an exception": _exception,
        "from each device": _from([], (0, 1)),
        "from a stream of each device": _from(rng.sample(next(streams), 2), (0, 1)),
        "from a stream of one device": _from([rng.choice(next(streams))], (1, 0)),
        "the caller": _caller,
    }


def _new_thread(run: Run) -> str | None:
    seen = [threading.current_thread()]
    for _ in range(3):
        thread = run(threading.current_thread)
        if thread is seen[0]:
            return "fn ran on the caller's thread"
        if thread in seen:
            return "fn ran on a thread that had run an earlier fn: make a new one for each"
        seen.append(thread)
    return None


def _result(run: Run) -> str | None:
    wanted = object()
    got = run(lambda: wanted)
    return None if got is wanted else f"fn returned an object, and the caller got {show(got)}"


def _exception(run: Run) -> str | None:
    def fails() -> None:
        raise KeyError("raised by the judge, in fn")

    try:
        got = run(fails)
    except KeyError:
        return None
    except Exception as other:
        return f"fn raised a KeyError, and the caller got {say(other)}"
    return f"fn raised a KeyError, and the caller got none: {show(got)} was returned"


def _from(streams: list[torch.Stream], devices: tuple[int, ...]) -> Case:
    """From a thread on these streams, and on each of these devices in turn."""

    def case(run: Run) -> str | None:
        for device in devices:
            for stream in streams:
                torch.mtia.set_stream(stream)
            torch.mtia.set_device(device)
            caller, found = state(), run(state)
            if found != caller:
                return f"the caller is at {caller}, but fn found {show(found)}"
            if state() != caller:
                return f"the caller was at {caller}, and is at {state()} after it"
        return None

    return case


def _caller(run: Run) -> str | None:
    before = state()
    run(lambda: torch.mtia.set_stream(torch.Stream("mtia:1")))
    return None if state() == before else f"what fn set moved the caller from {before} to {state()}"


# --- Which calls initialize -----------------------------------------------------------------------


@cache
def reached(calls: tuple[str, ...]) -> dict[str, list[str]]:
    """What each call reaches in the backend, as the first one of a process of its own."""
    probe = "with mtia_lab.record() as log:\n    {}\nprint(*[call.method for call in log.calls])"
    probes = {call: probe.format(call) for call in calls}
    found = run_each(probes, prelude="import torch, mtia_lab", devices=2)
    return {call: result.stdout.split() for call, result in found.items()}


def _says(call: str) -> Case:
    def case(initializes: Callable[[str], object]) -> str | None:
        said = initializes(call)
        if not isinstance(said, int) or said not in (0, 1):
            return f"wanted True or False, got {show(said)}"
        methods = reached(SHOWN if call in SHOWN else CALLS)[call]
        if said == ("hooks.init" in methods):
            return None
        names = ", ".join(dict.fromkeys(methods)) or "nothing"
        return f"you say {bool(said)}; in a fresh process it reaches {names}"

    return case
