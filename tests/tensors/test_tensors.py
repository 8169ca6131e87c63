"""Expressions over tensors: the device gives what the CPU gives, bit for bit, under "latest".

Each line is one test. `d` is the device, `a(...)` a range of floats on it in the given shape.
"""

import pytest
import same
import torch
import torch.nn.functional as F

from mtia_lab import isolated

FACTORIES = """
torch.ones(2, 3, device=d), torch.zeros(2, dtype=torch.int64, device=d)
torch.full((2, 3), 7, device=d), torch.full((), True, device=d), torch.full((2,), 1j, device=d)
torch.arange(10, device=d), torch.arange(0, 1, 0.1, device=d), torch.arange(0, 1, 0.2, device=d)
torch.arange(5, dtype=torch.float16, device=d), torch.arange(9.0, device=d), torch.range(1, 4)
torch.linspace(0, 1, 7, device=d), torch.logspace(0, 1, 5, device=d), torch.eye(3, 4, device=d)
torch.tril_indices(4, 4, device=d), torch.triu_indices(4, 3, device=d)
torch.tensor([1, 2], device=d), torch.tensor(2.5, device=d), torch.as_tensor([1.0], device=d)
torch.asarray([1, 2], device=d), torch.scalar_tensor(3, device=d), torch.tensor([], device=d)
torch.hann_window(8, device=d), torch.kaiser_window(8, device=d), torch.bartlett_window(5, device=d)
torch.complex(a(3), a(3)), torch.polar(a(3), a(3)), torch.vander(a(3))
torch.block_diag(a(1, 2), a(2))
torch.ones_like(a(2, 3, 4, 5).to(memory_format=torch.channels_last)), torch.zeros_like(a(2, 3).t())
torch.full_like(a(2, 3), 3), torch.zeros_like(a(2), dtype=torch.bool), torch.rand_like(a(2, 3).t())
torch.empty_strided((2, 3), (1, 2), device=d).fill_(3)
torch.empty_permuted((2, 3), (1, 0)).fill_(1)
torch.empty(2, 3, 4, 5, device=d, memory_format=torch.channels_last).fill_(1)
torch.empty(2, 3, 4, 5, 6, device=d, memory_format=torch.channels_last_3d).fill_(1)
a(2).new_ones(3, 3), a(2).new_full((3,), 4), a(2).new_tensor([1, 2])
a(2).new_zeros(3, dtype=torch.int8)
torch.zeros(0, 3, device=d), torch.ones(0, device=d).sum(), torch.ones(0, 3, device=d).sum(0)
torch.ones(2, 0, device=d) @ torch.ones(0, 2, device=d), torch.cat([torch.ones(0, device=d), a(2)])
"""

VIEWS = """
a(3, 4).t(), a(3, 4)[:, 1:3], a(3, 4)[-1, ::2], a(3, 4)[..., None], a(3, 4)[1], a(12)[None, 5:2]
a(3, 4).t().contiguous(), a(2, 3, 4).permute(2, 0, 1).reshape(-1), a(3, 4).t() + a(4, 3)
a(3, 1).expand(3, 4), a(3, 1).expand(3, 4).sum(1), a(3).expand(2, 3) + 1, a(1).expand(2, 2).exp()
a(6).unfold(0, 3, 1), a(6).as_strided((2, 2), (1, 1), 1), a(6).as_strided((2, 2), (1, 1), 1) * 2
a(6).split(2), a(6).chunk(4), a(2, 3).unbind(1), a(6).tensor_split(4), a(3, 3).diagonal()
a(6).view(2, 3).flatten(), a(4).view(torch.int32), a(4).view(torch.uint8), a(2, 3).movedim(0, 1)
torch.view_as_real(c(3)), torch.view_as_complex(a(3, 2)), c(3).real, c(3).imag + 1
c(3).conj(), c(3).conj() + 1, c(3).conj().imag, c(3).conj().imag * 2, c(3).conj().resolve_conj()
c(3, 3).H @ c(3, 3), c(3).conj().imag.resolve_neg(), torch.dot(c(3).conj(), c(3)), c(3).conj().abs()
a(2, 3, 4, 5).to(memory_format=torch.channels_last) + 1, a(2, 3, 4).transpose(0, 2).clone()
a(2, 3).flip(0), a(5).roll(2), a(2, 3).rot90(), a(2).repeat(2, 2), a(3).repeat_interleave(2)
torch.stack([a(2), a(2)]), torch.cat([a(2, 2), a(1, 2)]), torch.meshgrid(a(3), a(2), indexing="ij")
a(2, 3).T.is_contiguous(), a(2, 3)[1].storage_offset(), len(a(3)), a(2, 3).nbytes, 3 in a(5)
"""

