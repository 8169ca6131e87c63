"""The process group: collectives as commands of the device, over Gloo.

Each process simulates its own accelerator; nothing but Gloo's messages on the loopback interface
passes between them. `run` starts such processes.

A collective is one command, as NCCL's are: on a stream of the group's own, behind all that the
stream that is current at the call has been given. It reads and writes the tensors. `wait()` lets
the stream that is current then wait for it. The host waits for nothing in virtual time.

Under that, the call takes what the tensors hold on the device at that point and hands it to Gloo,
which goes on by itself. What arrives is written to the device when the command is waited for, by
`wait()`, which waits for Gloo first, or by a synchronization. Until then the tensors stay as they
are. `get_future()` waits for Gloo on the thread that calls it: no call into the device's runtime
comes from a thread of Gloo's, so the order of calls, and with it the log, is the same on every run.
"""

import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from types import FrameType
from typing import Any, TextIO

import torch
import torch.distributed as dist
from torch._C import _distributed_c10d as c10d
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from ..device import simulator
from ..errors import Advice

BACKEND = "mtia_gloo"
_Future = torch.futures.Future[list[torch.Tensor]]
_REDUCING = (
    *(c10d.AllreduceOptions, c10d.AllreduceCoalescedOptions),
    *(c10d.ReduceOptions, c10d.ReduceScatterOptions),
)
_ROOTED = (c10d.BroadcastOptions, c10d.ReduceOptions, c10d.GatherOptions, c10d.ScatterOptions)

# The collectives, by the arguments that they read and write. PyTorch 2.13 gave some a second name.
_IN_PLACE = ("allreduce", "allreduce_coalesced", "broadcast", "reduce")
_GATHER = (
    *("allgather", "allgather_coalesced", "allgather_into_tensor_coalesced", "_allgather_base"),
    *("all_gather_single", "all_gather_single_coalesced", "gather", "scatter"),
)
_REDUCE_SCATTER = (
    *("reduce_scatter", "reduce_scatter_tensor_coalesced", "_reduce_scatter_base"),
    *("reduce_scatter_single", "reduce_scatter_single_coalesced"),
)
_ALL_TO_ALL = ("alltoall", "alltoall_base", "all_to_all_single")
_COLLECTIVES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    **dict.fromkeys(_IN_PLACE, ((0,), (0,))),
    **dict.fromkeys((*_GATHER, *_REDUCE_SCATTER, *_ALL_TO_ALL), ((1,), (0,))),
    "send": ((0,), ()),
    "recv": ((), (0,)),
    "recv_anysource": ((), (0,)),
    "barrier": ((), ()),
}
# Whether the ranks of a group have to agree in what they read (0), in what they write (1) or not.
_AGREE = {"scatter": 1, **dict.fromkeys(_REDUCE_SCATTER, 1), **dict.fromkeys(_ALL_TO_ALL)}
_TO_ONE = ("send", "recv", "recv_anysource")


class PeerLost(Advice, RuntimeError):
    """A collective did not come to its end: another process is gone, or is not there in time."""


class _Trail:
    """Writes down which collectives this rank calls, so that the ranks can be compared."""

    def __init__(self) -> None:
        self.file: TextIO | None = None
        self.sources: set[str] = set()  # files whose lines are the reader's

    def note(self, group: dist.ProcessGroup, name: str, form: str) -> None:
        """One call: by group, what has to be the same for all ranks, and the line."""
        if self.file is None:
            return
        frame: FrameType | None = sys._getframe()
        while frame is not None and frame.f_code.co_filename not in self.sources:
            frame = frame.f_back
        place = "" if frame is None else f" ({frame.f_code.co_filename}:{frame.f_lineno})"
        self.file.write(json.dumps([group.group_name, name, form, place]) + "\n")


trail = _Trail()


