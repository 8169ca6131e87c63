"""The next forward reads parameters that are still coming back from the optimizer on the host."""

import torch

REPORT = "pytorch/ao#1649"
SAW = "nothing: a reader of the code of CPUOffloadOptimizer noticed that the wait was missing"
FIX = "#1650 ends step() with a wait of the host for the stream of the copies"


def program(device: str, mended: bool) -> list[float]:
    compute, copies = torch.accelerator.current_stream(), torch.Stream(device)
    master, gradient = (torch.full((512, 512), 1.0).pin_memory() for _ in range(2))
    weight, losses = torch.ones(512, 512, device=device), []
    torch.accelerator.synchronize()
    for _ in range(3):
        losses.append((weight * 2).mean())
        on_device = weight * 0.5
        copies.wait_stream(compute)
        with copies:
            gradient.copy_(on_device, non_blocking=True)
        on_device.record_stream(copies)
        copies.synchronize()
        master.sub_(gradient)
        with copies:
            weight.copy_(master, non_blocking=True)
        if mended:
            copies.synchronize()
    return [loss.item() for loss in losses]