INDEXING = """
a(3, 4)[torch.tensor([0, 2])], a(3, 4)[i(0, 2)], a(3, 4)[i(0, 2), torch.tensor([1, 1])]
a(3, 4)[[0, 2]], a(3, 4)[a(3, 4) > 5], a(3, 4)[torch.tensor([True, False, True])]
a(3, 4)[:, [True, False, True, False]], a(12)[i(3)[0]], a(12)[torch.tensor(3)], a(3)[True]
a(2, 2)[a(2, 2) < 1, True], a(2, 2)[a(2, 2) < 1, False], a(2, 2)[a(2, 2) < 1, torch.tensor(True)]
a(4, 1)[a(4) > 1, i(0)], a(4, 1)[a(4) > 1, torch.tensor(0)], a(1, 4)[i(0), a(4) > 1]
a(12)[i(-1, -2)], a(12)[-3:], a(3, 4)[i(2)], a(3, 4)[:, i(2), None], a(2, 3, 4)[:, i(1), i(0)]
torch.gather(a(2, 3), 1, i(0, 2).view(2, 1)), torch.take(a(4), i(1))
a(3, 4).index_select(1, i(1, 1))
torch.zeros(3, device=d).scatter_(0, i(1), 5.0)
torch.zeros(3, device=d).scatter_add_(0, i(1, 1), a(2))
torch.zeros(3, device=d).index_add_(0, i(1, 1), a(2))
torch.zeros(3, device=d).index_fill_(0, i(1), 2)
torch.zeros(3, device=d).masked_fill_(a(3) > 1, 2), torch.zeros(3, device=d).put_(i(1), a(1))
torch.zeros(3, device=d).masked_scatter_(a(3) > 0, a(2)), a(3).index_copy_(0, i(1), a(1))
torch.nonzero(a(5)), torch.nonzero(a(5), as_tuple=True), torch.masked_select(a(5), a(5) > 2)
torch.unique(i(3, 1, 3), return_inverse=True, return_counts=True), torch.where(a(5) > 2)
i(2, 1).argsort()
a(2, 3).tolist(), a(1).item(), a(1, 1).item(), c(1).item(), (a(1) > 0).item(), bool(a(1)), int(a(1))
list(range(5))[i(2)[0]], [float(v) for v in a(3)], a(3)[i(1)[0]].item(), f"{a(2)[1]:.1f}"
"""

