"""One event serves all steps, so whoever waits for a step's tokens waits for the next step's."""

import torch

from ..slow import work

REPORT = "vllm-project/vllm#39115"
SAW = "nothing but time: tokens that were there came a step later"
FIX = "each step makes an event of its own"


def program(device: str, mended: bool) -> list[float]:
    tokens, copied = torch.zeros(4, device=device), torch.Event(device)
    pending, seen = [], []
    for _ in range(4):
        work(device)
        tokens += 1
        if mended:
            copied = torch.Event(device)
        pending.append((torch.zeros(4).pin_memory(), copied))
        pending[-1][0].copy_(tokens, non_blocking=True)
        copied.record()
        if len(pending) > 1:  # while the device works on this step, the host takes the last one's
            host, ready = pending.pop(0)
            ready.synchronize()
            seen.append(host[0].item())
    torch.accelerator.synchronize()
    return [*seen, pending[0][0][0].item()]
