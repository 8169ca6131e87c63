"""PyTorch's group of threads moves data on rank 0's stream, which waits for no other rank."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from unittest.mock import patch

import torch
import torch.distributed as dist
from torch._C import _distributed_c10d as c10d
from torch.testing._internal.distributed import multi_threaded_pg as threaded

from ..slow import work

REPORT = "pytorch/pytorch#195281"
SAW = "gradients that differ between ranks in tests of FSDP2 on ROCm"
FIX = "rank 0 waits for an event of each rank, moves the data, and lets each rank wait for one"
RANKS = 2
# With these functions of torch 2.15 it is mended: where they do nothing, it is as it was.
OF_THE_FIX = ("_record_current_stream_events", "_wait_current_stream_events")
NOTHING: dict[str, Any] = dict.fromkeys(OF_THE_FIX, lambda _: [])


def program(device: str, mended: bool) -> list[float]:
    store, events, meet, seen = c10d.HashStore(), dict[int, torch.Event](), Barrier(RANKS), {}

    def in_turn(number: int, call: Callable[[], object]) -> None:
        """One rank after the other, so that every run is the same."""
        for turn in range(RANKS):
            if turn == number:
                call()
            meet.wait()

    def record(number: int) -> None:
        events[number] = torch.accelerator.current_stream().record_event()

    def wait() -> None:
        for event in events.values():
            torch.accelerator.current_stream().wait_event(event)

    def rank(number: int) -> None:
        dist.init_process_group("threaded", rank=number, world_size=RANKS, store=store)
        made: list[torch.Tensor] = []

        def make() -> None:
            torch.accelerator.set_stream(torch.Stream(device))
            work(device)
            made.append(torch.full((4096,), number + 1.0, device=device))

        def read() -> None:
            seen[number] = made[0][-1].item()

        in_turn(number, make)
        if mended:
            in_turn(number, lambda: record(number))
            in_turn(number, wait if number == 0 else lambda: None)
        dist.all_reduce(made[0])
        if mended:
            in_turn(number, lambda: record(0) if number == 0 else None)
            in_turn(number, wait)
        in_turn(number, read)
        dist.destroy_process_group()

    hook, isolate = sys.excepthook, getattr(c10d, "_set_thread_isolation_mode")  # noqa: B009
    isolate(True)
    threaded._install_threaded_pg()
    try:
        with patch.multiple(threaded, create=True, **NOTHING), ThreadPoolExecutor(RANKS) as pool:
            list(pool.map(rank, range(RANKS)))
    finally:
        threaded._uninstall_threaded_pg()
        isolate(False)
        sys.excepthook = hook  # init_process_group puts the rank before each traceback
    return [seen[number] for number in range(RANKS)]
