"""The simulated device: what it costs, and asking it: configure, launch, look at its state."""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, thread
from dataclasses import dataclass
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.util import module_from_spec
from numbers import Real
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import torch

from .errors import NotConfigured, NotLoaded, WrongArgument, WrongValue, cut

_LARGEST = 1_000_000  # of the counts
_MEMORY = 128 * 2**30  # bytes of the chip, and of a simulated device's address range


@dataclass(frozen=True)
class Profile:
    """Costs and sizes of the simulated device. Times are virtual microseconds.

    Meta has published the chip ("Our next-generation Meta Training and Inference Accelerator",
    April 2024: 64 processing elements at 1.35 GHz; see `torch.mtia.get_device_properties()`), but
    not what a call into its runtime costs the host. The defaults here are therefore round numbers
    of the order that is usual for accelerators, chosen so that pictures are easy to read: a launch
    costs some microseconds, and a call that only notes something costs less.

    What the device itself does takes `latency_us` plus the longer of two times: the bytes it reads
    and writes over `memory_gb_per_s`, or its operations over a throughput. Synthetic kernels
    (`mtia_lab.launch`) take exactly the time that they are given. The bandwidths, throughputs and
    the size of the memory are the published figures: LPDDR5 of 128 GB at 204.8 GB/s, eight lanes of
    PCIe Gen5 at 32 GB/s, 2.76 TFLOPS of FP32 in the vector units, 177 TFLOPS of FP16 (and twice
    that of INT8) in the matrix units.

    Args:
        launch_us: host time to enqueue a kernel.
        event_us: host time to enqueue an event record or an event wait.
        synchronize_us: host time of a synchronization, at least; a longer wait hides it.
        query_us: host time of asking a stream or an event whether it is done.
        kernel_slots: kernels that run at the same time on one device, 1 to 1,000,000.
        allocate_us: host time of getting new memory from the device. The caching allocator does so
            only when it has no block that fits; a cached block costs nothing.
        latency_us: device time before an operator or a copy moves its first byte.
        memory_gb_per_s: what operators and copies within a device read and write, in 10^9 bytes a
            second.
        link_gb_per_s: what copies to and from the host and between devices move, each way.
        vector_tflops: throughput of everything but matrix products, in 10^12 operations a second.
        matrix_tflops: throughput of matrix products and convolutions of 16-bit floating point; of
            8-bit integers it is twice that. Wider types run in the vector units.
        memory_bytes: memory of one device, 2 MiB to 128 GiB.
        queue_depth: commands a stream holds before a launch has to wait, 1 to 1,000,000. The
            default is CUDA's: a launch blocks once about 1,024 are pending.

    Raises:
        ValueError: a time or a size is out of range.
        TypeError: a time is no number, or a size no whole one.
    """

    launch_us: float = 2.0
    event_us: float = 0.5
    synchronize_us: float = 1.0
    query_us: float = 0.5
    allocate_us: float = 10.0
    latency_us: float = 1.0
    memory_gb_per_s: float = 204.8
    link_gb_per_s: float = 32.0
    vector_tflops: float = 2.76
    matrix_tflops: float = 177.0
    memory_bytes: int = _MEMORY
    kernel_slots: int = 4
    queue_depth: int = 1024

    def __post_init__(self) -> None:
        _check_size(self.kernel_slots, "kernel_slots", 1, _LARGEST)
        _check_size(self.queue_depth, "queue_depth", 1, _LARGEST)
        _check_size(self.memory_bytes, "memory_bytes", 2 * 2**20, _MEMORY)
        self.fields()  # checks the times and the rates

    def fields(self) -> dict[str, int]:
        """The simulator's fields by its own names: whole nanoseconds, and amounts a microsecond."""
        return dict(_field(name, value) for name, value in vars(self).items())


def _field(name: str, value: float) -> tuple[str, int]:
    if name.endswith("_us"):
        return name.removesuffix("_us"), nanoseconds(value, name)
    if name.endswith("_gb_per_s"):
        return name.replace("_gb_per_s", "_bandwidth"), _rate(value, name, 1e3)
    if name.endswith("_tflops"):
        return name.replace("_tflops", "_throughput"), _rate(value, name, 1e6)
    return name, int(value)


