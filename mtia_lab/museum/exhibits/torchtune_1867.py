"""An activation, brought back for backward, is freed before the kernel that reads it is done."""

import torch

REPORT = "meta-pytorch/torchtune#1867"
SAW = "NaN gradients from activation offloading with streams"
FIX = "#1936 calls record_stream wherever backward may use the activation for longer"


def program(device: str, mended: bool) -> list[float]:
    compute, transfer = torch.accelerator.current_stream(), torch.Stream(device)
    weight = torch.eye(512, device=device).requires_grad_()

    def pack(saved: torch.Tensor) -> torch.Tensor:
        return saved if saved.is_leaf else saved.cpu().pin_memory()

    def unpack(packed: torch.Tensor) -> torch.Tensor:
        if packed.is_leaf and packed.device.type != "cpu":
            return packed
        with transfer:
            saved = packed.to(device, non_blocking=True)
        compute.wait_stream(transfer)
        if mended:
            saved.record_stream(compute)
        return saved

    hidden = weight * 2
    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        for _ in range(4):
            hidden = (hidden + 1) @ weight
    hidden.sum().backward()
    assert weight.grad is not None
    return [weight.grad.sum().item()]
