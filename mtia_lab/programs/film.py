"""A context manager filmed: what it sets on entering, what the body does, what it puts back."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ..draw.leaks import Film
from ..log.recording import record
from .settings import reset


def film(manager: AbstractContextManager[Any], body: Callable[[], Any] = lambda: None) -> Film:
    """Record `with manager: body()`, which begins at device 0 and default streams.

    Before and after it everything is reset, as `mtia_lab.reset` does.
    """
    reset()
    try:
        with record() as log:
            phases = [(0, "enter")]
            with manager:
                phases.append((len(log.calls), "body"))
                body()
                phases.append((len(log.calls), "leave"))
    finally:
        reset()
    return Film(log, tuple(phases))
