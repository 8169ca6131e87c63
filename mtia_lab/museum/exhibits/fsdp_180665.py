"""A shard that one stream reduced is freed while another copies it to the host."""

import torch

from ..slow import work

REPORT = "pytorch/pytorch#180665"
SAW = "silently wrong gradients with HSDP and CPU offload, in 30 to 60 % of a small model's steps"
FIX = "the shard is kept until the next one is reduced, which then waits for the copy"


def program(device: str, mended: bool) -> list[float]:
    reduce, all_reduce = torch.Stream(device), torch.Stream(device)
    gradients = [torch.full((256, 256), float(k), device=device) for k in range(1, 5)]
    hosts, kept = [torch.zeros(256, 256).pin_memory() for _ in gradients], None
    reduce.wait_stream(torch.accelerator.current_stream())
    for gradient, host in zip(gradients, hosts, strict=True):
        if kept:
            reduce.wait_event(kept[1])
        with reduce:
            shard = gradient * 10
        all_reduce.wait_stream(reduce)
        with all_reduce:
            work(device)
            host.copy_(shard, non_blocking=True)
        kept = (shard, all_reduce.record_event()) if mended else None
        del shard
    torch.accelerator.synchronize()
    return [host[0, 0].item() for host in hosts]
