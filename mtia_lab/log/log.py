"""The log: every call PyTorch made into the backend, every command the device was given."""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence, Set
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any, TypedDict, TypeVar, Unpack, overload

from ..errors import cut
from .records import PINNED, Call, Command, Host, Memory, Range, Record, Value
from .units import count, microseconds

SHOWN = 60  # a log of at most so many records is shown whole
FIRST, LAST = 30, 10  # so many at both ends of a longer one
SITE = 40  # columns of a line's name, at most

MEMORY = "which memory is used"  # what a log of another source may not tell: see Log.unknown
ENGINES = "what engines there are"
CURRENT = "what is current on its threads"
BACKWARDS = "where backward begins"

Ids = tuple[int, ...]  # of a device, and of a stream on each
Kind = TypeVar("Kind", Call, Command, Memory, Host, Value)
_FIELDS = {kind: tuple(f.name for f in fields(kind)) for kind in Record.__args__}


Numbers = int | list[int] | Set[int] | None
Words = str | list[str] | Set[str] | None


class Where(TypedDict, total=False):
    """Which records of a log, by where they are in the program. `Log.filter` says what is what."""

    stream: Any
    thread: Numbers
    line: Words
    range: Words


class Which(Where, total=False):
    """Also by what they are."""

    name: Words
    kind: Words


class Anytime(Which, total=False):
    """Also by their device."""

    device: Any


class Part(Anytime, total=False):
    """All that a log is filtered by."""

    since: float | None
    until: float | None


