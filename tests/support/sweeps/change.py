"""Changes of one tensor of a right call, that several sweeps make."""

import torch

DTYPES = (
    torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64, torch.complex128,
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
)  # fmt: skip


def bigger(tensor: torch.Tensor) -> torch.Tensor:
    """With one more dimension, of two, before the others."""
    return torch.stack([tensor, tensor])


def expanded(tensor: torch.Tensor) -> torch.Tensor:
    """Of the same shape, with the memory of one element along its first dimension."""
    return tensor[:1].clone().expand(tensor.shape)


def strided(tensor: torch.Tensor) -> torch.Tensor:
    """Every other element of a bigger one, from the second."""
    whole = torch.zeros(*tensor.shape[:-1], 2 * tensor.shape[-1] + 1, dtype=tensor.dtype)
    view = whole[..., 1::2]
    return view.copy_(tensor)


def transposed(tensor: torch.Tensor) -> torch.Tensor:
    """Equal, with its last two dimensions exchanged in memory."""
    return tensor.transpose(-1, -2).contiguous().transpose(-1, -2)


def channels_last(tensor: torch.Tensor) -> torch.Tensor:
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    return tensor.contiguous(memory_format=formats[tensor.dim()])


def overlapping(tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Two of its shape, the second an element further in the same storage."""
    whole = torch.zeros(tensor.numel() + 1, dtype=tensor.dtype)
    first, second = whole[:-1].view(tensor.shape), whole[1:].view(tensor.shape)
    first.copy_(tensor)
    return first, second


def scalar_of(tensor: torch.Tensor) -> torch.Tensor:
    """Its first element, of no dimension."""
    return tensor.reshape(-1)[0].clone() if tensor.numel() else torch.zeros((), dtype=tensor.dtype)


def narrow(tensor: torch.Tensor) -> torch.Tensor:
    """Equal, with two more columns in memory than it has."""
    whole = torch.zeros(*tensor.shape[:-1], tensor.shape[-1] + 2, dtype=tensor.dtype)
    return whole.narrow(-1, 1, tensor.shape[-1]).copy_(tensor)
