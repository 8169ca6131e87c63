"""Settings for a block: in force within it, as before after it, however it ends; and `reset`."""

import pytest
import torch

from mtia_lab import errors, isolated
from mtia_lab.device import Configuration, Profile, configuration, configure, simulator


def divide():
    return 1 / 0


def interrupt():
    raise KeyboardInterrupt


def test_each_setting_is_in_force_in_its_block_and_no_other_changes(lab):
    costs = Profile(kernel_slots=1)
    configure("blocking")
    with lab.schedule("random:7"), lab.poison(), lab.protect():
        with lab.profile(costs), lab.schedule("latest"), lab.poison(False), lab.protect(False):
            assert configuration() == ("latest", costs, False, False)
        assert configuration() == ("random:7", Profile(), True, True)
    assert configuration() == ("blocking", Profile(), False, False)


def test_where_the_system_does_not_protect_memory_nothing_changes(lab, monkeypatch):
    def refuse(wanted):
        raise RuntimeError("the system does not let device memory be closed")

    monkeypatch.setattr(simulator, "set_protection", refuse)
    with pytest.raises(RuntimeError, match="be closed"):
        configure("latest", Profile(kernel_slots=1), poison=True, protect=True)
    assert configuration() == Configuration()


def test_a_block_is_what_its_schedule_makes_of_it(lab, streams):
    def too_early():
        x = torch.zeros(4).to("mtia")
        with streams[0]:
            x += 1
        with streams[1]:
            return x.cpu().tolist()

    assert too_early() == [1] * 4
    with lab.schedule("latest"):
        assert too_early() == [0] * 4
    assert lab.schedule("latest")(too_early)() == [0] * 4  # as a decorator
    assert too_early() == [1] * 4


def test_a_block_waits_for_what_was_before_it_and_for_its_own(lab):
    for device in (0, 1):
        with torch.mtia.device(device):
            lab.launch("before", us=50)
    with lab.schedule("latest"):
        lab.launch("within", us=50)
        assert not torch.mtia.current_stream(0).query()
    assert torch.mtia.current_stream(0).query() and configuration() == Configuration()


@pytest.mark.parametrize("pending", [divide, interrupt])
@pytest.mark.parametrize("raised", [None, KeyError("own"), KeyboardInterrupt(), GeneratorExit()])
def test_whatever_happens_all_is_as_before(lab, pending, raised):
    with (
        pytest.raises((RuntimeError, KeyError, KeyboardInterrupt, GeneratorExit)) as caught,
        lab.poison(),
        lab.protect(),
        lab.schedule("latest"),
        lab.profile(Profile(queue_depth=1_000)),
    ):
        configure("modelled", poison=False)  # that too is undone
        for device in (0, 1):
            with torch.mtia.device(device):
                lab.launch("pending", us=50, effect=pending)
        if raised:
            raise raised
    assert configuration() == Configuration()
    assert all(torch.mtia.current_stream(device).query() for device in (0, 1))
    if raised and pending is divide:
        assert caught.value is raised and "'pending' failed" in raised.__notes__[0]


@pytest.mark.parametrize(
    "refused", [("schedule", "newest"), ("profile", 3), ("poison", "yes"), ("protect", 1)]
)
def test_what_cannot_be_set_changes_nothing(lab, refused):
    name, value = refused
    with pytest.raises((RuntimeError, TypeError)), getattr(lab, name)(value):
        pytest.fail("the block ran")
    assert configuration() == Configuration()


def test_the_call_alone_says_what_to_write(lab):
    called = lab.schedule("latest")
    assert repr(called) == "Nothing is set yet. Write: with mtia_lab.schedule('latest'):"
    with pytest.raises(errors.NotBegun, match="Nothing is set yet"):
        called.report  # noqa: B018
    with pytest.raises(TypeError, match="name"):
        lab.schedule()
    assert configuration() == Configuration()


def test_reset_is_what_load_left(lab, empty):
    torch.mtia.manual_seed_all(3)
    configure("latest", Profile(kernel_slots=2), poison=True, protect=True)
    torch.mtia.set_stream(torch.Stream("mtia:1"))
    torch.mtia.record_memory_history()
    kept = torch.ones(100, device="mtia:0")
    del kept
    lab.launch("pending", us=50)
    lab.reset()
    assert configuration() == Configuration() and lab.state() == (0, 0, 0)
    assert torch.mtia.current_stream(1).query()
    for device in (0, 1):
        stats = torch.accelerator.memory_stats(device)
        assert stats["allocated_bytes.all.peak"] == stats["reserved_bytes.all.current"] == 0
        assert stats["allocated_bytes.all.allocated"] == 0
    begun = torch.rand(3, device="mtia").tolist()
    lab.reset()
    assert torch.rand(3, device="mtia").tolist() == begun


def test_reset_raises_what_nobody_waited_for_once_all_else_is_done(lab):
    configure("latest", poison=True)
    torch.mtia.set_device(1)
    lab.launch("division", us=50, effect=divide)
    with pytest.raises(RuntimeError, match="'division' failed"):
        lab.reset()
    assert configuration() == Configuration() and lab.state() == (0, 0, 0)
    lab.reset()


def test_what_was_allocated_before_a_reset_still_lives(lab):
    x = torch.arange(4, device="mtia")
    lab.reset()
    assert x.tolist() == [0, 1, 2, 3]


NEW = """
import mtia_lab, torch
first = torch.rand(3, device="mtia").tolist()
mtia_lab.reset()
print(torch.rand(3, device="mtia").tolist() == first)
"""


def test_the_seed_of_a_reset_is_that_of_a_new_process():
    assert isolated.run(NEW, devices=2).stdout == "True\n"


def test_before_load_there_is_nothing_to_set():
    for call in ("mtia_lab.reset()", "mtia_lab.schedule('latest').__enter__()"):
        result = isolated.run(f"import mtia_lab; {call}")
        assert result.error.startswith("NotLoaded: There is no simulated device"), result
