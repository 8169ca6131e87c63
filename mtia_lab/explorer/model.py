"""What the explorer shows, computed once from a log: moments, lanes, and the state at each moment.

The page only looks up what is computed here; `Model.state` is the same look-up in Python.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from ..log.log import Log
from ..log.records import PINNED, Call, Command, Host, Memory, Value
from ..log.units import nanoseconds, size, stream_name
from .memory import Memories, totals
from .moments import (
    APPEAR,
    BEGIN,
    ENQUEUE,
    FINISH,
    HAPPEN,
    RETURN,
    START,
    VERBS,
    WAIT,
    Row,
    event_rows,
    late_values,
    moments,
    thread_rows,
)

Stream = tuple[int, int]  # device, stream
Kind = TypeVar("Kind", Command, Host)

# How records are called, by kind.
LABELS = {
    "call": "{name}",
    "kernel": "kernel {name} on {where}",
    "copy": "copy {name} on {where}",
    "record": "recording of {name} on {where}",
    "wait": "wait for {name} on {where}",
    "memory": "{name}",
    "host": "{name} on the host",
    "value": "{name}",
}


class Model:
    """A log, ready to be explored.

    Args:
        log: what `mtia_lab.record()` yielded.

    Attributes:
        place: the id of a command -> its position in the log.
        records: of the log.
        moments: every change, in order; the first is the beginning.
        times: the virtual time of each, in ns.
        first, start, last: of each record, its moments: when it begins or is enqueued, when a
            command starts, and when it is over; -1 where it has none.
        hosts: what the host did, as (name, line, time in µs) -> its position in the log.
        streams: `(device, stream)` -> the positions in the log of its commands, in FIFO order.
        threads, events: rows, by thread number and by event id.
        blocks, segments: memory, each with the moments between which it lives.
        accesses: position of a command -> its accesses, each as (block, access, whether it
            writes); the block is a position in `blocks`, or -1 if the log has none.
        about: position of a memory record -> the position of its block, or -1.
        values: what blocks hold.
    """

    def __init__(self, log: Log) -> None:
        self.records = list(log)
        late = late_values(self.records)
        self.moments = moments(self.records, late)
        self.times = [time for time, _, _ in self.moments]
        self.first, self.start, self.last = self._extents()
        self.place = dict(sorted((r.id, k) for k, r in self._all(Command)))
        self.hosts = {(r.name, r.site, r.time): k for k, r in self._all(Host)}
        self.streams = self._streams(log.commands)
        self.threads = thread_rows(self.records, self.moments, log.initial_state)
        self.events = event_rows(self.records, self.moments)
        memory = Memories(self.records, self.moments, log.initial_memory, late, self.place)
        self.blocks, self.segments = memory.blocks.blocks, memory.blocks.segments
        self.totals = totals(memory.blocks)
        self.accesses, self.about, self.values = memory.accesses, memory.about, memory.values

    def moment(self, time: float) -> int:
        """The last moment that is not after a time in µs: the state there is the state then."""
        return max(bisect_right(self.times, nanoseconds(time)) - 1, 0)

    def state(self, moment: int) -> dict[str, dict[Any, Any]]:
        """All that is true at a moment.

        Returns:
            A dict of
            "threads": thread -> (state, position of the call it is in or -1, whether it waits);
            "streams": (device, stream) -> (commands done, running, pending), as ids in FIFO order;
            "events": event -> (version, whether complete, (how many wait, positions of the first));
            "blocks": position of each in use -> its content, None if nothing was seen to write it;
            "memory": device -> (bytes allocated, bytes reserved).
        """
        live = (k for k, block in enumerate(self.blocks) if block.lives(moment))
        return {
            "threads": _at(self.threads, moment),
            "streams": {key: self._queue(key, moment) for key in self.streams},
            "events": _at(self.events, moment),
            "blocks": {k: self.values.of_block(k, moment) for k in live},
            "memory": _at(self.totals, moment),
        }

    def describe(self, moment: int) -> str:
        """What happens at a moment, in words."""
        _, record, verb = self.moments[moment]
        return VERBS[verb].format(self.label(record) if record >= 0 else "")

    def label(self, position: int) -> str:
        """What a record of the log is called."""
        record = self.records[position]
        if isinstance(record, Value):
            place = self.place.get(record.command)
            return "a command from before the log" if place is None else self.label(place)
        where = ""
        if isinstance(record, Command):
            where = stream_name(record.device, record.stream)
        return LABELS[self.kind(position)].format(name=self.name(position), where=where)

    def kind(self, position: int) -> str:
        """A command's type, or which other record it is."""
        record = self.records[position]
        return record.type if isinstance(record, Command) else type(record).__name__.lower()

    def name(self, position: int) -> str:
        """What a record is called in short."""
        record = self.records[position]
        if isinstance(record, Call):
            return record.method
        if isinstance(record, Command) and record.event is not None:
            return f"e{record.event} v{record.version}"
        if isinstance(record, Memory):
            block = self.about.get(position, -1)
            name = f" {self.blocks[block].name}" if block >= 0 else ""
            place = "the host"
            if record.device != PINNED:
                place = stream_name(record.device, record.stream)
            return f"{record.action}{name}: {size(record.bytes)} on {place}"
        return record.name if isinstance(record, Command | Host) else self.label(position)

    def _all(self, kind: type[Kind]) -> Iterator[tuple[int, Kind]]:
        return ((k, record) for k, record in enumerate(self.records) if isinstance(record, kind))

    def _extents(self) -> tuple[list[int], list[int], list[int]]:
        first, start, last = ([-1] * len(self.records) for _ in range(3))
        column = {BEGIN: first, WAIT: first, ENQUEUE: first, START: start}
        column |= {FINISH: last, RETURN: last, HAPPEN: last, APPEAR: last}
        for number, (_, position, verb) in enumerate(self.moments):
            if verb in column and column[verb][position] < 0:
                column[verb][position] = number
        for position, record in enumerate(self.records):
            if first[position] < 0:  # what takes no time has one moment
                first[position] = last[position]
            if start[position] < 0:  # a call starts when it begins, other things at last
                start[position] = (last if isinstance(record, Command) else first)[position]
        return first, start, last

    def _streams(self, commands: Iterable[Command]) -> dict[Stream, list[int]]:
        streams: dict[Stream, list[int]] = {}
        for command in commands:
            key = command.device, command.stream
            streams.setdefault(key, []).append(self.place[command.id])
        return dict(sorted(streams.items()))

    def _queue(self, key: Stream, moment: int) -> tuple[int, int | None, tuple[int, ...]]:
        done, running, pending = 0, None, []
        for position in self.streams[key]:
            command = self.records[position]
            if not isinstance(command, Command):
                continue
            if self.last[position] <= moment:
                done += 1
            elif self.start[position] <= moment:
                running = command.id
            elif self.first[position] <= moment:
                pending.append(command.id)
        return done, running, tuple(pending)


def _at(rows: Mapping[int, Row[Any]], moment: int) -> dict[int, Any]:
    found = {key: row.get(moment) for key, row in rows.items()}
    return {key: value for key, value in found.items() if value is not None}
