"""What is wrong with a call is said at the call, as the CPU says it, whatever ran before.

Only what depends on values in the device's memory comes later: at the next synchronization.
"""

import re
import textwrap
import warnings
from collections.abc import Callable

import pytest
import torch
from same import assert_same
from torch.nn import functional as F

from mtia_lab import isolated
from mtia_lab.device import simulator


def refusal(program: Callable[[str], object], device: str) -> tuple[type, str]:
    """Return type and text of what `program` raises on `device`, and fail if it raises nothing."""
    with pytest.raises(Exception) as raised:
        program(device)
    return raised.type, str(raised.value)


def assert_refused_as_on_the_cpu(program: Callable[[str], object]) -> None:
    assert refusal(program, "mtia") == refusal(program, "cpu")
    torch.mtia.synchronize()  # nothing is left that could fail


def ints(device: str) -> torch.Tensor:
    return torch.ones(4, dtype=torch.int64, device=device)


WRONG = {
    "gelu of integers": lambda d: F.gelu(ints(d)),
    "softmax of integers": lambda d: ints(d).softmax(0),
    "float64 into a float32 layer": lambda d: torch.nn.Linear(2, 2, device=d)(
        torch.ones(2, 2, dtype=torch.float64, device=d)
    ),
    "int32 targets": lambda d: F.cross_entropy(
        torch.ones(2, 3, device=d), torch.zeros(2, dtype=torch.int32, device=d)
    ),
    "product of bools": lambda d: torch.ones(2, 2, dtype=torch.bool, device=d).mm(
        torch.ones(2, 2, dtype=torch.bool, device=d)
    ),
    "interpolated integers": lambda d: F.interpolate(ints(d).view(1, 1, 4), scale_factor=2.0),
    "sorted complex numbers": lambda d: torch.ones(2, dtype=torch.complex64, device=d).sort(),
    "sizes that do not fit": lambda d: torch.ones(2, 3, device=d) + torch.ones(4, device=d),
    "a bigger operand": lambda d: torch.ones(3, device=d).pow_(torch.ones(2, 3, device=d)),
    "an outer product that is bigger": lambda d: torch.ones(1, 2, device=d).addr_(
        torch.ones(3, device=d), torch.ones(2, device=d)
    ),
    "powers of two by bools": lambda d: torch.ones(2, device=d).ldexp_(
        torch.ones(2, dtype=torch.bool, device=d)
    ),
    "a bigger bound": lambda d: torch.ones(3, device=d).clamp_(torch.ones(2, 3, device=d)),
    "a bigger list": lambda d: torch._foreach_pow_(
        [torch.ones(3, device=d)], [torch.ones(2, 3, device=d)]
    ),
    # Of what depends on values, PyTorch's kernels of all devices look at these before they return.
    "a negative deviation": lambda d: torch.normal(
        torch.zeros(1, device=d), torch.tensor([-1.0], device=d)
    ),
    "a range without an end": lambda d: torch.histc(torch.tensor([1.0, torch.inf], device=d)),
    "a sorter that leaves its tensor": lambda d: torch.searchsorted(
        torch.ones(2, device=d), torch.ones(1, device=d), sorter=torch.tensor([0, 7], device=d)
    ),
    "singular values of NaN": lambda d: torch.linalg.svd(torch.full((2, 2), torch.nan, device=d)),
    "eigenvalues of NaN": lambda d: torch.linalg.eig(torch.full((2, 2), torch.nan, device=d)),
    "the inverse of a wrong factor": lambda d: torch.cholesky_inverse(torch.zeros(2, 2, device=d)),
    "the factor of a negative matrix": lambda d: torch.linalg.cholesky_ex(
        -torch.eye(2, device=d), check_errors=True
    ),
    "a checked inverse": lambda d: torch.linalg.inv_ex(
        torch.zeros(2, 2, device=d), check_errors=True
    ),
    "a checked solution": lambda d: torch.linalg.solve_ex(
        torch.zeros(2, 2, device=d), torch.ones(2, 2, device=d), check_errors=True
    ),
    "the number in nothing": lambda d: torch.ops.aten._local_scalar_dense(torch.empty(0, device=d)),
    "a copy of another size": lambda d: torch.ones(3, device=d).copy_(torch.ones(2, device=d)),
    "a copy into nothing": lambda d: torch.ones(0, device=d).copy_(torch.ones(2, device=d)),
    "a result of another dtype": lambda d: torch.add(ints(d), 1.5, out=ints(d)),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_forms_and_dtypes_are_refused_at_the_call(lab, name):
    assert_refused_as_on_the_cpu(WRONG[name])
    assert_refused_as_on_the_cpu(WRONG[name])  # and again: no plan was kept


# First a right number, then a wrong one. The last ones are scalars of the host.
NUMBERS = {
    "normal_": lambda d, right: torch.ones(3, device=d).normal_(0, 1 if right else -1),
    "uniform_": lambda d, right: torch.ones(3, device=d).uniform_(0, 1 if right else -1),
    "bernoulli_": lambda d, right: torch.ones(3, device=d).bernoulli_(0.5 if right else 1.5),
    "exponential_": lambda d, right: torch.ones(3, device=d).exponential_(1 if right else -1),
    "fill_": lambda d, right: ints(d).fill_(1.0 if right else float("nan")),
    "fill_ with a complex number": lambda d, right: ints(d).fill_(1 + 0j if right else 1j),
    "renorm": lambda d, right: torch.ones(2, 2, device=d).renorm(2, 0, 1.0 if right else -1.0),
    "huber_loss": lambda d, right: F.huber_loss(
        torch.ones(2, device=d), torch.ones(2, device=d), delta=1.0 if right else -1.0
    ),
    "softshrink": lambda d, right: F.softshrink(torch.ones(2, device=d), 0.5 if right else -0.5),
    "histc": lambda d, right: torch.ones(2, device=d).histc(4, 0.0, 1.0 if right else -1.0),
    "the norm of nothing": lambda d, right: [
        torch.linalg.vector_norm(torch.ones(size, device=d), 2.0 if right else torch.inf)
        for size in (3, 0)
    ],
    "remainder": lambda d, right: ints(d) % (3 if right else 0),
    "remainder of a scalar": lambda d, right: ints(d) % torch.tensor(3 if right else 0),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_wrong_number_is_refused_whatever_ran_before(lab, name):
    for _ in range(2):
        NUMBERS[name]("mtia", True)
        assert_refused_as_on_the_cpu(lambda d: NUMBERS[name](d, False))


def test_a_number_is_looked_at_also_where_a_tensor_stood_before():
    """In a process of its own: what is known of a kind of call is kept."""
    program = """
        x = torch.tensor([7, 9], device="mtia")
        print((x % x).tolist(), (x % 3).tolist())
        x % 0
    """
    found = isolated.run_each({"": textwrap.dedent(program)}, devices=1)[""]
    assert (found.stdout, found.error) == ("[0, 0] [1, 0]\n", "RuntimeError: ZeroDivisionError")


def test_numbers_that_kernels_do_not_look_at_need_no_new_plan(lab):
    """As the learning rate of an optimizer, which may change at every step."""
    weight, gradient = torch.ones(3, device="mtia"), torch.ones(3, device="mtia")

    def step(rate: float) -> None:
        weight.add_(gradient, alpha=-rate)
        weight.mul_(1 - rate)
        weight.addcdiv_(gradient, gradient, value=-rate)
        torch.lerp(weight, gradient, rate, out=weight)

    step(0.5)
    made = simulator.plan_counts()[1]
    for rate in (0.25, 0.125, -3.0):
        step(rate)
    assert simulator.plan_counts()[1] == made


@pytest.fixture
def behind(lab):
    """Run a program behind a kernel of a million ns; return what it gives, and the host's ns."""

    def run(program):
        torch.mtia.synchronize()
        lab.launch("in front", us=1000)
        before = simulator.host_clock()  # the virtual clock
        return program(), simulator.host_clock() - before

    return run


def test_unchecked_errors_of_linear_algebra_are_not_waited_for(behind):
    x = torch.zeros(2, 2, device="mtia")
    checks = torch.linalg.inv_ex, torch.linalg.cholesky_ex, lambda x: torch.searchsorted(x, x)
    (inverse, factor, _), took = behind(lambda: [check(x) for check in checks])
    assert took < 500_000
    assert [int(found.info) for found in (inverse, factor)] == [1, 1]


def test_values_are_refused_at_the_synchronization(lab):
    loss = F.nll_loss(torch.ones(2, 3, device="mtia"), torch.full((2,), 7, device="mtia"))
    with pytest.raises(Exception, match="Target 7 is out of bounds"):
        torch.mtia.synchronize()
    assert loss.shape == ()


def test_kernels_that_refuse_zeros_are_not_waited_for(behind):
    chances = torch.ones(2, 3, device="mtia")
    (drawn, _), took = behind(
        lambda: (torch.multinomial(chances, 1), torch._assert_async(chances[0, 0]))
    )
    assert took < 500_000
    assert drawn.shape == (2, 1)


@pytest.mark.parametrize("count", [2, 3])
def test_how_many_a_mask_chooses_is_waited_for(behind, count):
    x, mask = torch.zeros(3, device="mtia"), (torch.arange(3) < count).to("mtia")
    values = torch.ones(count, device="mtia")
    _, took = behind(lambda: x.__setitem__(mask, values))
    assert took > 900_000
    assert x.sum() == count


DIVISIONS = {
    "//": lambda x, y: x // y,
    "%": lambda x, y: x % y,
    "fmod": torch.fmod,
    "in place": lambda x, y: x.clone().floor_divide_(y),
    "trunc": lambda x, y: torch.div(x, y, rounding_mode="trunc"),
}


@pytest.mark.parametrize("divide", DIVISIONS.values(), ids=DIVISIONS)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_integers_are_divided_without_a_wait(behind, divide, dtype):
    host = torch.tensor([[7, 9], [5, 250]]).to(dtype), torch.tensor([[2, 3], [5, 7]]).to(dtype)
    x, y = (operand.to("mtia") for operand in host)
    zero = torch.zeros_like(y)
    divided, took = behind(lambda: divide(x, y))
    assert took < 500_000
    assert torch.equal(divided.cpu(), divide(*host))
    divide(x, zero)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        torch.mtia.synchronize()


def test_integers_are_divided_in_a_graph(lab):
    x, y = torch.tensor([7, 9]).to("mtia"), torch.tensor([2, 3]).to("mtia")
    graph = torch.mtia.MTIAGraph()
    with torch.mtia.graph(graph):
        divided = x // y % y
    y.fill_(4)
    graph.replay()
    assert divided.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("name", "program"),
    {
        "written": lambda d: torch.tensor(1.0).add_(torch.tensor(1.0, device=d)),
        "an out": lambda d: torch.add(torch.ones((), device=d), 1, out=torch.tensor(1.0)),
        "an index": lambda d: torch.arange(3.0, device=d).index_select(0, torch.tensor(1)),
        "an index to take": lambda d: torch.arange(3.0, device=d).take(torch.tensor(1)),
        "an index of index_add": lambda d: torch.ones(3, device=d).index_add(
            0, torch.tensor(1), torch.ones(1, device=d)
        ),
        "one of two": lambda d: torch.clamp(
            torch.ones(3, device=d), torch.tensor(0.0), torch.tensor(1.0)
        ),
    }.items(),
)
def test_a_host_scalar_is_taken_only_where_cuda_takes_it(lab, name, program):
    with pytest.raises(RuntimeError, match="same device|too many CPU scalars"):
        program("mtia")


@pytest.mark.parametrize(
    "program",
    [
        lambda d: torch.ones(3, device=d) + torch.tensor(2.0),
        lambda d: torch.tensor(2.0) - torch.ones(3, device=d),
        lambda d: torch.where(torch.ones(3, device=d) > 0, torch.tensor(2.0), torch.tensor(3.0)),
        lambda d: torch.ones(3, device=d).masked_fill_(
            torch.ones(3, dtype=torch.bool, device=d), torch.tensor(5.0)
        ),
        lambda d: torch.ones(3, device=d).index_put_(
            (torch.tensor([1], device=d),), torch.tensor(5.0)
        ),
        lambda d: torch.ones(3, device=d).fill_(torch.arange(5.0)[3]),
        lambda d: torch.ops.aten.elu_backward(
            torch.tensor(2.0), 1.0, 1.0, 1.0, False, torch.ones(3, device=d)
        ),
    ],
)
def test_a_host_scalar_is_an_operand(lab, program):
    assert_same(program)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex64, torch.complex128])
