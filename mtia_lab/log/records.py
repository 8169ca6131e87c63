"""What a log is made of: calls, commands, and what happened to memory."""

import json
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import cut
from .units import microseconds

ENGINE = "hasPrimaryContext"  # the call in which autograd's engine asks for devices, as it starts
PINNED = -1  # as the device of an Access or a Memory: the host's pinned memory


class Access(NamedTuple):
    """Memory that is read or written.

    Attributes:
        device: whose memory; -1 for the host's pinned memory.
        address: where it starts, counted from the start of the device's memory. All memory that
            was ever pinned is numbered in one row.
        bytes: from there to the end of the last element.
        tensor: its dtype and sizes, for reading, as "float32[2, 3]", with the strides if it is not
            contiguous; "" where no tensor is known.
    """

    device: int
    address: int
    bytes: int
    tensor: str = ""


class Known(NamedTuple):
    """What the host learned: on that stream, everything up to that command is done.

    Attributes:
        device, stream: the stream; None stands for every stream of the device.
        command: the id of the last command that is done. Whatever happens before it is done too.
        newest: the newest command there was when the host learned it: it knew before it gave the
            next one.
    """

    device: int
    stream: int | None
    command: int
    newest: int


@dataclass(frozen=True, slots=True)
class Call:
    """One call into the backend. Times are virtual microseconds since the recording began.

    Attributes:
        door: "guard", "hooks" or "graph", PyTorch's ways in, "aten" for operators, "distributed"
            for collectives, "lab" for `mtia_lab.launch`, or "torch" for a wait that PyTorch skips,
            since its event was never recorded (the sanitizer's logs have those).
        name: the virtual method, as PyTorch spells it.
        args: its arguments, for reading. A stream is written device/id.
        result: what it returned, for reading; None if it returned nothing.
        error: the message of what it threw, or None.
        thread: the host thread's logical number, in order of first call.
        begin, end: the host clock on entry and on return.
        state: the thread's (device, stream on 0, stream on 1, …) on return.
        site: the reader's line, as "In[3]:2" or "train.py:12"; None where no Python runs.
        waits: when the host stood still in it, waiting for the device, each as (from, to).
        synchronized: what the host learned by it: that some commands are done.
    """

    door: str
    name: str
    args: str
    result: str | None
    error: str | None
    thread: int
    begin: float
    end: float
    state: tuple[int, ...]
    site: str | None
    waits: tuple[tuple[float, float], ...] = ()
    synchronized: tuple[Known, ...] = ()

    @property
    def waited(self) -> float:
        """How long the host stood still in it."""
        return sum(end - begin for begin, end in self.waits)

    def __repr__(self) -> str:
        text = f"{self.door}.{self.name}({self.args})"
        if self.error is not None:
            return cut(f"{text} raised {self.error.partition(chr(10))[0]}")
        return cut(text if self.result is None else f"{text} -> {self.result}")


@dataclass(frozen=True, slots=True)
class Command:
    """One command in a stream. Times are virtual microseconds since the recording began.

    Attributes:
        id: counts the commands of the process, in enqueue order.
        type: "kernel", "copy", "record" or "wait".
        name: what the kernel or the copy is called, or which event it is.
        device, stream: where it was enqueued.
        enqueue, start, finish: when the host gave it, when it began, when its effect happened.
        thread: the host thread that enqueued it.
        event, version: for records and waits, which recording of which event; else None.
        after: the ids of the commands it waits for besides those before it in its stream: of a
            wait, the record command; of a random operator, the one before it on its generator.
        site: the reader's line that enqueued it.
        reads, writes: the memory it uses.
    """

    id: int
    type: str
    name: str
    device: int
    stream: int
    enqueue: float
    start: float
    finish: float
    thread: int
    event: int | None
    version: int | None
    after: tuple[int, ...]
    site: str | None
    reads: tuple[Access, ...] = ()
    writes: tuple[Access, ...] = ()

    def __repr__(self) -> str:
        where = f"mtia:{self.device}/{self.stream}"
        times = f"{microseconds(self.start)} to {microseconds(self.finish)} us"
        return f"{cut(f'{self.type} {self.name}')} on {where}, {times}"


