"""Notebook 09: who must wait, a wait that is missing, one that is too long, three planted bugs."""

from collections.abc import Callable
from random import Random
from typing import Any

import torch
from torch import Stream, Tensor

from ...device import launch
from ...programs.trials import trial
from ..check import Answer, Feedback, show
from ..judge import Cases, judge, program_cases

SIDE = 256
RACES = ("read-after-write race", "write-after-read race", "write-after-write race")
Line = Callable[[Stream, Stream], Any]


# --- Exercise 1: one buffer for all ---------------------------------------------------------------


def judge_diagnose(answer: Answer) -> Feedback:
    """Whether a function names the race of `one_buffer`, and the stream that must wait."""
    why = "s2 may still read what s1 fills anew, so s1, whose access comes second, must wait"
    return judge(answer, lambda _: {"kind": _kind, "who must wait": _who}, why=why)


def judge_before_refill(answer: Answer) -> Feedback:
    """Whether a call before each refill of the buffer makes `one_buffer` right, and not slow."""
    why = "the stream that fills the buffer waits until it has been read, and the host does not"

    def cases(rng: Random) -> Cases:
        return program_cases(_one_buffer, _refill, rng, inputs=_few, kernels=["sum"], slack=1.02)

    return judge(answer, cases, why=why)


def _one_buffer(before_refill: Line, batches: list[Tensor]) -> Any:
    return _filled(before_refill, batches, Stream("mtia"), Stream("mtia"))


def _filled(before_refill: Line, batches: list[Tensor], s1: Stream, s2: Stream) -> Any:
    buffer, sums = torch.zeros_like(batches[0]).to("mtia"), []
    for batch in batches:
        before_refill(s1, s2)
        with s1:
            buffer.copy_(batch, non_blocking=True)
        s2.wait_stream(s1)
        with s2:
            launch("work", us=20)
            sums.append(buffer.sum())
    with s2:
        return torch.stack(sums).tolist()


def _few(rng: Random) -> tuple[list[Tensor]]:
    size = rng.randrange(4, 40)
    return ([torch.full((size,), float(rng.randrange(1, 100))).pin_memory() for _ in range(4)],)


def _refill(s1: Stream, s2: Stream) -> None:
    s1.wait_stream(s2)


def _diagnoses(answer: Any) -> Any:
    """For streams that were made in this order and in the other: `(given, kind, s1, s2, right)`."""
    for order in (1, -1):
        s1, s2 = (Stream("mtia"), Stream("mtia"))[::order]
        (race,) = trial(_filled, lambda *_: None, *_few(Random(1)), s1, s2).report
        given = answer(s1, s2)
        if not isinstance(given, tuple | list) or len(given) != 2:
            raise AssertionError(
                f"returned {show(given)}, where a kind and a stream were asked for"
            )
        assert race.second is not None and race.second.where is not None
        right = s1 if race.second.where[1] == s1.stream_id else s2
        yield given, race.kind, s1, s2, right


def _kind(answer: Any) -> str | None:
    for (kind, _), right, *_ in _diagnoses(answer):
        if kind not in RACES:
            return f"{show(kind)} is none of {', '.join(RACES)}"
        if kind != right:
            return f"a {kind}: which access comes first in the program, and which is too early?"
    return None


def _who(answer: Any) -> str | None:
    for (_, stream), _, s1, s2, right in _diagnoses(answer):
        if not isinstance(stream, Stream):
            return f"{show(stream)} is no stream: return s1 or s2 itself"
        if stream not in (s1, s2):
            return f"stream {stream.stream_id} of mtia:{stream.device_index} is neither s1 nor s2"
        if stream != right:
            name = "s1" if stream == s1 else "s2"
            return f"{name} waits already: for what, and who goes on without having waited?"
    return None


# --- Exercise 2: only as much as needed -----------------------------------------------------------


def judge_before_read(answer: Answer) -> Feedback:
    """Whether a call makes the host wait for the copy that `fetch` reads, and for no more."""
    why = "the host waits for the stream of the copy, and for nothing that stands on another"

    def cases(rng: Random) -> Cases:
        return program_cases(_fetch, _synchronize, rng, inputs=_one, slack=1.05, host=True)

    return judge(answer, cases, why=why)


def _fetch(before_read: Line, matrix: Tensor) -> float:
    s1, s2 = Stream("mtia"), Stream("mtia")
    with s1:
        y = matrix.to("mtia") * 2
    s2.wait_stream(s1)
    with s2:
        host = y.to("cpu", non_blocking=True)
    y.record_stream(s2)
    with s1:
        launch("something else", us=100)
    before_read(s1, s2)
    return host.sum().item()


def _one(rng: Random) -> tuple[Tensor]:
    side = rng.randrange(SIDE, 3 * SIDE)  # so no number of questions is enough for each
    return (torch.full((side, side), float(rng.randrange(1, 100))),)


def _synchronize(s1: Stream, s2: Stream) -> None:
    s2.synchronize()


# --- Exercise 3: three planted bugs ---------------------------------------------------------------


def judge_fixed(answer: Answer) -> Feedback:
    """Whether the loader has its three bugs no longer, and copies still overlap with products."""
    why = (
        "each wait stands behind what it waits for, each event behind the copy it stands for, and "
        "the memory waits for the stream that uses it"
    )

    def cases(rng: Random) -> Cases:
        return program_cases(_load, _loader, rng, inputs=_many, kernels=["mm"], slack=1.25)

    return judge(answer, cases, why=why)


def _load(loader: Callable[..., Any], batches: list[Tensor], weight: Tensor) -> list[Any]:
    means = loader(Stream("mtia"), Stream("mtia"), batches, weight)
    if not isinstance(means, list | tuple):
        raise AssertionError(f"returned {show(means)}, where a list of means was asked for")
    return list(means)


def _many(rng: Random) -> tuple[list[Tensor], Tensor]:
    values = (float(rng.randrange(1, 100)) for _ in range(6))
    return [torch.full((SIDE, SIDE), value) for value in values], torch.eye(SIDE).to("mtia")


def _loader(s1: Stream, s2: Stream, batches: list[Tensor], weight: Tensor) -> Any:
    stages = [torch.empty(SIDE, SIDE).pin_memory() for _ in range(2)]
    events, means = [torch.Event(), torch.Event()], []
    for k, batch in enumerate(batches):
        stage, event = stages[k % 2], events[k % 2]
        event.synchronize()
        stage.copy_(batch)
        with s1:
            x = stage.to("mtia", non_blocking=True)
        event.record(s1)
        s2.wait_stream(s1)
        with s2:
            means.append((x @ weight).mean())
        x.record_stream(s2)
    with s2:
        return torch.stack(means).tolist()
