"""A wait is taken before the clone that it should cover."""

import torch

from ..slow import work

REPORT = "huggingface/trl#7195"
SAW = "nothing that could be repeated: another project found it and patched around it"
FIX = "the clone is made first, and then the transfer's stream waits"


def program(device: str, mended: bool) -> list[float]:
    compute, transfer = torch.accelerator.current_stream(), torch.Stream(device)
    hosts = [torch.zeros(512, 512).pin_memory() for _ in range(3)]
    for k, host in enumerate(hosts, 1):
        work(device)
        shifted = torch.full((512, 513), float(k), device=device)[:, 1:]
        if mended:
            shifted = shifted.contiguous()
            transfer.wait_stream(compute)
        else:
            transfer.wait_stream(compute)
            shifted = shifted.contiguous()
        with transfer:
            host.copy_(shifted, non_blocking=True)
        shifted.record_stream(transfer)
    torch.accelerator.synchronize()
    return [host[0, 0].item() for host in hosts]