def test_complex_numbers_stand_aligned_beside_every_dtype(lab, dtype):
    """The CPU's kernels load them with aligned instructions, and end the process otherwise."""
    number = torch.tensor(2 - 3j, dtype=torch.complex128)

    def program(device: str) -> list:
        x = torch.ones(5, dtype=dtype, device=device)
        z = torch.ones(5, dtype=torch.complex128, device=device)
        mask = z.real > 0
        sums = [x + 1j, x * number, torch.where(mask, number, z), z.clone().fill_(1j)]
        return [*sums, *torch._foreach_add([z, z], 1j), torch.addcmul(z, z, z, value=1j)]

    assert_same(program)


def test_a_shrunk_storage_is_refused_before_the_kernel(lab):
    x = torch.arange(1000.0, device="mtia")
    x.untyped_storage().resize_(8)
    uses = [lambda: x + 1, lambda: x.add_(1), lambda: x.sum(), lambda: torch.add(x, 1, out=x)]
    for use in uses:
        with pytest.raises(RuntimeError, match=r"bytes of its storage, which has 8: .*resize_\("):
            use()
    moves = [x.cpu, lambda: x[500].item(), lambda: x.copy_(torch.ones(1000)), lambda: x[::7]]
    for use in moves:  # PyTorch's words for a view
        with pytest.raises(RuntimeError, match="storage"):
            use()
    assert x[:2].tolist() == [0, 1]
    x.untyped_storage().resize_(4000)
    assert (x * 0 + 1).sum() == 1000


