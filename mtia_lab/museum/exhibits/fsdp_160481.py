"""The event that the host waits for is recorded on another stream than the copy that it is for."""

import torch

from ..slow import work

REPORT = "pytorch/pytorch#160481"
SAW = "a test of HSDP with CPU offload that failed"
FIX = "the event is recorded on the stream of the copy"


def program(device: str, mended: bool) -> list[float]:
    reduce, all_reduce = torch.Stream(device), torch.Stream(device)
    gradient = torch.full((256, 256), 7.0, device=device)
    host = torch.zeros(256, 256).pin_memory()
    reduce.wait_stream(torch.accelerator.current_stream())
    with reduce:
        shard = gradient * 10
    all_reduce.wait_stream(reduce)
    with all_reduce:
        work(device)
        host.copy_(shard, non_blocking=True)
    copied = (all_reduce if mended else reduce).record_event()
    copied.synchronize()
    return [host[0, 0].item()]
