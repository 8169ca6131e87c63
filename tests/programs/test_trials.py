"""Trying a program out: schedules, sanitizer and time."""

import pytest
import torch

from mtia_lab import isolated
from mtia_lab.device import simulator


@pytest.fixture
def tenfold(streams):
    """10 * (0 + 1), on two streams of which the second does not wait."""
    one, two = streams

    def program():
        x = torch.zeros(4).to("mtia")
        with one:
            x += 1
        with two:
            return (x * 10).mean().item()

    return program


@pytest.mark.parametrize(
    ("schedule", "value"), [("modelled", 10), ("blocking", 10), ("latest", 0), ("random:1", 10)]
)
def test_the_value_is_the_schedules_and_the_report_is_not(lab, tenfold, schedule, value):
    got, report, us = lab.trial(tenfold, schedule=schedule)
    assert got == value
    assert [finding.kind for finding in report] == ["read-after-write race"]
    assert us == report.log.calls[-1].end > 0


def test_arguments_are_passed_on(lab):
    assert lab.trial(max, 3, 4).value == 4
    assert lab.trial(max, 3, 4).us == 0


def test_poison_is_in_the_trial_and_nowhere_after_it(lab, streams):
    def freed_too_soon():
        x = torch.ones(1000).to("mtia")
        with streams[0]:
            y = x * 2
        del x
        with streams[0]:
            return y.mean().item()

    assert lab.trial(freed_too_soon).value == 2
    poisoned = lab.trial(freed_too_soon, poison=True).value
    assert poisoned != poisoned  # NaN
    assert lab.trial(freed_too_soon).value == 2


def test_a_trial_leaves_all_as_it_was(lab):
    def fails():
        lab.launch("pending", us=50)
        raise ValueError("no")

    lab.configure("latest")
    lab.launch("before", us=50)
    with torch.mtia.device(1):
        lab.launch("there", us=50)
    with pytest.raises(ValueError, match="no"):
        lab.trial(fails, schedule="modelled", poison=True)
    assert torch.mtia.current_stream(0).query() and torch.mtia.current_stream(1).query()
    assert simulator.schedule() == "latest"
    torch.empty(8, device="mtia")
    with lab.record() as log:
        torch.empty(8, device="mtia")
    assert "poison" not in [command.name for command in log.commands]


def divide():
    return 1 / 0


def is_as_usual(lab):
    """Idle, under "latest", and without poison."""
    queries = [torch.mtia.current_stream(device).query() for device in (0, 1)]
    with lab.record() as log:
        torch.empty(8, device="mtia")
    names = [command.name for command in log.commands]
    return all(queries) and simulator.schedule() == "latest" and "poison" not in names


def test_a_trial_whose_kernels_fail_leaves_all_as_it_was(lab):
    def program():
        for device in (0, 1):
            with torch.mtia.device(device):
                lab.launch(f"division {device}", us=50, effect=divide)

    lab.configure("latest")
    with pytest.raises(RuntimeError, match="'division [01]' failed") as raised:
        lab.trial(program, schedule="modelled", poison=True)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert is_as_usual(lab)


def test_the_programs_own_exception_comes_before_its_kernels(lab):
    def program():
        lab.launch("division", us=50, effect=divide)
        raise KeyError("own")

    lab.configure("latest")
    with pytest.raises(KeyError, match="own") as raised:
        lab.trial(program, poison=True)
    assert "kernel 'division' failed" in raised.value.__notes__[0]
    assert is_as_usual(lab)


def test_an_interrupted_trial_leaves_all_as_it_was(lab):
    def interrupt():
        raise KeyboardInterrupt

    lab.configure("latest")
    with pytest.raises(KeyboardInterrupt):
        lab.trial(lambda: lab.launch("k", us=50, effect=interrupt), poison=True)
    assert is_as_usual(lab)


FIRST = """
import mtia_lab, torch
print(mtia_lab.trial(lambda: mtia_lab.launch("k")).us > 0)
mtia_lab.launch("division", effect=lambda: 1 / 0)
try:
    torch.accelerator.synchronize(0)
except RuntimeError as error:
    print(repr(error.__cause__))
"""


def test_a_launch_is_a_first_use_like_any_other():
    """In a new process: `synchronize` waits only for devices that PyTorch has initialized."""
    result = isolated.run(FIRST, devices=2)
    assert result.stdout == "True\nZeroDivisionError('division by zero')\n", result.error
