"""Notebook 03: a stream context that leaves nothing behind, in three steps.

Each step has the cases of the one before it. Every case runs from either device and with a stream
of either device; streams of the two devices have the same numbers, so that a number alone says
nothing.
"""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import _GeneratorContextManager
from random import Random
from types import GeneratorType
from typing import Any, NamedTuple

import torch

from ...device import State, state
from ..check import Answer, Case, Feedback, say, show
from ..judge import Cases, judge, twins

STEP_1 = "it notes all that is current, on every device, and puts it back, the device last"
STEP_2 = "each entry has a note of its own, and leaving takes the newest"
STEP_3 = "the notes belong to the thread that enters, and a refused entry puts back what it moved"


def judge_safe_stream(safe_stream: Answer) -> Feedback:
    """Judge step 1: whatever the body does, all is as before."""
    return judge(safe_stream, _restores, takes=("stream",), why=STEP_1)


def judge_nestable_stream(nestable_stream: Answer) -> Feedback:
    """Judge step 2: one object may be entered again, also inside itself."""
    return judge(nestable_stream, _nests, takes=("stream",), why=STEP_2)


def judge_shareable_stream(shareable_stream: Answer) -> Feedback:
    """Judge step 3: two threads may enter one object, and a refused stream moves nothing."""
    return judge(shareable_stream, _shares, takes=("stream",), why=STEP_3)


class World(NamedTuple):
    """Streams of a case. It begins at a state that is not the default."""

    target: torch.Stream  # what the answer is called with
    beside: torch.Stream  # another one of its device
    across: torch.Stream  # one of the other device
    other: int  # that device


def _restores(rng: Random) -> Cases:
    def sets_all(world: World) -> None:
        torch.mtia.set_stream(world.across)
        torch.mtia.set_stream(world.beside)
        torch.mtia.set_device(world.other)

    bodies: dict[str, Callable[[World], object]] = {
        "the body does nothing": lambda world: None,
        "the body sets a device": lambda world: torch.mtia.set_device(world.other),
        "the body sets a stream of the same device": lambda w: torch.mtia.set_stream(w.beside),
        "the body sets one of the other device": lambda w: torch.mtia.set_stream(w.across),
        "the body sets all it can": sets_all,
    }
    cases = {name: _everywhere(rng, _left_alone(body)) for name, body in bodies.items()}
    return {
        "made, and not entered": _everywhere(rng, _only_made),
        **cases,
        "made first, entered later": _everywhere(rng, _entered_later),
        "the body raises": _everywhere(rng, _raises),
        "a stream that is current there already": _everywhere(rng, _current_already),
    }


def _nests(rng: Random) -> Cases:
    return {
        **_restores(rng),
        "one object, entered twice in a row": _everywhere(rng, _again),
        "one object, entered inside itself": _everywhere(rng, _inside_itself),
    }


def _shares(rng: Random) -> Cases:
    return {
        **_nests(rng),
        "one object, two threads": _everywhere(rng, _two_threads),
        "a stream that is refused": _everywhere(rng, _refused),
    }


# --- What a case does: each returns what is wrong, or None ----------------------------------------


def _only_made(make: Any, world: World) -> str | None:
    before = state()
    _made(make, world.target)
    if state() == before:
        return None
    return "the call alone moved what is current; nothing may move before `with` enters"


def _left_alone(body: Callable[[World], object]) -> Callable[[Any, World], str | None]:
    return lambda make, world: _entered(_made(make, world.target), world, body)


def _entered(
    manager: Any, world: World, body: Callable[[World], object] = lambda world: None
) -> str | None:
    before = state()
    with manager:
        if hint := _elsewhere(world.target):
            return hint
        body(world)
    return _moved(before, world)


def _entered_later(make: Any, world: World) -> str | None:
    """What is to be put back is what was current on entry."""
    manager = _made(make, world.target)
    torch.mtia.set_stream(world.beside)
    torch.mtia.set_stream(world.across)
    torch.mtia.set_device(1 - state().device)
    return _entered(manager, world)


def _raises(make: Any, world: World) -> str | None:
    before, error = state(), ValueError("the body's")
    try:
        with _made(make, world.target):
            torch.mtia.set_stream(world.across)
            raise error
    except ValueError as raised:
        return (
            _moved(before, world)
            if raised is error
            else f"another exception came out: {say(raised)}"
        )
    return "the body's exception did not come out of the `with`"


