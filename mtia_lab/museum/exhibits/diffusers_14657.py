"""Weights go back to the allocator on the host's word, while the device still reads them."""

import torch

REPORT = "huggingface/diffusers#14657"
SAW = "every value NaN under group offloading to disk with a stream"
FIX = "the host waits for the computing stream before it lets the weights go"


def program(device: str, mended: bool) -> list[float]:
    compute, transfer = torch.accelerator.current_stream(), torch.Stream(device)
    disk = [torch.full((512, 512), float(k)).pin_memory() for k in range(1, 4)]
    hidden, out = torch.ones(512, 512, device=device), []
    for saved in disk:
        with transfer:
            weight = saved.to(device, non_blocking=True)
        compute.wait_stream(transfer)
        out.append((hidden @ weight)[0, 0])
        if mended:
            compute.synchronize()
        weight.data = torch.empty(0)
    return [value.item() for value in out]
