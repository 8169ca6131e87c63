"""Inputs are made on one stream and read on another, which does not wait, in a test of events."""

import torch

from ..slow import work

REPORT = "pytorch/pytorch#192141"
SAW = "a test of PyTorch's own that was flaky, with 5e-36 where -211 was right"
FIX = "proposed: wait_stream before the side stream's kernel, as merged for two such tests"


def program(device: str, mended: bool) -> list[float]:
    side = torch.Stream(device)
    x, weight = torch.zeros(256, 256, device=device), torch.eye(256, device=device)
    torch.accelerator.synchronize()
    work(device)
    x.fill_(2)  # at random, there
    if mended:
        side.wait_stream(torch.accelerator.current_stream())
    with side:
        hidden = x @ weight
        done = side.record_event()
    done.synchronize()
    return [hidden[0, 0].item()]
