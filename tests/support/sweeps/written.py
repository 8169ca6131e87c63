"""Sweep 11. Programs by hand: those of faults that no schema generates."""

import subprocess
import sys
from collections.abc import Iterator

import torch

from sweeps.copies import Named
from sweeps.corpus import Corpus
from sweeps.program import Program
from sweeps.scalars import SAME_DEVICE

CPU = torch.device("cpu")


def _library():
    """A custom operator whose size depends on a float, and one that resizes a list."""
    if not hasattr(torch.ops.sweeps, "rep"):
        library = torch.library.Library("sweeps", "FRAGMENT")
        library.define("rep(Tensor x, float s) -> Tensor")
        library.define("grow(Tensor(a!)[] x) -> ()")

        def rep(x, s):
            return x.new_empty(int(len(x) * s))

        def fill(x, s):
            return x.new_zeros(int(len(x) * s)).fill_(s)

        def grow(x):
            for t in x:
                t.resize_(5).fill_(2)

        library.impl("rep", fill, "CPU")
        library.impl("rep", rep, "Meta")
        library.impl("grow", grow, "CPU")
        library.impl("grow", lambda x: [t.resize_(5) for t in x] and None, "Meta")
        _library.kept = library
    return torch.ops.sweeps


def _rep(d):
    x = torch.ones(4, device=d)
    return _library().rep(x, 1.0), _library().rep(x, 2.0)


def _grow(d):
    x = [torch.empty(0, device=d), torch.ones(2, device=d)]
    _library().grow(x)
    return x


def _split_out(d):
    out = [torch.empty(0, device=d) for _ in range(2)]
    torch.split_copy(torch.arange(4.0, device=d), 2, out=out)
    return out


def _narrow_out(d):
    x = torch.zeros(2, 3, device=d)
    torch.arange(0, 4, out=x.narrow(1, 1, 2))
    return x


def _normal(d):
    x = torch.zeros(3, device=d)
    x.normal_(0, 1)
    return x.normal_(0, -1)


@torch.jit.script
def _pick(x, i):
    return x[i]


@torch.jit.script
def _put(x, mask):
    x[mask] = 1.0
    return x


def _embedding(d):
    table = torch.nn.Embedding(3, 2, sparse=True, device=d)
    table(torch.tensor([0, 1], device=d)).sum().backward()


def _sparse_gather(d):
    x = torch.ones(3, device=d, requires_grad=True)
    torch.gather(x, 0, torch.tensor([1], device=d), sparse_grad=True).sum().backward()


def _at_exit(program: str):
    """Whether a process that ends with a failure has said so on stderr."""

    def run(d):
        code = f"import mtia_lab; mtia_lab.load(); import torch; d = {d.type!r}; {program}"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)  # noqa: PLW1510
        return "index 7 is out of bounds" in done.stderr

    return run


def _indexed(x, i):
    return x[i]


