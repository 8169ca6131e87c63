"""Asking the simulator: configure it, give it work, look at its state."""

from collections.abc import Callable

import torch

from .errors import NotConfigured, NotLoaded, WrongArgument
from .profile import Profile, nanoseconds
from .text import cut

_profile = Profile()  # what was last sent; the simulator keeps it in nanoseconds


class _Simulator:
    """`torch.ops.mtia_lab`; who asks it before `load()` gets a sentence."""

    def __getattr__(self, name: str) -> Callable:
        try:
            operator = getattr(torch.ops.mtia_lab, name)
        except AttributeError:
            raise NotLoaded(
                "There is no simulated device in this process.",
                "`mtia_lab.load()` was not called, or it raised an error.",
                "call `mtia_lab.load()` first of all.",
            ) from None
        setattr(self, name, operator)  # the next time it is an attribute like others
        return operator


simulator = _Simulator()


class State(tuple):
    """What is current on one host thread: `(device, stream on 0, stream on 1, …)`."""

    __slots__ = ()

    @property
    def device(self) -> int:
        """The current device."""
        return self[0]

    @property
    def streams(self) -> tuple[int, ...]:
        """The id of the current stream on each device."""
        return tuple(self[1:])


def configure(
    schedule: str | None = None, profile: Profile | None = None, poison: bool | None = None
) -> None:
    """Choose when effects become visible, and what the device costs. Only while it is idle.

    Args:
        schedule: `"modelled"` (each command takes effect at its finish time), `"blocking"` (before
            its launch returns, like CUDA_LAUNCH_BLOCKING=1), `"latest"` (only when a
            synchronisation demands it, so that missing ones show) or `"random:SEED"`
            (modelled, with durations drawn anew). None keeps the present one, and does not restart
            a random schedule's draws unless it is given again.
        profile: what the device costs. None keeps the present one.
        poison: whether fresh memory, and each freed block in its stream's order, is filled with
            0xFF bytes (NaN as a float, -1 as an integer), so that what is used after its free, or
            before anything was written, shows. Off at first. None keeps the present choice.

    Raises:
        RuntimeError: work is pending, or the schedule is unknown. Nothing has changed then.
        TypeError: the profile is not a `Profile`, or the poison not a bool.
    """
    global _profile
    profile = _profile if profile is None else profile
    if not isinstance(profile, Profile):
        raise WrongArgument(
            f"the profile is a {type(profile).__name__}; give a Profile, which names what it "
            "changes, such as mtia_lab.Profile(kernel_slots=1)"
        )
    if not isinstance(poison, bool | None):
        raise WrongArgument(f"poison is {poison!r}; give True, False, or None to leave it as it is")
    schedule = simulator.schedule() if schedule is None else schedule
    fields = profile.fields()
    try:
        simulator.configure(schedule, list(fields), list(fields.values()))
    except NotLoaded:
        raise
    except RuntimeError as error:
        raise NotConfigured(str(error)) from None
    _profile = profile
    if poison is not None:
        simulator.set_poison(poison)


def launch(name: str = "kernel", us: float = 10.0, effect: Callable[[], object] | None = None):
    """Enqueue a synthetic kernel on the current stream of the current device, and return at once.

    Args:
        name: what the log and the pictures call it.
        us: how long it runs, in virtual microseconds.
        effect: called without arguments when the kernel finishes. It may not call the runtime.

    Raises:
        ValueError: the time is negative, not finite, or longer than a thousand seconds.
        TypeError: the effect cannot be called, or the name is no string.
        RuntimeError: under the schedule "blocking", the effect failed; its cause is what the effect
            raised. Under the others that is raised by the next synchronisation of the device.
        BaseException: what an effect raised that is no `Exception`, such as KeyboardInterrupt, as
            it is, by the call during which the effect ran, or right after it.
    """
    if not isinstance(name, str):
        raise WrongArgument(
            f"the name of a kernel is a string, not {type(name).__name__}; give one such as "
            'launch("kernel")'
        )
    name = name.encode("utf-8", "backslashreplace").decode()  # half a surrogate pair has no UTF-8
    if effect is not None and not callable(effect):
        raise WrongArgument(
            f"the effect of kernel '{cut(name)}' is a {type(effect).__name__}, which cannot be "
            "called; give a function without arguments, such as lambda: log.append('done')"
        )
    duration = nanoseconds(us, f"the duration of kernel '{cut(name)}'")
    simulator.launch(name, duration, 0 if effect is None else id(effect))


def state() -> State:
    """This host thread's current device and its current stream on each device; never logged."""
    return State(simulator.state())


def host_clock() -> float:
    """The virtual time of the host, in microseconds since the simulator was loaded."""
    return simulator.host_clock() / 1000


def stream_priority(stream: torch.Stream) -> int:
    """The priority a stream was made with.

    PyTorch passes it to the backend and keeps no copy, so the backend is who knows.

    Raises:
        RuntimeError: the device has no such stream.
    """
    return simulator.stream_priority(stream.device_index, stream.stream_id)
