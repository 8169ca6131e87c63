"""The process group: collectives as commands of the device, over Gloo.

Each process simulates its own accelerator; nothing but Gloo's messages on the loopback interface
passes between them. `run` starts such processes.

A collective is one command, as NCCL's are: on a stream of the group's own, behind all that the
stream that is current at the call has been given. It reads and writes the tensors. ``wait()`` lets
the stream that is current then wait for it. The host waits for nothing in virtual time.

Under that, the call takes what the tensors hold on the device at that point and hands it to Gloo,
which goes on by itself. What arrives is written to the device when somebody waits for the command:
``wait()``, which waits for Gloo first, or a synchronization. Until then the tensors hold what they
held. ``get_future()`` waits for Gloo on the thread that calls it: no call into the device's runtime
comes from a thread of Gloo's, so the order of calls, and with it the log, is the same on every run.
"""

import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TextIO

import torch
import torch.distributed as dist
from torch._C import _distributed_c10d as c10d

from ..errors import Advice

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


# By which of their arguments the ranks of a group have to agree: what they read, or write, or none.
_AGREE = {"scatter": 1, "reduce_scatter": 1, "reduce_scatter_tensor_coalesced": 1}
_AGREE |= {"reduce_scatter_single_coalesced": 1, "_reduce_scatter_base": 1}
_AGREE |= {"reduce_scatter_single": 1, "alltoall": None, "alltoall_base": None}
_AGREE |= {"all_to_all_single": None}
_TO_ONE = ("send", "recv", "recv_anysource")


class PeerLost(Advice, RuntimeError):
    """A collective did not come to its end: another process is gone, or is not there in time."""


class _Trail:
    """Writes down which collectives this rank calls, for whoever compares the ranks."""

    def __init__(self) -> None:
        self.file: TextIO | None = None
        self.sources: set[str] = set()  # files whose lines are the reader's

    def note(self, group: dist.ProcessGroup, name: str, form: str) -> None:
        """One call: by group, what has to be the same for all ranks, and the line."""
        if self.file is None:
            return
        frame = sys._getframe()
        while frame is not None and frame.f_code.co_filename not in self.sources:
            frame = frame.f_back
        place = "" if frame is None else f" ({frame.f_code.co_filename}:{frame.f_lineno})"
        self.file.write(json.dumps([group.group_name, name, form, place]) + "\n")


trail = _Trail()


def _form(name: str, arguments: tuple) -> str:
    """What the ranks have to agree in, for reading: "float32[2, 3], SUM"."""
    which, parts = _AGREE.get(name, 0), []
    if which is not None:
        used = [arguments[k] for k in _COLLECTIVES[name][which]]
        for tensor in _tensors(used):
            parts.append(f"{tensor.dtype}{list(tensor.shape)}".removeprefix("torch."))
    for options in arguments:
        if hasattr(options, "reduceOp"):
            parts.append(options.reduceOp.op.name)
        if hasattr(options, "rootRank"):
            parts.append(f"root {options.rootRank}")
    return ", ".join(parts)


class _Host:
    """What Gloo does in a collective: begun once, waited for once, by whoever comes first."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.work: dist._Work | None = None  # none if Gloo has refused the call
        self.begun = threading.Event()
        self.error: Exception | None = None
        self._lock = threading.Lock()
        self._is_done = False

    def wait(self, timeout: timedelta = timedelta()) -> None:
        """Raise what Gloo raises, each time."""
        with self._lock:
            if self.error is not None:
                raise self.error
            if not self._is_done:
                try:
                    with _explained(self.name):
                        self.work.wait(timeout) if timeout else self.work.wait()
                except Exception as error:
                    self.error = error
                    raise
                self._is_done = True


class _Transfer:
    """One device's part in a collective: a command on a stream of the group's own."""

    def __init__(self, host: _Host, stream: torch.Stream) -> None:
        self.stream, self.end = stream, torch.Event(stream.device)
        self.read: dict[int, torch.Tensor] = {}
        self.written: dict[int, torch.Tensor] = {}
        self.copies: dict[int, torch.Tensor] = {}
        self._host = host

    def enqueue(self, before: "list[_Transfer]") -> None:
        """Give the stream its command, and take copies of the tensors for Gloo."""
        arrive, mine = self._arrive, self._memory()
        copies = torch.ops.mtia_lab.collective(
            self._host.name,
            self.stream.device_index,
            self.stream.stream_id,
            list(self.read.values()),
            list(self.written.values()),
            any(other.stream == self.stream and mine & other._memory() for other in before),
            id(arrive),
        )
        self.end.record(self.stream)
        self.copies = dict(zip([*self.written, *self.read], copies, strict=True))

    def join(self) -> None:
        """Let the device's current stream wait for the command."""
        torch.ops.mtia_lab.join(self._host.name, self.stream.device_index, self.end.event_id)

    def _arrive(self) -> None:
        """The effect of the command. Until then the tensors are kept from being freed."""
        self._host.begun.wait()
        written, self.read, self.written = self.written, {}, {}
        if self._host.work is not None and self._host.error is None and written:
            self._host.wait()
            arrived = [self.copies[key] for key in written]
            torch.ops.mtia_lab.deliver(arrived, list(written.values()))
        self.copies = {}

    def _memory(self) -> set[int]:
        tensors = (self.read | self.written).values()
        return {tensor.untyped_storage().data_ptr() for tensor in tensors}