def _form(name: str, arguments: tuple[Any, ...]) -> str:
    """What the ranks have to agree in, for reading: "float32[2, 3], SUM"."""
    which, parts = _AGREE.get(name, 0), []
    if which is not None:
        used = [arguments[k] for k in _COLLECTIVES[name][which]]
        for tensor in _tensors(used):
            parts.append(f"{tensor.dtype}{list(tensor.shape)}".removeprefix("torch."))
    for options in arguments:
        if isinstance(options, _REDUCING):
            reduction: Any = options.reduceOp  # torch's stub takes it for the enum
            parts.append(reduction.op.name)
        if isinstance(options, _ROOTED):
            parts.append(f"root {options.rootRank}")
    return ", ".join(parts)


class _Host:
    """What Gloo does in a collective: begun once, and waited for once, by any thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.work: c10d.Work | None = None  # none if Gloo has refused the call
        self.begun = threading.Event()
        self.error: Exception | None = None
        self._lock = threading.Lock()
        self._is_done = False

    def wait(self, timeout: timedelta = timedelta()) -> None:
        """Raise what Gloo raises, each time."""
        with self._lock:
            if self.error is not None:
                raise self.error
            if self.work is not None and not self._is_done:
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
        mine = self._memory()
        copies = simulator.collective(
            self._host.name,
            self.stream.device_index,
            self.stream.stream_id,
            list(self.read.values()),
            list(self.written.values()),
            any(other.stream == self.stream and mine & other._memory() for other in before),
            self._arrive,
        )
        self.end.record(self.stream)
        self.copies = dict(zip([*self.written, *self.read], copies, strict=True))

    def join(self) -> None:
        """Let the device's current stream wait for the command."""
        simulator.join(self._host.name, self.stream.device_index, self.end.event_id)

    def _arrive(self) -> None:
        """The effect of the command. Until then the tensors are kept from being freed."""
        self._host.begun.wait()
        written, self.read, self.written = self.written, {}, {}
        if self._host.work is not None and self._host.error is None and written:
            self._host.wait()
            arrived = [self.copies[key] for key in written]
            simulator.deliver(arrived, list(written.values()))
        self.copies = {}

    def _memory(self) -> set[int]:
        tensors = (self.read | self.written).values()
        return {tensor.untyped_storage().data_ptr() for tensor in tensors}


class _Work(c10d.Work):
    """A collective under way, and the device's tensors that it will have written."""

    def __init__(self, host: _Host, gloo: c10d.Work, transfers: list[_Transfer]) -> None:
        super().__init__()
        self._host, self._gloo, self._transfers = host, gloo, transfers
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

    def get_future(self) -> _Future:
        """Wait for Gloo; a future that holds the list of the tensors written.

        What waits for the future lets its current streams wait for the results.
        """
        if not self._outputs:
            future: _Future = self._gloo.get_future()
            return future
        self._host.wait()
        future = torch.futures.Future(devices=[t.stream.device for t in self._transfers])
        with ExitStack() as streams:
            for transfer in self._transfers:
                streams.enter_context(transfer.stream)
            future.set_result(self._outputs)
        return future

    def is_completed(self) -> bool:
        """Whether Gloo is done and the device's clock has got past the results."""
        return self._gloo.is_completed() and all(t.end.query() for t in self._transfers)

    def result(self) -> list[torch.Tensor]:
        """The tensors written."""
        self.wait()
        return self._outputs

    def _source_rank(self) -> int:
        return self._gloo._source_rank()


