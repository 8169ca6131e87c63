"""Sweep 10. Tensors whose storage was freed or shrunk, as FSDP does: no operator may read past it.

The CPU dies of most of these, so what is right is a rule: an exception at the call, which speaks of
the storage.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from sweeps.corpus import Corpus, outs, short
from sweeps.program import Program


@dataclass(frozen=True)
class Shrunk:
    """Calls an overload when the storage of its first tensor has been cut to `size` bytes."""

    overload: torch._ops.OpOverload
    name: str
    place: int
    size: int

    @property
    def source(self) -> str:
        return f"{self.name}.untyped_storage().resize_({self.size}), then {self.overload}"

    def __call__(self, *args, **kwargs):
        tensors = torch.utils._pytree.tree_leaves((args, kwargs))
        tensors[self.place].untyped_storage().resize_(self.size)
        return self.overload(*args, **kwargs)


# They give their argument memory, or ask for none of it.
_REPLACES = ("aten::detach_", "aten::set_", "aten::resize_as_", "aten::_foreach_copy")


def units(corpus: Corpus) -> list[str]:
    return [n for n, op in corpus.overloads.items() if not outs(op) and not _only_looks(op)]


def _only_looks(op) -> bool:
    """Views and what asks only for a form touch no memory."""
    returns = op._schema.returns
    view = any(r.alias_info and not r.alias_info.is_write for r in returns)
    composite = "CompositeImplicitAutograd" in torch._C._dispatch_dump(op._name)
    looks = view or composite or op._schema.name in _REPLACES
    return looks or not returns or "Tensor" not in str(returns[0].type)


def programs(corpus: Corpus, unit: str) -> Iterator[Program]:
    for number, call in enumerate(corpus.calls(unit)[:1]):
        plain = call.program("")
        leaves = torch.utils._pytree.tree_leaves((plain.args, plain.kwargs))
        for place, tensor in enumerate(leaves):
            if not isinstance(tensor, torch.Tensor) or tensor.numel() < 2 or _makes_anew(call):
                continue
            for size in (0, tensor.untyped_storage().nbytes() - tensor.itemsize):
                name = f"storages/{unit}/{number}: tensor {place} cut to {size} bytes"
                made = Shrunk(call.overload, f"tensor {place}", place, size)
                yield Program(name, made, plain.args, plain.kwargs, refused="storage")


def _makes_anew(call) -> bool:
    """What needs only the form of its argument."""
    made = ("_like", "::new_zeros", "::new_ones", "::new_full")
    return call.overload._schema.name.endswith(made) or short(call.overload) == "bernoulli.p"
