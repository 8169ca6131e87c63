"""What PyTorch builds on a backend: autograd's streams and threads; when it begins, and fork."""

import os
import signal
import threading
from typing import Any

import torch

from .backend import Backend, NotReached, current, expect, first_line, lacks, state
from .basis import ADVICE, ENGINE, LAZY
from .clause import clause

CHILD_SECONDS = 20  # a forked process that hangs is ended then


class _Seen(torch.autograd.Function):
    """A step that notes where its backward runs."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, seen: dict[str, object]) -> torch.Tensor:
        ctx.seen = seen
        return x * 2

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        ctx.seen["stream"], ctx.seen["thread"] = current(), threading.get_ident()
        ctx.seen["device"] = torch.accelerator.current_device_index()
        return gradients[0] * 2, None


def _backward(backend: Backend, index: int = 0) -> tuple[torch.Stream, dict[str, object]]:
    """A stream for forward, and where backward was: its stream, thread and device."""
    seen: dict[str, object] = {}
    here = torch.accelerator.current_stream(backend.device(index))
    x = torch.ones(3, device=backend.device(index), requires_grad=True)
    side = backend.stream(index)
    side.wait_stream(here)
    with side:
        total = _Seen.apply(x, seen).sum()  # type: ignore[no-untyped-call]
    here.wait_stream(side)
    total.backward()
    torch.accelerator.synchronize(index)
    return side, seen


@clause(
    "autograd.stream",
    "Backward of a step runs on the stream of its forward.",
    ENGINE,
    "The engine calls exchangeStream on a thread of its own: current streams are thread_local.",
    "autograd.stream, StreamGuard.enters",
)
def backward_stream(backend: Backend) -> None:
    side, seen = _backward(backend)
    expect("the stream of backward", seen["stream"], side)


@clause(
    "autograd.device",
    "Backward runs with the device of its step as the current one.",
    ENGINE,
    "The engine has a thread a device, as many as deviceCount says, and calls setDevice on each.",
    "autograd.stream",
)
def backward_device(backend: Backend) -> None:
    backend.device(1)
    side, seen = _backward(backend, 1)
    expect("device and stream of backward", (seen["device"], seen["stream"]), (1, side))
    expect("the current device afterwards", torch.accelerator.current_device_index(), 0)


@clause(
    "autograd.thread",
    "Backward runs on a thread of the engine's, not on the caller's.",
    ADVICE,
    "PyTorch does so wherever the guard's deviceCount counts the device.",
    "autograd.stream",
)
def backward_thread(backend: Backend) -> None:
    _, seen = _backward(backend)
    expect("whether it is another thread", seen["thread"] != threading.get_ident(), True)


@clause(
    "autograd.restores",
    "Backward leaves the caller's device and streams as they were.",
    ENGINE,
    "MultiStreamGuard puts back each stream by exchangeStream.",
    "autograd.restores, MultiStreamGuard.enters, MultiStreamGuard.unwinds",
)
def backward_restores(backend: Backend) -> None:
    first, second = backend.stream(0), backend.stream(1)
    torch.accelerator.set_stream(second)
    torch.accelerator.set_stream(first)
    before = state(backend)
    _backward(backend, 1)
    expect("device and streams", state(backend), before)


@clause(
    "autograd.restores_on_this_thread",
    "Backward on the caller's own thread leaves its device and streams as they were, too.",
    ENGINE,
    "StreamGuard puts back what exchangeStream returned: the stream that was current before.",
    "exchangeStream.returns, exchangeStream.nothing_else, StreamGuard.unwinds",
)
def backward_restores_on_this_thread(backend: Backend) -> None:
    torch.accelerator.set_stream(backend.stream())
    before = current()
    seen: dict[str, object] = {}
    with torch.autograd.set_multithreading_enabled(False):
        for index in range(min(2, torch.accelerator.device_count())):
            there = backend.device(index)
            on_cpu = _Seen.apply(torch.ones(3, requires_grad=True), seen)  # type: ignore[no-untyped-call]
            with torch.Stream(there):
                total = (on_cpu.to(there) * 2).sum()
            total.backward()
            torch.accelerator.synchronize(index)
            expect(f"the current stream behind a step on device {index}", seen["stream"], before)
            expect(f"the current stream after backward on device {index}", current(), before)


@clause(
    "autograd.waits",
    "A gradient may be used on the caller's stream once backward has returned.",
    ENGINE,
    "At its end the engine has the caller's streams wait for the leaves': record and block.",
    "block.orders, StreamGuard.unwinds",
)
def backward_waits(backend: Backend) -> None:
    class Slow(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
            works.append(backend.work())
            return gradients[0] * 2

    works: list[Any] = []
    side, here = backend.stream(), current()
    with side:
        x = torch.ones(3, device=backend.type, requires_grad=True)
        total = Slow.apply(x).sum()  # type: ignore[no-untyped-call]
    here.wait_stream(side)
    total.backward()
    gradient = x.grad
    assert gradient is not None
    used = gradient + 1
    here.synchronize()
    expect("whether backward's work is done when the caller's stream is", works[0].done, True)
    expect("what was made of the gradient", used.tolist(), [3.0, 3.0, 3.0])


@clause(
    "lazy.import_touches_nothing",
    "A process that has imported the backend, and not used it, may fork; its child can use it.",
    LAZY,
    "Begin at the first use, not when the module is imported: a context does not survive a fork.",
    alone=True,
)
def import_touches_nothing(backend: Backend) -> None:
    expect("what the child says", _in_child(lambda: _use(backend)), "ok")
    _use(backend)


@clause(
    "lazy.fork_afterwards",
    "In a child forked after the first use, the device works or refuses; it does not hang or die.",
    LAZY,
    "Note the fork by pthread_atfork, as torch::utils does, and refuse in lazy initialization.",
    alone=True,
)
def fork_afterwards(backend: Backend) -> None:
    _use(backend)
    said = _in_child(lambda: _use(backend))
    refused = said.startswith("RuntimeError") or "NotImplementedError" in said
    expect(f"whether it works or refuses (the child: {said})", said == "ok" or refused, True)
    _use(backend)


def _use(backend: Backend) -> None:
    x = torch.ones(2, device=backend.type)
    expect("a sum on the device", (x + x).sum().item(), 4.0)


def _in_child(call: Any) -> str:
    """Fork, call, and say how that went there: "ok", an error, or how the process ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(CHILD_SECONDS)
        try:
            call()
            said = "ok"
        except BaseException as error:
            said = first_line(error)
        os.write(writing, said.encode()[:500])
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if missing := lacks(said):
        raise NotReached(f"needs {missing}")
    if code == -signal.SIGALRM:
        return "it hung"
    return said if code == 0 else f"it ended with exit code {code}"
