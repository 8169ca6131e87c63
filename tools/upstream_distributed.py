"""`mtia` for PyTorch's tests of FSDP2 and `replicate`, which know CUDA, HPU and XPU by their names.

Of the two kinds of them, one has its ranks in threads, which share the device, and the other one in
processes, each of which has a simulated device of its own.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch.testing._internal import common_distributed, common_utils

import mtia_lab.distributed
from mtia_lab.museum.slow import work

DEVICES = 4  # and so ranks
Test = Callable[..., Any]


def prepare() -> None:
    """Load the device, and let tests that are yet to be imported run on it, here and in ranks."""
    simulate()
    torch.mtia.init()  # else a mesh would give each thread a device of its own
    # A rank is forked from a process that has done this; to do so in each took most of the time.
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # that process knows no other
    multiprocessing.set_start_method("forkserver", force=True)
    multiprocessing.set_forkserver_preload(["upstream_rank"])
    torch.multiprocessing.get_context = lambda _: multiprocessing.get_context("forkserver")


def simulate() -> None:
    """Load the device, and put it where the tests look for another one."""
    mtia_lab.load(devices=DEVICES)
    from torch.testing._internal import common_fsdp  # asks for an accelerator

    common_fsdp.DEVICE_TYPE = "mtia"
    common_fsdp.DISTRIBUTED_BACKEND = mtia_lab.distributed.BACKEND
    common_fsdp.DEVICE_COUNT = DEVICES
    common_fsdp.TEST_XPU = True  # each rank in a process takes a device of its own
    if "multi-gpu-1" in common_distributed.TEST_SKIPS:  # from torch 2.15 on any accelerator counts
        common_distributed.skip_if_lt_x_gpu = skip_without  # type: ignore[assignment]
    common_utils.get_cycles_per_ms = lambda device="mtia": 1.0
    torch.mtia._sleep = lambda cycles: work("mtia")  # type: ignore[attr-defined]


def skip_without(devices: int, *, allow_cpu: bool = False) -> Callable[[Test], Test]:
    """Leave a test out if it takes more devices, in the words of the original."""

    def decorator(test: Test) -> Test:
        @wraps(test)
        def wrapper(*arguments: Any, **options: Any) -> Any:
            if torch.mtia.device_count() >= devices:
                return test(*arguments, **options)
            skip = common_distributed.TEST_SKIPS[f"multi-gpu-{devices}"]
            if not common_distributed._maybe_handle_skip_if_lt_x_gpu(arguments, skip.message):
                raise SystemExit(skip.exit_code)
            return None

        return wrapper

    return decorator
