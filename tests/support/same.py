"""One program, run on the CPU and on the device: everything that can be seen must be the same."""

from collections.abc import Callable

import torch
from torch.utils._pytree import tree_flatten

SCHEDULES = ["modelled", "blocking", "latest", "random:1"]


def assert_same(program: Callable[[str], object]) -> None:
    """Run `program` for "cpu" and for "mtia" after the same seed and compare what it returns."""
    expected, got = (_results(program, device) for device in ("cpu", "mtia"))
    assert got[1] == expected[1], f"structures differ: {got[1]} and {expected[1]}"
    for position, (one, other) in enumerate(zip(got[0], expected[0], strict=True)):
        assert_equal(one, other, f"result {position}")


def assert_equal(got: object, expected: object, what: str = "result") -> None:
    """Equal bit for bit: type, form and every element, for tensors; by == for anything else."""
    if not isinstance(expected, torch.Tensor):
        assert got == expected or got != got, f"{what}: {got!r} instead of {expected!r}"
        return
    assert type(got) is type(expected), f"{what}: {type(got)} instead of {type(expected)}"
    assert form(got) == form(expected), f"{what}: {form(got)} instead of {form(expected)}"
    one, other = (as_bytes(t) for t in (got, expected))
    assert torch.equal(one, other), f"{what}: {got} instead of {expected}"


def form(tensor: torch.Tensor) -> dict:
    """All that can be known about a tensor without reading it. The stride of a dimension of one
    element means nothing."""
    return {
        "dtype": tensor.dtype,
        "shape": tuple(tensor.shape),
        "strides": [s for s, n in zip(tensor.stride(), tensor.shape, strict=True) if n > 1],
        "offset": tensor.storage_offset(),
        "flags": (tensor.is_conj(), tensor.is_neg(), tensor.requires_grad, tensor.is_inference()),
    }


def as_bytes(tensor: torch.Tensor) -> torch.Tensor:
    """The elements on the host, as bytes: NaNs are equal, zeros of unlike sign are not."""
    plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    return plain.reshape(-1).view(torch.uint8)


def _results(program: Callable[[str], object], device: str) -> tuple[list, object]:
    torch.manual_seed(1)
    results, structure = tree_flatten(program(device))
    for result in results:
        if isinstance(result, torch.Tensor):
            assert result.device.type in (device, "cpu"), f"a result is on {result.device}"
    return results, structure
