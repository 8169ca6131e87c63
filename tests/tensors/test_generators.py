"""Seeds and random states: one generator per device, each as PyTorch expects it."""

import copy
import pickle

import pytest
import torch


@pytest.fixture(autouse=True)
def seeds_kept(lab):
    """Every test leaves the states of all generators, the CPU's too, as it found them."""
    with torch.random.fork_rng(range(2), device_type="mtia"):
        yield


def state(device) -> list[int]:
    return torch.mtia.get_rng_state(device).tolist()


def test_manual_seed_reaches_every_device():
    torch.manual_seed(1)
    first = [state(d) for d in (0, 1)]
    torch.manual_seed(2)
    assert all(state(d) != first[d] for d in (0, 1))
    torch.manual_seed(1)
    assert [state(d) for d in (0, 1)] == first
    assert torch.mtia.initial_seed() == 1


def test_seeding_one_device_leaves_the_other_and_the_cpu_alone():
    torch.manual_seed(1)
    before, cpu = [state(d) for d in (0, 1)], torch.get_rng_state()
    with torch.mtia.device(1):
        torch.mtia.manual_seed(2)
        assert torch.mtia.initial_seed() == 2
    assert state(0) == before[0] and state(1) != before[1]
    assert torch.equal(torch.get_rng_state(), cpu)
    torch.mtia.manual_seed_all(3)
    assert [g.initial_seed() for g in torch.mtia.default_generators] == [3, 3]


def test_seed_draws_a_new_one_for_a_device_or_for_all():
    torch.manual_seed(1)
    assert torch.mtia.seed() == torch.mtia.initial_seed() != 1
    assert torch.mtia.seed_all() == torch.mtia.initial_seed()
    assert state(0) == state(1)


def test_states_can_be_taken_and_set_back():
    torch.manual_seed(1)
    taken = torch.mtia.get_rng_state_all()
    assert len(taken) == 2 and all(s.dtype == torch.uint8 and s.is_cpu for s in taken)
    torch.manual_seed(2)
    torch.mtia.set_rng_state_all(taken)
    assert [state(d) for d in (0, 1)] == [s.tolist() for s in taken]
    torch.mtia.set_rng_state(taken[0], "mtia:1")
    assert state("mtia:1") == state(0)


@pytest.mark.skipif(not hasattr(torch.accelerator, "random"), reason="from torch 2.15 on")
def test_the_accelerators_functions_read_the_same_generators():
    random = torch.accelerator.random
    torch.manual_seed(1)
    with torch.accelerator.device_index(1):
        torch.mtia.manual_seed(2)
        assert random.initial_seed() == 2
    assert [torch.accelerator.random.initial_seed(d) for d in (0, "mtia:1", None)] == [1, 2, 1]
    assert [s.tolist() for s in torch.accelerator.random.get_rng_state_all()] == [
        state(0),
        state(1),
    ]
    assert torch.accelerator.random.get_rng_state("mtia:1").tolist() == state(1)
    with pytest.raises(RuntimeError, match="no device mtia:7"):
        torch.accelerator.random.get_rng_state(7)


def test_fork_rng_puts_the_states_back():
    torch.manual_seed(1)
    before = [state(d) for d in (0, 1)]
    with torch.random.fork_rng([0, 1], device_type="mtia"):
        torch.manual_seed(2)
    assert [state(d) for d in (0, 1)] == before


def test_a_state_of_the_wrong_shape_is_refused_and_changes_nothing():
    before = state(0)
    for wrong in (torch.zeros(3, dtype=torch.uint8), torch.zeros(5056)):
        with pytest.raises((RuntimeError, TypeError)):
            torch.mtia.default_generators[0].set_state(wrong)
    assert state(0) == before


def test_a_generator_of_ones_own_is_of_its_device_and_independent():
    default = state(1)
    mine = torch.Generator("mtia:1")
    assert mine.device == torch.device("mtia:1")
    assert mine.manual_seed(7) is mine and mine.initial_seed() == 7
    assert state(1) == default
    assert mine.seed() == mine.initial_seed()
    with torch.mtia.device(1):
        assert torch.Generator("mtia").device == torch.device("mtia:1")


def test_a_state_as_on_the_cpu_for_the_same_seed():
    """The device's random numbers will be the CPU's: the generator is the same twister."""
    ours, cpus = torch.Generator("mtia").manual_seed(5), torch.Generator().manual_seed(5)
    assert torch.equal(ours.get_state(), cpus.get_state())


def test_cloned_states_are_copies_and_graphsafe_states_are_shared():
    mine = torch.Generator("mtia:0").manual_seed(1)
    copy = mine.clone_state()
    assert copy.device == mine.device and torch.equal(copy.get_state(), mine.get_state())
    copy.manual_seed(2)
    assert mine.initial_seed() == 1

    shared = mine.graphsafe_get_state()
    shared.manual_seed(3)
    assert mine.initial_seed() == 3
    mine.graphsafe_set_state(copy)
    assert torch.equal(mine.get_state(), copy.get_state())
    copy.manual_seed(4)
    assert mine.initial_seed() == 4


def test_a_state_of_another_kind_of_device_is_refused():
    mine = torch.Generator("mtia:0").manual_seed(1)
    with pytest.raises(RuntimeError):
        mine.graphsafe_set_state(torch.Generator())
    assert mine.initial_seed() == 1


def test_a_twister_has_no_offset_but_the_one_that_pickling_asks_for():
    mine = torch.Generator("mtia:0")
    assert mine.get_offset() == 0
    mine.set_offset(0)
    with pytest.raises(RuntimeError, match="offset"):
        mine.set_offset(4)


@pytest.mark.parametrize("duplicate", [lambda g: pickle.loads(pickle.dumps(g)), copy.deepcopy])
def test_a_generator_can_be_pickled_and_copied(duplicate):
    mine = torch.Generator("mtia:1").manual_seed(9)
    other = duplicate(mine)
    assert other.device == mine.device
    assert torch.equal(other.get_state(), mine.get_state())
