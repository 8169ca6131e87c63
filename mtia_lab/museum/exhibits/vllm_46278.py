"""A cache is copied to the host on a stream that does not wait for what fills it."""

import torch

from ..slow import work

REPORT = "vllm-project/vllm#46278"
SAW = "garbled text from answers that found their keys and values in the cache on the CPU"
FIX = "an event of the computing stream, recorded at each step, is waited for before the copy"


def program(device: str, mended: bool) -> list[float]:
    compute, store = torch.accelerator.current_stream(), torch.Stream(device)
    cache, host = torch.zeros(4, 4096, device=device), torch.zeros(4, 4096).pin_memory()
    torch.accelerator.synchronize()
    for block in range(4):
        work(device)
        cache[block] = block + 1
        if mended:
            store.wait_event(compute.record_event())
        with store:
            host[block].copy_(cache[block], non_blocking=True)
    torch.accelerator.synchronize()
    return [value.item() for value in host[:, 0]]
