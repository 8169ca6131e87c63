"""The summary of a log: where the time of every stream and every host thread went."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Any, TypeVar, Unpack

from ..errors import cut
from .arguments import a_log
from .attribution import attribute, overlaps
from .critical import CriticalPath, critical_path
from .log import ENGINES, MEMORY, Log, Part
from .records import WORK, Call, Command
from .replay import last_ns
from .table import Table
from .units import stream_name, thousands

TOP = 10  # kernels and copies shown
NAME = 40  # columns of a name


@dataclass(frozen=True, slots=True)
class StreamTime:
    """Where the time of one stream went, in µs of virtual time, exact to the nanosecond.

    Always `busy + idle` is the summary's `span`, `host + dependency + copy + unknown` is `idle`,
    `dependency + copy` is `waiting`, and `overlap` is at most `busy`.

    Attributes:
        device, stream: which one.
        commands: kernels, copies, event records and waits.
        busy: it ran a kernel or a copy.
        idle: it ran nothing,
        host: for the host had enqueued nothing that was left to do,
        dependency: for its next command waited for kernels: those before an event, those of its
            generator's last draw, or those in all the slots of the device,
        copy: for its next command waited for a copy, or is one and its engine was taken.
        waiting: it had work and could not do it.
        overlap: it was busy while another stream, of any device, was busy too.
        copied: bytes that its copies moved; 0 if the log does not tell which memory is used.
        unknown: nobody knows why; only in a log that does not tell what engines there are.
    """

    device: int
    stream: int
    commands: int
    busy: float
    idle: float
    host: float
    dependency: float
    copy: float
    waiting: float
    overlap: float
    copied: int
    unknown: float = 0.0


@dataclass(frozen=True, slots=True)
class ThreadTime:
    """What one host thread did, in µs of virtual time.

    Attributes:
        thread: its logical number.
        calls: its calls into the backend.
        blocked: how long it stood still in them, waiting for the device.
    """

    thread: int
    calls: int
    blocked: float


@dataclass(frozen=True, slots=True)
class KernelTime:
    """All kernels, or all copies, of one name.

    Attributes:
        name, type: what it is called; "kernel" or "copy".
        count: how many ran.
        time: how long they took together, in µs of virtual time.
        share: of the time of all kernels and copies, from 0 to 1.
    """

    name: str
    type: str
    count: int
    time: float
    share: float


@dataclass(frozen=True, slots=True)
class LineTime:
    """What one line of the program costs, in µs of virtual time.

    Attributes:
        line: as "In[3]:2" or "train.py:12"; None for what no line of the reader's did.
        calls: its calls into the backend.
        host: how long the host was in them.
        blocked: how long of that it stood still, waiting for the device.
        commands: what they enqueued: kernels, copies, event records and waits.
        device: how long its kernels and copies took together.
        share: of the time of all kernels and copies, from 0 to 1.
    """

    line: str | None
    calls: int
    host: float
    blocked: float
    commands: int
    device: float
    share: float


@dataclass(frozen=True, slots=True)
class RangeTime:
    """What all ranges of one name cost, in µs of virtual time: `torch.profiler.record_function`.

    Attributes:
        name: what the program calls it.
        count: how often it was gone through.
        calls, host, blocked, commands, device, share: as of a line, of all that was done in it.
    """

    name: str
    count: int
    calls: int
    host: float
    blocked: float
    commands: int
    device: float
    share: float


@dataclass(frozen=True, repr=False)
class Summary:
    """Where the time went. Printed, or shown by a notebook, it is a set of plain tables.

    Attributes:
        span: how long the recording is, in µs of virtual time.
        streams: by device and stream.
        threads: by number.
        kernels: those that took longest first.
        lines: of the program, those that cost host and device most first.
        ranges: of the program's own, those that cost host and device most first.
        with_lines, with_ranges: whether there is a table of them.
        critical_path: the chain of host work, kernels and copies that the end waits for.
    """

    span: float
    streams: tuple[StreamTime, ...]
    threads: tuple[ThreadTime, ...]
    kernels: tuple[KernelTime, ...]
    lines: tuple[LineTime, ...]
    ranges: tuple[RangeTime, ...]
    with_lines: bool
    with_ranges: bool
    _log: Log = field(compare=False)

    @cached_property
    def critical_path(self) -> CriticalPath:  # worked out when it is asked for
        return critical_path(self._log)

    @property
    def title(self) -> str:
        """What it is about, in a line."""
        time = "measured time" if self._log.unknown else "virtual time"
        return f"Summary of {thousands(self.span)} us of {time}"

    @property
    def tables(self) -> list[Table]:
        """One each for streams, host threads, kernels and perhaps lines; none that are empty."""
        tables = [
            (_streams(self.streams, self.span, self._log), self.streams),
            (_threads(self.threads), self.threads),
            (_kernels(self.kernels), self.kernels),
            (_lines(self.lines), self.lines if self.with_lines else ()),
            (_ranges(self.ranges), self.ranges if self.with_ranges else ()),
        ]
        return [table for table, rows in tables if rows]

    def __repr__(self) -> str:
        parts = ["\n".join(table.lines()) for table in self.tables]
        return "\n\n".join([self.title, *(parts or ["nothing was recorded"])])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        parts = [table.html() for table in self.tables] or ["<p>nothing was recorded</p>"]
        return {
            "text/plain": repr(self),
            "text/html": "\n".join([f"<p>{self.title}</p>", *parts]),
        }


def summary(
    log: Log, *, lines: bool = False, ranges: bool = False, **wanted: Unpack[Part]
) -> Summary:
    """Say where the time of every stream and every host thread went.

    A stream's idle time is attributed to what it waited for: the host, a dependency or a copy.

    Args:
        log: what `mtia_lab.record()` yielded.
        lines: show what each line of the program costs as well.
        ranges: and each range that it names by `torch.profiler.record_function`.
        wanted: only a part, as `log.filter` takes it: `summary(log, range="forward")`.

    Raises:
        TypeError, ValueError: it is no log, or nothing can be that.
    """
    log = a_log(summary, log, wanted)
    commands, calls = log.commands, log.calls
    end = max(last_ns(commands, calls), max((m.time_ns for m in log.memory), default=0))
    streams = attribute(commands, end, ENGINES not in log.unknown)
    both = overlaps(streams)
    mine: dict[tuple[int, int], list[Command]] = {key: [] for key in streams}
    for command in commands:
        mine[command.device, command.stream].append(command)
    rows = [
        StreamTime(
            *key,
            commands=len(mine[key]),
            busy=spent.busy / 1000,
            idle=(end - spent.busy) / 1000,
            host=spent.host / 1000,
            dependency=spent.dependency / 1000,
            copy=spent.copy / 1000,
            waiting=(spent.dependency + spent.copy) / 1000,
            overlap=both[key] / 1000,
            copied=sum(map(copied, mine[key])),
            unknown=spent.unknown / 1000,
        )
        for key, spent in streams.items()
    ]
    return Summary(
        end / 1000,
        tuple(rows),
        tuple(_by_thread(calls)),
        tuple(_by_name(commands)),
        tuple(_by_line(calls, commands)),
        tuple(_by_range(log, calls, commands)),
        lines,
        ranges,
        log,
    )


def copied(command: Command) -> int:
    """The bytes that a copy moved: what it wrote, or read if it wrote to memory of no record."""
    if command.type != "copy":
        return 0
    written = sum(access.bytes for access in command.writes)
    return written or sum(access.bytes for access in command.reads)


def _by_thread(calls: Sequence[Call]) -> list[ThreadTime]:
    counts = Counter(map(attrgetter("thread"), calls))
    blocked: Counter[int] = Counter()
    for call in calls:
        if call.waits_ns:
            blocked[call.thread] += sum(end - begin for begin, end in call.waits_ns)
    return [ThreadTime(k, count, blocked[k] / 1000) for k, count in sorted(counts.items())]


def _by_name(commands: Iterable[Command]) -> list[KernelTime]:
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for command in commands:
        if command.type in WORK:
            key = (command.name, command.type)
            count, time = found.get(key, (0, 0))
            found[key] = (count + 1, time + command.finish_ns - command.start_ns)
    total = max(1, sum(time for _, time in found.values()))
    return [
        KernelTime(name, kind, n, time / 1000, time / total)
        for (name, kind), (n, time) in by_time(found)
    ]


@dataclass(slots=True)
class _Costs:
    """What is added up for a line, or for the ranges of one name; times in ns."""

    calls: int = 0
    host: int = 0
    blocked: int = 0
    commands: int = 0
    device: int = 0

    def add_call(self, call: Call, known: Set[int]) -> None:
        """A call; what is called within one that is known, that has."""
        self.calls += 1
        if call.call not in known:
            self.host += call.end_ns - call.begin_ns
        if call.waits_ns:
            self.blocked += sum(end - begin for begin, end in call.waits_ns)

    def add_command(self, command: Command) -> None:
        self.commands += 1
        if command.type in WORK:
            self.device += command.finish_ns - command.start_ns

    def row(self, total: int) -> tuple[int, float, float, int, float, float]:
        """The columns that lines and ranges have, in µs, and the share of all."""
        times = self.host / 1000, self.blocked / 1000
        return self.calls, *times, self.commands, self.device / 1000, self.device / total


def _by_line(calls: Sequence[Call], commands: Iterable[Command]) -> list[LineTime]:
    known = {call.id for call in calls}
    found: defaultdict[str | None, _Costs] = defaultdict(_Costs)
    for call in calls:
        found[call.site].add_call(call, known)
    for command in commands:
        found[command.site].add_command(command)
    total = max(1, sum(spent.device for spent in found.values()))
    rows = [LineTime(line, *spent.row(total)) for line, spent in found.items()]
    return sorted(rows, key=lambda row: (-row.host - row.device, row.line or ""))


def _by_range(log: Log, calls: Sequence[Call], commands: Sequence[Command]) -> list[RangeTime]:
    """Calls and commands by where their calls are between a range's first and last."""
    calls = sorted(calls, key=attrgetter("id"))
    given = sorted((c for c in commands if c.call is not None), key=attrgetter("call"))
    ids, givers = [call.id for call in calls], [command.call or 0 for command in given]
    known = set(ids)
    alone = bool(log.unknown)
    total = max(1, sum(c.finish_ns - c.start_ns for c in commands if c.type in WORK))
    times = Counter(each.name for each in log.ranges)
    found: defaultdict[str, _Costs] = defaultdict(_Costs)
    for each in log.ranges:
        spent = found[each.name]
        for call in calls[bisect_left(ids, each.first) : bisect_right(ids, each.last)]:
            if each.holds(call, alone):
                spent.add_call(call, known)
        for command in given[bisect_left(givers, each.first) : bisect_right(givers, each.last)]:
            if each.holds(command, alone):
                spent.add_command(command)
    rows = [RangeTime(name, times[name], *spent.row(total)) for name, spent in found.items()]
    return sorted(rows, key=lambda row: (-row.host - row.device, row.name))


