"""Slow work for the exhibits: where a report says "under load", it is this."""

import torch


def work(device: str) -> torch.Tensor:
    """Enqueue what takes far longer than the launches that follow; return what is written last."""
    simulated = device.startswith("mtia")
    size, times = (512, 1) if simulated else (4096, 20)  # 0.1 ms of virtual time; some 50 ms
    product = torch.eye(size, device=device)
    for _ in range(times):
        product = product @ product
    return product