def _rate(value: float, what: str, per_microsecond: float) -> int:
    """Whole bytes or operations a microsecond, at least one."""
    if not isinstance(value, Real):
        raise WrongArgument(
            f"{what} is {value!r}, a {type(value).__name__}, but a rate is a number"
        )
    if not 1e-3 <= value <= 1e6:
        raise WrongValue(f"{what} is {value}, but a rate here is 0.001 to 1,000,000")
    return round(value * per_microsecond)


def nanoseconds(microseconds: float, what: str) -> int:
    """Whole nanoseconds of a time in microseconds.

    Raises:
        ValueError: the time is negative, not finite, or longer than a thousand seconds.
        TypeError: it is no number.
    """
    if not isinstance(microseconds, Real):
        raise WrongArgument(
            f"{what} is {microseconds!r}, a {type(microseconds).__name__}, but a time is a number "
            "of microseconds, such as 2.5"
        )
    if not 0 <= microseconds <= 1e9:
        raise WrongValue(
            f"{what} is {microseconds} us of virtual time, but a time here is 0 to 1e9 us "
            "(a thousand seconds)"
        )
    return round(microseconds * 1000)


def _check_size(size: int, what: str, least: int, most: int) -> None:
    if not isinstance(size, int):
        raise WrongArgument(
            f"{what} is {size!r}, a {type(size).__name__}, but a size is a whole number, such as 4"
        )
    if not least <= size <= most:
        raise WrongValue(f"{what} is {size}, but a size here is {least:,} to {most:,}")


_profile, _poison = Profile(), False  # as last sent; the simulator keeps nanoseconds


class _Simulator:
    """The functions of cpp_extensions/bindings; before `load()` their use raises `NotLoaded`."""

    def open(self, library: Path) -> None:
        """Load the library: it registers the device with torch and is a module of Python's, too.

        Raises:
            OSError: it cannot be loaded.
        """
        torch.ops.load_library(str(library))
        loader = ExtensionFileLoader("mtia_lab.bindings", str(library))
        module = module_from_spec(ModuleSpec(loader.name, loader, origin=loader.path))
        loader.exec_module(module)
        vars(self).update(vars(module))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise NotLoaded(
            "There is no simulated device in this process.",
            "`mtia_lab.load()` was not called, or it raised an error.",
            "call `mtia_lab.load()` first of all.",
        )


simulator = _Simulator()


class State(tuple[int, ...]):
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
    schedule: str | None = None,
    profile: Profile | None = None,
    poison: bool | None = None,
    protect: bool | None = None,
) -> None:
    """Choose when effects become visible, and what the device costs. Only while it is idle.

    Args:
        schedule: `"modelled"` (each command takes effect at its finish time), `"blocking"` (before
            its launch returns, like CUDA_LAUNCH_BLOCKING=1), `"latest"` (only when a
            synchronization demands it, so that missing ones show, and what a download is still to
            write reads as if poisoned) or `"random:SEED"` (modelled, with durations drawn anew), or
            an order that `mtia_lab.trial(program, schedule="every")` gave. None keeps the present
            one, and does not restart a random schedule's draws unless it is given again.
        profile: what the device costs. None keeps the present one.
        poison: whether fresh memory, and each freed block in its stream's order, is filled with
            0xFF bytes (NaN as a float, -1 as an integer), so that what is used after its free, or
            before anything was written, shows; pinned memory and what a download is still to write
            as well. Off at first. None keeps the present choice.
        protect: whether device memory is closed to the host outside the effects of commands, as an
            accelerator's is. A read or a write through its address, by ctypes, NumPy or C++, then
            raises a RuntimeError that names the line (or, where the interpreter's lock was given up
            meanwhile, the line at which that was noticed): at the next step of the main thread, or
            at the next call into the device of any thread. The access itself goes on. A system
            call that is given such an address fails ("Bad address"). What a thread does while
            another one runs effects is not seen. Off at first, as each run of effects costs some
            system calls. None keeps the present choice.

    Raises:
        RuntimeError: work is pending, the schedule is unknown, or the system refuses to protect
            memory. Nothing has changed then.
        TypeError: the schedule is no name, the profile not a `Profile`, or poison or protect not a
            bool.
    """
    global _profile, _poison
    profile = _profile if profile is None else profile
    if not isinstance(profile, Profile):
        raise WrongArgument(
            f"the profile is a {type(profile).__name__}; give a Profile, which names what it "
            "changes, such as mtia_lab.Profile(kernel_slots=1)"
        )
    for name, wanted in (("poison", poison), ("protect", protect)):
        if not isinstance(wanted, bool | None):
            raise WrongArgument(
                f"{name} is {wanted!r}; give True, False, or None to leave it as it is"
            )
    if not isinstance(schedule, str | None):
        raise WrongArgument(f'the schedule is {schedule!r}; give a name, such as "latest"')
    schedule = simulator.schedule() if schedule is None else schedule
    fields = profile.fields()
    before = simulator.schedule(), _profile.fields()
    try:
        simulator.configure(schedule, fields)
        if protect is not None:
            try:
                simulator.set_protection(protect)
            except RuntimeError:  # the system's refusal changes nothing else either
                simulator.configure(*before)
                raise
    except NotLoaded:
        raise
    except RuntimeError as error:
        raise NotConfigured(str(error)) from None
    _profile = profile
    if poison is not None:
        simulator.set_poison(poison)
        _poison = poison


