"""What tensors on the device refuse, and in which words."""

import numpy
import pytest
import torch

MIXED = r"Expected all tensors to be on the same device.*two devices, mtia:0 and (cpu|mtia:1)"


def mtia(n=3, device="mtia", **kwargs):
    return torch.ones(n, device=device, **kwargs)


MIXTURES = {
    "add": lambda other: mtia() + other,
    "add_": lambda other: mtia().add_(other),
    "dot": lambda other: mtia() @ other,
    "cat": lambda other: torch.cat([mtia(), other]),
    "out": lambda other: torch.add(mtia(), 1, out=other),
    "linear": lambda other: torch.nn.functional.linear(mtia(), other.view(1, 3)),
    "where": lambda other: torch.where(mtia() > 0, mtia(), other),
    "module": lambda other: torch.nn.Linear(3, 1, device="mtia")(other),
}


@pytest.mark.parametrize("other", ["cpu", "mtia:1"])
@pytest.mark.parametrize("mix", MIXTURES.values(), ids=MIXTURES)
def test_mixed_devices_raise_pytorchs_own_error(lab, mix, other):
    with pytest.raises(RuntimeError, match=MIXED):
        mix(torch.ones(3, device=other))
    torch.mtia.synchronize()


def test_scalars_of_the_host_and_indices_from_the_host_may_be_mixed_in(lab):
    x = mtia() + torch.tensor(1.0) * torch.tensor(2)
    assert (x * torch.tensor(2.0)).tolist() == [6.0] * 3
    assert x[torch.tensor([0])].tolist() == [3.0]
    with pytest.raises(RuntimeError, match="same device"):
        torch.ones(3)[torch.tensor([0], device="mtia")]


@pytest.mark.parametrize(
    "action, error, words",
    [
        (lambda: mtia().numpy(), TypeError, r"convert mtia:0 .*numpy.*Tensor.cpu\(\)"),
        (lambda: numpy.asarray(mtia()), TypeError, "numpy"),
        (lambda: mtia().pin_memory(), RuntimeError, "only dense CPU tensors can be pinned"),
        (
            lambda: torch.empty(2, device="mtia", pin_memory=True),
            RuntimeError,
            "pinned.*pin_memory",
        ),
        (lambda: mtia(device="mtia:7"), RuntimeError, r"no device mtia:7.*load\(devices=...\)"),
        (lambda: torch.empty(-1, device="mtia"), RuntimeError, "negative dimension -1"),
        (lambda: mtia().view(2), RuntimeError, "invalid for input of size 3"),
        (lambda: mtia() @ mtia(4), RuntimeError, "(?i)inconsistent|size"),
        (lambda: mtia() + mtia(4), RuntimeError, "must match the size"),
        (lambda: mtia().long().add_(1.5), RuntimeError, "can't be cast"),
        (lambda: mtia()[9], IndexError, "out of bounds for dimension 0 with size 3"),
        (lambda: mtia(2).item(), RuntimeError, "cannot be converted to Scalar"),
        (lambda: torch.ones(3).copy_(mtia(4)), RuntimeError, "must match"),
        (lambda: torch.ones(2, device="meta").to("mtia"), NotImplementedError, "meta tensor"),
        (lambda: mtia(1).expand(3).add_(1), RuntimeError, "single memory location"),
        (lambda: mtia().to_sparse(), NotImplementedError, "no Sparse tensors"),
        (lambda: torch.eye(2, device="mtia").to_sparse_csr(), NotImplementedError, "SparseCsr"),
        (
            lambda: torch.sparse_coo_tensor([[0]], [1.0], (2,)).to("mtia"),
            NotImplementedError,
            "SparseMTIA",
        ),
        (
            lambda: torch.quantize_per_tensor(mtia(), 0.1, 0, torch.quint8),
            NotImplementedError,
            "no quantized tensors.*on the CPU",
        ),
        (
            lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8).to("mtia"),
            NotImplementedError,
            "QuantizedMTIA",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_refusal_says_why_and_leaves_the_device_working(lab, action, error, words):
    with pytest.raises(error, match=words):
        action()
        torch.mtia.synchronize()
    torch.mtia.synchronize()
    assert (mtia() + 1).tolist() == [2.0] * 3
