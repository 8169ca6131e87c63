"""Tests make a value on one stream and read it on another, and fail now and then."""

import torch

REPORT = "pytorch/pytorch#195798"
SAW = "two tests of PyTorch's own that were flaky"
FIX = "wait_stream between the two streams, and a wait around what is compared"


def program(device: str, mended: bool) -> list[float]:
    ambient, first, second = (
        torch.accelerator.current_stream(),
        torch.Stream(device),
        torch.Stream(device),
    )
    y = torch.ones(4, device=device)
    if mended:
        first.wait_stream(ambient)
    with first:
        doubled = y + y
    if mended:
        second.wait_stream(first)
    with second:
        result = 2 + doubled
    if mended:
        second.synchronize()
    return [result.sum().item()]