def test_new_results_may_have_gaps(lab):
    library = torch.library.Library("mtia_test_gaps", "DEF")
    library.define("padded(Tensor x) -> Tensor")

    def padded(x: torch.Tensor) -> torch.Tensor:
        return x.new_empty_strided(x.shape, (8, 1)).copy_(x)

    for key in ("CPU", "Meta"):
        library.impl("padded", padded, key)
    assert_same(lambda d: torch.ops.mtia_test_gaps.padded(torch.arange(6.0).view(2, 3).to(d)))


def test_results_in_given_tensors_have_the_size_and_strides_of_the_cpus(lab):
    def program(device: str) -> list:
        made = torch.arange(120.0, device=device).view(2, 3, 4, 5)
        square = made[..., :4]
        x = made.contiguous(memory_format=torch.channels_last)
        window = torch.zeros(2, 3, device=device)
        torch.arange(0, 4, out=window.narrow(1, 1, 2))
        empty = lambda: torch.empty(0, device=device)  # noqa: E731
        results = [torch.add(x, x, out=empty()), torch.logical_and(x, x), torch.complex(x, x)]
        results.append(F.binary_cross_entropy(made / 120, made / 120, reduction="mean"))
        results.append(torch.cat([x, x], out=torch.empty(2, device=device)))
        return [
            window,
            *results,
            torch.cumsum(x, 1, out=empty()),
            *torch.linalg.eigh(square, out=(empty(), empty())),
        ]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_same(program)


