"""The schema: what a log is made of. Each class here is a record, each of its fields a column.

A field whose name ends in `_ns` is in nanoseconds of virtual time since the recording began;
without that ending, the same time is there for people, in µs. What fields hold are values for
programs: numbers, ids, words of a fixed list. Only names and `args`, `result`, `error` and
`site` are text that others chose, which nothing here looks into. The simulator fills in the fields
by their names, which cpp_extensions/sim/log/records.h has to know all of. tools/schema.py writes
them down as a table, schema.md.
"""

from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

from ..errors import cut
from .units import microseconds, stream_name, tensor_name

VERSION = 1  # of the schema: another number where a field is another, or means another thing
PINNED = -1  # as the device of an Access or a Memory: the host's pinned memory
BACKWARD = "backward"  # as the marker of a call
WORK = ("kernel", "copy")  # the types of commands that take time
POISON = "poison"  # as the marker of a command or of what the host did


class Us:
    """A time of a record in µs, for people: that of the field with `_ns` after its name."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._ns = attrgetter(f"{name}_ns")

    def __get__(self, record: Any, owner: type | None = None) -> float:
        nanoseconds: int = self._ns(record)
        return nanoseconds / 1000


class Access(NamedTuple):
    """Memory that is read or written.

    Attributes:
        device: whose memory; -1 for the host's pinned memory.
        address: where it starts, in bytes from the start of the device's memory. All memory that
            was ever pinned is numbered in one row.
        bytes: from there to the end of the last element.
        dtype: of the tensor that it is, as "float32"; None where no tensor is known.
        sizes: of that tensor.
        strides: of that tensor, in elements; None if it lies row by row without gaps.
        itemsize: bytes of an element.
    """

    device: int
    address: int
    bytes: int
    dtype: str | None = None
    sizes: tuple[int, ...] = ()
    strides: tuple[int, ...] | None = None
    itemsize: int = 1

    @property
    def tensor(self) -> str:
        """What it is, for reading, as "float32[2, 3]"; "" where no tensor is known."""
        return tensor_name(self.dtype, self.sizes, self.strides) if self.dtype else ""


class Known(NamedTuple):
    """What the host learned: on that stream, everything up to that command is done.

    Attributes:
        device, stream: the stream; None stands for every stream of the device.
        command: the id of the last command that is done. All that happens before it is done too.
        newest: the newest command there was when the host learned it: it knew before it gave the
            next one.
    """

    device: int
    stream: int | None
    command: int
    newest: int


@dataclass(frozen=True, slots=True)
class Call:
    """One call into the backend.

    Attributes:
        door: "guard", "hooks", "allocator" or "graph", PyTorch's ways in, "aten" for operators,
            "distributed" for collectives, "lab" for `mtia_lab.launch`, or "torch" for a wait that
            PyTorch skips, since its event was never recorded (the sanitizer's logs have those).
        name: the virtual method, as PyTorch spells it, or the operator or collective.
        args: its arguments, for reading. A stream is written device/id.
        result: what it returned, for reading; None if it returned nothing.
        error: the message of what it threw, or None.
        thread: the host thread's logical number, in order of first call.
        begin_ns, end_ns: the host clock on entry and on return.
        state: the thread's (device, stream on 0, stream on 1, …) on return.
        site: the reader's line, as "In[3]:2" or "train.py:12"; None where no Python runs.
        waits_ns: when the host stood still in it, waiting for the device, each as (from, to).
        synchronized: what the host learned by it: that some commands are done.
        id: counts calls, in the order in which they begin, from when the outermost recording did.
        call: the id of the call that it was made in; None if there was none.
        stream: the stream that it was given, as (device, stream); None if it was given none.
        events: the ids of the events that it was given, without one never recorded.
        marker: what it stands for: "backward" if autograd's engine asks for devices as it starts.
    """

    door: str
    name: str
    args: str
    result: str | None
    error: str | None
    thread: int
    begin_ns: int
    end_ns: int
    state: tuple[int, ...]
    site: str | None
    waits_ns: tuple[tuple[int, int], ...] = ()
    synchronized: tuple[Known, ...] = ()
    id: int = 0
    call: int | None = None
    stream: tuple[int, int] | None = None
    events: tuple[int, ...] = ()
    marker: str | None = None

    begin, end = Us(), Us()

    @property
    def waits(self) -> tuple[tuple[float, float], ...]:
        """The waits in µs."""
        return tuple((begin / 1000, end / 1000) for begin, end in self.waits_ns)

    @property
    def waited(self) -> float:
        """How long the host stood still in it, in µs."""
        return sum(end - begin for begin, end in self.waits_ns) / 1000

    @property
    def method(self) -> str:
        """Its door and its name, which no name alone can be mistaken for: "guard.record"."""
        return f"{self.door}.{self.name}"

    def __repr__(self) -> str:
        text = f"{self.method}({self.args})"
        if self.error is not None:
            return cut(f"{text} raised {self.error.partition(chr(10))[0]}")
        return cut(text if self.result is None else f"{text} -> {self.result}")


@dataclass(frozen=True, slots=True)
class Command:
    """One command in a stream.

    Attributes:
        id: counts the commands of the process, in enqueue order.
        type: "kernel", "copy", "record" or "wait".
        name: what the kernel or the copy is called, or which event it is.
        device, stream: where it was enqueued.
        enqueue_ns, start_ns, finish_ns: when the host gave it, when it began, when its effect
            happened.
        thread: the host thread that enqueued it.
        event, version: for records and waits, which recording of which event; else None.
        after: the ids of the commands it waits for besides those before it in its stream: of a
            wait, the record command; of a random operator, the one before it on its generator.
        site: the reader's line that enqueued it.
        reads, writes: the memory it uses.
        call: the id of the call that enqueued it; None if that is not known.
        direction: of a copy, "H2D", "D2H", "D2D" within a device or "peer"; else None.
        marker: what it stands for: "poison" if it fills a block that was freed.
    """

    id: int
    type: str
    name: str
    device: int
    stream: int
    enqueue_ns: int
    start_ns: int
    finish_ns: int
    thread: int
    event: int | None
    version: int | None
    after: tuple[int, ...]
    site: str | None
    reads: tuple[Access, ...] = ()
    writes: tuple[Access, ...] = ()
    call: int | None = None
    direction: str | None = None
    marker: str | None = None

    enqueue, start, finish = Us(), Us(), Us()

    def __repr__(self) -> str:
        where = stream_name(self.device, self.stream)
        times = f"{microseconds(self.start)} to {microseconds(self.finish)} us"
        return f"{cut(f'{self.type} {self.name}')} on {where}, {times}"


@dataclass(frozen=True, slots=True)
class Memory:
    """Something that happened to memory.

    Attributes:
        action: "alloc" and "free" of a block; "record_stream", which says that another
            stream uses a block, of pinned memory by each copy; "segment_alloc" and "segment_free",
            by which the caching allocator gets memory from the device and gives it back; "oom".
        device: whose memory it is, -1 for pinned memory of the host; for "record_stream", the
            device of the stream that uses it.
        stream: the stream that the block belongs to; for "record_stream", the one that uses it.
        address: where it starts, counted from the start of the device's memory; None for "oom".
        bytes: its size: of a block after rounding, for "oom" what was asked for.
        time_ns: the host clock.
        thread: the host thread's logical number.
        site: the reader's line.
        owner: whose memory it is, also for "record_stream"; by default that of `device`.
        call: the id of the call in which it happened; None if that is not known.
    """

    action: str
    device: int
    stream: int
    address: int | None
    bytes: int
    time_ns: int
    thread: int
    site: str | None
    owner: int | None = None
    call: int | None = None

    time = Us()

    def __post_init__(self) -> None:
        if self.owner is None:
            object.__setattr__(self, "owner", self.device)

    def __repr__(self) -> str:
        where = "" if self.address is None else f" from {self.address:,}"
        pinned = " in pinned memory" if self.owner == PINNED else ""
        place = "" if self.device == PINNED else f" on {stream_name(self.device, self.stream)}"
        return f"{self.action} {self.bytes:,} bytes{where}{pinned}{place}"


@dataclass(frozen=True, slots=True)
class Host:
    """An operator of the host that used pinned memory. Only `record(host=True)` asks for them.

    Attributes:
        name: of the operator; "tolist", "pickle", or "poison" for a block that was freed.
        reads, writes: the pinned memory it uses.
        time_ns: the host clock.
        thread: the host thread's logical number.
        site: the reader's line.
        call: the id of the call in which it happened; None if there was none.
        marker: what it stands for: "poison" if it fills a block that was freed.
    """

    name: str
    reads: tuple[Access, ...]
    writes: tuple[Access, ...]
    time_ns: int
    thread: int
    site: str | None
    call: int | None = None
    marker: str | None = None

    time = Us()

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
        time_ns: the host clock.
        thread: the logical number of the host thread that the simulator ran it on.
        site: the reader's line that enqueued the command.
        call: the id of the call in which it happened; None if there was none.
    """

    command: int
    access: Access
    data: bytes
    time_ns: int
    thread: int
    site: str | None
    call: int | None = None

    time = Us()

    def __repr__(self) -> str:
        what = cut(self.access.tensor or "bytes")
        return f"command {self.command} left {what} {self.data[:8].hex()}"


@dataclass(frozen=True, slots=True)
class Range:
    """A range that the program has named, by `torch.profiler.record_function`.

    It is none of the records of a log, whose `ranges` has them.

    Attributes:
        name: what it is called.
        thread: the host thread's logical number.
        begin_ns, end_ns: the host clock when it began and when it ended.
        first, last: the ids of the calls that began in it, of any thread; none if the last is
            before the first.
        site: the reader's line.
        call: the id of the call in which it ended; None if there was none.
    """

    name: str
    thread: int
    begin_ns: int
    end_ns: int
    first: int
    last: int
    site: str | None
    call: int | None = None

    begin, end = Us(), Us()

    def holds(self, record: "Record", alone: bool = False) -> bool:
        """Whether a record is of what was done in it; backward's, where it was called in it.

        Args:
            record: which one.
            alone: what other threads do is not of it, even if no line of the reader's runs there.
        """
        if record.thread != self.thread and (alone or record.site is not None):
            return False
        call = record.id if isinstance(record, Call) else record.call
        if call is not None:
            return self.first <= call <= self.last
        if isinstance(record, Call):
            return False
        time = record.enqueue_ns if isinstance(record, Command) else record.time_ns
        return self.begin_ns <= time <= self.end_ns


Record = Call | Command | Memory | Host | Value
