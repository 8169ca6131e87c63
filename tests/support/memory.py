"""Small things that the tests of device memory share."""

import torch

KIB = 1024
MIB = 1024 * KIB


def taken(size: int, device: str = "mtia:0") -> torch.Tensor:
    """A tensor of `size` bytes."""
    return torch.empty(size, dtype=torch.uint8, device=device)


def small_device(lab, megabytes: int) -> None:
    """Let the devices have so little memory."""
    lab.configure(profile=lab.Profile(memory_bytes=megabytes * MIB))