def test_what_a_kernel_resizes_and_reads_is_kept(lab):
    def program(device: str) -> torch.Tensor:
        x = torch.ones(1, 10, device=device)
        return x.addbmm_(*(torch.ones(5, 5, n, device=device) for n in (5, 10)), beta=0.5)

    assert_same(program)


def test_lists_that_a_kernel_resizes_are_resized(lab):
    library = torch.library.Library("mtia_test_lists", "DEF")
    library.define("twice(Tensor x, Tensor(a!)[] out) -> ()")

    def twice(x: torch.Tensor, out: list[torch.Tensor]) -> None:
        for one in out:
            one.resize_(x.shape).copy_(x).mul_(2)

    library.impl("twice", twice, "CPU")
    out = [torch.empty(0, device="mtia"), torch.empty(2, device="mtia")]
    torch.ops.mtia_test_lists.twice(torch.arange(3.0, device="mtia"), out)
    assert [one.tolist() for one in out] == [[0, 2, 4], [0, 2, 4]]


def test_a_custom_operators_size_may_depend_on_a_number(lab):
    library = torch.library.Library("mtia_test_numbers", "DEF")
    library.define("rep(Tensor x, float s) -> Tensor")
    library.impl("rep", lambda x, s: x.repeat(int(s)), "CPU")
    torch.library.register_fake(
        "mtia_test_numbers::rep", lambda x, s: x.new_empty(int(len(x) * s)), lib=library
    )
    x = torch.ones(4, device="mtia")
    assert [len(torch.ops.mtia_test_numbers.rep(x, s)) for s in (1.0, 2.0, 1.0)] == [4, 8, 4]
    torch.mtia.synchronize()