OPERATORS = """
a(2) + a(2), 1 - a(2), 2 ** i(1, 2), i(3, 4) // 2, i(3, 4) / 2, i(3) % 2, -a(2), a(2) == 1, ~i(1)
i(5) >> 1
a(2).half() * 2.5, a(2).half() + torch.tensor(1.0, dtype=torch.float64), torch.tensor(2.5) * i(1, 2)
torch.where(a(3) > 1, 1.0, torch.tensor(2, device=d)), a(5).clamp(1, 3), torch.result_type(a(2), 1j)
a(2, 3) @ a(3, 2), torch.addmm(a(2), a(2, 3), a(3, 2), beta=0.5, alpha=2), a(2, 2, 3) @ a(2, 3, 2)
torch.einsum("ij,jk->ik", a(2, 3), a(3, 2)), torch.tensordot(a(2, 3), a(3, 2), 1)
torch.cdist(a(3, 2), a(4, 2))
a(5).sum(), a(2, 3).mean(0), a(4).std(), torch.std_mean(a(4)), a(4).var(), a(2, 3).norm()
a(4).prod()
a(2, 3).max(1), a(5).median(), a(5).kthvalue(2), a(4).quantile(0.3), torch.mode(a(4))
a(2, 3).argmax()
torch.sort(-a(4)), torch.topk(a(5), 2), a(5).cumsum(0), torch.cummax(a(5), 0), torch.histc(a(5))
i(1, 1).bincount()
torch.searchsorted(a(5), 2.5), torch.bucketize(a(5), a(3)), torch.isin(a(5), a(2))
torch.equal(a(2), a(2))
torch.fft.fft(a(5)), torch.fft.irfft(torch.fft.rfft(a(8))), torch.fft.fftshift(a(5))
torch.fft.ifft2(c(2, 2))
torch.stft(a(64), 16, return_complex=True, window=torch.ones(16, device=d))
torch.linalg.inv(s(3)), torch.linalg.solve(s(3), a(3)), torch.linalg.det(s(3))
torch.linalg.slogdet(s(3))
torch.linalg.qr(s(3)), torch.linalg.eigh(s(3)), torch.linalg.cholesky(s(3))
torch.linalg.svdvals(a(3, 3))
torch.linalg.lstsq(s(3), a(3, 1), driver="gels")[0], torch.linalg.lu_factor(s(3))
torch.linalg.matrix_exp(s(2))
F.softmax(a(5), 0), F.gelu(a(5)), F.one_hot(i(0, 2)), F.normalize(a(2, 3)), F.glu(a(4))
F.logsigmoid(a(3))
F.conv2d(a(1, 2, 5, 5), a(3, 2, 3, 3)), F.conv_transpose2d(a(1, 2, 5, 5), a(2, 3, 3, 3), stride=2)
F.conv2d(a(1, 2, 5, 5).to(memory_format=torch.channels_last), a(3, 2, 3, 3))
F.conv1d(a(1, 2, 5), a(3, 2, 3))
F.conv2d(a(2, 2, 5, 5), a(3, 2, 3, 3).to(memory_format=torch.channels_last))
F.conv2d(a(1, 2, 3, 3).double(), a(3, 2, 3, 3).double())
F.max_pool2d(a(1, 1, 5, 5), 2, return_indices=True), F.avg_pool2d(a(1, 1, 5, 5), 2)
F.adaptive_avg_pool2d(a(1, 1, 5, 5), 2)
F.interpolate(a(1, 1, 5, 5), scale_factor=2, mode="bilinear")
F.pad(a(1, 1, 3, 3), (1, 1, 1, 1), mode="reflect")
F.layer_norm(a(2, 3), (3,)), F.group_norm(a(2, 4, 3), 2)
F.batch_norm(a(2, 3), None, None, training=True), F.rms_norm(a(2, 3), (3,))
F.scaled_dot_product_attention(a(1, 2, 4, 8), a(1, 2, 4, 8), a(1, 2, 4, 8), is_causal=True)
F.cross_entropy(a(3, 4), i(0, 1, 2)), F.huber_loss(a(3), a(3) + 2), F.mse_loss(a(3), a(3) * 2)
F.kl_div(a(3), a(3))
F.embedding(i(0, 2), a(3, 2)), F.pairwise_distance(a(2, 3), a(2, 3) + 1)
F.grid_sample(a(1, 1, 3, 3), torch.zeros(1, 2, 2, 2, device=d))
torch._foreach_add([a(2), a(3)], 2), torch._foreach_norm([a(2), a(3)])
torch._foreach_lerp([a(2)], [a(2) * 3], 0.5)
torch.fake_quantize_per_tensor_affine(a(3), 0.1, 0, 0, 255)
"""

DTYPES = [torch.float64, torch.float16, torch.bfloat16, torch.complex64, torch.complex128]
DTYPES += [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]
FLOAT8 = [torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz]
FEW_OPERATORS = [*FLOAT8, torch.complex32, torch.uint16, torch.uint32, torch.uint64]


def names_on(device):
    def a(*shape):
        return torch.arange(float(torch.Size(shape).numel()), device=device).view(shape)

    return {
        "torch": torch,
        "F": F,
        "d": device,
        "a": a,
        "c": lambda *shape: torch.complex(a(*shape), 1 - a(*shape)),
        "i": lambda *values: torch.tensor(values, device=device),
        "s": lambda n: a(n, n) + a(n, n).t() + 9 * n * torch.eye(n, device=device),
    }


