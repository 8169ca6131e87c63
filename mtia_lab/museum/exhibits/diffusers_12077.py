"""Nobody waits for the last layer's weights, as the wait was part of fetching the next layer's."""

import torch

REPORT = "huggingface/diffusers#12077"
SAW = "wrong results of group offloading with a stream, from weights that were not there yet"
FIX = "the host waits for the transfer itself where there is no next group to fetch"


def program(device: str, mended: bool) -> list[float]:
    transfer, on_device = torch.Stream(device), {}
    layers = [torch.full((512, 512), float(k)).pin_memory() for k in range(1, 4)]
    hidden, out = torch.ones(512, 512, device=device), []

    def fetch(k: int) -> None:
        transfer.synchronize()  # for the layer before
        with transfer:
            on_device[k] = layers[k].to(device, non_blocking=True)

    fetch(0)
    for k in range(len(layers)):
        if k + 1 < len(layers):
            fetch(k + 1)
        elif mended:
            transfer.synchronize()
        out.append((hidden @ on_device[k])[0, 0])
    return [value.item() for value in out]
