"""The host zeroes its list of used parameters while the copy of the list to the device waits."""

import torch

from ..slow import work

REPORT = "pytorch/pytorch#53159"
SAW = "tests of DDP with find_unused_parameters that failed where the device had much to do"
FIX = "#53160 has the device read a copy of the list, in pinned memory that nobody writes again"


def program(device: str, mended: bool) -> list[float]:
    used, on_device = torch.zeros(64).pin_memory(), torch.zeros(64, device=device)
    torch.accelerator.synchronize()
    counts = []
    for step in range(1, 4):
        used[:step] = 1  # by the hooks of backward
        work(device)
        on_device.copy_(used.clone().pin_memory() if mended else used, non_blocking=True)
        counts.append(on_device.sum())  # in place of the sum over all ranks
        used.zero_()  # for the next backward
    return [count.item() for count in counts]
