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


@pytest.mark.parametrize("indexed, by", [("cpu", "mtia"), ("mtia:1", "mtia:0")])
def test_an_index_is_on_the_host_or_where_what_it_indexes_is(lab, indexed, by):
    x, i = torch.ones(3, 3, device=indexed), torch.tensor([0], device=by)
    for index in (lambda: x[i], lambda: x[:, i], lambda: x[i, torch.tensor([1])]):
        with pytest.raises(RuntimeError, match=rf"indices should be either .*\({indexed}\)"):
            index()


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
            lambda: torch.quantize_per_tensor(mtia(), 0.1, 0, torch.quint8),
            NotImplementedError,
            "no quantized tensors.*on the CPU",
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


# Other layouts


def sparse():
    return torch.eye(3).to_sparse()


def quantized():
    return torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)


def nested(**kwargs):
    return torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], **kwargs)


def square(**kwargs):
    return torch.ones(3, 3, device="mtia", **kwargs)


def index(*values):
    return torch.tensor(values, device="mtia")


def compressed(layout, *indices):
    values = torch.ones(1, 2, 2) if "bs" in str(layout) else torch.ones(2)
    return torch.sparse_compressed_tensor(*indices, values, layout=layout, device="mtia")


SPARSE = {
    "sparse_coo_tensor": lambda: torch.sparse_coo_tensor([[0]], [1.0], (2,), device="mtia"),
    "of tensors": lambda: torch.sparse_coo_tensor(index([0]), torch.ones(1, device="mtia")),
    "of no elements": lambda: torch.sparse_coo_tensor((2,), device="mtia"),
    "empty": lambda: torch.empty(2, layout=torch.sparse_coo, device="mtia"),
    "empty csr": lambda: torch.empty(2, 2, layout=torch.sparse_csr, device="mtia"),
    "zeros_like": lambda: torch.zeros_like(sparse(), device="mtia"),
    "new_zeros": lambda: sparse().new_zeros((2, 2), device="mtia"),
    "csr": lambda: torch.sparse_csr_tensor([0, 1, 2], [0, 1], [1.0, 1.0], device="mtia"),
    "csc": lambda: torch.sparse_csc_tensor([0, 1, 2], [0, 1], [1.0, 1.0], (2, 2), device="mtia"),
    "bsr": lambda: torch.sparse_bsr_tensor([0, 1], [0], torch.ones(1, 2, 2), device="mtia"),
    "bsc": lambda: compressed(torch.sparse_bsc, [0, 1], [0]),
    "compressed": lambda: compressed(torch.sparse_csr, [0, 1, 2], [0, 1]),
    "to": lambda: sparse().to("mtia"),
    "sparse @": lambda: sparse() @ square(),
    "@ sparse": lambda: square() @ sparse(),
    "csr @": lambda: sparse().to_sparse_csr() @ square(),
    "+": lambda: square() + sparse(),
    "+=": lambda: square().add_(sparse()),
    "cat": lambda: torch.cat([square(), sparse()]),
    "copy_ from": lambda: square().copy_(sparse()),
    "copy_ to": lambda: sparse().copy_(square()),
    "sparse_mask": lambda: square().sparse_mask(sparse()),
    "embedding": lambda: (
        torch.nn.functional.embedding(index(0), square(requires_grad=True), sparse=True)
        .sum()
        .backward()
    ),
    "gather": lambda: (
        torch.gather(square(requires_grad=True), 0, index([0]), sparse_grad=True).sum().backward()
    ),
}
QUANTIZED = {
    "to": lambda: quantized().to("mtia"),
    "to a dtype": lambda: mtia().to(torch.qint8),
    "empty": lambda: torch.empty(2, dtype=torch.qint8, device="mtia"),
    "_empty_affine_quantized": lambda: torch._empty_affine_quantized(
        (2,), scale=1.0, zero_point=0, dtype=torch.qint8, device="mtia"
    ),
    "empty_like": lambda: torch.empty_like(quantized(), device="mtia"),
    "copy_ from": lambda: mtia().copy_(quantized()),
    "copy_ to": lambda: quantized().copy_(mtia()),
}
NESTED = {
    "to": lambda: nested().to("mtia"),
    "of the host": lambda: nested(device="mtia"),
    "of none": lambda: torch.nested.nested_tensor([], device="mtia"),
    "of the device": lambda: torch.nested.nested_tensor([mtia(2), mtia(3)]),
    "as_nested_tensor": lambda: torch.nested.as_nested_tensor([mtia(2), mtia(3)]),
    "as_nested_tensor of the host": lambda: torch.nested.as_nested_tensor(
        [torch.ones(2)], device="mtia"
    ),
    "+": lambda: nested() + mtia(1),
    "of a mask": lambda: torch._nested_tensor_from_mask(
        torch.ones(2, 3, 4, device="mtia"), torch.ones(2, 3, dtype=torch.bool, device="mtia")
    ),
}
LAYOUTS = [("sparse", SPARSE), ("quantized", QUANTIZED), ("nested", NESTED)]


@pytest.mark.parametrize(
    "kind, make",
    [
        pytest.param(kind, make, id=f"{kind}, {name}")
        for kind, ways in LAYOUTS
        for name, make in ways.items()
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_another_layout_is_refused_in_one_sentence_that_says_what_to_do(lab, kind, make):
    words = f"the simulated device has no {kind} tensors.*(the|on the) CPU"
    with pytest.raises(NotImplementedError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value).split("\nException raised")[0]
    torch.mtia.synchronize()
    assert (mtia() + 1).tolist() == [2.0] * 3


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_nested_tensors_of_the_host_are_made_as_ever(lab):
    assert [t.tolist() for t in nested().unbind()] == [[1] * 2, [1] * 3]
    assert nested(dtype=torch.float64).dtype == torch.float64
    assert nested(requires_grad=True).requires_grad


def test_nested_tensors_of_layout_jagged_are_dense_and_work(lab):
    x = torch.nested.nested_tensor([mtia(2), mtia(3)], layout=torch.jagged, requires_grad=True)
    y = (x * 3).sin()
    y.values().sum().backward()
    assert x.device.type == y.device.type == "mtia"
    expected = 3 * torch.full((5,), 3.0).cos()
    assert torch.equal(x.grad.values().cpu(), expected)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: sparse().to_sparse_csr().to("mtia"), "'new_compressed_tensor' from the 'mtia:0'"),
        (lambda: torch.empty_like(nested(), device="mtia"), "must be either .* but got mtia"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_a_kernel_of_the_host_makes_by_itself_is_refused_in_its_own_words(lab, make, words):
    """Such a call never comes by this backend."""
    with pytest.raises(RuntimeError, match=words):
        make()
    assert (mtia() + 1).tolist() == [2.0] * 3


def test_an_operator_without_a_kernel_for_the_cpu_is_refused_in_one_sentence(lab):
    for name in ("_nnz", "int_repr"):
        with pytest.raises(NotImplementedError, match=f"aten::{name} has no kernel.*of the CPU"):
            getattr(mtia(), name)()
    library = torch.library.Library("test_tensor_refusals", "DEF")
    library.define("only_cuda(Tensor x) -> Tensor")
    library.impl("only_cuda", lambda x: x, "CUDA")
    with pytest.raises(NotImplementedError, match="only_cuda has no kernel.*register one"):
        torch.ops.test_tensor_refusals.only_cuda(mtia())
    library.impl("only_cuda", lambda x: x + 1, "CPU")
    assert torch.ops.test_tensor_refusals.only_cuda(mtia()).tolist() == [2.0] * 3
