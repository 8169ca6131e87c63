"""A stream waits for the default stream, and the gradient comes from the stream of its forward."""

import torch

REPORT = "deepspeedai/DeepSpeed#7898"
SAW = "NaN in weights after a step of ZeRO 3, on changing ranks and layers"
FIX = "the reducing stream waits for the current stream of the hook"


def program(device: str, mended: bool) -> list[float]:
    default, forward, reduce = (
        torch.accelerator.current_stream(),
        torch.Stream(device),
        torch.Stream(device),
    )
    weight = torch.eye(512, device=device).requires_grad_()
    inputs, bucket = torch.ones(512, 512, device=device), torch.zeros(512, 512, device=device)

    def reduced(weight: torch.Tensor) -> None:
        assert weight.grad is not None
        reduce.wait_stream(torch.accelerator.current_stream() if mended else default)
        with reduce:
            bucket.copy_(weight.grad)
        weight.grad.record_stream(reduce)

    weight.register_post_accumulate_grad_hook(reduced)
    for stream in (forward, reduce):
        stream.wait_stream(default)
    with forward:
        (inputs @ weight).sum().backward()
    with reduce:
        return [bucket[0, 0].item()]
