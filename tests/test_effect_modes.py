"""An effect runs on the thread that synchronises, but notices nothing of its modes."""

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


def test_the_synchronising_thread_keeps_its_own_modes(lab):
    mtia_lab.launch("look", us=1, effect=lambda: None)
    with torch.inference_mode(), torch.autocast("cpu"):
        torch.mtia.synchronize()
        assert torch.is_inference_mode_enabled()
        assert torch.is_autocast_enabled("cpu")
    assert torch.is_grad_enabled()
