"""MTIA Lab: a simulated accelerator behind PyTorch's own interfaces, to learn and test with."""

from importlib import import_module

from . import errors
from .check import check
from .extension import Status, load
from .log import Call, Command, Log
from .profile import Profile
from .recording import record
from .runtime import State, configure, host_clock, launch, state, stream_priority
from .source import source

__all__ = [
    "Call",
    "Command",
    "Log",
    "Profile",
    "State",
    "Status",
    "check",
    "configure",
    "draw",
    "errors",
    "host_clock",
    "isolated",
    "launch",
    "load",
    "record",
    "source",
    "state",
    "stream_priority",
]


def __getattr__(name: str):
    """Import the larger parts when they are first used: `load()` should cost next to nothing."""
    if name in ("draw", "isolated"):
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
