"""A rank writes into its buffer for the next step while its peer still reads it."""

import torch

from ..slow import work

REPORT = "pytorch/pytorch#137199"
SAW = "silently wrong products of async tensor parallelism"
FIX = "a barrier of all ranks before the buffers are written, and one after they are read"


def program(device: str, mended: bool) -> list[float]:
    ranks = [torch.Stream(device) for _ in range(2)]  # each as if it were a device
    buffers = [torch.zeros(4096, device=device) for _ in ranks]
    torch.accelerator.synchronize()
    seen = []

    def barrier() -> None:
        done = [stream.record_event() for stream in ranks]
        for stream in ranks:
            for event in done:
                stream.wait_event(event)

    for step in range(3):
        for rank, stream in enumerate(ranks):
            with stream:
                buffers[rank].fill_(10 * step + rank)
        barrier()
        for rank, stream in enumerate(ranks):
            with stream:
                if rank == 0:
                    work(device)
                seen.append(buffers[1 - rank].mean())
        if mended:
            barrier()
    torch.accelerator.synchronize()
    return [value.item() for value in seen]
