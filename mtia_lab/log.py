"""The log: every call PyTorch made into the backend, every command the device was given."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """One call into the backend. Times are virtual microseconds since the recording began.

    Attributes:
        door: "guard", "hooks" or "graph", PyTorch's ways in, "aten" for operators, or "lab" for
            `mtia_lab.launch`.
        name: the virtual method, as PyTorch spells it.
        args: its arguments, for reading. A stream is written device/id.
        result: what it returned, for reading; None if it returned nothing.
        error: the message of what it threw, or None.
        thread: the host thread's logical number, in order of first call.
        begin, end: the host clock on entry and on return.
        state: the thread's (device, stream on 0, stream on 1, …) on return.
        site: the reader's line, as "In[3]:2" or "train.py:12"; None where no Python runs.
        waits: when the host stood still in it, waiting for the device, each as (from, to).
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

    @property
    def waited(self) -> float:
        """How long the host stood still in it."""
        return sum(end - begin for begin, end in self.waits)

    def __repr__(self) -> str:
        text = f"{self.door}.{self.name}({self.args})"
        if self.error is not None:
            return f"{text} raised {self.error.splitlines()[0]}"
        return text if self.result is None else f"{text} -> {self.result}"


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
        reads, writes: the device memory it uses, each as (device, address, bytes). An address
            counts from the start of the device's memory.
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
    reads: tuple[tuple[int, int, int], ...] = ()
    writes: tuple[tuple[int, int, int], ...] = ()

    def __repr__(self) -> str:
        where = f"mtia:{self.device}/{self.stream}"
        return f"{self.type} {self.name} on {where}, {self.start:g} to {self.finish:g} us"


@dataclass(frozen=True, slots=True)
class Memory:
    """Something that happened to device memory, at a virtual time in µs since the recording began.

    Attributes:
        action: "alloc" and "free" of a block; "record_stream"; "segment_alloc" and "segment_free",
            by which the caching allocator gets memory from the device and gives it back; "oom".
        device: whose memory it is; for "record_stream", the device of the stream that uses it.
        stream: the stream that the block belongs to; for "record_stream", the one that uses it.
        address: where it starts, counted from the start of the device's memory; None for "oom".
        bytes: its size: of a block after rounding, for "oom" what was asked for.
        time: the host clock.
        thread: the host thread's logical number.
        site: the reader's line.
    """

    action: str
    device: int
    stream: int
    address: int | None
    bytes: int
    time: float
    thread: int
    site: str | None

    def __repr__(self) -> str:
        where = "" if self.address is None else f" from {self.address:,}"
        return f"{self.action} {self.bytes:,} bytes{where} on mtia:{self.device}/{self.stream}"


Record = Call | Command | Memory


class Log(Sequence[Record]):
    """The records of one recording, in the order in which they happened.

    Args:
        records: what happened.
        initial_state: the state of each thread that is known from before the first record, by its
            number, as (device, stream on 0, stream on 1, …).
        initial_memory: what was reserved and allocated before the first record, as if it had been
            at time 0.
    """

    def __init__(
        self,
        records: Sequence[Record] = (),
        initial_state: dict[int, tuple[int, ...]] | None = None,
        initial_memory: Sequence[Memory] = (),
    ) -> None:
        self._records = list(records)
        self.initial_memory = list(initial_memory)
        self.initial_state = dict(initial_state or {})

    def __getitem__(self, index):
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    @property
    def calls(self) -> list[Call]:
        """The calls into the backend."""
        return [record for record in self if isinstance(record, Call)]

    @property
    def commands(self) -> list[Command]:
        """The commands given to the device, in enqueue order."""
        commands = [record for record in self if isinstance(record, Command)]
        return sorted(commands, key=lambda command: command.id)

    @property
    def memory(self) -> list[Memory]:
        """What happened to device memory, in order."""
        return [record for record in self if isinstance(record, Memory)]

    @property
    def threads(self) -> list[int]:
        """The logical numbers of the host threads that took part, in order of appearance."""
        return list(dict.fromkeys(record.thread for record in self))

    def to_json(self) -> str:
        """One JSON object a line: the same program gives the same text in every process."""
        return "".join(
            json.dumps({"kind": type(record).__name__.lower()} | asdict(record)) + "\n"
            for record in self
        )

    def __repr__(self) -> str:
        counts = [f"{len(self.calls)} calls", f"{len(self.commands)} commands"]
        if self.memory:
            counts.append(f"{len(self.memory)} actions on memory")
        count = f"Log of {', '.join(counts[:-1])} and {counts[-1]}"
        if not len(self):
            return count
        several = len(self.threads) > 1
        header = ["us", *(["thread"] if several else []), "line", "what"]
        rows = [header] + [self._row(record, several) for record in self]
        widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
        lines = ["  ".join([*map(_pad, row, widths), row[-1]]).rstrip() for row in rows]
        return "\n".join([count, *lines])

    @staticmethod
    def _row(record: Record, several: bool) -> list[str]:
        what = repr(record) if isinstance(record, Call) else f"  | {record!r}"
        thread = [str(record.thread)] if several else []
        return [f"{_when(record):g}", *thread, record.site or "", what]


def _triples(flat: list[int]) -> Iterator[tuple[int, int, int]]:
    """The triples that the simulator wrote one after the other."""
    return zip(flat[::3], flat[1::3], flat[2::3], strict=True)


def _when(record: Record) -> float:
    if isinstance(record, Call):
        return record.begin
    return record.enqueue if isinstance(record, Command) else record.time


def _pad(text: str, width: int) -> str:
    return text.ljust(width)


def parse(text: str, origin: float) -> list[Record]:
    """Records from the simulator's JSON lines.

    Args:
        text: as `torch.ops.mtia_lab.record_read` returns it; times in nanoseconds.
        origin: the host clock at which the recording began, in nanoseconds.
    """
    return [_record(json.loads(line), origin) for line in text.splitlines()]


def _record(fields: dict, origin: float) -> Record:
    kind = fields.pop("kind")
    fields["site"] = fields["site"] or None
    if kind == "call":
        times, tuples, record = ("begin", "end"), ("state",), Call
        waits = [(time - origin) / 1000 for time in fields["waits"]]
        fields["waits"] = tuple(zip(waits[::2], waits[1::2], strict=True))
    elif kind == "memory":
        times, tuples, record = ("time",), (), Memory
        fields["address"] = None if fields["address"] < 0 else fields["address"]
    else:
        times, tuples, record = ("enqueue", "start", "finish"), ("after",), Command
        fields["event"] = fields["event"] or None
        fields["version"] = fields["version"] or None
        for name in ("reads", "writes"):
            fields[name] = tuple(_triples(fields[name]))
    for name in times:
        fields[name] = (fields[name] - origin) / 1000
    for name in tuples:
        fields[name] = tuple(fields[name])
    return record(**fields)
