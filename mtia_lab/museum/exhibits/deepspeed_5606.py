"""The next gradients are written into a buffer whose reduction is not over."""

import torch

from ..slow import work

REPORT = "deepspeedai/DeepSpeed#5606"
SAW = "losses and norms that differ from run to run of ZeRO 1 and 2 with overlap_comm"
FIX = "the computing stream waits for the reduction before it fills the buffer anew"


def program(device: str, mended: bool) -> list[float]:
    compute, reduce = torch.accelerator.current_stream(), torch.Stream(device)
    buffer, sums = torch.zeros(4096, device=device), []
    for k in range(1, 4):
        if mended:
            compute.wait_stream(reduce)
        buffer.fill_(k)
        reduce.wait_stream(compute)
        with reduce:
            work(device)
            sums.append(buffer.sum())
    torch.accelerator.synchronize()
    return [total.item() for total in sums]
