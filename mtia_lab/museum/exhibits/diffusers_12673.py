"""`record_stream` names the stream of the copy, which owns the memory, not the reader."""

import torch

REPORT = "huggingface/diffusers#12673"
SAW = "images full of garbage under group offloading with record_stream=True"
FIX = "#12721 asks for the current stream before the transfer's becomes current"


def program(device: str, mended: bool) -> list[float]:
    compute, transfer = torch.accelerator.current_stream(), torch.Stream(device)
    layers = [torch.full((512, 512), float(k)).pin_memory() for k in range(1, 5)]
    hidden, out = torch.ones(512, 512, device=device), []
    for layer in layers:
        with transfer:
            weight = layer.to(device, non_blocking=True)
            weight.record_stream(compute if mended else torch.accelerator.current_stream())
        compute.wait_stream(transfer)
        out.append((hidden @ weight)[0, 0])
        del weight  # offloaded
    return [value.item() for value in out]
