"""The exercise of notebook 02: a stream with a name, which any of its handles finds."""

import gc
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import torch

from ..check import Answer, Case, Feedback, place, say, show
from ..judge import Cases, judge, twins

Named = Any  # the class to judge


def judge_named_stream(answer: Answer) -> Feedback:
    """Judge a class whose streams have names, on both devices and with streams of equal ids."""
    why = "the name belongs to what three numbers say, and each handle of the stream has these"
    return judge(answer, _cases, wants=type, why=why)


def _cases(rng: Random) -> Cases:
    names = [f"copies {rng.randrange(1000)}", f"compute {rng.randrange(1000)}"]
    cases: dict[str, Callable[[Named, list[str]], str | None]] = {
        "it is a torch.Stream": _is_a_stream,
        "current_stream() of mtia:0": partial(_current, "mtia:0"),
        "current_stream() of mtia:1": partial(_current, "mtia:1"),
        "a handle made by hand, when the first one is gone": _by_hand,
        "two streams with one id, on two devices": _one_id,
        "two streams of one device": _two_streams,
        "the first of 200": _first_of_many,
        "a stream without a name": _nameless,
    }
    return {name: _case(case, names) for name, case in cases.items()}


def _case(case: Callable[[Named, list[str]], str | None], names: list[str]) -> Case:
    return lambda answer: case(answer, names)


def _is_a_stream(named: Named, names: list[str]) -> str | None:
    return None if issubclass(named, torch.Stream) else "derive the class from torch.Stream"


def _current(device: str, named: Named, names: list[str]) -> str | None:
    with _make(named, names[0], device):
        return _differs(named, torch.mtia.current_stream(device), names[0])


def _by_hand(named: Named, names: list[str]) -> str | None:
    stream = _make(named, names[0], "mtia:1")
    handle = _handle(stream)
    del stream
    gc.collect()
    return _differs(named, handle, names[0])


def _one_id(named: Named, names: list[str]) -> str | None:
    next(twins())  # the next streams of both devices have one id, too
    streams = [_make(named, name, f"mtia:{k}") for k, name in enumerate(names)]
    return _all_differ(named, streams, names)


def _two_streams(named: Named, names: list[str]) -> str | None:
    return _all_differ(named, [_make(named, name, "mtia:0") for name in names], names)


def _first_of_many(named: Named, names: list[str]) -> str | None:
    """A name is kept as long as the program runs, however many follow."""
    first = _make(named, names[0], "mtia:1")
    for number in range(199):
        _make(named, f"{names[1]}, no. {number}", "mtia:1")
    return _differs(named, first, names[0])


def _nameless(named: Named, names: list[str]) -> str | None:
    next(twins())
    _make(named, names[0], "mtia:0")
    same_id = torch.Stream("mtia:1")
    return _differs(named, same_id, None) or _differs(named, torch.mtia.default_stream(), None)


def _make(named: Named, name: str, device: str) -> torch.Stream:
    """A stream of the class, of that device."""
    call = f"NamedStream({name!r}, {device!r})"
    stream = _called(named, partial(named, name, device), f"{call} raised {{}}; look at __new__")
    assert isinstance(stream, torch.Stream), f"{call} gave {show(stream)}, which is no stream"
    assert str(stream.device) == device, f"{call} gave a stream of {stream.device}"
    return stream


def _handle(stream: torch.Stream) -> torch.Stream:
    """Another handle of the stream, made of the same three numbers."""
    return torch.Stream(
        stream_id=stream.stream_id,
        device_index=stream.device_index,
        device_type=stream.device_type,
    )


def _all_differ(named: Named, streams: list[torch.Stream], names: list[str]) -> str | None:
    pairs = zip(streams, names, strict=True)
    return next(filter(None, (_differs(named, _handle(s), name) for s, name in pairs)), None)


def _differs(named: Named, handle: torch.Stream, expected: str | None) -> str | None:
    """What is wrong with the name that is found for a handle."""
    assert hasattr(named, "name_of"), "it has no name_of"
    problem = "name_of(handle) raised {}; is it a classmethod or a staticmethod?"
    got = _called(named, partial(named.name_of, handle), problem)
    stream = f"stream {handle.stream_id} of {handle.device}"
    if type(got) is type(expected) and got == expected:
        return None
    return f"name_of(handle) of {stream} gave {show(got)}, expected {show(expected)}"


def _called(named: Named, call: Callable[[], Any], problem: str) -> Any:
    """What a call returns; if it does not fit what was written, that is said in words."""
    try:
        return call()
    except TypeError as error:
        if place(error, named):
            raise
        raise AssertionError(problem.format(say(error, named=False))) from None
