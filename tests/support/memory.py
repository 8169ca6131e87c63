"""Small things that the tests of device memory share."""

import gc
import time

import torch

KIB = 1024
MIB = 1024 * KIB
_PATIENCE = 10  # seconds


def empty_devices() -> None:
    """Leave both devices without memory; what other tests have left in cycles goes.

    The thread of a collective lets go of its tensors a moment after that is done.
    """
    end = time.monotonic() + _PATIENCE
    torch.accelerator.empty_cache()
    while any(torch.accelerator.memory_reserved(device) for device in (0, 1)):
        assert time.monotonic() < end, "another test holds a tensor"
        gc.collect()  # slow, so only where something is left
        torch.accelerator.empty_cache()


def taken(size: int, device: str = "mtia:0") -> torch.Tensor:
    """A tensor of `size` bytes."""
    return torch.empty(size, dtype=torch.uint8, device=device)


def small_device(lab, megabytes: int) -> None:
    """Let the devices have so little memory."""
    lab.configure(profile=lab.Profile(memory_bytes=megabytes * MIB))
