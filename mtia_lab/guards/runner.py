"""Checks the clauses in this process, whose guard is the reader's; check.py starts it.

What it finds goes line by line into a file, at once, since this process may die: "= KEY" before a
clause, then the calls of the guard, as probes.cpp notes them, and a line of JSON with the outcome.
All else that is set up or looked at goes through the hooks, so that one wrong method of the guard
breaks few clauses but its own. Between two clauses the state is reset through guard and hooks,
since a guard may keep one of its own.
"""

import contextlib
import json
import os
import threading
from collections.abc import Callable
from typing import Any

import torch

from ..contract.backend import in_thread
from ..contract.clause import BROKEN, KEPT, NOT_REACHED
from ..device import configure, host_clock, launch, stream_priority
from ..log.log import Log
from ..log.recording import record
from .contract import CLAUSES
from .contract.clause import Clause
from .probes import Probes, current

LONG_US = 100.0  # a kernel of a clause runs longer, a call of the runtime by far not as long


def run(guard: str, probes: str, notes: str, keys: list[str], *, resets: bool = True) -> None:
    """Install the guard of one library, and check the clauses named, in order.

    If `resets`, the guard is reset before each of them but the first.
    """
    file = os.open(notes, os.O_WRONLY | os.O_APPEND)
    runner = Runner(Probes(probes))
    runner.cpp.install(guard, file)
    for clause in CLAUSES:
        if clause.key in keys:
            if resets and clause.key != keys[0]:
                os.write(file, b"-\n")  # to die here is no fault of the next clause
                runner.reset()
            os.write(file, f"= {clause.key}\n".encode())
            outcome = runner.check(clause)
            os.write(file, json.dumps(outcome).encode() + b"\n")
    os._exit(0)  # what is registered for the exit might call a guard that is wrong


class Runner:
    """Checks clauses, with the names that they may use."""

    def __init__(self, cpp: Probes):
        self.cpp = cpp
        # Made by the lab's guard, before the reader's takes over. No two have the same id: B is the
        # third of its device.
        A, C = torch.Stream("mtia:0"), torch.Stream("mtia:0")
        B = [torch.Stream("mtia:1") for _ in range(3)][-1]
        self._streams = {"A": A, "B": B, "C": C}
        self._names = {torch.mtia.default_stream(i): f"default stream {i}" for i in _devices()}
        self._names |= {stream: name for name, stream in self._streams.items()}

    def check(self, clause: Clause) -> dict[str, str | bool]:
        """Check one clause; return its status, what was expected, and what was seen or raised."""
        _to_default()
        with record() as log:
            names = self._namespace(log)
            try:
                exec(clause.given, names)
            except Exception as error:
                return {"status": NOT_REACHED, "expected": "", "seen": _raised(error)}
            raised = False
            try:
                exec(clause.do, names)
                seen = self._show(eval(clause.look, names))
            except Exception as error:
                seen, raised = _raised(error), True
            expected = self._show(eval(clause.expected, names))
            names.clear()  # events go here, not at some later time
        status = KEPT if seen == expected else BROKEN
        return {"status": status, "expected": expected, "seen": seen, "raised": raised}

    def reset(self) -> None:
        """Take back what a clause left in the guard, as far as the guard lets that happen."""
        _to_default()
        for device in _devices():
            default = torch.mtia.default_stream(device)
            with contextlib.suppress(Exception):
                if self.cpp.getStream(device) != default:
                    self.cpp.exchangeStream(default)
        with contextlib.suppress(Exception):
            if self.cpp.getDevice() != 0:
                self.cpp.uncheckedSetDevice(0)

    def _namespace(self, log: Log) -> dict[str, Any]:
        ran: list[str] = []
        seen: dict[str, Any] = {}

        def kernel(stream: torch.Stream, name: str, us: float = 10.0) -> None:
            """Launch on a stream that is made current, and unmade, through the hooks."""
            device = torch.mtia.current_device()
            before = torch.mtia.current_stream(stream.device_index)
            torch.mtia.set_stream(stream)
            launch(name, us=us, effect=lambda: ran.append(name))
            torch.mtia.set_stream(before)
            torch.mtia.set_device(device)

        def when(later: str, earlier: str) -> str:
            of = {command.name: command for command in log.commands}
            after = of[later].start >= of[earlier].finish
            return f"after {earlier}" if after else f"before the end of {earlier}"

        return {
            **self._streams,
            "cpp": self.cpp,
            "torch": torch,
            "configure": configure,
            "current": current,
            "default": torch.mtia.default_stream,
            "kernel": kernel,
            "ran": ran,
            "when": when,
            "log": log,
            "stream_priority": stream_priority,
            "last": torch.mtia.device_count() - 1,
            "missing": torch.mtia.device_count() + 5,
            "pause": _pause,
            "in_thread": in_thread,
            "raises": _raises,
            "suppress": contextlib.suppress,
            "seen": seen,
            "Spy": _spy(seen),
        }

    def _show(self, value: Any) -> str:
        """A value in the words of a report; the same on every run."""
        if isinstance(value, torch.Stream):
            other = f"stream {value.stream_id} of mtia:{value.device_index}"
            return self._names.get(value, other)
        if isinstance(value, tuple):
            return f"({', '.join(map(self._show, value))})"
        if isinstance(value, torch.device | str):
            return str(value)
        return value.__name__ if isinstance(value, type) else repr(value)


def _devices() -> range:
    return range(torch.mtia.device_count())


def _to_default() -> None:
    """Make everything current that is so at first, as far as the hooks know."""
    for device in reversed(_devices()):
        torch.mtia.synchronize(device)
        torch.mtia.set_stream(torch.mtia.default_stream(device))
    configure("modelled")


def _raised(error: Exception) -> str:
    message = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _raises(call: Callable[..., Any], *args: Any) -> bool:
    try:
        call(*args)
    except Exception:
        return True
    return False


def _pause(call: Callable[..., Any], *args: Any) -> str:
    """How long the host stood still in a call, in words."""
    begin = host_clock()
    call(*args)
    waited = host_clock() - begin
    return "at once" if waited < LONG_US else f"after {waited:g} us"


def _spy(seen: dict[str, Any]) -> type[torch.autograd.Function]:
    """An autograd function whose backward notes where it runs."""
    here = threading.get_ident()

    class Spy(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x.view_as(x)

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
            device = torch.mtia.current_device()
            seen["another thread"] = threading.get_ident() != here
            seen["device"], seen["stream"] = device, torch.mtia.current_stream(device)
            return gradient

    return Spy
