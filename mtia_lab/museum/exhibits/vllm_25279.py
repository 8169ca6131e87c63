"""Pinned inputs of a step are written while the copy of the step before still reads them."""

import torch

from ..slow import work

REPORT = "vllm-project/vllm#25279"
SAW = "a race of sampling parameters under async scheduling, left by a first fix (#24527)"
FIX = "the host waits for the last step's copies before it writes the first of the inputs"


def program(device: str, mended: bool) -> list[float]:
    temperature, copied = torch.zeros(4096).pin_memory(), torch.Event(device)
    seen = []
    for step in range(4):
        if mended:
            copied.synchronize()
        temperature.fill_(step)
        work(device)  # the model of the step before
        seen.append(temperature.to(device, non_blocking=True)[0])
        copied.record()
    return [value.item() for value in seen]
