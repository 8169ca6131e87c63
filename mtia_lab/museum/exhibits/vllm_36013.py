"""The host reads, through NumPy, what a copy of the step before has not brought yet."""

import torch

from ..slow import work

REPORT = "vllm-project/vllm#36013"
SAW = "stale counts of accepted tokens in speculative decoding under async scheduling"
FIX = "an event is recorded behind the copy, and waited for before the next step reads"


def program(device: str, mended: bool) -> list[float]:
    accepted, copied = torch.ones(4, device=device), torch.Event(device)
    host = torch.zeros(4).pin_memory()
    view, seen = host.numpy(), []
    for _ in range(4):
        if mended:
            copied.synchronize()
        seen.append(float(view[0]))  # of the step before
        work(device)
        accepted += 1
        host.copy_(accepted, non_blocking=True)
        copied.record()
    return seen