@dataclass(frozen=True, slots=True)
class Memory:
    """Something that happened to memory, at a virtual time in µs since the recording began.

    Attributes:
        action: "alloc" and "free" of a block; "record_stream", by which its allocator is told who
            else uses a block, of pinned memory by each copy; "segment_alloc" and "segment_free",
            by which the caching allocator gets memory from the device and gives it back; "oom".
        device: whose memory it is, -1 for pinned memory of the host; for "record_stream", the
            device of the stream that uses it.
        stream: the stream that the block belongs to; for "record_stream", the one that uses it.
        address: where it starts, counted from the start of the device's memory; None for "oom".
        bytes: its size: of a block after rounding, for "oom" what was asked for.
        time: the host clock.
        thread: the host thread's logical number.
        site: the reader's line.
        owner: whose memory it is, also for "record_stream"; by default that of ``device``.
    """

    action: str
    device: int
    stream: int
    address: int | None
    bytes: int
    time: float
    thread: int
    site: str | None
    owner: int | None = None

    def __post_init__(self) -> None:
        if self.owner is None:
            object.__setattr__(self, "owner", self.device)

    def __repr__(self) -> str:
        where = "" if self.address is None else f" from {self.address:,}"
        pinned = " in pinned memory" if self.owner == PINNED else ""
        place = "" if self.device == PINNED else f" on mtia:{self.device}/{self.stream}"
        return f"{self.action} {self.bytes:,} bytes{where}{pinned}{place}"


@dataclass(frozen=True, slots=True)
class Host:
    """An operator of the host that used pinned memory. Only `record(host=True)` asks for them.

    Attributes:
        name: of the operator; "tolist", "pickle", or "poison" for a block that was freed.
        reads, writes: the pinned memory it uses.
        time: the host clock, in virtual µs since the recording began.
        thread: the host thread's logical number.
        site: the reader's line.
    """

    name: str
    reads: tuple[Access, ...]
    writes: tuple[Access, ...]
    time: float
    thread: int
    site: str | None

    def __repr__(self) -> str:
        verb = "writes" if self.writes else "reads"
        return f"host {cut(self.name)} {verb} pinned memory"


@dataclass(frozen=True, slots=True)
class Value:
    """What a command left in memory, recorded when it had happened. Only `record(values=True)`.

    Attributes:
        command: the command's id.
        access: what it wrote.
        data: the first bytes of it, at most 256.
        time: the host clock, in virtual µs since the recording began.
        thread: the logical number of the host thread that the simulator ran it on.
        site: the reader's line that enqueued the command.
    """

    command: int
    access: Access
    data: bytes
    time: float
    thread: int
    site: str | None

    def __repr__(self) -> str:
        what = cut(self.access.tensor or "bytes")
        return f"command {self.command} left {what} {self.data[:8].hex()}"


Record = Call | Command | Memory | Host | Value


def parse(text: str, origin: float) -> list[Record]:
    """Records from the simulator's JSON lines.

    Args:
        text: as `torch.ops.mtia_lab.record_read` returns it; times in nanoseconds.
        origin: the host clock at which the recording began, in nanoseconds.
    """
    lines = text.split("\n")[:-1]  # names may hold what str.splitlines takes for the end of one
    return [_record(json.loads(line), origin) for line in lines]


def _record(fields: dict, origin: float) -> Record:
    make, times = _KINDS[fields.pop("kind")]
    for name in times:
        fields[name] = (fields[name] - origin) / 1000
    fields["site"] = fields["site"] or None
    return make(fields, origin)


def _call(fields: dict, origin: float) -> Call:
    waits = [(time - origin) / 1000 for time in fields["waits"]]
    fields["waits"] = tuple(zip(waits[::2], waits[1::2], strict=True))
    fields["state"] = tuple(fields["state"])
    known = zip(*[iter(fields["synchronized"])] * 4, strict=True)
    fields["synchronized"] = tuple(
        Known(device, None if stream < 0 else stream, command, newest)
        for device, stream, command, newest in known
    )
    return Call(**fields)


def _command(fields: dict, _origin: float) -> Command:
    fields["event"] = fields["event"] or None
    fields["version"] = fields["version"] or None
    fields["after"] = tuple(fields["after"])
    return Command(**_with_accesses(fields))


def _memory(fields: dict, _origin: float) -> Memory:
    fields["address"] = None if fields["address"] < 0 else fields["address"]
    return Memory(**fields)


def _host(fields: dict, _origin: float) -> Host:
    return Host(**_with_accesses(fields))


def _value(fields: dict, _origin: float) -> Value:
    fields["access"] = Access(*fields["access"])
    fields["data"] = bytes.fromhex(fields["data"])
    return Value(**fields)


def _with_accesses(fields: dict) -> dict:
    for name in ("reads", "writes"):
        fields[name] = tuple([Access(*access) for access in fields[name]])
    return fields


# How each kind of record is made from its fields, and which of these are times.
_KINDS = {
    "call": (_call, ("begin", "end")),
    "command": (_command, ("enqueue", "start", "finish")),
    "memory": (_memory, ("time",)),
    "host": (_host, ("time",)),
    "value": (_value, ("time",)),
}
