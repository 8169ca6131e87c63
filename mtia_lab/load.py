"""Load the simulated device into this process, or say exactly why not."""

import atexit
import contextlib
import os
import platform
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from . import build, serialization, toolchain
from .cache import Build
from .device import Profile, configure, is_awaited, simulator
from .errors import (
    BadDeviceCount,
    DeviceCountFixed,
    DeviceMissing,
    ForkedProcess,
    LibraryBroken,
    MTIALabError,
    OtherBackend,
    PlatformWarning,
    PrivateUse1Warning,
    ProcessLatched,
    TorchWarning,
    UnsupportedPlatform,
    UnsupportedTorch,
)

OLDEST, NEWEST = (2, 13), (2, 15)  # releases of torch that pass all tests: tools/matrix.py
PIN = "2.13.0"  # the one that constraints.txt names
MOST_DEVICES = 16

_RESTART = "restart the kernel (or start a new process) and call `mtia_lab.load()` first of all."
LATCHING = (
    "torch.mtia.device_count(), torch.accelerator.is_available(), "
    "torch.accelerator.current_accelerator(), torch.Stream(), torch.get_device_module(), "
    "torch.random.fork_rng(), tensor.is_pinned(), a CPU .backward() and a call of a "
    "torch.compile'd function"
)


class Status(NamedTuple):
    """What `load()` did. Its repr is the same on every machine; `print()` it for the rest.

    Args:
        devices: how many devices are simulated.
        torch: version of torch.
        library: the shared library that is loaded.
        cached: whether it had been built before.
        seconds: how long the first `load()` of this process took.
    """

    devices: int
    torch: str
    library: Path
    cached: bool
    seconds: float

    def __repr__(self) -> str:
        return f"MTIA Lab: {self.devices} simulated device{'' if self.devices == 1 else 's'}, ready"

    def __str__(self) -> str:
        return (
            f"{self!r}\n"
            f"  torch    {self.torch}\n"
            f"  library  {self.library}\n"
            f"  origin   {'cached' if self.cached else 'built now'}, {self.seconds:.3f} s"
        )


class _Process:
    """What this process knows of its device. There is one, `_process`."""

    opened: Build | None = None
    refused: MTIALabError | None = None  # for good: torch's answers cannot be changed any more
    status: Status | None = None
    pid = 0
    held: int | None = None  # keeps the build from being pruned while it is open


# Called once a device is loaded: instruments join in here, and this module knows none of them.
after_load: list[Callable[[], None]] = []
_process = _Process()
_lock = threading.Lock()


def load(
    devices: int = 2,
    *,
    extra_include_paths: tuple[str | os.PathLike[str], ...] = (),
    verbose: bool = False,
) -> Status:
    """Register the simulated device with torch; the first time on a machine, build it.

    Must come before anything else asks torch for an accelerator. Calling it again changes nothing.

    When the program ends, after its other exit handlers, what is pending on the devices still runs,
    and kernels that failed without a later synchronization are named on stderr. The exit code stays
    the program's own, as after an asynchronous error of CUDA that was never waited for. A process
    that leaves by `os._exit`, as children that multiprocessing forks do, skips this.

    Args:
        devices: how many devices to simulate, 1 to 16; fixed for the life of the process.
        extra_include_paths: further folders in which the compiler looks for headers.
        verbose: show the compiler's commands and messages during a build.

    Returns:
        a `Status`, the same one every time.

    Raises:
        MTIALabError: one of the classes in `mtia_lab.errors`, saying what, why and what to do.
    """
    if isinstance(devices, bool) or not isinstance(devices, int):
        raise _bad_count(devices, f"{devices!r} is a {type(devices).__name__}, not a whole number.")
    if not 1 <= devices <= MOST_DEVICES:
        raise _bad_count(devices, f"1 to {MOST_DEVICES} devices can be simulated.")
    with _lock:
        if _process.status:
            _check_again(devices, _process.status.devices)
            return _process.status
        if refused := _process.refused:
            raise type(refused)(*refused.args)
        started = time.perf_counter()
        if not (found := _process.opened):
            check_platform()
            check_torch()
            check_process()
            found = _process.opened = _open(build.Recipe.now(extra_include_paths), verbose)
        try:
            _initialize(devices)
        except (ProcessLatched, DeviceMissing) as error:
            simulator.shut(str(error))  # half of it would work, until torch is asked
            _process.refused = error
            raise
        seconds = time.perf_counter() - started
        for introduce in after_load:
            introduce()
        status = Status(devices, torch.__version__, found.library, found.cached, seconds)
        _process.status, _process.pid = status, os.getpid()
        return status


def check_platform() -> str | None:
    """Return a remark if this platform is not one the lab has been tried on.

    Raises:
        UnsupportedPlatform: the lab cannot work here.
    """
    here = f"{platform.system()} {platform.machine()}"
    if sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64"):
        return None
    if sys.platform in ("linux", "darwin"):
        remark = (
            f"MTIA Lab may work on {here}, but has only been tried on Linux on x86-64 and arm64."
        )
        warnings.warn(remark, PlatformWarning, stacklevel=3)
        return remark
    raise UnsupportedPlatform(
        f"MTIA Lab does not run on {here}.",
        "it builds a shared library with a Unix compiler and has been tried on Linux.",
        "use Linux; on Windows, the Windows Subsystem for Linux.",
    )