def _column(times: Iterable[float]) -> list[str]:
    """Times with as many decimals as the one that needs most."""
    decimals = max((len(thousands(time).partition(".")[2]) for time in times), default=0)
    return [f"{time:,.{decimals}f}" for time in times]


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f}%" if whole else ""


def _streams(rows: tuple[StreamTime, ...], span: float, log: Log) -> Table:
    columns = {
        "stream, us": [stream_name(row.device, row.stream) for row in rows],
        "busy": _column([row.busy for row in rows]),
        "": [_share(row.busy, span) for row in rows],
        "idle": _column([row.idle for row in rows]),
        "= host": _column([row.host for row in rows]),
        "+ dependency": _column([row.dependency for row in rows]),
        "+ copy": _column([row.copy for row in rows]),
        "waiting": _column([row.waiting for row in rows]),
        "overlap": _column([row.overlap for row in rows]),
        "commands": [f"{row.commands:,}" for row in rows],
        "bytes copied": [f"{row.copied:,}" for row in rows],
    }
    if ENGINES in log.unknown:
        columns["+ unknown"] = _column([row.unknown for row in rows])
    if MEMORY in log.unknown:
        del columns["bytes copied"]
    whole = "summary(log).streams"
    return Table(tuple(columns), list(zip(*columns.values(), strict=True)), whole=whole)