class _Work(dist._Work):
    """A collective under way, and the device's tensors that it will have written."""

    def __init__(self, host: _Host, transfers: list[_Transfer]) -> None:
        super().__init__()
        self._host, self._transfers = host, transfers
        self._outputs = [tensor for t in transfers for tensor in t.written.values()]

    def wait(self, timeout: timedelta = timedelta()) -> bool:
        """Wait for Gloo, and let the streams that are current wait for the results."""
        self._host.wait(timeout)
        for transfer in self._transfers:
            transfer.join()
        return True

    def synchronize(self) -> None:
        """The same."""
        self.wait()

    def block_current_stream(self) -> None:
        """The same."""
        self.wait()

    def get_future(self) -> torch.futures.Future:
        """Wait for Gloo; a future that holds the list of the tensors written.

        Whoever waits for the future lets his streams wait for the results.
        """
        if not self._outputs:
            return self._host.work.get_future()
        self._host.wait()
        future = torch.futures.Future(devices=[t.stream.device for t in self._transfers])
        with ExitStack() as streams:
            for transfer in self._transfers:
                streams.enter_context(transfer.stream)
            future.set_result(self._outputs)
        return future

    def is_completed(self) -> bool:
        """Whether Gloo is done and the device's clock has got past the results."""
        return self._host.work.is_completed() and all(t.end.query() for t in self._transfers)

    def result(self) -> list:
        """The tensors written."""
        self.wait()
        return self._outputs

    def _source_rank(self) -> int:
        return self._host.work._source_rank()


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
        self._streams: dict[tuple, torch.Stream] = {}
        self._transfers: list[_Transfer] = []  # that the device may not have got to yet
        for group, devices in ((self._host, ("cpu",)), (self, ("cpu", "mtia"))):
            group._set_default_backend(dist.ProcessGroup.BackendType.GLOO)
            for device in devices:
                kind = dist.ProcessGroup.BackendType.GLOO
                group._register_backend(torch.device(device), kind, gloo)

    def getBackendName(self) -> str:  # noqa: N802, PyTorch's name
        """What `torch.distributed.get_backend` and DDP's log call it."""
        return BACKEND

    def call(self, name: str, arguments: tuple, options: dict) -> _Work:
        """A collective, by the name that PyTorch gives it."""
        if name not in _TO_ONE:
            trail.note(self, name, _form(name, arguments))
        host, transfers = _Host(name), {}
        for used, field in zip(_COLLECTIVES[name], ("read", "written"), strict=True):
            for tensor in _tensors([arguments[k] for k in used]):
                if tensor.device.type != "mtia":
                    continue
                stream = self._stream(tensor.device, name, arguments)
                transfer = transfers.setdefault(tensor.device, _Transfer(host, stream))
                getattr(transfer, field)[id(tensor)] = tensor
        self._transfers = [transfer for transfer in self._transfers if transfer.copies]
        try:
            copies = {}
            for transfer in transfers.values():
                transfer.enqueue(self._transfers)
                copies |= transfer.copies
            self._transfers += transfers.values()
            with _explained(name):
                places = [_replaced(argument, copies) for argument in arguments]
                host.work = getattr(self._host, name)(*places, **options)
        finally:
            host.begun.set()
        return _Work(host, list(transfers.values()))

    def _stream(self, device: torch.device, name: str, arguments: tuple) -> torch.Stream:
        """Of each device one for collectives, and one for each direction to each other rank."""
        peer = (name, *arguments[1:2]) if name in _TO_ONE else ()
        if (device, peer) not in self._streams:
            stream = self._streams[device, peer] = torch.Stream(device)
            torch.ops.mtia_lab.run_on_demand(stream.device_index, stream.stream_id)
        return self._streams[device, peer]


def _tensors(argument: object) -> Iterator[torch.Tensor]:
    """The tensors in it, in lists as well."""
    if isinstance(argument, list | tuple):
        for part in argument:
            yield from _tensors(part)
    elif isinstance(argument, torch.Tensor):
        yield argument


def _replaced(argument: object, copies: dict[int, torch.Tensor]) -> object:
    """The argument with the host's copies in place of the device's tensors."""
    if isinstance(argument, list | tuple):
        return [_replaced(part, copies) for part in argument]
    return copies.get(id(argument), argument)


def _collective(name: str) -> Callable:
    """The method of a group that PyTorch calls for a collective."""

    def method(self, *arguments, **options):
        return self.call(name, arguments, options)

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


for _name in _COLLECTIVES:
    if hasattr(dist.ProcessGroup, _name):
        setattr(_Group, _name, _collective(_name))
dist.Backend.register_backend(BACKEND, _Group, devices=["cpu", "mtia"])
