"""Random numbers on the device: the CPU's for the same seed, in the order of the program."""

import pytest
import same
import torch
import torch.nn.functional as F

from mtia_lab import isolated

DRAWS = {
    "rand": lambda d, g: torch.rand(5, device=d, generator=g),
    "randn": lambda d, g: torch.randn(3, 7, device=d, generator=g),
    "many": lambda d, g: torch.randn(1000, device=d, generator=g),
    "double": lambda d, g: torch.randn(20, device=d, dtype=torch.float64, generator=g),
    "complex": lambda d, g: torch.randn(5, device=d, dtype=torch.complex64, generator=g),
    "bfloat16": lambda d, g: torch.rand(5, device=d, dtype=torch.bfloat16, generator=g),
    "randint": lambda d, g: torch.randint(10, (4,), device=d, generator=g),
    "randperm": lambda d, g: torch.randperm(10, device=d, generator=g),
    "normal": lambda d, g: torch.normal(torch.zeros(5, device=d), 2.0, generator=g),
    "normal_": lambda d, g: torch.empty(2, 3, device=d).t().normal_(generator=g),
    "uniform_": lambda d, g: torch.empty(5, device=d).uniform_(1, 2, generator=g),
    "random_": lambda d, g: torch.empty(5, device=d).random_(10, generator=g),
    "exponential_": lambda d, g: torch.empty(5, device=d).exponential_(generator=g),
    "cauchy_": lambda d, g: torch.empty(5, device=d).cauchy_(generator=g),
    "log_normal_": lambda d, g: torch.empty(5, device=d).log_normal_(generator=g),
    "geometric_": lambda d, g: torch.empty(5, device=d).geometric_(0.3, generator=g),
    "bernoulli": lambda d, g: torch.bernoulli(torch.full((9,), 0.5, device=d), generator=g),
    "multinomial": lambda d, g: torch.multinomial(torch.ones(9, device=d), 4, generator=g),
    "poisson": lambda d, g: torch.poisson(torch.full((9,), 3.0, device=d), generator=g),
}
DRAWS_FROM_THE_DEFAULT = {
    "rand_like": lambda d: torch.rand_like(torch.empty(2, 3, device=d).t()),
    "dropout": lambda d: F.dropout(torch.ones(20, device=d)),
    "alpha_dropout": lambda d: F.alpha_dropout(torch.ones(20, device=d), training=True),
    "rrelu": lambda d: F.rrelu(torch.linspace(-1, 1, 20, device=d), training=True),
    "gumbel_softmax": lambda d: F.gumbel_softmax(torch.ones(20, device=d)),
    "attention": lambda d: F.scaled_dot_product_attention(
        *[torch.ones(1, 1, 4, 4, device=d)] * 3, dropout_p=0.5
    ),
    "Categorical": lambda d: torch.distributions.Categorical(torch.ones(3, device=d)).sample((4,)),
    "Gamma": lambda d: torch.distributions.Gamma(torch.ones(3, device=d), 1.0).sample(),
    "Dirichlet": lambda d: torch.distributions.Dirichlet(torch.ones(3, device=d)).sample(),
}


@pytest.fixture(autouse=True)
def latest(lab):
    lab.configure("latest")


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_draws_equal_the_cpus_from_the_default_and_from_a_generator(draw):
    def program(d):
        mine = torch.Generator(d).manual_seed(4)
        return draw(d, None), draw(d, mine), draw(d, mine), draw(d, None)

    same.assert_same(program)


@pytest.mark.parametrize("draw", DRAWS_FROM_THE_DEFAULT.values(), ids=DRAWS_FROM_THE_DEFAULT)
def test_draws_that_take_no_generator_equal_the_cpus(draw):
    same.assert_same(lambda d: [draw(d), draw(d), torch.randn(3, device=d)])


def test_all_draws_in_a_row_equal_the_cpus():
    draws = [*DRAWS_FROM_THE_DEFAULT.values(), *(lambda d, f=f: f(d, None) for f in DRAWS.values())]
    same.assert_same(lambda d: [draw(d) for draw in draws])


def test_drawing_on_the_device_leaves_the_cpus_generator_alone():
    before = torch.get_rng_state()
    for draw in DRAWS_FROM_THE_DEFAULT.values():
        draw("mtia")
    torch.mtia.synchronize()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("schedule", same.SCHEDULES)
def test_draws_on_several_streams_come_in_the_order_of_the_program(lab, schedule):
    lab.configure(schedule)
    streams = [torch.Stream("mtia") for _ in range(3)]
    torch.manual_seed(8)
    drawn = []
    for turn in range(6):
        with streams[turn % 3]:
            drawn.append(torch.randn(4, device="mtia"))
    torch.mtia.synchronize()
    torch.manual_seed(8)
    for one in drawn:
        same.assert_equal(one, torch.randn(4))


