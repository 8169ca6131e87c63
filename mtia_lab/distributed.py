"""A backend of ``torch.distributed`` for tensors on the simulated device: Gloo, through the host.

Importing this module registers it under the name ``mtia_gloo``, for tensors of both the CPU and
the device::

    torch.distributed.init_process_group("mtia_gloo", store=..., rank=..., world_size=...)

Each process simulates its own accelerator; nothing but Gloo's messages on the loopback interface
passes between them. `run` starts such processes.

A collective call copies what it reads into pinned memory, on the current stream of each tensor's
device, waits for those streams and no other, and hands the host's copies to Gloo, which goes on by
itself. ``wait()`` waits for Gloo and copies the results to the device: on the streams that are
current there, in their order, and without waiting for the device. ``get_future()`` waits as
``wait()`` does, on the thread that calls it: no call into the device's runtime comes from a thread
of Gloo's, so the order of calls, and with it the log, is the same on every run.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch._C import _distributed_c10d as c10d

from .ranks import RanksFailed, run

__all__ = ["BACKEND", "PeerLost", "RanksFailed", "run"]

BACKEND = "mtia_gloo"

# Of each collective, which arguments it reads and which it writes, by position. PyTorch 2.13 gave
# some of them a second name.
_COLLECTIVES = {
    "allreduce": ((0,), (0,)),
    "allreduce_coalesced": ((0,), (0,)),
    "broadcast": ((0,), (0,)),
    "reduce": ((0,), (0,)),
    "allgather": ((1,), (0,)),
    "allgather_coalesced": ((1,), (0,)),
    "allgather_into_tensor_coalesced": ((1,), (0,)),
    "all_gather_single_coalesced": ((1,), (0,)),
    "_allgather_base": ((1,), (0,)),
    "all_gather_single": ((1,), (0,)),
    "gather": ((1,), (0,)),
    "scatter": ((1,), (0,)),
    "reduce_scatter": ((1,), (0,)),
    "reduce_scatter_tensor_coalesced": ((1,), (0,)),
    "reduce_scatter_single_coalesced": ((1,), (0,)),
    "_reduce_scatter_base": ((1,), (0,)),
    "reduce_scatter_single": ((1,), (0,)),
    "alltoall": ((1,), (0,)),
    "alltoall_base": ((1,), (0,)),
    "all_to_all_single": ((1,), (0,)),
    "send": ((0,), ()),
    "recv": ((), (0,)),
    "recv_anysource": ((), (0,)),
    "barrier": ((), ()),
}


class PeerLost(RuntimeError):
    """A collective did not come to its end: another process is gone, or is not there in time."""


class _Staging:
    """The host's copies of the device's tensors in one call."""

    def __init__(self) -> None:
        self.copies: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self.written: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self.streams: dict[torch.device, torch.Stream] = {}

    def place(self, argument: object, reads: bool, writes: bool) -> object:
        """The argument with each of the device's tensors, in lists as well, replaced by a copy."""
        if isinstance(argument, list | tuple):
            return [self.place(part, reads, writes) for part in argument]
        if not isinstance(argument, torch.Tensor) or argument.device.type != "mtia":
            return argument
        key = id(argument)
        if key not in self.copies:
            host = torch.empty(argument.shape, dtype=argument.dtype, pin_memory=True)
            self.copies[key] = (argument, host)
        host = self.copies[key][1]
        if writes:
            self.written[key] = self.copies[key]
        if reads:
            host.copy_(argument.data, non_blocking=True)
            stream = torch.accelerator.current_stream(argument.device)
            self.streams[argument.device] = stream
        return host

    def synchronize(self) -> None:
        """Wait until the host's copies are complete."""
        for stream in self.streams.values():
            stream.synchronize()


class _Work(dist._Work):
    """A collective under way, and the device's tensors that it will have written."""

    def __init__(self, name: str, work: dist._Work, staging: _Staging) -> None:
        super().__init__()
        self._name, self._work = name, work
        self._outputs = [device for device, _ in staging.written.values()]
        self._staging: _Staging | None = staging

    def wait(self, timeout: timedelta = timedelta()) -> bool:
        """Wait for Gloo; the results are then ordered on the streams that are current."""
        with _explained(self._name):
            self._work.wait(timeout) if timeout else self._work.wait()
        staging, self._staging = self._staging, None
        if staging is not None:
            for device, host in staging.written.values():
                device.data.copy_(host, non_blocking=True)
        return True

    def get_future(self) -> torch.futures.Future:
        """Wait as `wait` does; a future that holds the list of the tensors written."""
        if not self._outputs:
            return self._work.get_future()
        self.wait()
        future = torch.futures.Future(devices=sorted({t.device for t in self._outputs}, key=str))
        future.set_result(self._outputs)
        return future

    def is_completed(self) -> bool:
        """Whether Gloo is done. The results get to the device in `wait`."""
        return self._work.is_completed()

    def result(self) -> list:
        """The tensors written."""
        self.wait()
        return self._outputs

    def _source_rank(self) -> int:
        return self._work._source_rank()


class _Group(dist.ProcessGroup):
    """A process group whose collectives pass through the host where they have to."""

    def __init__(self, store: dist.Store, rank: int, size: int, timeout: timedelta) -> None:
        super().__init__(rank, size)
        options = c10d.ProcessGroupGloo._Options()
        options._timeout = timeout
        # An address, not a name: a container need not know its own.
        options._devices = [c10d.ProcessGroupGloo.create_device(hostname="127.0.0.1")]
        with _explained("the group's first meeting"):
            gloo = c10d.ProcessGroupGloo(store, rank, size, options)
        self._host = dist.ProcessGroup(store, rank, size)
        for group, devices in ((self._host, ("cpu",)), (self, ("cpu", "mtia"))):
            group._set_default_backend(dist.ProcessGroup.BackendType.GLOO)
            for device in devices:
                kind = dist.ProcessGroup.BackendType.GLOO
                group._register_backend(torch.device(device), kind, gloo)

    def getBackendName(self) -> str:  # noqa: N802, PyTorch's name
        """What `torch.distributed.get_backend` and DDP's log call it."""
        return BACKEND


def _collective(name: str, reads: tuple, writes: tuple) -> Callable:
    """The method of a group that PyTorch calls for a collective."""

    def method(self, *arguments, **options):
        staging = _Staging()
        with torch.no_grad():
            places = [
                staging.place(argument, k in reads, k in writes)
                for k, argument in enumerate(arguments)
            ]
            staging.synchronize()
        with _explained(name):
            work = getattr(self._host, name)(*places, **options)
        return _Work(name, work, staging)

    method.__name__ = name
    return method


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Say what it means where Gloo says that a connection broke, or that time is up."""
    try:
        yield
    except RuntimeError as error:
        text = str(error).lower()
        late = re.search("timed? ?out", text)
        if not late and not re.search("connect|closed by peer|reset by peer|broken pipe", text):
            raise
        what = "waited too long for another process" if late else "lost another process"
        raise PeerLost(
            f"{name} {what} of the group. That process has ended, is stuck, or calls other "
            "collectives; its own message tells more"
        ) from error


for _name, (_reads, _writes) in _COLLECTIVES.items():
    if hasattr(dist.ProcessGroup, _name):
        setattr(_Group, _name, _collective(_name, _reads, _writes))
dist.Backend.register_backend(BACKEND, _Group, devices=["cpu", "mtia"])
