"""Averaged gradients are written back on the default stream, and read on the stream of backward."""

import torch

from ..slow import work

REPORT = "pytorch/pytorch#37790"
SAW = "averages of DDP's gradients that are no averages, on a stream other than the default one"
FIX = "#40115 runs DDP's callback on the stream that backward was called on"


def program(device: str, mended: bool) -> list[float]:
    default, training = torch.accelerator.current_stream(), torch.Stream(device)
    gradient = torch.zeros(4096, device=device)
    training.wait_stream(default)
    with training:
        bucket = gradient + 8  # all-reduced over two ranks
    callback = training if mended else default
    callback.wait_stream(training)
    with callback:
        work(device)
        gradient.copy_(bucket / 2)
    with training:
        return [gradient.sum().item()]
