"""The backend that is held against the contract, and what the clauses say of it.

Nothing in here names a device: all goes through `torch.accelerator`, `torch.Stream`, `torch.Event`
and the device's module. What runs when is seen in values: slow work ends by writing a number into
pinned memory, where the host can look at any time without waiting.
"""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import torch

SIMULATED = "mtia"
SLOW_MS = 60.0  # of work; the calls that follow take some hundredths of that
LONGEST = 160  # letters of an error
FLAGS = 512  # more than the clauses of one process take
_SIZE, _MOST_PRODUCTS = 1024, 2000
TOO_FAST = "the work was done before the host went on; give a slower kernel with --setup"


class Broken(AssertionError):
    """A promise is not kept; says what was expected and what was seen."""


class NotReached(Exception):
    """Whether a promise is kept cannot be seen here; says why."""


@dataclass
class Backend:
    """A type of device, and how to keep it busy.

    Args:
        type: of its devices, such as "cuda".
        slow: enqueues work on the current stream that takes long, tens of milliseconds, and ends by
            writing 1 into the tensor it is given, one number in pinned memory. It does not wait.
        clock: the time on the host that events are measured by, in milliseconds.
    """

    type: str
    slow: Callable[[torch.Tensor], None] = field(default=None)  # type: ignore[assignment]
    clock: Callable[[], float] = lambda: time.perf_counter() * 1e3
    _flags: list[torch.Tensor] = field(default_factory=list, init=False)
    _used: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.slow is None:
            self.slow = Products(self.type)
        if self.type == SIMULATED:
            from ..device import host_clock

            self.clock = lambda: host_clock() / 1e3

    @property
    def module(self) -> Any:
        """The module of the device, such as `torch.cuda`."""
        return torch.get_device_module(self.type)

    def by_module(self, name: str) -> Any:
        """A function of its module.

        Raises:
            NotReached: there is none. PyTorch asks no module for it, or only here and there.
        """
        if not hasattr(self.module, name):
            raise NotReached(f"needs torch.{self.type}.{name}")
        return getattr(self.module, name)

    def device(self, index: int = 0) -> torch.device:
        """One of its devices.

        Raises:
            NotReached: there are not so many.
        """
        if index >= torch.accelerator.device_count():
            raise NotReached(f"needs {index + 1} devices")
        return torch.device(self.type, index)

    def stream(self, index: int = 0) -> torch.Stream:
        """A new stream of one of its devices."""
        return torch.Stream(self.device(index))

    def number(self, value: float, index: int = 0) -> torch.Tensor:
        """One number in the device's memory, written by now."""
        made = torch.full((1,), float(value)).to(self.device(index))
        torch.accelerator.synchronize(index)
        return made

    def pinned(self, value: float, size: int = 1) -> torch.Tensor:
        """Numbers in pinned memory.

        Raises:
            NotReached: the backend has none.
        """
        try:
            return torch.full((size,), float(value)).pin_memory()
        except (RuntimeError, NotImplementedError) as error:
            raise NotReached(f"needs pinned memory: {first_line(error)}") from error

    def flag(self) -> torch.Tensor:
        """One number in pinned memory, 0 by now, for the end of slow work.

        It is nobody else's ever after, since a kernel may still write there; and it is cut from one
        block, since to pin memory can make the host wait for all that is pending.

        Raises:
            NotReached: the backend has no pinned memory.
        """
        if self._used == len(self._flags):
            self._flags += self.pinned(0, FLAGS).split(1)
        self._used += 1
        return self._flags[self._used - 1]

    def work(self, stream: torch.Stream | None = None, *, times: int = 1) -> "Work":
        """Slow work on a stream, the current one by default.

        Raises:
            NotReached: it was done at once, so nothing can be seen of what waits for it.
        """
        with stream or current():
            return Work(self, times)


class Work:
    """Slow work that is pending; it is done when its flag in pinned memory says so."""

    def __init__(self, backend: Backend, times: int = 1):
        flags = [backend.flag() for _ in range(times)]
        for flag in flags:
            backend.slow(flag)
        self._flag = flags[-1]
        if self.done:
            raise NotReached(TOO_FAST)

    @property
    def done(self) -> bool:
        """Whether it is done, seen without any call of the backend."""
        return bool(self._flag.item())


class Products:
    """Large matrix products, as many as take long enough; then a copy into pinned memory."""

    def __init__(self, type: str):
        self._simulated = type == SIMULATED
        self._times = 1 if self._simulated else 0

    def __call__(self, flag: torch.Tensor) -> None:
        one = torch.ones(1, device=current().device)
        self.multiply()
        flag.copy_(one, non_blocking=True)

    def multiply(self) -> None:
        """Enqueue the products alone."""
        product = torch.eye(512 if self._simulated else _SIZE, device=current().device)
        if not self._times:
            self._times = self._how_many(product)
        for _ in range(self._times):
            product = product @ product

    def _how_many(self, product: torch.Tensor) -> int:
        few = 3
        for _ in range(2):  # the first time, libraries are loaded
            torch.accelerator.synchronize()
            begin = time.perf_counter()
            for _ in range(few):
                product = product @ product
            torch.accelerator.synchronize()
        each = (time.perf_counter() - begin) * 1e3 / few
        return max(1, min(_MOST_PRODUCTS, round(SLOW_MS / max(each, 1e-3))))


def current() -> torch.Stream:
    """The current stream of the current device."""
    return torch.accelerator.current_stream()


def state(backend: Backend) -> tuple[int, torch.Stream, torch.Stream]:
    """The current device, and the current streams of the first two."""
    one, two = (torch.accelerator.current_stream(backend.device(index)) for index in (0, 1))
    return torch.accelerator.current_device_index(), one, two


def expect(what: str, seen: object, expected: object) -> None:
    """Go on if what was seen is what was expected.

    Raises:
        Broken: it is not.
    """
    if seen != expected:
        raise Broken(f"{what}: expected {shown(expected)}, saw {shown(seen)}")


def shown(value: object) -> str:
    """A value in few words."""
    if isinstance(value, torch.Stream):
        return f"stream {value.stream_id} of device {value.device_index}"
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))})"
    return str(value)


def raises(call: Callable[..., object], *arguments: object) -> bool:
    """Whether a call is refused."""
    try:
        call(*arguments)
    except (RuntimeError, ValueError, IndexError):
        return True
    return False


def in_thread(call: Callable[..., Any], *arguments: object) -> Any:
    """What a call gives on a new thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call, *arguments).result()


_LACKS = re.compile(  # the dispatcher, PyTorch's guard, and its hooks, where nothing overrides them
    r"Could not run '(?P<operator>\S+)'|Backend doesn't support (?P<what>[^.\n]+)"
    r"|implement `(?P<hook>\w+)` at the same time"
)


def lacks(message: str) -> str:
    """What a backend does not have, if PyTorch says so itself; "" if that is not what it says."""
    found = _LACKS.search(message)
    return next(filter(None, found.groups())) if found else ""


def first_line(error: BaseException) -> str:
    """An error in one line, and not too long a one."""
    message = str(error).strip().partition("\n")[0][:LONGEST]
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