def test_the_log_shows_the_chain_of_draws(lab):
    one, two = torch.Stream("mtia"), torch.Stream("mtia")
    with lab.record() as log:
        with one:
            torch.rand(2, device="mtia")
        with two:
            torch.rand(2, device="mtia")
            torch.ones(2, device="mtia")
    first, second, ones = log.commands
    assert second.after == (first.id,) and second.start >= first.finish
    assert ones.after == ()
    torch.mtia.synchronize()


def test_devices_draw_apart_from_one_another():
    torch.manual_seed(1)
    first = torch.rand(3, device="mtia:0")
    torch.rand(3, device="mtia:1")
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3, device="mtia:0"), first)
    assert torch.equal(torch.rand(3, device="mtia:1").cpu(), first.cpu())


def test_reading_a_state_comes_after_the_draws_before_it():
    torch.manual_seed(1)
    torch.rand(3, device="mtia")
    state = torch.mtia.get_rng_state()
    expected = torch.rand(3, device="mtia")
    torch.mtia.set_rng_state(state)
    assert torch.equal(torch.rand(3, device="mtia"), expected)


def test_seeding_does_not_overtake_pending_draws():
    torch.manual_seed(1)
    first = torch.rand(3, device="mtia")
    torch.manual_seed(2)
    second = torch.rand(3, device="mtia")
    torch.manual_seed(1)
    same.assert_equal(first, torch.rand(3))
    torch.manual_seed(2)
    same.assert_equal(second, torch.rand(3))


MORE_THAT_TAKE_A_GENERATOR = {
    "normal of numbers": lambda d, g: torch.normal(0.0, 1.0, (2,), device=d, generator=g),
    "normal of two": lambda d, g: torch.normal(*[torch.ones(2, device=d)] * 2, generator=g),
    "bernoulli_": lambda d, g: torch.ones(2, device=d).bernoulli_(0.5, generator=g),
    "binomial": lambda d, g: torch.binomial(*[torch.ones(2, device=d)] * 2, generator=g),
    "rand_like": lambda d, g: torch.rand_like(torch.ones(2, device=d), generator=g),
    "rand out": lambda d, g: torch.rand(2, generator=g, out=torch.empty(0, device=d)),
    "randperm out": lambda d, g: torch.randperm(
        3, generator=g, out=torch.empty(0, device=d, dtype=torch.int64)
    ),
    "init": lambda d, g: torch.nn.init.kaiming_uniform_(torch.ones(2, 2, device=d), generator=g),
    "gamma": lambda d, g: torch._standard_gamma(torch.ones(2, device=d), generator=g),
    "dirichlet": lambda d, g: torch._sample_dirichlet(torch.ones(2, device=d), generator=g),
}
TAKE_A_GENERATOR = {**DRAWS, **MORE_THAT_TAKE_A_GENERATOR}


@pytest.mark.parametrize("wanted, given", [("mtia", "cpu"), ("cpu", "mtia")])
@pytest.mark.parametrize("draw", TAKE_A_GENERATOR.values(), ids=TAKE_A_GENERATOR)
def test_a_generator_of_another_kind_of_device_is_refused(draw, wanted, given):
    kind = "(device type for generator|generator device)"
    words = f"Expected a '{wanted}(:0)?' {kind} but found '{given}"
    with pytest.raises(RuntimeError, match=words):
        draw(wanted, torch.Generator(given))
    torch.mtia.synchronize()


def test_a_generator_may_be_the_first_of_the_device():
    program = "import torch, mtia_lab\nmtia_lab.load()\ng = torch.Generator('mtia')\n"
    ran = isolated.run(f"{program}torch.rand(3, generator=g)")
    assert "Expected a 'cpu' device type for generator but found 'mtia'" in ran.error


def test_a_permutation_is_drawn_on_the_very_device():
    """PyTorch's rule for this one operator; others take any generator of the type."""
    other = torch.Generator("mtia:1")
    with pytest.raises(RuntimeError, match="'mtia:0' generator device but found 'mtia:1'"):
        torch.randperm(3, device="mtia", generator=other)
    assert torch.randperm(3, device="mtia:1", generator=other).device.index == 1
    assert torch.rand(3, device="mtia", generator=other).device.index == 0


def test_what_a_refused_generator_should_have_filled_is_as_it_was():
    x = torch.ones(2, dtype=torch.int64, device="mtia")
    for refused in (
        lambda g: x.random_(generator=g),
        lambda g: torch.randperm(5, generator=g, out=x),
    ):
        with pytest.raises(RuntimeError, match="Expected a 'mtia"):
            refused(torch.Generator())
    assert x.tolist() == [1, 1]