class Configuration(NamedTuple):
    """What `configure` takes, in its order."""

    schedule: str = "modelled"
    profile: Profile = Profile()
    poison: bool = False
    protect: bool = False


def configuration() -> Configuration:
    """What is configured now."""
    return Configuration(simulator.schedule(), _profile, _poison, simulator.protects())


def launch(name: str = "kernel", us: float = 10.0, effect: Callable[[], Any] | None = None) -> None:
    """Enqueue a synthetic kernel on the current stream of the current device, and return at once.

    Args:
        name: what the log and the pictures call it.
        us: how long it runs, in virtual microseconds.
        effect: called without arguments when the kernel finishes. It may not call the runtime.

    Raises:
        ValueError: the time is negative, not finite, or longer than a thousand seconds.
        TypeError: the effect cannot be called, or the name is no string.
        RuntimeError: under the schedule "blocking", the effect failed; its cause is what the effect
            raised. Under the others that is raised by the next synchronization of the device.
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
    simulator.launch(name, duration, effect)


def state() -> State:
    """This host thread's current device and its current stream on each device; never logged."""
    return State(simulator.state())


def host_clock() -> float:
    """The virtual time of the host, in microseconds since the simulator was loaded."""
    nanoseconds: int = simulator.host_clock()
    return nanoseconds / 1000


def stream_priority(stream: torch.Stream) -> int:
    """The priority a stream was made with.

    PyTorch passes it to the backend and keeps no copy, so the backend is asked.

    Raises:
        RuntimeError: the device has no such stream.
    """
    priority: int = simulator.stream_priority(stream.device_index, stream.stream_id)
    return priority


# --- What a thread waits for: an effect may not wait for a thread that waits for that effect ------

# Functions whose caller waits until `self`, a thread or a future, is done.
_WAITS = {threading.Thread.join.__code__, Future.result.__code__, Future.exception.__code__}


def is_awaited(by: int) -> bool:
    """Whether a thread waits for the calling one to finish, itself or through others it waits for.

    It looks for `Thread.join` and for `result()` of a future in what that thread runs; other ways
    to wait do not say which thread they wait for.

    Args:
        by: the identifier of the thread, as `threading.get_ident()` gives it.
    """
    mine = {threading.current_thread(), *_futures(sys._getframe())}
    frames, seen = sys._current_frames(), set()
    while by not in seen:
        seen.add(by)
        awaited = _awaited(frames.get(by))
        if awaited in mine:
            return True
        if isinstance(awaited, threading.Thread) and awaited.ident is not None:
            by = awaited.ident
    return False


def _awaited(frame: FrameType | None) -> "threading.Thread | Future[Any] | None":
    """What a thread that is at this frame waits for, if it is known."""
    while frame is not None:
        if frame.f_code in _WAITS:
            awaited: threading.Thread | Future[Any] = frame.f_locals["self"]
            return awaited
        frame = frame.f_back
    return None


def _futures(frame: FrameType | None) -> list[Future[Any]]:
    """The futures that the work at this frame is going to fulfill."""
    found = []
    while frame is not None:
        if frame.f_code is thread._WorkItem.run.__code__:
            found.append(frame.f_locals["self"].future)
        frame = frame.f_back
    return found
