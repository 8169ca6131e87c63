"""Every operator PyTorch tests its backends with gives the CPU's result, bit for bit.

Under the schedule "latest": each command runs only when a synchronization demands it, so a kernel
that forgot one would show. `make test` runs a few samples of each entry in float32, forward and
backward; `make test-ops` runs all samples in all dtypes.
"""

import op_samples
import pytest
import torch

# The whole truth about float32: an entry that is not here passes, and one that is here fails.
EXCEPTIONS = {
    "to_sparse": "the device has no sparse tensors",
    "sparse_mm_reduce": "the device has no sparse tensors",
    "sparse_sampled_addmm": "the device has no sparse tensors",
}

# LAPACK's gelsy, as PyTorch calls it, reads pivots that nobody has set: asked twice for the same,
# the CPU's last bits differ from the CPU's. These are compared within tolerances.
NOT_REPRODUCIBLE = ("linalg_lstsq", "linalg_lstsq_grad_oriented")

# Written in Python, in torch.nn, these choose how to add up 16-bit numbers by the type of device.
# Each loss is a difference of logits of up to 30, of which bfloat16 rounds the first decimal.
ROUNDED = {"rtol": 2e-2, "atol": 2e-2}
CHUNKED = (
    "nn_functional_linear_cross_entropy_chunked",
    "nn_functional_linear_cross_entropy_chunked_none",
)

SAMPLES = 6  # of an entry; some have a thousand


@pytest.fixture
def latest(lab):
    lab.configure(schedule="latest")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two workers of pytest have two cores
    yield
    torch.set_num_threads(threads)


def differs(name: str, dtype: torch.dtype, at_most: int = SAMPLES) -> str | None:
    close = {} if name in NOT_REPRODUCIBLE else None
    if name in CHUNKED and dtype.itemsize == 2:
        close = ROUNDED
    options = {"close": close, "at_most": at_most}
    backward = dtype in op_samples.entries()[name].supported_backward_dtypes("cpu")
    return op_samples.difference(name, dtype, backward=False, **options) or (
        op_samples.difference(name, dtype, backward=True, **options) if backward else None
    )


def test_float32_equals_the_cpu(latest, float32):
    if float32 not in EXCEPTIONS:
        assert differs(float32, torch.float32) is None
        return
    with pytest.raises(Exception, match="sparse|Sparse|Could not run"):
        problem = differs(float32, torch.float32)
        raise AssertionError(problem or f"{float32} passes: take it out of EXCEPTIONS")


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("add", torch.bfloat16),
        ("index_put", torch.int64),
        ("linalg_lu_solve", torch.complex64),  # whose kernel leaves its output to be conjugated
        ("sort", torch.float16),
        ("sum", torch.bool),
        ("where", torch.complex64),
    ],
)
def test_some_operators_in_other_dtypes(latest, name, dtype):
    assert differs(name, dtype) is None


def pytest_generate_tests(metafunc):
    if "float32" in metafunc.fixturenames:
        metafunc.parametrize("float32", op_samples.names_to_collect(metafunc.config))
    if "entry" in metafunc.fixturenames:  # none but in make test-ops: it takes minutes
        wanted = metafunc.config.getoption("--all-ops")
        left_out = pytest.param("", marks=pytest.mark.skip(reason="`make test-ops` runs them"))
        entries = sorted(set(op_samples.entries()) - set(EXCEPTIONS)) if wanted else [left_out]
        metafunc.parametrize("entry", entries)


def test_all_samples_of_all_dtypes_equal_the_cpu(latest, entry):
    dtypes = sorted(op_samples.entries()[entry].supported_dtypes("cpu"), key=str)
    problems = {str(dtype): differs(entry, dtype, at_most=1_000_000) for dtype in dtypes}
    assert not {dtype: problem for dtype, problem in problems.items() if problem}


def test_the_exceptions_are_entries_and_the_database_is_whole(pytestconfig):
    names = op_samples.names(torch.float32)
    assert op_samples.names_to_collect(pytestconfig) == names
    assert {*EXCEPTIONS, *NOT_REPRODUCIBLE, *CHUNKED} <= set(names)
    assert len(names) >= 600


def test_a_wrong_result_is_noticed(latest, monkeypatch):
    right = op_samples.entries()["add"].op
    wrong = lambda x, *rest, **more: right(x, *rest, **more) + (x.device.type == "mtia")  # noqa: E731
    monkeypatch.setattr(op_samples.entries()["add"], "op", wrong)
    assert "elements differ" in differs("add", torch.float32)
