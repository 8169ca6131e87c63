"""What the simulated device costs."""

from dataclasses import asdict, dataclass
from numbers import Real

_LARGEST = 1_000_000  # of the sizes


@dataclass(frozen=True)
class Profile:
    """Costs and sizes of the simulated device. Times are virtual microseconds.

    Meta has published the chip ("Our next-generation Meta Training and Inference Accelerator",
    April 2024: 64 processing elements at 1.35 GHz; see `torch.mtia.get_device_properties()`), but
    not what a call into its runtime costs the host. The defaults here are therefore round numbers
    of the order that is usual for accelerators, chosen so that pictures are easy to read: a launch
    costs some microseconds, and a call that only notes something costs less.

    Args:
        launch_us: host time to enqueue a kernel.
        event_us: host time to enqueue an event record or an event wait.
        synchronize_us: host time of a synchronisation, at least; a longer wait hides it.
        query_us: host time of asking a stream or an event whether it is done.
        kernel_slots: kernels that run at the same time on one device, 1 to 1,000,000.
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
    kernel_slots: int = 4
    queue_depth: int = 1024

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            nanoseconds(value, name) if name.endswith("_us") else _check_size(value, name)

    def fields(self) -> dict[str, int]:
        """The simulator's fields by its own names, times in whole nanoseconds."""
        return {
            name.removesuffix("_us"): nanoseconds(value, name) if name.endswith("_us") else value
            for name, value in asdict(self).items()
        }


def nanoseconds(microseconds: float, what: str) -> int:
    """Whole nanoseconds of a time in microseconds.

    Raises:
        ValueError: the time is negative, not finite, or longer than a thousand seconds.
        TypeError: it is no number.
    """
    if not isinstance(microseconds, Real):
        raise TypeError(
            f"{what} is {microseconds!r}, a {type(microseconds).__name__}, but a time is a number "
            "of microseconds, such as 2.5"
        )
    if not 0 <= microseconds <= 1e9:
        raise ValueError(
            f"{what} is {microseconds} us of virtual time, but a time here is 0 to 1e9 us "
            "(a thousand seconds)"
        )
    return round(microseconds * 1000)


def _check_size(size: int, what: str) -> None:
    if not isinstance(size, int):
        raise TypeError(
            f"{what} is {size!r}, a {type(size).__name__}, but a size is a whole number, such as 4"
        )
    if not 1 <= size <= _LARGEST:
        raise ValueError(f"{what} is {size}, but a size here is 1 to {_LARGEST:,}")