class Log(Sequence[Record]):
    """What happened while it was recorded: `with mtia_lab.record() as log:` makes one.

    It grows while the block runs and stays as it is afterwards. It is a sequence of records, in the
    order in which they happened. Show it, or `print(log)`, for a table, of a long log the first
    and last rows; `log[100:150]` and `log.filter(stream=1)` are logs too, and `log.to_text()` is
    the table of all.

    What is in it: `log.calls`, `log.commands`, `log.memory`, `log.pinned`, `log.hosts`,
    `log.values`, each a list of records, and `log.threads`. `log.to_json()` is for programs.

    What to do with it: `mtia_lab.draw.timeline(log)` and the other pictures of `mtia_lab.draw`,
    `mtia_lab.explore(log)`, `mtia_lab.summary(log)`, `mtia_lab.find_hazards(log)`,
    `mtia_lab.write_trace(log, "run.json")`. To keep it: `log.save("run.mtia")`.

    Args:
        records: what happened.
        initial_state: the state of each thread that is known from before the first record, by its
            number, as (device, stream on 0, stream on 1, …).
        initial_memory: what was reserved and allocated before the first record, as if it had been
            at time 0.
        unknown: what the source of the log does not tell, in words; nothing for what was recorded.
        ranges: of the program's own, by the time they ended.

    Attributes:
        initial_state, initial_memory, unknown: as given.
    """

    def __init__(
        self,
        records: Sequence[Record] = (),
        initial_state: dict[int, Ids] | None = None,
        initial_memory: Sequence[Memory] = (),
        unknown: Sequence[str] = (),
        ranges: Sequence[Range] = (),
    ) -> None:
        self._ranges = list(ranges)
        self.unknown = tuple(unknown)
        self._records = list(records)
        self._of_kind: tuple[int, dict[type, list[Any]]] = (0, {})
        self.initial_memory = list(initial_memory)
        self.initial_state = dict(initial_state or {})

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> "Log": ...
    def __getitem__(self, index: int | slice) -> "Record | Log":
        if not isinstance(index, slice):
            return self._records[index]
        records = list(self._records)  # once: another thread may be writing
        start, stop, step = index.indices(len(records))
        begin = min(range(start, stop, step), default=max(start, 0))
        state, memory = self._before(records[:begin])
        return Log(records[index], state, memory, self.unknown, self.ranges)

    def _before(self, earlier: Sequence[Record]) -> tuple[dict[int, Ids], list[Memory]]:
        """What was current and what was allocated once some first records had happened."""
        state = self.initial_state | {r.thread: r.state for r in earlier if isinstance(r, Call)}
        live: dict[tuple[bool, int, int | None], Memory] = {}
        for record in (*self.initial_memory, *(r for r in earlier if isinstance(r, Memory))):
            action = record.action.removeprefix("segment_")
            place = (record.action != action, record.device, record.address)
            if action == "alloc":
                live[place] = record
            elif action == "free":
                live.pop(place, None)
        return state, list(live.values())

    def __reduce__(self) -> tuple[Any, ...]:
        log = self[:]
        before = log.initial_state, log.initial_memory
        return Log, (log._records, *before, log.unknown, log._ranges)

    def __copy__(self) -> "Log":
        return self[:]

    def __deepcopy__(self, memo: Any) -> "Log":
        return self[:]  # records cannot be changed

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def now(self) -> "Log":
        """The log as it is: what is recorded meanwhile is not in it."""
        return self

    def _of(self, kind: type[Kind]) -> list[Kind]:
        """The records of one kind; all are looked through once, and when there are more."""
        size = len(self)
        if self._of_kind[0] != size:
            found: dict[type, list[Any]] = defaultdict(list)
            for record in self._records[:size]:
                found[type(record)].append(record)
            found[Command].sort(key=attrgetter("id"))
            self._of_kind = size, found
        return list(self._of_kind[1].get(kind, ()))

    @property
    def calls(self) -> list[Call]:
        """The calls into the backend."""
        return self._of(Call)

    @property
    def commands(self) -> list[Command]:
        """The commands given to the device, in enqueue order."""
        return self._of(Command)

    @property
    def memory(self) -> list[Memory]:
        """What happened to the memory of devices, in order."""
        return [record for record in self._of(Memory) if record.owner != PINNED]

    @property
    def pinned(self) -> list[Memory]:
        """What happened to pinned memory, in order; only `record(host=True)` asks for it."""
        return [record for record in self._of(Memory) if record.owner == PINNED]

    @property
    def hosts(self) -> list[Host]:
        """What operators of the host did with pinned memory; only `record(host=True)` asks."""
        return self._of(Host)

    @property
    def values(self) -> list[Value]:
        """What commands left in memory, as it happened; only `record(values=True)` asks for it."""
        return self._of(Value)

    @property
    def ranges(self) -> list[Range]:
        """The program's own ranges, which `torch.profiler.record_function` names, as they ended."""
        return list(self._ranges)

    @property
    def threads(self) -> list[int]:
        """The logical numbers of the host threads that took part, in order of appearance."""
        return list(dict.fromkeys(record.thread for record in self))

    def filter(self, **wanted: Unpack[Part]) -> "Log":
        """The records that are all of what is asked for, as a log.

        Whatever shows a log takes the same: `mtia_lab.summary(log, range="forward")`. Each may be a
        list or a set of what will do, as in `log.filter(kind=["kernel", "copy"])`.

        Args:
            stream: an id, (device, id), or a `torch.Stream`. A call is on the stream that it was
                given and on those that it enqueued on.
            device: an index, or a `torch.device`; likewise.
            thread: the logical number of a host thread.
            line: a line as the log names it, "train.py:12" or "In[3]:2"; or all of "train.py".
            name: of the operator, call, command or action on memory; with * and ?, as in "mul*" or
                "guard.get*".
            kind: "call", "command", "memory", "host" or "value"; of commands also "kernel", "copy",
                "record" or "wait".
            range: a range of the program's own, by the name that `torch.profiler.record_function`
                was given, with * and ?: what it did in it, and its backward where that is called in
                it. Of an optimizer's step there is always one: "Optimizer.step#*".
            since, until: from when to when, in virtual µs: what was going on then.

        Raises:
            TypeError, ValueError: nothing can be that.
        """
        from .filtering import filtered  # which makes logs, and so has this module

        return filtered(self.now(), wanted)

    def to_json(self) -> str:
        """One JSON object a line: the same program gives the same text in every process."""
        return "".join(map(to_line, self))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to a file, which `mtia_lab.open_log` reads, in any process.

        Args:
            path: the file, whose name ends in ".mtia". If there is one already it is replaced, once
                the new one is complete. The same log gives the same bytes.

        Returns:
            the path.

        Raises:
            ValueError: the name ends otherwise.
            OSError: the file cannot be written.
            TypeError: that is no path.
        """
        from .saved import save  # which makes logs, and so has this module

        return save(self.now(), path)

    def to_text(self) -> str:
        """The table of all records, however long; `print(log)` shows the first and last of many."""
        records = list(self)
        return _page(records, [records])

    def __repr__(self) -> str:
        records = list(self)
        if len(records) <= SHOWN:
            return _page(records, [records])
        return _page(records, [records[:FIRST], records[-LAST:]])


_encode = json.JSONEncoder(default=bytes.hex).encode


def to_line(record: Record) -> str:
    """A record as an object of JSON, in a line."""
    kind = type(record)
    held = {name: getattr(record, name) for name in _FIELDS[kind]}
    return _encode({"kind": kind.__name__.lower()} | held) + "\n"


def _page(records: Sequence[Record], shown: Sequence[Sequence[Record]]) -> str:
    """How many there are, and a table of those at the beginning and at the end that are shown."""
    kinds = Counter(map(type, records))
    memory = sum(isinstance(r, Memory) and r.device != PINNED for r in records)
    counts = [count(kinds[Call], "call"), count(kinds[Command], "command")]
    counts += [f"{count(memory, 'action')} on memory"] if memory else []
    title = f"Log of {', '.join(counts[:-1])} and {counts[-1]}"
    if not records:
        return title
    several = len({record.thread for record in records}) > 1
    header = ["us", *(["thread"] if several else []), "line", "what"]
    rows = [header, *(_row(record, several) for part in shown for record in part)]
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    lines = ["  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in rows]
    hidden = len(records) - len(lines) + 1
    if hidden:
        more = f"... {hidden:,} more: log[{FIRST}:{FIRST + SHOWN}] are the next, log.to_text() all"
        lines.insert(1 + FIRST, more)
    return "\n".join([title, *lines])


def _row(record: Record, several: bool) -> list[str]:
    what = repr(record) if isinstance(record, Call) else f"  | {record!r}"
    thread = [str(record.thread)] if several else []
    return [microseconds(_when(record)), *thread, cut(record.site or "", SITE), what]


def _when(record: Record) -> float:
    if isinstance(record, Call):
        return record.begin
    return record.enqueue if isinstance(record, Command) else record.time
