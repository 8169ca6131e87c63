"""The laws of the notebooks, each with a short program that names no device and says if it holds.

Most of them are clauses of PyTorch's contract with a backend, and are tried by the clause's program
(contract/). A program runs on a thread of its own, so it begins at device 0 and its default stream
and leaves nothing current behind.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ..contract import Clause, events, memory, streams, users
from ..contract import current as currents
from ..contract.backend import Backend, Broken
from ..contract.memory import block_of, drawn

PYTORCH, CUDA_TOO, THIS_DEVICE = "PyTorch", "CUDA too", "this device"
Program = Callable[[str], bool]


@dataclass(frozen=True)
class Law:
    """A law, and a program that tries it.

    Args:
        notebook: the number of the notebook in which it stands.
        place: whose law it is: "PyTorch", "CUDA too" or "this device".
        sentence: what holds.
        differs: where and how another accelerator may differ; "" if nothing is known.
        program: whether it holds on a type of device, such as "mtia".
        devices: how many of them it takes.
    """

    notebook: str
    place: str
    sentence: str
    differs: str
    program: Program
    devices: int = 1


LAWS: list[Law] = []


def _law(
    notebook: str, place: str, sentence: str, differs: str = "", devices: int = 1
) -> Callable[[Program], Program]:
    """Put a program into the list, under the law that it tries."""

    def listed(program: Program) -> Program:
        LAWS.append(Law(notebook, place, sentence, differs, program, devices))
        return program

    return listed


def _law_of(notebook: str, place: str, clause: Clause, differs: str = "", devices: int = 1) -> None:
    """Put a clause of the contract into the list, as a law."""

    def program(device: str) -> bool:
        try:
            clause.program(Backend(device))
        except Broken:
            return False
        return True

    program.__name__ = clause.key
    LAWS.append(Law(notebook, place, clause.sentence, differs, program, devices))


_law_of("02", PYTORCH, streams.three_numbers)
_law_of("02", CUDA_TOO, streams.distinct, "CUDA has a pool of 32: the 33rd is the first")
_law_of("03", PYTORCH, currents.with_stream_restores)
_law_of("04", CUDA_TOO, currents.thread_default_stream)
_law_of("05", PYTORCH, events.unrecorded)
_law_of("05", CUDA_TOO, events.behind)
_law_of("05", CUDA_TOO, streams.wait_event)
_law_of("05", PYTORCH, events.timing)
_law_of("06", PYTORCH, currents.doors)
_law_of("07", CUDA_TOO, memory.mixes)
_law_of("08", CUDA_TOO, streams.launch, "not under CUDA_LAUNCH_BLOCKING=1")
_law_of("08", CUDA_TOO, memory.item)
_law_of("08", CUDA_TOO, memory.pinned_up_goes_on, "MPS has no pinned memory")
_law_of("08", CUDA_TOO, memory.pageable_down)
_law_of("10", PYTORCH, users.backward_stream)
_law_of("10", PYTORCH, users.backward_thread)
_law_of("11", CUDA_TOO, memory.counts)


@_law(
    "11",
    CUDA_TOO,
    "A freed block comes back at once on its own stream.",
    "an allocator may choose another block",
)
def _comes_back(device: str) -> bool:
    backend = Backend(device)
    block = block_of(backend)
    address = block.data_ptr()
    del block
    return block_of(backend).data_ptr() == address


_law_of("11", CUDA_TOO, memory.other_stream)
_law_of("11", CUDA_TOO, memory.record_stream)
_law_of("11", CUDA_TOO, memory.seed)


@_law("11", THIS_DEVICE, "The numbers are the CPU's.", "each accelerator draws in its own way")
def _cpu_numbers(device: str) -> bool:
    return drawn(device) == drawn("cpu")


_law_of("12", CUDA_TOO, memory.two_devices, devices=2)
_law_of("12", CUDA_TOO, memory.across, devices=2)
