"""MTIA Lab: a simulated accelerator behind PyTorch's own interfaces, to learn and test with."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from . import errors
from .device import Profile, State, configure, host_clock, launch, state, stream_priority
from .load import Status, after_load, load
from .log.lines import name_lines

if TYPE_CHECKING:  # the rest is imported when it is first used, so that loading costs little
    from IPython.core.interactiveshell import InteractiveShell

    from . import distributed, draw, isolated
    from .exercises.check import check
    from .exercises.source import source
    from .exercises.trials import trial, trial_cases
    from .explorer import explore
    from .guards import GuardReport, try_guard
    from .hazards import Finding, Report, find_hazards
    from .hazards.sanitizer import sanitizer
    from .log.log import Log
    from .log.recording import record
    from .log.records import Access, Call, Command, Host, Known, Memory, Value
    from .log.summary import summary
    from .log.trace import write_trace

_MODULE_OF = {
    "Access": "log.records",
    "Call": "log.records",
    "Command": "log.records",
    "Finding": "hazards",
    "GuardReport": "guards",
    "Host": "log.records",
    "Known": "log.records",
    "Log": "log.log",
    "Memory": "log.records",
    "Report": "hazards",
    "Value": "log.records",
    "check": "exercises.check",
    "distributed": "distributed",
    "draw": "draw",
    "explore": "explorer",
    "find_hazards": "hazards",
    "isolated": "isolated",
    "record": "log.recording",
    "sanitizer": "hazards.sanitizer",
    "source": "exercises.source",
    "summary": "log.summary",
    "trial": "exercises.trials",
    "trial_cases": "exercises.trials",
    "try_guard": "guards",
    "write_trace": "log.trace",
}

__all__ = [
    "Access",
    "Call",
    "Command",
    "Finding",
    "GuardReport",
    "Host",
    "Known",
    "Log",
    "Memory",
    "Profile",
    "Report",
    "State",
    "Status",
    "Value",
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
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise errors.UnknownAttribute(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f".{_MODULE_OF[name]}", __name__)
    return module if name == _MODULE_OF[name] else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """What `%load_ext mtia_lab` calls; `mtia_lab.load()` does the same in a notebook."""
    shell.magics_manager.register_lazy("guard", f"{__name__}.guards.magic")


def _introduce_instruments() -> None:
    name_lines()
    ipython = sys.modules.get("IPython")
    if ipython is not None and (shell := ipython.get_ipython()) is not None:
        load_ipython_extension(shell)


after_load.append(_introduce_instruments)
