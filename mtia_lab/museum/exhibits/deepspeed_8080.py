"""A bucket is filled on several streams, and the reduction waits for the last of them alone."""

import torch

from ..slow import work

REPORT = "deepspeedai/DeepSpeed#8080"
SAW = "NaN losses from the first step on, of compiled models with ZeRO 1 and 2"
FIX = "the streams that fill the bucket are noted, and each is waited for"


def program(device: str, mended: bool) -> list[float]:
    producers, reduce = [torch.Stream(device) for _ in range(3)], torch.Stream(device)
    bucket = torch.zeros(3, 4096, device=device)
    torch.accelerator.synchronize()
    for k, producer in enumerate(producers):
        with producer:
            if k < 2:
                work(device)
            bucket[k].fill_(k + 1)
    for producer in producers if mended else producers[-1:]:
        reduce.wait_stream(producer)
    with reduce:
        return [bucket.sum().item()]