def check_torch() -> str | None:
    """Return a remark if the installed torch is newer than those that the lab has been tried with.

    Raises:
        UnsupportedTorch: it is older than those that the sources follow.
    """
    supported = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    if toolchain.torch_release() < OLDEST:
        raise UnsupportedTorch(
            f"MTIA Lab does not support torch {torch.__version__}.",
            f"PyTorch's interface for backends changes; these sources follow torch {supported}.",
            f"install a torch from {supported}, for example `python -m pip install torch=={PIN}`.",
        )
    if toolchain.torch_release() <= NEWEST:
        return None
    remark = f"MTIA Lab has been tried with torch {supported}, and this is {torch.__version__}."
    warnings.warn(remark, TorchWarning, stacklevel=3)
    return remark


def check_process() -> None:
    """Check that this process has no MTIA backend but the lab's own.

    Raises:
        OtherBackend: it has one.
    """
    # Asking torch whether the backend *works* would latch the answer; this only asks the registry.
    if not _process.opened and torch._C._mtia_isBuilt():
        raise OtherBackend(
            "Another MTIA backend is already registered in this process.",
            "torch takes one backend per device type and ends the process when a second one "
            "registers, so the simulated device was not opened.",
            "start a new process without the other backend; if a package registers it by itself, "
            "set TORCH_DEVICE_BACKEND_AUTOLOAD=0 before torch is imported.",
        )


def _open(recipe: build.Recipe, verbose: bool) -> Build:
    """Open the library for `recipe`; build it if needed, and once more if it cannot be opened."""
    found = build.ensure(recipe, verbose=verbose)
    _process.held = found.hold()
    try:
        simulator.open(found.library)
        return found
    except OSError:
        found = build.rebuild(recipe, found, verbose=verbose)
    _process.held = found.hold()
    try:
        simulator.open(found.library)
        return found
    except OSError as error:
        raise LibraryBroken(
            "The simulated device was built but cannot be opened.",
            str(error.__cause__ or error),
            "see `python -m mtia_lab doctor`; `python -m mtia_lab clean` deletes all builds.",
        ) from error


def _initialize(devices: int) -> None:
    """Bring up the open library and check that torch sees its devices."""
    if simulator.latched():
        raise ProcessLatched(
            "torch already believes that this process has no MTIA device, and keeps to it.",
            f"something before `mtia_lab.load()` asked for an accelerator. Each of these asks: "
            f"{LATCHING}.",
            _RESTART,
        )
    simulator.initialize(devices)
    simulator.check_waits(is_awaited)
    if (seen := torch.mtia.device_count()) != devices:
        raise DeviceMissing(
            "The simulated device is open, but torch does not see it.",
            f"torch.mtia.device_count() is {seen}, not {devices}.",
            _RESTART,
        )
    configure(schedule="modelled", profile=Profile())
    serialization.register()
    atexit.register(_finish)
    accelerator = torch.accelerator.current_accelerator()
    if accelerator is not None and (other := accelerator.type) != "mtia":
        warnings.warn(
            f"The backend {other!r} (PrivateUse1) is registered in this process, and "
            f"torch prefers it: torch.accelerator and torch.Stream() mean {other!r}. "
            "The simulated device is there: name it, as in torch.Stream('mtia').",
            PrivateUse1Warning,
            stacklevel=3,
        )


def _finish() -> None:
    """At the end of the program: run what is pending and print what failed."""
    try:
        simulator.finish()
    except Exception as error:
        print(f"MTIA Lab: {error}", file=sys.stderr)
    _let_autograd_rest()


def _let_autograd_rest() -> None:
    """Wait until autograd's threads have let go of what they computed, for at most a second.

    They do so a moment after `backward()` has returned, on one core perhaps much later, and they
    need the interpreter: where that has ended by then, C++ ends the process with an abort.
    """
    end, looks = time.monotonic() + 1, 0
    while (states := _states_of_autograd()) and looks < 2 and time.monotonic() < end:
        time.sleep(0.001)  # the interpreter is theirs, for which one may have been waiting
        looks = looks + 1 if {*states} == {"S"} else 0


def _states_of_autograd() -> list[str]:
    """The states of its threads, "S" where one waits; on Linux, else there are none."""
    found = []
    for stat in Path("/proc/self/task").glob("*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            name, _, rest = stat.read_text().partition("(")[2].rpartition(") ")
            if name.startswith("pt_autograd"):
                found.append(rest[0])
    return found


def _check_again(devices: int, present: int) -> None:
    """Check that the device loaded before serves this call too."""
    if os.getpid() != _process.pid and torch._C._mtia_isInBadFork():
        raise ForkedProcess(
            "The simulated device cannot be used in this process.",
            "the process was forked after its parent had initialized the device, and torch "
            "refuses a device in such a child.",
            "start the child with the method 'spawn', or fork before the device is first used.",
        )
    if devices != present:
        raise DeviceCountFixed(
            f"This process already simulates {present} devices, not {devices}.",
            "torch keeps generators and threads per device and cannot change their number.",
            _RESTART.replace("load()", f"load(devices={devices})"),
        )


def _bad_count(devices: Any, why: str) -> BadDeviceCount:
    return BadDeviceCount(f"devices={devices!r} is no number of devices.", why, "try devices=2.")
