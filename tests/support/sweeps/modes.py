"""Sweep 9. A sample of all that, in modes: deterministic, inference, functorch, default device."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from sweeps import change
from sweeps.copies import Named
from sweeps.corpus import Call, Corpus, outs
from sweeps.program import Program, tensors_in


@contextlib.contextmanager
def deterministic():
    """`torch.use_deterministic_algorithms(True)`, for a while."""
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@dataclass(frozen=True)
class Under:
    """Calls an overload under a context manager."""

    what: str
    enter: object
    overload: object

    @property
    def source(self) -> str:
        return f"under {self.what}: {self.overload}"

    def __call__(self, *args, **kwargs):
        with self.enter():
            return self.overload(*args, **kwargs)


@dataclass(frozen=True)
class Vmapped:
    """torch.vmap of an overload over the first dimension of all its tensors."""

    overload: object

    @property
    def source(self) -> str:
        return f"torch.vmap of {self.overload}"

    def __call__(self, *args, **kwargs):
        flat, spec = torch.utils._pytree.tree_flatten((args, kwargs))
        places = [i for i, leaf in enumerate(flat) if isinstance(leaf, torch.Tensor)]

        def function(*tensors):
            leaves = list(flat)
            for place, tensor in zip(places, tensors, strict=True):
                leaves[place] = tensor
            args, kwargs = torch.utils._pytree.tree_unflatten(leaves, spec)
            return self.overload(*args, **kwargs)

        return torch.vmap(function, randomness="same")(*[flat[i] for i in places])


@dataclass(frozen=True)
class Differentiated:
    """torch.func.vjp, or jvp, of an overload in its first tensor."""

    overload: object
    forward: bool

    @property
    def source(self) -> str:
        return f"torch.func.{'jvp' if self.forward else 'vjp'} of {self.overload}"

    def __call__(self, first, *args, **kwargs):
        def function(x):
            return self.overload(x, *args, **kwargs)

        if self.forward:
            return torch.func.jvp(function, (first,), (torch.ones_like(first),))
        result, pull = torch.func.vjp(function, first)
        return result, pull(torch.utils._pytree.tree_map(torch.ones_like, result))


MODES = {
    "deterministic algorithms": deterministic,
    "inference mode": torch.inference_mode,
    "no_grad": torch.no_grad,
}


def _fresh(make):
    def program(d):
        with deterministic():
            return make(d)

    return program


FRESH = {
    "torch.empty": lambda d: torch.empty(4, device=d),
    "torch.empty of int32": lambda d: torch.empty(4, dtype=torch.int32, device=d),
    "torch.empty of complex64": lambda d: torch.empty(4, dtype=torch.complex64, device=d),
    "torch.empty of bool": lambda d: torch.empty(4, dtype=torch.bool, device=d),
    "torch.empty_strided": lambda d: torch.empty_strided((2, 2), (1, 2), device=d),
    "torch.empty_like": lambda d: torch.empty_like(torch.ones(3, device=d)),
    "x.new_empty": lambda d: torch.ones(3, device=d).new_empty(4),
    "torch.empty_permuted": lambda d: torch.empty_permuted((2, 3), (1, 0), device=d),
    "x.resize_": lambda d: torch.ones(2, device=d).resize_(5),
    "x.resize_ of uint8": lambda d: torch.ones(2, dtype=torch.uint8, device=d).resize_(5),
    "x.resize_as_": lambda d: torch.ones(2, device=d).resize_as_(torch.ones(3, 3, device=d)),
    "torch.empty_quantized-free": lambda d: torch.Tensor.new(torch.ones(2, device=d), 0).shape,
    "x.put_ without accumulate": lambda d: torch.zeros(4, device=d).put_(
        torch.tensor([0, 1], device=d), torch.ones(2, device=d)
    ),
    "x.index_put_": lambda d: torch.zeros(4, device=d).index_put_(
        (torch.tensor([0, 0], device=d),), torch.ones(2, device=d), accumulate=True
    ),
}
DEFAULT = {
    "torch.ones": lambda: torch.ones(3),
    "torch.tensor": lambda: torch.tensor([1.0, 2.0]),
    "torch.arange": lambda: torch.arange(5),
    "torch.linspace": lambda: torch.linspace(0, 1, 5),
    "torch.eye": lambda: torch.eye(3),
    "torch.full": lambda: torch.full((2, 2), 1.5),
    "torch.rand": lambda: torch.rand(3),
    "torch.randperm": lambda: torch.randperm(5),
    "torch.tril_indices": lambda: torch.tril_indices(3, 3),
    "torch.hann_window": lambda: torch.hann_window(4),
    "torch.as_tensor": lambda: torch.as_tensor([1, 2]),
    "torch.nn.Linear": lambda: torch.nn.Linear(2, 2)(torch.ones(1, 2)).detach(),
    "torch.complex": lambda: torch.complex(torch.ones(2), torch.ones(2)),
    "torch.asarray": lambda: torch.asarray([1.0]),
}


def _by_default(make):
    def program(d):
        with torch.device(d):
            return make()

    return program


HANDWRITTEN = {f"deterministic: {k}": _fresh(v) for k, v in FRESH.items()} | {
    f"default device: {k}": _by_default(v) for k, v in DEFAULT.items()
}


def units(corpus: Corpus) -> list[str]:
    names = [name for name, op in corpus.overloads.items() if not outs(op)]
    return [*HANDWRITTEN, *names]


def programs(corpus: Corpus, unit: str) -> Iterator[Program]:
    if unit in HANDWRITTEN:
        made = Named(unit, HANDWRITTEN[unit])
        yield Program(f"modes/{unit}", made, (torch.device("cpu"),))
        return
    for number, call in enumerate(corpus.calls(unit)[:2]):
        name = f"modes/{unit}/{number}"
        plain = call.program(name)
        for what, enter in MODES.items():
            under = Under(what, enter, call.overload)
            yield Program(f"{name}: {what}", under, plain.args, plain.kwargs)
        if not tensors_in(call.values):
            continue
        many = _batched(call).program("")
        yield Program(f"{name}: vmap", Vmapped(call.overload), many.args, many.kwargs)
        first = plain.args[0] if plain.args else None
        if isinstance(first, torch.Tensor) and first.dtype.is_floating_point:
            for forward in (False, True):
                made = Differentiated(call.overload, forward)
                what = "jvp" if forward else "vjp"
                yield Program(f"{name}: {what}", made, plain.args, plain.kwargs)


def _batched(call: Call) -> Call:
    def many(value):
        if isinstance(value, torch.Tensor):
            return change.bigger(value)
        return list(map(many, value)) if isinstance(value, list | tuple) else value

    return call.replace(**{key: many(value) for key, value in call.values.items()})
