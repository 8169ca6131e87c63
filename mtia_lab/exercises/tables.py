"""A look into the dispatcher: what stands in its tables, and what a call comes to.

Much of it asks PyTorch's own tools for looking inside, whose names begin with an underscore.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.library import _scoped_library
from torch.utils._python_dispatch import TorchDispatchMode

from ..device import simulator
from ..draw import Picture
from ..draw import route as draw_route
from ..log.recording import record

LAYERS = ("AutogradMTIA", "ADInplaceOrView", "MTIA")  # highest priority first
COMPOSITE = tuple(k for k in torch._C.DispatchKey.__members__ if k.startswith("Composite"))
KINDS = ("kernel", "default backend kernel", "math kernel", "backend fallback")

keys_of = torch._C._dispatch_keys
_sizes = itertools.count(1001, 2)


def row(op: str, key: str = "MTIA") -> str:
    """The kind of kernel that the dispatch table of an operator has for a key.

    Args:
        op: such as "add.Tensor", of `aten`; or "mine::smooth".
    """
    table = torch._C._dispatch_dump_table(_full(op)).splitlines()
    found = next(line for line in table if line.startswith(f"{key}: "))
    return "fallthrough" if "fallthrough" in found else found.split("[")[-1].rstrip(" ]")


def has(op: str, key: str) -> bool:
    """Whether an operator has a registration of its own for a key."""
    return bool(torch._C._dispatch_has_kernel_for_dispatch_key(_full(op), key))


def rows(op: str, *backends: str) -> dict[str, dict[str, str]]:
    """What stands in the row of autograd and in that of the device, for several backends."""
    names = {"backend fallback": "autograd's fallback"}  # autograd has one of its own, in its row
    found = {}
    for backend in backends:
        above = row(op, f"Autograd{backend}")
        found[backend] = {
            "autograd's row": names.get(above, above),
            "the device's row": row(op, backend),
        }
    return found


def operators() -> list[str]:
    """The names of all operators of `aten`, such as "add.Tensor"."""
    names = torch._C._dispatch_get_all_op_names()
    return sorted(name.removeprefix("aten::") for name in names if name.startswith("aten::"))


def of_both() -> set[str]:
    """The operators of `aten` that have a CPU kernel and a composite one."""
    return {op for op in operators() if has(op, "CPU") and any(has(op, k) for k in COMPOSITE)}


def route(calls: Mapping[str, Callable[[], object]], title: str = "") -> Picture:
    """Run each call, then draw the route of its operator and what it enqueued."""
    table, ends = {}, {}
    for op, call in calls.items():
        with record() as log:
            call()
        table[op] = {key: row(op, key) for key in LAYERS}
        names = ", ".join(command.name for command in log.commands)
        ends[op] = f"enqueues {names or 'nothing'}"
    return draw_route(table, ends, title=title)


def below(call: Callable[[], object]) -> list[str]:
    """The operators that a call comes to below autograd, in order."""
    seen: list[str] = []

    class Below(TorchDispatchMode):  # PyTorch asks it about every call that gets below autograd
        def __torch_dispatch__(self, op: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(op.name().removeprefix("aten::"))
            return op(*args, **(kwargs or {}))

    with Below():  # type: ignore[no-untyped-call]
        call()
    return seen


def new_size() -> int:
    """A size that no call of this function has given before."""
    return next(_sizes)


def plans_made(call: Callable[[], object]) -> int:
    """How many plans the backend makes for a call, because it has none for its shapes yet."""
    before = simulator.plan_counts()[1]
    call()
    return int(simulator.plan_counts()[1] - before)


def on_bare_device(op: Callable[..., Any], *args: object) -> object:
    """Call an operator by the row of a device for which nobody has registered anything."""
    return op.redispatch(torch._C.DispatchKeySet(torch._C.DispatchKey.IPU), *args)  # type: ignore[attr-defined]


@contextmanager
def registered(op: str, kernels: Mapping[str, Callable[..., object]]) -> Iterator[None]:
    """Inside, an operator of `aten` has these kernels, by key."""
    with _scoped_library("aten", "IMPL") as library:
        for key, kernel in kernels.items():
            library.impl(op, kernel, key)
        yield


def _full(op: str) -> str:
    return op if "::" in op else f"aten::{op}"
