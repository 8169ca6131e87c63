"""Sweep 5. Python's numbers and scalars of the host beside every dtype.

An operand of no dimension may stay on the CPU where an operator is built on a TensorIterator, one
to a call; that is what CUDA does, and the CPU cannot say it. Two facts tell which those are: what
PyTorch's list of native functions says of structured kernels, and the tag `pointwise`. Where they
disagree, nothing is asked.
"""

import functools
import re
from collections.abc import Iterator
from pathlib import Path

import torch
import torchgen

from sweeps import change
from sweeps.corpus import Call, Corpus, outs
from sweeps.program import Program

NUMBERS = (True, 2, -1, 2**40, 2.5, float("nan"), 1j)
SAME_DEVICE = "xpected all tensors to be on the same device"
# They bring a number or indices from the host themselves, as on CUDA.
FETCH = ("index", "index_put", "masked_fill", "index_fill", "fill", "copy", "where", "bernoulli",
         "_index_put_impl", "_unsafe_index", "_unsafe_index_put", "_unsafe_masked_index", "set",
         "_fused_adam", "_fused_adamw", "_fused_sgd", "_fused_adagrad", "resize_as", "lift",
         "_unsafe_masked_index_put_accumulate", "_copy_from", "_copy_from_and_resize")  # fmt: skip
NO_CPU_SCALARS = ("clamp.Tensor",)  # whose TensorIterator takes none


def units(corpus: Corpus) -> list[str]:
    return [name for name, op in corpus.overloads.items() if _operands(op) or _has_number(op)]


def programs(corpus: Corpus, unit: str) -> Iterator[Program]:
    for number, call in enumerate(corpus.calls(unit)[:2]):
        name = f"scalars/{unit}/{number}"
        yield from _numbers(name, call)
        yield from _scalars_of_the_host(name, call)


def _numbers(name: str, call: Call) -> Iterator[Program]:
    """Each number, or the second operand, is each of Python's, beside each dtype."""
    for argument in call.overload._schema.arguments:
        second = argument.name == "other" and "Tensor" in str(argument.type)
        if argument.name not in call.values or not (second or str(argument.type) == "number"):
            continue
        first = call.tensors()[:1]
        for dtype in change.DTYPES if first else []:
            cast = {first[0]: call.values[first[0]].to(dtype)} if first else {}
            # The degree of a polynomial, `n`, is a number of steps.
            for value in (v for v in NUMBERS if argument.name != "n" or v != 2**40):
                changed = call.replace(**(cast | {argument.name: value}))
                yield changed.program(f"{name}: {argument.name} = {value} beside {dtype}")


def _scalars_of_the_host(name: str, call: Call) -> Iterator[Program]:
    if outs(call.overload) or not call.overload._schema.name.startswith("aten::"):
        return
    tensors = call.tensors()
    rule = _rule(call.overload)
    for other in tensors if len(tensors) > 1 and rule is not None else []:
        if call.values[other].dim() and not _stays_right(call, other):
            continue
        for dtype in change.DTYPES if rule else [call.values[other].dtype]:
            host = change.scalar_of(call.values[other]).to(dtype)
            changed = call.replace(**{other: host})
            special = {"host": (host,)}
            if call.is_written(other) or not rule:
                special["refused"] = SAME_DEVICE
            on_device = [t for n, t in call.values.items() if n != other and n in tensors]
            if any(t.numel() for t in on_device):
                yield changed.program(f"{name}: {other} of the host, {dtype}", **special)


def _stays_right(call: Call, other: str) -> bool:
    """Whether the CPU takes a scalar for this tensor."""
    args, kwargs = (
        call.replace(**{other: change.scalar_of(call.values[other])}).program("").make("cpu")
    )
    try:
        call.overload(*args, **kwargs)
    except Exception:
        return False
    return True


def _rule(overload) -> bool | None:
    """Whether it takes a scalar of the host; None if unknown, or if parts of it decide."""
    name = overload._schema.name
    base = name.partition("::")[2].removesuffix("_")
    if base in FETCH or _is_composite(name, overload._overloadname):
        return None
    plain = str(overload).replace("_.", ".").removeprefix("aten.")
    if plain.removesuffix(".default") in NO_CPU_SCALARS:
        return False
    if (base, _signature(overload)) in _iterators():
        return True
    packet = getattr(torch.ops.aten, base, overload)
    overloads = [getattr(packet, o) for o in getattr(packet, "overloads", list)()]
    pointwise = any(torch.Tag.pointwise in one.tags for one in [overload, *overloads])
    return None if pointwise else False


@functools.cache
def _is_composite(name: str, overload: str) -> bool:
    """Whether its parts decide."""
    full = name if overload == "default" else f"{name}.{overload}"
    return not torch._C._dispatch_has_kernel_for_dispatch_key(full, "CPU")


def _signature(overload) -> tuple:
    return tuple(str(a.name) for a in overload._schema.arguments if not a.is_out)


@functools.cache
def _iterators() -> set[tuple]:
    """Name and arguments of each structured operator whose kernel is a TensorIterator."""
    path = Path(torchgen.__file__).parent / "packaged/ATen/native/native_functions.yaml"
    found = set()
    for entry in re.split(r"\n- func: ", path.read_text())[1:]:
        if "structured_inherits: TensorIteratorBase" in entry:
            schema = torch._C.parse_schema("aten::" + entry.split("\n")[0])
            names = tuple(a.name for a in schema.arguments if not a.is_out)
            found.add((schema.name.partition("::")[2], names))
    return found


def _operands(op) -> bool:
    return sum(str(a.type) == "Tensor" for a in op._schema.arguments if not a.is_out) > 1


def _has_number(op) -> bool:
    return any(str(a.type) == "number" for a in op._schema.arguments)
