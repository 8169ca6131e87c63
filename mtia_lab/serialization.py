"""Saving, copying and sending tensors of the device as PyTorch does it for the CPU and for CUDA.

PyTorch pickles `mtia` tensors by a copy on the CPU, so that tensors which share memory lose that.
What is registered here goes before it, in two public registries of Python: `copyreg` for
`torch.save`, `pickle` and `copy.copy`, `ForkingPickler` for what goes to another process. Tensors
and storages of all other devices are handed to PyTorch. README.md lists what this cannot reach.
"""

import copyreg
import sys
from collections import OrderedDict
from multiprocessing.reduction import ForkingPickler
from typing import Any

import torch
from torch.multiprocessing.reductions import reduce_storage as torchs_reduce_storage
from torch.utils.hooks import warn_if_has_hooks

from .device import simulator

Reduction = tuple[Any, ...]  # a function and its arguments
_PROTOCOL = 2  # what torch.save asks for; a tensor's reduction is the same in all


def register() -> None:
    """Let tensors of the device be pickled with their storage from now on."""
    copyreg.pickle(torch.Tensor, reduce_tensor)
    ForkingPickler.register(torch.UntypedStorage, _reduce_storage)


def reduce_tensor(tensor: torch.Tensor) -> Reduction:
    """What makes `tensor` again, as `__reduce_ex__` returns it: on its storage, if it is on `mtia`.

    A subclass of `torch.Tensor` takes part after `copyreg.pickle(Subclass, reduce_tensor)`.

    Args:
        tensor: a tensor of any device.

    Returns:
        a function and its arguments, PyTorch's own: files do not refer to this module.
    """
    if not tensor.is_mtia:
        if sys._getframe(1).f_globals.get("__name__") != "copy":  # copy.copy() looks at no element
            simulator.note_host_read("pickle", tensor)
        reduction: Reduction = tensor.__reduce_ex__(_PROTOCOL)
        return reduction
    warn_if_has_hooks(tensor)
    with torch._C.DisableTorchFunctionSubclass():
        rebuilt = _on_storage(tensor)
        state = torch._utils._get_obj_state(tensor)
    if type(tensor) is torch.Tensor and not state:
        return rebuilt
    return torch._tensor._rebuild_from_type_v2, (rebuilt[0], type(tensor), rebuilt[1], state)


def _on_storage(tensor: torch.Tensor) -> Reduction:
    """The form in which PyTorch saves a dense tensor: these two functions are its file format."""
    storage = tensor.untyped_storage()
    new = tensor.dtype in torch.storage._new_dtypes()
    arguments: tuple[Any, ...] = (
        storage
        if new
        else torch.TypedStorage(wrap_storage=storage, dtype=tensor.dtype, _internal=True),
        tensor.storage_offset(),
        tuple(tensor.size()),
        tensor.stride(),
        tensor.requires_grad,
        OrderedDict(),  # hooks are never saved
        *([tensor.dtype] if new else []),
    )
    if bits := torch._utils.get_tensor_metadata(tensor):  # lazily conjugated or negated
        arguments += (bits,)
    return torch._utils._rebuild_tensor_v3 if new else torch._utils._rebuild_tensor_v2, arguments


def _reduce_storage(storage: torch.UntypedStorage) -> Reduction:
    """To another process go the bytes: each process has simulated devices of its own."""
    if storage.device.type != "mtia":
        reduction: Reduction = torchs_reduce_storage(storage)
        return reduction
    return _arrive, (storage.cpu(), storage.device.index, torch.mtia.device_count())


def _arrive(storage: torch.UntypedStorage, index: int, devices: int) -> torch.UntypedStorage:
    """Put what another process sent on the device of the same index here."""
    from .load import load

    load(devices)
    arrived: torch.UntypedStorage = storage.to(device=torch.device("mtia", index))
    return arrived
