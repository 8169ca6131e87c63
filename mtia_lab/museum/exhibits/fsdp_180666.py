"""A hook in backward steps on the host with a gradient that is still on its way there."""

import torch

REPORT = "pytorch/pytorch#180666"
SAW = "silently wrong updates of an optimizer that steps in backward, under CPU offload"
FIX = "the copy to the host blocks where such a hook is registered"


def program(device: str, mended: bool) -> list[float]:
    down, masters = torch.Stream(device), []
    weights = [torch.full((256, 256), 1 / 256, device=device, requires_grad=True) for _ in range(3)]

    def step(weight: torch.Tensor) -> None:
        assert weight.grad is not None
        host = torch.zeros(256, 256).pin_memory()
        down.wait_stream(torch.accelerator.current_stream())
        with down:
            host.copy_(weight.grad, non_blocking=not mended)
        weight.grad.record_stream(down)
        masters.append(host[0, 0].item())

    product = torch.ones(256, 256, device=device)
    for weight in weights:
        weight.register_post_accumulate_grad_hook(step)
        product = product @ weight
    product.sum().backward()
    return masters
