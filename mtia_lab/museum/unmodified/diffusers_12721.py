"""Group offloading of diffusers as it was, whose record_stream names the stream of the transfer."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import nn

from ...errors import ExhibitMissing

REPORT = "huggingface/diffusers#12721"
SAW = "images full of garbage under group offloading with record_stream=True"
FIX = "the stream that computes is asked for before the transfer's becomes current (0.36)"
NEEDS = "diffusers==0.35.2"  # the last with the bug; with accelerate beside it


def program(device: str, mended: bool) -> list[float]:
    offloading = _offloading()
    layers = [nn.Linear(512, 512, bias=False) for _ in range(6)]
    for k, layer in enumerate(layers, 1):
        nn.init.constant_(layer.weight, k / 512)
    model = nn.Sequential(*layers)
    # Its public function knows CUDA and XPU by name only. What it calls then knows no device.
    config = offloading.GroupOffloadingConfig(
        onload_device=torch.device(device),
        offload_device=torch.device("cpu"),
        offload_type=offloading.GroupOffloadingType.LEAF_LEVEL,
        non_blocking=True,
        record_stream=not mended,  # without it the host waits, as it was advised to until then
        low_cpu_mem_usage=False,
        stream=torch.Stream(device),
    )
    offloading._apply_group_offloading(model.requires_grad_(False), config)
    inputs = torch.ones(2048, 512, device=device)
    return [model(inputs)[0, 0].item() for _ in range(2)]


def _offloading() -> Any:
    name, _, release = NEEDS.partition("==")
    try:
        found = version(name)
    except PackageNotFoundError:
        found = "no release"
    if found != release:
        raise ExhibitMissing(
            f"{REPORT} cannot be looked at here.",
            f"it takes {NEEDS}, and {found} is installed.",
            f"install it, and accelerate beside it: pip install {NEEDS} accelerate",
        )
    return import_module("diffusers.hooks.group_offloading")
