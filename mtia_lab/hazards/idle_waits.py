"""Waits for events that were never recorded: PyTorch skips them, so no backend hears of them.

While a block is being checked, Python's own profiling hook tells when `wait_event` and `wait` are
called; if nothing reached the backend until they return, there was nothing to wait for. That is
noted in the log. Nothing of PyTorch is replaced. A profiler that is there already goes on.
"""

import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import torch

from ..recording import LiveLog, line_of, thread_number
from ..records import Call
from ..runtime import state

# Whose calls are waits for an event, by their names.
_OWNERS = {"wait_event": torch.Stream, "wait": torch.Event}


@contextmanager
def noted(log: LiveLog) -> Iterator[None]:
    """Note in the log the waits of this thread that wait for nothing, while the block runs."""
    profiler = sys.getprofile()
    if profiler is not None and not callable(profiler):
        warnings.warn(
            "the sanitizer cannot see waits for events that were never recorded, so that hints on "
            "them will be missing: a profiler written in C, such as cProfile, has the hook of this "
            "thread. Run the block without the profiler to get them",
            stacklevel=6,  # the `with` of the reader, past three context managers
        )
        yield
        return
    watch = _Watch(log, profiler)
    sys.setprofile(watch)
    try:
        yield
    finally:
        watch.stop()


class _Watch:
    """A profiling function that looks for idle waits, and passes all on to the one before it."""

    def __init__(self, log: LiveLog, profiler: Callable | None) -> None:
        self._log: LiveLog | None = log
        self._profiler, self._thread = profiler, threading.get_ident()
        self._length: int | None = None  # of the log, when the wait that is going on began

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        if self._log is None:
            self._leave()
        elif event in ("c_call", "c_return") and _is_wait(argument):
            self._look(frame, event, self._log)
        if self._profiler is not None:
            self._profiler(frame, event, argument)

    def _look(self, frame: FrameType, event: str, log: LiveLog) -> None:
        if event == "c_return" and self._length == len(log):
            log.add(_call(frame, log))
        self._length = len(log) if event == "c_call" else None

    def stop(self) -> None:
        """Look no more. A hook belongs to its thread: on another one, it goes when next called."""
        self._log = None
        if threading.get_ident() == self._thread:
            self._leave()

    def _leave(self) -> None:
        if sys.getprofile() is self:
            sys.setprofile(self._profiler)


def _is_wait(function: object) -> bool:
    owner = _OWNERS.get(getattr(function, "__name__", ""))
    return owner is not None and isinstance(getattr(function, "__self__", None), owner)


def _call(frame: FrameType, log: LiveLog) -> Call:
    now, args, result = log.now(), "an event never recorded", "waits for nothing"
    given = ("torch", "wait_event", args, result, None, thread_number(), now, now, tuple(state()))
    return Call(*given, line_of(frame))
