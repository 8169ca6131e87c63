"""A future orders the stream on which the collective was called, not the one that waits for it."""

import torch

from ..slow import work

REPORT = "pytorch/pytorch#170812"
SAW = "silent corruption of gradients with Gloo on GPUs, and flaky tests of DDP"
FIX = "the future carries the event of the copy back, and lets the stream that waits wait for it"


def program(device: str, mended: bool) -> list[float]:
    caller, gloo, reader = (
        torch.accelerator.current_stream(),
        torch.Stream(device),
        torch.Stream(device),
    )
    tensor = torch.ones(4096, device=device)
    for stream in (gloo, reader):
        stream.wait_stream(caller)
    with gloo:
        work(device)
        tensor.mul_(2)  # what came from the other ranks
        copied = gloo.record_event()
    caller.wait_event(copied)
    if mended:
        reader.wait_event(copied)
    with reader:
        return [tensor[-1].item()]
