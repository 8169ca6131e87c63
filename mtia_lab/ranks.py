"""Run one function in several processes at once, each with a rank and an accelerator of its own."""

import inspect
import re
import tempfile
import textwrap
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

import mtia_lab

from . import isolated
from .errors import MTIALabError

# torch._dynamo is what the first operator on the device imports: once here, not in every rank.
_PRELUDE = "import torch, torch.distributed, torch._dynamo, mtia_lab.distributed"
_GRACE = 15  # seconds that Gloo's own timeout comes before a process counts as hung


class RanksFailed(MTIALabError):
    """Not every rank came to its end; `why` has the message of each that is to blame."""


def run(
    worker: Callable,
    *arguments: object,
    ranks: int = 2,
    devices: int = 1,
    timeout: float = 60,
    uses: Sequence[Callable] = (),
) -> list:
    """Call `worker(*arguments)` in `ranks` processes, and return what each returned, by rank.

    Each process loads a simulated accelerator of its own and is a member of the default group of
    `torch.distributed`, whose backend serves tensors of the CPU and of the device. The processes
    meet in a file and talk over the loopback interface. What they print is printed here, in order
    of rank, when all have ended. None of them is left behind, whatever happens.

    Args:
        worker: a function, sent as its source text: it sees `torch`, `dist` (`torch.distributed`),
            `nn`, `mtia_lab`, the functions of `uses` and what it imports, and nothing else of the
            program that calls. Lines are named in logs as "worker.py:3", counted from its `def`.
        arguments: copied to every process. What the worker returns is copied back, tensors to the
            CPU.
        ranks: how many processes.
        devices: of each process's accelerator.
        timeout: seconds that a collective may wait for the other ranks. A process that has not
            ended 15 s later is killed.
        uses: functions and classes that the worker calls, sent as source text as well.

    Raises:
        RanksFailed: a rank raised an exception, crashed or did not end; the message says which.
        TypeError: the source of a function cannot be found.
    """
    with tempfile.TemporaryDirectory(prefix="mtia_lab_ranks_") as folder:
        request = {
            "sources": dict(map(_source, (*uses, worker))),
            "worker": worker.__name__,
            "arguments": arguments,
            "ranks": ranks,
            "timeout": timeout,
        }
        torch.save(request, Path(folder, "request"))
        results = isolated.run_each(
            {f"{k}": f"from mtia_lab.ranks import be; be({k}, {folder!r})" for k in range(ranks)},
            _PRELUDE,
            timeout=timeout + _GRACE,
            devices=devices,
            together=True,
        )
        for rank, result in results.items():
            for line in result.stdout.splitlines():
                print(f"[rank {rank}] {line}")
        _raise_what_failed(results, Path(folder))
        return [_load(Path(folder, f"value {rank}"), "cpu") for rank in range(ranks)]


def be(rank: int, folder: str) -> None:
    """Be one of the ranks: join the group, call the worker, leave what it returns in the folder."""
    request = _load(Path(folder, "request"))
    names = {"torch": torch, "dist": dist, "nn": torch.nn, "mtia_lab": mtia_lab}
    for name, source in request["sources"].items():
        exec(compile(source, f"{name}.py", "exec"), names)
    dist.init_process_group(
        mtia_lab.distributed.BACKEND,
        store=dist.FileStore(str(Path(folder, "store")), request["ranks"]),
        rank=rank,
        world_size=request["ranks"],
        timeout=timedelta(seconds=request["timeout"]),
    )
    try:
        dist.barrier()  # all have met, and none is lost because another one has failed by now
        value = names[request["worker"]](*request["arguments"])
        torch.save(value, Path(folder, f"value {rank}"))
        dist.barrier()  # whoever left earlier would look like one who is gone
    except Exception as error:
        Path(folder, f"place {rank}").write_text(_place(error, request["sources"]))
        raise
    finally:
        dist.destroy_process_group()


def _source(function: Callable) -> tuple[str, str]:
    """Its name and its text."""
    if not (inspect.isfunction(function) or inspect.isclass(function)) or (
        function.__name__ == "<lambda>"
    ):
        raise TypeError(
            f"{function!r} has no source of its own to send to other processes; "
            "give a function or a class made with def or class"
        )
    try:
        lines, _ = inspect.getsourcelines(function)
    except OSError:
        raise TypeError(
            f"the source of {function.__name__} cannot be found; write it in a cell or in a file"
        ) from None
    return function.__name__, textwrap.dedent("".join(lines))


def _place(error: BaseException, sources: dict) -> str:
    """The last line of the worker, or of what it uses, in which an exception arose."""
    files = {f"{name}.py" for name in sources}
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in files]
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""


def _raise_what_failed(results: dict, folder: Path) -> None:
    failed = {rank: result.error for rank, result in results.items() if not result.ok}
    if not failed:
        return
    # Where one rank fails, the others lose it in the middle of a collective: no news.
    causes = {rank: error for rank, error in failed.items() if not re.match("PeerLost", error)}
    lines = []
    for rank, error in (causes or failed).items():
        place = folder / f"place {rank}"
        lines.append(f"rank {rank}: {error}{place.read_text() if place.exists() else ''}")
    raise RanksFailed(
        f"{len(failed)} of {len(results)} ranks failed.",
        "\n".join(lines),
        "mend the worker. It sees only torch, dist, nn, mtia_lab, what `uses` names and what it "
        "imports; and every rank has to call the same collectives in the same order.",
    )


def _load(path: Path, device: str | None = None) -> object:
    return torch.load(path, device, weights_only=False)  # our own file, in a folder of our own
