"""What the simulated device costs."""

from dataclasses import asdict, dataclass
from numbers import Real

from .errors import WrongArgument, WrongValue

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
    (`mtia_lab.launch`) take exactly what they are told. The bandwidths, throughputs and the size of
    the memory are the published figures: LPDDR5 of 128 GB at 204.8 GB/s, eight lanes of PCIe Gen5
    at 32 GB/s, 2.76 TFLOPS of FP32 in the vector units, 177 TFLOPS of FP16 (and twice that of INT8)
    in the matrix units.

    Args:
        launch_us: host time to enqueue a kernel.
        event_us: host time to enqueue an event record or an event wait.
        synchronize_us: host time of a synchronisation, at least; a longer wait hides it.
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
        self.fields()  # raises what the values deserve
        _check_size(self.kernel_slots, "kernel_slots", 1, _LARGEST)
        _check_size(self.queue_depth, "queue_depth", 1, _LARGEST)
        _check_size(self.memory_bytes, "memory_bytes", 2 * 2**20, _MEMORY)

    def fields(self) -> dict[str, int]:
        """The simulator's fields by its own names: whole nanoseconds, and amounts a microsecond."""
        return dict(_field(name, value) for name, value in asdict(self).items())


def _field(name: str, value: float) -> tuple[str, int]:
    if name.endswith("_us"):
        return name.removesuffix("_us"), nanoseconds(value, name)
    if name.endswith("_gb_per_s"):
        return name.replace("_gb_per_s", "_bandwidth"), _rate(value, name, 1e3)
    if name.endswith("_tflops"):
        return name.replace("_tflops", "_throughput"), _rate(value, name, 1e6)
    return name, value


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
