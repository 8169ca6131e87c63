"""Run one function in several processes at once, each with a rank and an accelerator of its own."""

import contextlib
import inspect
import json
import tempfile
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import FileStore

from .. import isolated
from ..errors import MTIALabError, WrongArgument, WrongValue
from ..isolated import KeptServer, Result
from .group import BACKEND, PeerLost, trail

# torch._dynamo is what the first operator on the device imports: once here, not in every rank.
_PRELUDE = f"import torch, torch.distributed, torch._dynamo, {__name__}"
server = KeptServer(_PRELUDE)  # from one call to the next: a call forks from it
_GRACE = 15  # seconds that Gloo's own timeout comes before a process counts as hung
_MOST_RANKS = 64
_LAB = __name__.partition(".")[0]  # workers see it by this name
_RETURNS = "return"  # what a rank's list of collectives ends with


class _Call(NamedTuple):
    """Of a collective: its name, what all ranks have to agree in, and the line."""

    name: str
    form: str
    place: str


T = TypeVar("T")


class RanksFailed(MTIALabError):
    """Not every rank came to its end; `why` has the message of each that is to blame."""


def run(
    worker: Callable[..., T],
    *arguments: Any,
    ranks: int = 2,
    devices: int = 1,
    timeout: float = 60,
    uses: Sequence[Callable[..., Any]] = (),
) -> list[T]:
    """Call `worker(*arguments)` in `ranks` processes, and return what each returned, by rank.

    Each process loads a simulated accelerator of its own and is a member of the default group of
    `torch.distributed`, whose backend serves tensors of the CPU and of the device. The processes
    meet in a file and talk over the loopback interface. What they print is printed here, in order
    of rank, when all have ended. None of them is left behind but the one that they were forked
    from: it has imported torch, and is kept for the next call.

    Args:
        worker: a function, sent as its source text: it sees `torch`, `dist` (`torch.distributed`),
            `nn`, `mtia_lab`, the functions of `uses` and what it imports, and nothing else of the
            program that calls. Lines are named in logs as "worker.py:3", counted from its `def`.
        arguments: copied to every process. What the worker returns is copied back, tensors to the
            CPU.
        ranks: how many processes, 1 to 64.
        devices: of each process's accelerator.
        timeout: seconds that a collective may wait for the other ranks. A process that has not
            ended 15 s later is killed.
        uses: functions and classes that the worker calls, sent as source text as well.

    Raises:
        RanksFailed: a rank raised an exception, left or crashed before it returned, did not end, or
            returned what cannot be copied; or the ranks called different collectives. The message
            says which.
        TypeError, ValueError: the source of a function cannot be found, an argument cannot be
            copied, or a number is none of ranks, devices or seconds.
    """
    isolated.check_whole(ranks, "ranks")
    if not 1 <= ranks <= _MOST_RANKS:
        raise WrongValue(
            f"ranks is {ranks}, but 1 to {_MOST_RANKS} processes can be started: try 2"
        )
    isolated.check_whole(devices, "devices")
    isolated.check_seconds(timeout)
    with tempfile.TemporaryDirectory(prefix="mtia_lab_ranks_") as folder:
        request = {
            "sources": dict(map(_source, (*uses, worker))),
            "worker": worker.__name__,
            "arguments": arguments,
            "ranks": ranks,
            "timeout": timeout,
        }
        try:
            torch.save(request, Path(folder, "request"))
        except Exception as error:  # pickle raises what it likes
            raise WrongArgument(
                f"an argument of {worker.__name__} cannot be copied to other processes "
                f"({type(error).__name__}: {error}); give tensors, numbers, text and containers of "
                "them, and name functions in `uses`"
            ) from error
        with server.lock:
            results = server.get().run_each(
                {f"{k}": f"from {__name__} import be; be({k}, {folder!r})" for k in range(ranks)},
                timeout=timeout + _GRACE,
                devices=devices,
                together=True,
            )
        for rank, result in results.items():
            for line in result.stdout.splitlines():
                print(f"[rank {rank}] {line}")
        _raise_what_failed(results, Path(folder))
        return [_value(rank, Path(folder)) for rank in range(ranks)]