SAME = {
    "a custom operator whose size is a number": _rep,
    "a custom operator that resizes a list": _grow,
    "split_copy into empty outs": _split_out,
    "arange into a narrow out": _narrow_out,
    "normal_ right, then wrong": _normal,
    "float64 + 1j": lambda d: torch.ones(2, dtype=torch.float64, device=d) + 1j,
    "float64 where 1j": lambda d: torch.where(
        torch.tensor([True, False], device=d), torch.ones(2, dtype=torch.float64, device=d), 1j
    ),
    "complex128 fill_": lambda d: torch.ones(3, dtype=torch.complex128, device=d).fill_(2j),
    "complex128 _foreach_add": lambda d: torch._foreach_add(
        [torch.ones(3, dtype=torch.float64, device=d)] * 2, 1j
    ),
    "gelu of int64": lambda d: torch.nn.functional.gelu(torch.ones(4, dtype=torch.int64, device=d)),
    "Linear of float32 on float64": lambda d: torch.nn.Linear(2, 2, device=d)(
        torch.ones(1, 2, dtype=torch.float64, device=d)
    ),
    "one_hot with a class too big": lambda d: torch.nn.functional.one_hot(
        torch.tensor([3], device=d), 2
    ),
    "cross_entropy of int32": lambda d: torch.nn.functional.cross_entropy(
        torch.ones(2, 3, device=d), torch.zeros(2, dtype=torch.int32, device=d)
    ),
    "interpolate of ints": lambda d: torch.nn.functional.interpolate(
        torch.ones(1, 1, 4, dtype=torch.int64, device=d), 8, mode="linear"
    ),
    "masked_fill_ of an expanded tensor": lambda d: (
        torch.ones(1, device=d).expand(3).masked_fill_(torch.tensor([True] * 3, device=d), 1.0)
    ),
    "a mask of uint8": lambda d: torch.arange(3.0, device=d)[
        torch.tensor([1, 0, 1], dtype=torch.uint8, device=d)
    ],
    "conj_physical_": lambda d: torch.tensor([1 + 2j], device=d).conj_physical_(),
    "mode into outs": lambda d: torch.mode(
        torch.tensor([1.0, 1.0, 2.0], device=d),
        out=(torch.empty(0, device=d), torch.empty(0, dtype=torch.int64, device=d)),
    ),
    "logical_and of channels_last": lambda d: torch.logical_and(
        *[torch.ones(2, 3, 4, 4, device=d).contiguous(memory_format=torch.channels_last)] * 2
    ),
    "TorchScript x[i]": lambda d: _pick(torch.arange(3.0, device=d), torch.tensor([1], device=d)),
    "TorchScript x[mask] = 1": lambda d: _put(
        torch.zeros(3, device=d), torch.tensor([True, False, True], device=d)
    ),
    "set_ of unequal lengths": lambda d: torch.empty(0, device=d).set_(
        torch.ones(4, device=d).untyped_storage(), 0, (2, 2), (1,)
    ),
    "resize_(-1)": lambda d: torch.ones(2, device=d).resize_(-1),
    "an L-BFGS step without a gradient": lambda d: torch.optim.LBFGS(
        [torch.nn.Parameter(torch.ones(2, device=d)), torch.nn.Parameter(torch.ones(2, device=d))]
    )._gather_flat_grad(),
    "x[7] of a list of indices": lambda d: _indexed(
        torch.arange(3.0, device=d), torch.tensor([7], device=d)
    ),
    "a failed kernel at exit": _at_exit("torch.arange(3., device=d)[torch.tensor([7], device=d)]"),
    "x[list]": lambda d: _indexed(torch.arange(3.0, device=d), [2, 0]),
    "x[i on the host]": lambda d: _indexed(torch.arange(3.0, device=d), torch.tensor([2, 0])),
    "x[mask on the host]": lambda d: _indexed(
        torch.arange(3.0, device=d), torch.tensor([True, False, True])
    ),
}
REFUSED = {
    "a scalar of the host written": (
        lambda d: torch.tensor(1.0).add_(torch.tensor(1.0, device=d)),
        SAME_DEVICE,
    ),
    "an out of the host": (
        lambda d: torch.add(torch.ones((), device=d), 1, out=torch.tensor(0.0)),
        SAME_DEVICE,
    ),
    "index_select by a scalar of the host": (
        lambda d: torch.arange(3.0, device=d).index_select(0, torch.tensor(1)),
        SAME_DEVICE,
    ),
    "take by a scalar of the host": (
        lambda d: torch.arange(3.0, device=d).take(torch.tensor(1)),
        SAME_DEVICE,
    ),
    "addcmul with two scalars of the host": (
        lambda d: torch.addcmul(torch.ones(3, device=d), torch.tensor(2.0), torch.tensor(3.0)),
        "",
    ),
    "an operand of the host": (
        lambda d: torch.ones(2, device=d) + torch.ones(2),
        SAME_DEVICE,
    ),
    "sparse_coo_tensor": (
        lambda d: torch.sparse_coo_tensor([[0]], [1.0], (2,), device=d),
        "sparse",
    ),
    "the gradient of a sparse embedding": (_embedding, "sparse"),
    "the gradient of a sparse gather": (_sparse_gather, "sparse"),
    "to_sparse": (lambda d: torch.ones(2, device=d).to_sparse(), "parse"),
    "nested_tensor": (
        lambda d: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], device=d),
        "ested",
    ),
    "a quantized tensor moved": (
        lambda d: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8).to(d),
        "uantized",
    ),
    "a generator of another device": (
        lambda d: torch.rand(3, generator=torch.Generator(d)),
        "Expected a 'cpu' device type for generator",
    ),
    "a freed storage": (
        lambda d: _freed(torch.arange(1000.0, device=d)),
        "storage",
    ),
}


def _freed(p):
    p.untyped_storage().resize_(0)
    return p + 1


SLOW = ("a failed kernel at exit",)  # two processes
# What is wrong in these lies in the memory of the device.
LATE = ("one_hot with a class too big", "x[7] of a list of indices")


def units(corpus: Corpus) -> list[str]:
    return [*SAME, *REFUSED]


def programs(corpus: Corpus, unit: str) -> Iterator[Program]:
    if unit in SAME:
        named = Named(unit, SAME[unit])
        yield Program(f"written/{unit}", named, (CPU,), late=unit in LATE)
    else:
        function, text = REFUSED[unit]
        yield Program(f"written/{unit}", Named(unit, function), (CPU,), refused=text)