class _Group(dist.ProcessGroup):
    """A process group whose collectives pass through the host where they have to."""

    def __init__(self, store: c10d.Store, rank: int, size: int, timeout: timedelta) -> None:
        super().__init__(rank, size)  # type: ignore[call-arg]  # torch's stub does not know it
        gloo_type: Any = c10d.ProcessGroupGloo  # nor its options
        options = gloo_type._Options()
        options._timeout = timeout
        # An address, not a name: a container need not know its own.
        options._devices = [gloo_type.create_device(hostname="127.0.0.1")]
        with _explained("the group's first meeting"):
            gloo = gloo_type(store, rank, size, options)
        self._host = dist.ProcessGroup(store, rank, size)
        self._streams: dict[tuple[torch.device, tuple[Any, ...]], torch.Stream] = {}
        self._transfers: list[_Transfer] = []  # that the device may not have got to yet
        for group, devices in ((self._host, ("cpu",)), (self, ("cpu", "mtia"))):
            group._set_default_backend(dist.ProcessGroup.BackendType.GLOO)
            for device in devices:
                kind = dist.ProcessGroup.BackendType.GLOO
                group._register_backend(torch.device(device), kind, gloo)

    def getBackendName(self) -> str:
        """What `torch.distributed.get_backend` and DDP's log call it."""
        return BACKEND

    def call(self, name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> _Work:
        """A collective, by the name that PyTorch gives it; of tensors in wrappers, part by part."""
        wrapper = next(filter(is_traceable_wrapper_subclass, _tensors(arguments)), None)
        if wrapper is not None:
            for part in (parts := wrapper.__tensor_flatten__()[0])[:-1]:
                self.call(name, _part(arguments, part), options).wait()
            return self.call(name, _part(arguments, parts[-1]), options)
        if name not in _TO_ONE:
            trail.note(self, name, _form(name, arguments))
        host = _Host(name)
        transfers: dict[torch.device, _Transfer] = {}
        for used, is_written in zip(_COLLECTIVES[name], (False, True), strict=True):
            for tensor in _tensors([arguments[k] for k in used]):
                if tensor.device.type != "mtia":
                    continue
                stream = self._stream(tensor.device, name, arguments)
                transfer = transfers.setdefault(tensor.device, _Transfer(host, stream))
                (transfer.written if is_written else transfer.read)[id(tensor)] = tensor
        self._transfers = [transfer for transfer in self._transfers if transfer.copies]
        try:
            copies: dict[int, torch.Tensor] = {}
            for transfer in transfers.values():
                transfer.enqueue(self._transfers)
                copies |= transfer.copies
            self._transfers += transfers.values()
            with _explained(name):
                places = [_replaced(argument, copies) for argument in arguments]
                options = {key: _replaced(value, copies) for key, value in options.items()}
                host.work = gloo = getattr(self._host, name)(*places, **options)
        finally:
            host.begun.set()
        return _Work(host, gloo, list(transfers.values()))

    def _stream(self, device: torch.device, name: str, arguments: tuple[Any, ...]) -> torch.Stream:
        """Of each device one for collectives, and one for each direction to each other rank."""
        peer = (name, *arguments[1:2]) if name in _TO_ONE else ()
        if (device, peer) not in self._streams:
            stream = self._streams[device, peer] = torch.Stream(device)
            simulator.run_on_demand(stream.device_index, stream.stream_id)
        return self._streams[device, peer]


def _tensors(argument: Any) -> Iterator[torch.Tensor]:
    """The tensors in it, in lists as well."""
    if isinstance(argument, list | tuple):
        for part in argument:
            yield from _tensors(part)
    elif isinstance(argument, torch.Tensor):
        yield argument


def _part(argument: Any, name: str) -> Any:
    """The argument with a part of each tensor that is a wrapper in its place."""
    if isinstance(argument, list | tuple):
        return type(argument)(_part(each, name) for each in argument)
    return getattr(argument, name) if is_traceable_wrapper_subclass(argument) else argument


def _replaced(argument: Any, copies: dict[int, torch.Tensor]) -> Any:
    """The argument with the host's copies in place of the device's tensors."""
    if isinstance(argument, c10d.BarrierOptions):
        argument.device = torch.device("cpu")  # it may name one that has no part in a barrier
    if isinstance(argument, list | tuple):
        return [_replaced(part, copies) for part in argument]
    return copies.get(id(argument), argument)


def _collective(name: str) -> Callable[..., c10d.Work]:
    """The method of a group that PyTorch calls for a collective."""

    def method(self: _Group, *arguments: Any, **options: Any) -> c10d.Work:
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
            "collectives; its own message says more"
        ) from error


for _name in _COLLECTIVES:
    if hasattr(dist.ProcessGroup, _name):
        setattr(_Group, _name, _collective(_name))
dist.Backend.register_backend(BACKEND, _Group, devices=["cpu", "mtia"])