def lines(text):
    return text.strip().splitlines()


@pytest.mark.parametrize("expression", lines(FACTORIES + VIEWS + INDEXING + OPERATORS))
@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's: deprecated, prototype
def test_an_expression_gives_what_the_cpu_gives(lab, expression):
    lab.configure("latest")
    same.assert_same(lambda device: eval(f"[{expression}]", names_on(device)))
    torch.mtia.synchronize()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_dtype_computes(lab, dtype):
    def program(d):
        x = torch.tensor([0, 1, 2, 3], device=d).to(dtype)
        return x, x * x, x + 1, x == 1, x.sum(), x.to(torch.complex128), x.view(2, 2).t().clone()

    same.assert_same(program)


@pytest.mark.parametrize("dtype", FEW_OPERATORS, ids=str)
@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_a_dtype_with_few_operators_is_made_moved_and_converted(lab, dtype):
    wide = torch.complex64 if dtype.is_complex else torch.float32

    def program(d):
        x = torch.tensor([0.0, 1, 2, 3]).to(dtype).to(d)
        return x, x.to(wide), x.clone(), x.view(2, 2).t().contiguous(), x[1:3], x.to(wide).to(dtype)

    same.assert_same(program)


def test_a_list_of_thousands_of_tensors_some_of_them_the_same_or_views(lab):
    """Planning once compared every two of them for each: six minutes for these."""

    def joined(where):
        base = torch.arange(12.0, device=where)
        parts = [base[k % 5 : k % 5 + 2] for k in range(1500)]
        return torch.cat(
            [*parts, base, base, *[torch.full((1,), k, device=where) for k in range(1500)]]
        )

    assert torch.equal(joined("mtia").cpu(), joined("cpu"))


@pytest.mark.parametrize(("size", "lengths"), [(0, [0, 0]), (3, [3] + [0] * 4000)])
def test_what_is_tried_keeps_to_the_memory_of_a_kernel_that_trusts_lengths(lab, size, lengths):
    """Lengths of 1 were tried, to see what comes out: written where nothing was, they crashed."""

    def gradient(where):
        data = torch.ones(size, device=where, requires_grad=True)
        given = torch.tensor(lengths, device=where)
        torch.segment_reduce(data, "sum", lengths=given, unsafe=True).sum().backward()
        return data.grad.cpu()

    assert torch.equal(gradient("mtia"), gradient("cpu"))


def test_what_is_tried_keeps_to_the_memory_of_a_kernel_that_trusts_indices(lab):
    """Indices of 1 were tried on a table of one row, and wrote where its second one would be."""

    def gradient(where):
        table = torch.ones(1, 1 << 18, device=where, requires_grad=True)
        indices, offsets = (torch.zeros(n, dtype=torch.int64, device=where) for n in (8, 1))
        F.embedding_bag(indices, table, offsets, mode="sum").sum().backward()
        return table.grad.cpu()

    assert torch.equal(gradient("mtia"), gradient("cpu"))


def test_what_is_tried_takes_no_memory_that_an_expanded_argument_does_not_have():
    """A copy of all its elements was: half a gigabyte for this one number."""

    def measure():  # in a process whose peak is its own
        import resource

        import torch

        one = torch.ones(1, device="mtia")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert one.expand(1 << 27).sum().item() == 1 << 27
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

    result = isolated.run(measure, devices=1)
    assert result.ok, result.error
    assert int(result.stdout) < 1 << 18  # in KiB: a quarter of a gigabyte


@pytest.mark.parametrize("rows", [32, 48])
def test_kernels_that_rely_on_the_alignment_of_memory_do_not_die(lab, rows):
    def program(device):
        weights = torch.arange(rows * 32, device=device).view(rows, 32).to(torch.int8)
        x, scales = (torch.rand(*s, device=device).bfloat16() for s in [(32, 32), (rows,)])
        return torch._weight_int8pack_mm(x, weights, scales)

    same.assert_same(program)