def _current_already(make: Any, world: World) -> str | None:
    """`with stream:` does not even set the device then."""
    torch.mtia.set_stream(world.target)
    torch.mtia.set_device(world.other)
    return _left_alone(lambda world: torch.mtia.set_stream(world.beside))(make, world)


def _again(make: Any, world: World) -> str | None:
    manager = _made(make, world.target)
    for stream in (world.across, world.beside):
        torch.mtia.set_stream(stream)
        before = state()
        _enter(manager)
        hint = _elsewhere(world.target)
        manager.__exit__(None, None, None)
        if hint := hint or _moved(before, world):
            return hint
    return None


def _inside_itself(make: Any, world: World) -> str | None:
    manager, notes = _made(make, world.target), []
    for stream in (world.across, world.beside, world.across):
        notes.append(state())
        _enter(manager)
        if hint := _elsewhere(world.target):
            return hint
        torch.mtia.set_stream(stream)
    for depth in (3, 2, 1):
        manager.__exit__(None, None, None)
        if hint := _moved(notes.pop(), world):
            return f"leaving entry {depth} of 3: {hint}"
    return None


def _two_threads(make: Any, world: World) -> str | None:
    """The one that came first leaves first."""
    manager = _made(make, world.target)
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        pools = {"first": first, "second": second}
        before = {}
        for name, stream in (("first", world.beside), ("second", world.across)):
            pools[name].submit(torch.mtia.set_stream, stream).result()
            before[name] = pools[name].submit(state).result()
        for pool in pools.values():
            pool.submit(_enter, manager).result()
        for name, pool in pools.items():
            pool.submit(manager.__exit__, None, None, None).result()
            if hint := pool.submit(_moved, before[name], world).result():
                return f"the thread that came {name}: {hint}"
    return None


def _refused(make: Any, world: World) -> str | None:
    kind, before = world.target.device_type, state()
    forged = torch.Stream(stream_id=2**40, device_index=world.other, device_type=kind)
    try:
        with _made(make, forged):
            return "the forged stream was accepted"
    except Exception:  # in which words it refuses is the reader's affair
        return _moved(before, world)


# --- Helpers of these -----------------------------------------------------------------------------


def _everywhere(rng: Random, run: Callable[[Any, World], str | None]) -> Case:
    """The case, from either device and with a stream of either device."""

    def case(make: Any) -> str | None:
        streams = twins()
        for start, device in itertools.product((0, 1), (0, 1)):
            mine, theirs = next(streams), next(streams)
            world = World(mine[device], theirs[device], theirs[1 - device], 1 - device)
            for stream in rng.sample(next(streams), 2):
                torch.mtia.set_stream(stream)
            torch.mtia.set_device(start)
            if hint := run(make, world):
                return hint
        return None

    return case


def _made(make: Any, stream: torch.Stream) -> Any:
    """What the answer makes, if `with` can enter it."""
    manager = make(stream)
    if isinstance(manager, GeneratorType):
        raise AssertionError("it is a generator: put @contextlib.contextmanager above it")
    if not hasattr(type(manager), "__enter__") or not hasattr(type(manager), "__exit__"):
        what = "nothing" if manager is None else show(manager)
        raise AssertionError(f"it returned {what}, and `with` needs __enter__ and __exit__")
    return manager


def _enter(manager: Any) -> None:
    """Enter an object that may have been entered before."""
    once = isinstance(manager, _GeneratorContextManager)
    try:
        manager.__enter__()
    except (AttributeError, RuntimeError):
        if not once:
            raise
        raise AssertionError(
            "what contextlib.contextmanager makes can be entered once; write a class"
        ) from None


def _elsewhere(target: torch.Stream) -> str | None:
    current = torch.mtia.current_stream()
    if current == target:
        return None
    names = [f"mtia:{stream.device_index}/{stream.stream_id}" for stream in (current, target)]
    return f"inside, the current stream was {names[0]}, and {names[1]} was given"


def _moved(before: State, world: World) -> str | None:
    """Which parts of the state are others than before, and what they are now."""
    given = (world.target.device_index, world.target.stream_id)
    after, parts = state(), []
    if after.device != before.device:
        parts.append(f"the current device, which is {after.device} and was {before.device}")
    for device, (was, now) in enumerate(zip(before.streams, after.streams, strict=True)):
        if was != now:
            left_on = "the one it was given" if (device, now) == given else "another one"
            parts.append(
                f"the stream of mtia:{device}, which is {left_on if now else 'the default one'}"
            )
    return f"not put back: {'; '.join(parts)}" if parts else None