def _threads(rows: tuple[ThreadTime, ...]) -> Table:
    blocked = _column([row.blocked for row in rows])
    words = [(f"{r.thread}", f"{r.calls:,}", b) for r, b in zip(rows, blocked, strict=True)]
    whole = "summary(log).threads"
    return Table(("host thread", "calls", "blocked, us"), words, whole=whole)


def _kernels(rows: tuple[KernelTime, ...]) -> Table:
    shown = rows[:TOP]
    times = _column([row.time for row in shown])
    words = [
        (cut(row.name, NAME), row.type, f"{row.count:,}", time, _share(row.share, 1))
        for row, time in zip(shown, times, strict=True)
    ]
    head = ("longest", "", "count", "time, us", "share")
    return Table(head, words, names=2, total=len(rows), whole="summary(log).kernels")


def _lines(rows: tuple[LineTime, ...]) -> Table:
    shown = rows[:TOP]
    columns = {
        "line": [cut(row.line or "no line of yours", NAME) for row in shown],
        **_costs(shown),
    }
    words = list(zip(*columns.values(), strict=True))
    return Table(tuple(columns), words, total=len(rows), whole="summary(log).lines")


def _ranges(rows: tuple[RangeTime, ...]) -> Table:
    shown = rows[:TOP]
    columns = {
        "range": [cut(row.name, NAME) for row in shown],
        "count": [f"{row.count:,}" for row in shown],
        **_costs(shown),
    }
    words = list(zip(*columns.values(), strict=True))
    return Table(tuple(columns), words, total=len(rows), whole="summary(log).ranges")


def _costs(rows: Sequence[LineTime | RangeTime]) -> dict[str, list[str]]:
    """The columns that lines and ranges both have."""
    return {
        "calls": [f"{row.calls:,}" for row in rows],
        "host, us": _column([row.host for row in rows]),
        "blocked": _column([row.blocked for row in rows]),
        "commands": [f"{row.commands:,}" for row in rows],
        "device, us": _column([row.device for row in rows]),
        "share": [_share(row.share, 1) for row in rows],
    }


Name = TypeVar("Name", str, tuple[str, str])
Time = TypeVar("Time", int, float)


def by_time(names: dict[Name, tuple[int, Time]]) -> list[tuple[Name, tuple[int, Time]]]:
    """The items of `{name: (count, time)}`, what took longest first."""
    return sorted(names.items(), key=lambda item: (-item[1][1], item[0]))
