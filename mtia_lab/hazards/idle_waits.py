"""Waits for events that were never recorded: PyTorch skips them, so no backend hears of them.

While a block is being checked, Python's own profiling hook tells when `wait_event` and `wait` are
called; if nothing reached the backend until they return, there was nothing to wait for. That is
noted in the log. Nothing of PyTorch is replaced. A profiler that is already there is left alone.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch

from ..recording import LiveLog, name_file, thread_number
from ..records import Call
from ..runtime import state

# Whose calls are waits for an event, by their names.
_OWNERS = {"wait_event": torch.Stream, "wait": torch.Event}


@contextmanager
def noted(log: LiveLog) -> Iterator[None]:
    """Note in the log the waits of this thread that wait for nothing, while the block runs."""
    before = None

    def watch(frame: FrameType, event: str, function: object) -> None:
        nonlocal before
        if event == "c_call" and _is_wait(function):
            before = len(log)
        elif event == "c_return" and before is not None and _is_wait(function):
            if len(log) == before:
                log.add(_call(frame, log))
            before = None

    if sys.getprofile() is not None:
        yield
        return
    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)


def _is_wait(function: object) -> bool:
    owner = _OWNERS.get(getattr(function, "__name__", ""))
    return owner is not None and isinstance(getattr(function, "__self__", None), owner)


def _call(frame: FrameType, log: LiveLog) -> Call:
    now, args, result = log.now(), "an event never recorded", "waits for nothing"
    given = ("torch", "wait_event", args, result, None, thread_number(), now, now, tuple(state()))
    return Call(*given, _site(frame))


def _site(frame: FrameType | None) -> str | None:
    while frame is not None:
        name = name_file(frame.f_code.co_filename)
        if name is not None:
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return None
