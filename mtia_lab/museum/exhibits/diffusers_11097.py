"""The first pass does not know the order of the layers yet, and nobody waits for their weights."""

import torch

REPORT = "huggingface/diffusers#11097"
SAW = "wrong results of Wan 2.1 under group offloading with a stream (#11041)"
FIX = "copies of the first pass block; those of the passes after it are waited for as before"


def program(device: str, mended: bool) -> list[float]:
    compute, transfer = torch.accelerator.current_stream(), torch.Stream(device)
    layers = [torch.full((512, 512), float(k)).pin_memory() for k in range(1, 4)]
    hidden, out = torch.ones(512, 512, device=device), []
    for layer in layers:
        transfer.synchronize()  # for the layer before, had it been fetched ahead
        with transfer:
            weight = layer.to(device, non_blocking=not mended)
        out.append((hidden @ weight)[0, 0])
        compute.synchronize()
        del weight  # offloaded
    return [value.item() for value in out]