def be(rank: int, folder: str) -> None:
    """Be one of the ranks: join the group, call the worker, leave what it returns in the folder."""
    request = _load(Path(folder, "request"))
    names: dict[str, Any] = {
        "torch": torch,
        "dist": dist,
        "nn": torch.nn,
        _LAB: import_module(_LAB),
    }
    for name, source in request["sources"].items():
        exec(compile(source, f"{name}.py", "exec"), names)
    dist.init_process_group(
        BACKEND,
        store=FileStore(str(Path(folder, "store")), request["ranks"]),
        rank=rank,
        world_size=request["ranks"],
        timeout=timedelta(seconds=request["timeout"]),
    )
    with open(Path(folder, f"calls {rank}"), "w", buffering=1) as calls:
        trail.file, trail.sources = calls, {f"{name}.py" for name in request["sources"]}
        try:
            dist.barrier()  # all have met, and none is lost because another one has failed by now
            value = _call(names[request["worker"]], request["arguments"])
            _save(value, Path(folder, f"value {rank}"))
            if (world := dist.group.WORLD) is not None:  # a rank that left earlier would seem lost
                trail.note(world, _RETURNS, "")
                with contextlib.suppress(PeerLost):  # that rank has a message of its own
                    dist.barrier()
        except BaseException as error:
            left = error.__cause__ if isinstance(error, WorkerLeft) else None
            Path(folder, f"place {rank}").write_text(_place(left or error, trail.sources))
            raise
        finally:
            trail.file = None
            if dist.is_initialized():
                dist.destroy_process_group()


class WorkerLeft(RuntimeError):
    """A worker called `sys.exit` instead of returning."""


class NotCopied(RuntimeError):
    """What a worker returned cannot be sent to another process."""


def _call(worker: Callable[..., T], arguments: Sequence[Any]) -> T:
    try:
        return worker(*arguments)
    except SystemExit as error:
        raise WorkerLeft(f"it called sys.exit({error.code!r}) and did not return") from error


def _save(value: Any, path: Path) -> None:
    try:
        torch.save(value, path)
    except Exception as error:
        path.unlink(missing_ok=True)
        raise NotCopied(
            "it returned what cannot be copied to another process "
            f"({type(error).__name__}: {error})"
        ) from error


def _value(rank: int, folder: Path) -> Any:
    """What the worker returned."""
    try:
        return _load(folder / f"value {rank}", "cpu")
    except Exception as error:
        raise RanksFailed(
            f"What rank {rank} returned cannot be read here.",
            f"{type(error).__name__}: {error}",
            "return tensors, numbers, text and containers of them.",
        ) from error


def _source(function: Callable[..., Any]) -> tuple[str, str]:
    """Its name and its text."""
    if not (inspect.isfunction(function) or inspect.isclass(function)) or (
        function.__name__ == "<lambda>"
    ):
        raise WrongArgument(
            f"{function!r} has no source of its own to send to other processes; "
            "give a function or a class made with def or class"
        )
    return function.__name__, isolated.source_of(function)


def _place(error: BaseException, files: set[str]) -> str:
    """The last line of the worker, or of what it uses, in which an exception arose."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in files]
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""


def _raise_what_failed(results: dict[str, Result], folder: Path) -> None:
    failed = {rank: result.error for rank, result in results.items() if result.error is not None}
    apart = _where_they_part(results, folder)
    if not failed and not apart:
        return
    # Where one rank fails, the others lose it in the middle of a collective: no news.
    causes = {rank: error for rank, error in failed.items() if "PeerLost: " not in error}
    lines = []
    for rank, error in (causes or failed).items():
        place = folder / f"place {rank}"
        where = place.read_text() if place.exists() else ""
        if error.startswith("killed by"):  # what it wrote last is why
            error += "".join(f"\n    {line}" for line in _last_words(results[rank].stderr))
        lines.append(f"rank {rank}: {error}{where}")
    raise RanksFailed(
        f"{len(failed)} of {len(results)} ranks failed."
        if failed
        else "The ranks called different collectives.",
        "\n".join([*apart, *lines]),
        "fix the worker. It sees only torch, dist, nn, mtia_lab, what `uses` names and what it "
        "imports; and every rank has to call the same collectives in the same order.",
    )


def _last_words(stderr: str) -> list[str]:
    lines = [line.strip()[:300] for line in stderr.splitlines() if line.strip()]
    return lines[-3:]


def _where_they_part(results: dict[str, Result], folder: Path) -> list[str]:
    """The first collective of each group in which its ranks do not agree, in words."""
    called: dict[str, dict[int, list[_Call]]] = {}  # by group and rank
    for rank in map(int, results):
        path = folder / f"calls {rank}"
        for line in path.read_text().splitlines() if path.exists() else ():
            with contextlib.suppress(json.JSONDecodeError):  # it died in the middle of the last
                group, *call = json.loads(line)
                called.setdefault(group, {}).setdefault(rank, []).append(_Call(*call))
    return [words for ranks in called.values() for words in _parting(ranks)]


def _parting(ranks: dict[int, list[_Call]]) -> list[str]:
    for number, calls in enumerate(zip(*ranks.values()), 1):  # noqa: B905, some end earlier
        if len({(name, form) for name, form, _ in calls}) > 1:
            return [
                f"rank {rank} "
                + (f"called {name}({form}){place}" if name != _RETURNS else "returned")
                + f" where the group's collective {number} was due"
                for rank, (name, form, place) in zip(ranks, calls, strict=True)
            ]
    return []


def _load(path: Path, device: str | None = None) -> Any:
    return torch.load(path, device, weights_only=False)  # our own file, in a folder of our own
