"""Programs as values: a call, and templates of its arguments, made anew for each run."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch.utils._pytree import tree_leaves


@dataclass(frozen=True)
class Program:
    """A call that can be made on the CPU and on the device.

    name: of the row: sweep, operator and what is special about it. It finds the program again.
    function: called with `args` and `kwargs`.
    args, kwargs: templates. Tensors are of the CPU and never written; where they share a storage,
        so do their copies. `torch.device("cpu")` stands for the device that is asked.
    host: the templates among them that stay on the CPU whatever device is asked.
    late: its exception depends on values, which no other values of its arguments can show.
    loose: the CPU's values are nobody's promise: only its exception and forms are compared.
    moved: its results are of the CPU whatever device is asked.
    refused: what the device is to raise, at the call, where the CPU cannot say: part of its text.
    """

    name: str
    function: Callable
    args: tuple = ()
    kwargs: dict = field(default_factory=dict)
    host: tuple[torch.Tensor, ...] = ()
    refused: str | None = None
    late: bool = False
    loose: bool = False
    moved: bool = False

    def make(self, device: str) -> tuple[tuple, dict]:
        """Return fresh arguments on `device`."""
        return copy_to(device, (self.args, self.kwargs), self.host)

    def __str__(self) -> str:
        names = getattr(self.function, "source", None) or str(self.function)
        words = _Words(self.host)
        given = [words(value) for value in self.args]
        given += [f"{key}={words(value)}" for key, value in self.kwargs.items()]
        return f"{names}({', '.join(given)})"


def tensors_in(value) -> list[torch.Tensor]:
    """Return the tensors in nested lists, tuples and dictionaries, in order."""
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def copy_to(device: str, value, host: tuple = ()):
    """Copy a structure to `device`, with the storages, strides and identity of its tensors.

    Where it names the CPU or the simulated device, the copy names `device`. Tensors in `host` are
    copied to the CPU.
    """
    return _Copy(device, host)(value)


class _Copy:
    def __init__(self, device: str, host: tuple):
        self._device, self._host = device, {id(tensor) for tensor in host}
        self._storages: dict[tuple, torch.UntypedStorage] = {}
        self._copies: dict[int, torch.Tensor] = {}

    def __call__(self, value):
        if isinstance(value, torch.Tensor):
            if id(value) not in self._copies:
                self._copies[id(value)] = self._tensor(value)
            return self._copies[id(value)]
        if isinstance(value, dict):
            return {key: self(item) for key, item in value.items()}
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(self, value))
        if isinstance(value, list | tuple):
            return type(value)(map(self, value))
        if isinstance(value, torch.device) and value.type in ("cpu", "mtia"):
            return torch.device(self._device)
        return self._device if value == "mtia" else value

    def _tensor(self, tensor: torch.Tensor) -> torch.Tensor:
        plain = tensor.detach()
        if plain.layout != torch.strided:
            return tensor
        if plain.is_conj():
            copy = self._tensor(plain.conj()).conj()
        elif plain.is_neg():
            copy = torch._neg_view(self._tensor(torch._neg_view(plain)))
        else:
            device = "cpu" if id(tensor) in self._host else self._device
            copy = torch.empty(0, dtype=plain.dtype, device=device).set_(
                self._storage(plain, device), plain.storage_offset(), plain.size(), plain.stride()
            )
        return copy.requires_grad_(tensor.requires_grad)

    def _storage(self, tensor: torch.Tensor, device: str) -> torch.UntypedStorage:
        storage = tensor.untyped_storage()
        if (key := (storage._cdata, device)) not in self._storages:
            data = torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(storage)
            self._storages[key] = data.clone().to(device).untyped_storage()
        return self._storages[key]


class _Words:
    """A tensor as `float32[2, 3]`, with what is special about it; small ones with their values."""

    def __init__(self, host: tuple):
        self._host = {id(tensor) for tensor in host}
        self._storages: list[int] = []
        self._names: dict[int, str] = {}

    def __call__(self, value) -> str:
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, list | tuple):
            open_, close = "[]" if isinstance(value, list) else "()"
            return f"{open_}{', '.join(map(self, value))}{close}"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key}: {self(item)}" for key, item in value.items()) + "}"
        return "d" if value == torch.device("cpu") else repr(value)

    def _tensor(self, tensor: torch.Tensor) -> str:
        if id(tensor) in self._names:
            return self._names[id(tensor)]
        form = f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"
        if not tensor.is_contiguous():
            form += f" strides {list(tensor.stride())}"
        if tensor.storage_offset():
            form += f" offset {tensor.storage_offset()}"
        if tensor.numel() == 1:
            form += f" {tensor.detach().reshape(()).tolist()}"
        flags = {"conj": tensor.is_conj(), "neg": tensor.is_neg(), "grad": tensor.requires_grad}
        form += "".join(f" {name}" for name, is_set in flags.items() if is_set)
        form += " on the CPU" if id(tensor) in self._host else ""
        storage = tensor.untyped_storage()._cdata
        if storage in self._storages:
            form += f" in the storage of tensor {self._storages.index(storage)}"
        self._names[id(tensor)] = f"<tensor {len(self._storages)} again>"
        self._storages.append(storage)
        return f"<{form}>"
