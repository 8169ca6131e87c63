"""MTIA Lab: a simulated accelerator behind PyTorch's own interfaces, to learn and test with."""

from importlib import import_module

from . import errors
from .check import check
from .extension import Status, load
from .profile import Profile
from .runtime import State, configure, host_clock, launch, state, stream_priority
from .source import source

# What `load()` does not need is imported when it is first used, so that loading costs little.
_LATER = {
    "Call": "records",
    "Command": "records",
    "Finding": "hazards",
    "GuardReport": "guards",
    "Log": "log",
    "Memory": "records",
    "Report": "hazards",
    "explore": "explorer",
    "find_hazards": "hazards",
    "record": "recording",
    "sanitizer": "hazards.sanitizer",
    "summary": "summarize",
    "trial": "trials",
    "trial_cases": "trials",
    "try_guard": "guards",
    "write_trace": "trace_file",
}
_LATER_MODULES = ("distributed", "draw", "isolated")

__all__ = [
    "Call",
    "Command",
    "Finding",
    "GuardReport",
    "Log",
    "Memory",
    "Profile",
    "Report",
    "State",
    "Status",
    "check",
    "configure",
    "distributed",
    "draw",
    "errors",
    "explore",
    "find_hazards",
    "host_clock",
    "isolated",
    "launch",
    "load",
    "record",
    "sanitizer",
    "source",
    "state",
    "stream_priority",
    "summary",
    "trial",
    "trial_cases",
    "try_guard",
    "write_trace",
]


def __getattr__(name: str):
    if name in _LATER_MODULES:
        return import_module(f".{name}", __name__)
    if name in _LATER:
        return getattr(import_module(f".{_LATER[name]}", __name__), name)
    raise errors.UnknownAttribute(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell) -> None:
    """What `%load_ext mtia_lab` calls; `mtia_lab.load()` does the same in a notebook."""
    from .magic import register

    register(shell)