def test_an_operator_may_go_while_its_kernel_is_pending(lab):
    """And another one may be defined in its place, at the same address."""

    def define(result: int) -> tuple[torch.library.Library, torch.Tensor]:
        library = torch.library.Library("mtia_test_gone", "DEF")
        library.define("f(Tensor x) -> Tensor" if result else "f(Tensor x, int n=1) -> Tensor")
        library.impl("f", lambda x, n=1: x * result, "CPU")
        library.impl("f", lambda x, n=1: torch.empty_like(x), "Meta")
        return library, torch.ops.mtia_test_gone.f(torch.ones(2, device="mtia"))

    library, first = define(3)
    torch.mtia.synchronize()
    assert first.tolist() == [3, 3]
    for result in (5, 0):
        library._destroy()
        library, again = define(result)
        assert again.tolist() == [result, result]
    lab.launch("in front", us=1000)
    torch.ops.mtia_test_gone.f(again)
    library._destroy()
    with pytest.raises(RuntimeError, match="f is gone: the library that defined it was deleted"):
        torch.mtia.synchronize()


def heard(program: Callable[[str], object], device: str) -> list[tuple[type, str]]:
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        program(device)
    return [(one.category, str(one.message)) for one in given]


@pytest.mark.parametrize(
    "program",
    [
        lambda d: (
            torch.ones(1, device=d)
            .expand(3)
            .masked_fill_(torch.ones(3, dtype=torch.bool, device=d), 1.0)
        ),
        lambda d: torch.arange(3, device=d)[torch.ones(3, dtype=torch.uint8, device=d)],
        lambda d: torch.add(torch.ones(4, device=d), 1, out=torch.empty(3, device=d)),
        lambda d: torch.nonzero(
            torch.ones(4, device=d), out=torch.empty(3, 1, dtype=int, device=d)
        ),
        lambda d: torch.std(torch.ones(1, device=d)),
    ],
)
def test_warnings_are_heard_at_every_call(lab, program):
    expected = heard(program, "cpu")
    assert expected
    for _ in range(3):
        assert heard(program, "mtia") == expected


@pytest.mark.parametrize(
    "make",
    [
        lambda d: torch.empty(2, dtype=torch.complex32, device=d),
        lambda d: torch.empty_strided((2, 2), (1, 2), dtype=torch.complex32, device=d),
        lambda d: torch.zeros(2, dtype=torch.complex32, device=d),
    ],
)
def test_numbers_of_two_halves_are_warned_of(lab, make):
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)  # else once a process
    try:
        texts = [
            [re.sub(r" \(Triggered .*", "", text) for _, text in heard(make, device)]
            for device in ("mtia", "cpu")
        ]
        assert texts[0] == texts[1] != []
    finally:
        torch.set_warn_always(before)


def test_torchscript_indexes_with_tensors(lab):
    def pick(x: torch.Tensor, i: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x[mask] = 1.0
        return x[i] + x[i, :1]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.script(pick)

    def program(device: str) -> torch.Tensor:
        x = torch.arange(6.0, device=device).view(3, 2)
        return script(x, torch.tensor([2, 0], device=device), x > 3)

    assert_same(program)


def test_settings_that_kernels_look_at_make_other_plans(lab):
    """`put_` refuses, and other kernels choose, by a setting of the process."""
    x, index = torch.zeros(4, device="mtia"), torch.tensor([1, 1], device="mtia")
    put = lambda: x.put_(index, torch.ones(2, device="mtia"), accumulate=False)  # noqa: E731
    put()
    try:
        torch.use_deterministic_algorithms(True)
        with pytest.raises(RuntimeError, match=re.escape("put_ does not have a deterministic")):
            put()
    finally:
        torch.use_deterministic_algorithms(False)
    put()
    torch.mtia.synchronize()
