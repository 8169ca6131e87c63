"""An effect runs on the thread that synchronizes, but notices nothing of its modes."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch._subclasses import FakeTensorMode

import mtia_lab


def effect_sees(mode) -> dict:
    seen = {}

    def look():
        tensor = torch.ones(2)
        seen.update(
            type=type(tensor),
            device=tensor.device.type,
            gradients=torch.is_grad_enabled(),
            inference=torch.is_inference_mode_enabled(),
            autocast=torch.is_autocast_enabled("cpu"),
        )

    mtia_lab.launch("look", us=1, effect=look)
    with mode:
        torch.mtia.synchronize()
    return seen


MODES = {
    "gradients": torch.enable_grad,
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu"),
    "fake tensors": FakeTensorMode,
    "default device": lambda: torch.device("meta"),
}


@pytest.mark.parametrize("mode", MODES)
def test_an_effect_runs_as_on_a_fresh_thread(lab, mode):
    assert effect_sees(MODES[mode]()) == {
        "type": torch.Tensor,
        "device": "cpu",
        "gradients": False,
        "inference": False,
        "autocast": False,
    }


def test_the_synchronizing_thread_keeps_its_own_modes(lab):
    mtia_lab.launch("look", us=1, effect=lambda: None)
    with torch.inference_mode(), torch.autocast("cpu"):
        torch.mtia.synchronize()
        assert torch.is_inference_mode_enabled()
        assert torch.is_autocast_enabled("cpu")
    assert torch.is_grad_enabled()


def test_a_kernel_takes_the_number_of_threads_that_is_set(lab):
    """A thread that has computed before keeps the number it began with; kernels do not."""
    library, seen = torch.library.Library("mtia_lab_threads", "DEF"), []
    library.define("note(Tensor x) -> Tensor")
    library.impl("note", lambda x: seen.append(torch.get_num_threads()) or x.clone(), "CPU")
    library.impl("note", torch.empty_like, "Meta")
    x, before = torch.ones(2, device="mtia"), torch.get_num_threads()

    def run():
        torch.ops.mtia_lab_threads.note(x)
        torch.mtia.synchronize()

    try:
        with ThreadPoolExecutor(1) as pool:
            for number in (1, 3):
                torch.set_num_threads(number)
                pool.submit(run).result()
    finally:
        torch.set_num_threads(before)
    assert seen == [1, 3]
