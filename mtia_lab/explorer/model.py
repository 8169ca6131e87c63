"""What the explorer shows, computed once from a log: moments, lanes, and the state at each moment.

The page only looks up what is computed here; `Model.state` is the same look-up in Python.
"""

from bisect import bisect_right

from ..draw.addresses import size
from ..log import Log
from ..records import Call, Command, Host, Memory, Value
from .blocks import Blocks
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
    late_values,
    moments,
    nanoseconds,
)
from .rows import event_rows, thread_rows
from .values import Values


class Model:
    """A log, ready to be explored.

    Args:
        log: what `mtia_lab.record()` yielded.

    Attributes:
        place: the id of a command -> its position in the log.
        moments: every change, in order; the first is the beginning.
        times: the virtual time of each, in ns.
        streams: `(device, stream)` -> the positions in the log of its commands, in FIFO order.
        threads, events: rows, by thread number and by event id.
        blocks, segments: memory, each with the moments between which it lives.
        accesses: position of a command -> its accesses, each as (block, access, whether it
            writes); the block is a position in `blocks`, or -1 if the log tells of none.
        values: what commands left in memory, where the log has it.
    """

    def __init__(self, log: Log) -> None:
        self.log = Log(list(log), log.initial_state, log.initial_memory)  # it grows no more
        self.place = {
            record.id: k for k, record in enumerate(self.log) if isinstance(record, Command)
        }
        self.moments = moments(self.log)
        self.times = [moment.time for moment in self.moments]
        self.threads = thread_rows(self.log, self.moments)
        self.events = event_rows(self.log, self.moments)
        self.streams: dict = {}
        for command in self.log.commands:
            queue = self.streams.setdefault((command.device, command.stream), [])
            queue.append(self.place[command.id])
        self.streams = dict(sorted(self.streams.items()))
        self.extents = self._extents()
        self.accesses: dict = {}
        self._about: dict = {}  # position of a memory record -> the position of its block
        memory = Blocks(self.log.initial_memory)
        self.values = Values()
        self._follow(memory)
        self.blocks, self.segments = memory.blocks, memory.segments
        self.totals = memory.totals()

    def moment(self, time: float) -> int:
        """The last moment that is not after a time in µs: the state there is the state then."""
        return max(bisect_right(self.times, nanoseconds(time)) - 1, 0)

    def state(self, moment: int) -> dict:
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

    def told(self, moment: int) -> str:
        """What happens at a moment, in words."""
        _, record, verb = self.moments[moment]
        return VERBS[verb].format(self.label(record) if record >= 0 else "")

    def label(self, position: int) -> str:
        """What a record of the log is called."""
        record = self.log[position]
        if isinstance(record, Call):
            return f"{record.door}.{record.name}"
        if isinstance(record, Command):
            what = {"record": "recording of", "wait": "wait for"}.get(record.type, record.type)
            name = record.name if record.event is None else f"e{record.event} v{record.version}"
            return f"{what} {name} on mtia:{record.device}/{record.stream}"
        if isinstance(record, Memory):
            block = self._about.get(position, -1)
            name = f" {self.blocks[block].name}" if block >= 0 else ""
            what = f"{record.action}{name}: {size(record.bytes)}"
            return f"{what} on mtia:{record.device}/{record.stream}"
        if isinstance(record, Value):
            return self.label(self.place[record.command]) if record.command in self.place else ""
        return f"{record.name} on the host"

    def _extents(self) -> list:
        """For each record its moments (first, start, last); -1 where it has none."""
        place = {
            BEGIN: 0,
            WAIT: 0,
            ENQUEUE: 0,
            START: 1,
            FINISH: 2,
            RETURN: 2,
            HAPPEN: 2,
            APPEAR: 2,
        }
        extents = [[-1, -1, -1] for _ in self.log]
        for number, (_, record, verb) in enumerate(self.moments):
            if verb in place and extents[record][place[verb]] < 0:
                extents[record][place[verb]] = number
        for extent, record in zip(extents, self.log, strict=True):
            if extent[0] < 0:  # what takes no time has one moment
                extent[0] = extent[2]
            if extent[1] < 0:  # a call starts when it begins, a command that takes no time at last
                extent[1] = extent[2] if isinstance(record, Command) else extent[0]
        return extents

    def _follow(self, memory: Blocks) -> None:
        """Go through the moments once, with the memory of each in hand."""
        effects = self._effects()
        for number, (_, position, verb) in enumerate(self.moments):
            record = self.log[position] if position >= 0 else None
            if isinstance(record, Memory):
                self._about[position] = memory.apply(number, record)
            elif verb == ENQUEUE:
                pairs = [(a, False) for a in record.reads] + [(a, True) for a in record.writes]
                if pairs:
                    found = [(memory.find(number, a), a, writes) for a, writes in pairs]
                    self.accesses[position] = found
            if (position, verb) in effects:
                self.values.write(number, *effects[position, verb], memory)

    def _effects(self) -> dict:
        """What changes memory: (position, verb) of a moment -> (position of who writes, writes).

        Without recorded values, a command writes when it finishes, nobody knows what.
        """
        late = late_values(self.log)
        delayed = set(late.values())
        values: dict = {}
        for value in self.log.values:
            values.setdefault(value.command, []).append((value.access, value.data))
        effects: dict = {}
        for position, record in enumerate(self.log):
            if isinstance(record, Command):
                unknown = [(access, b"") for access in record.writes]
                writes = values.get(record.id, []) if values else unknown
                if record.id not in delayed:
                    effects[position, FINISH] = position, writes
            elif isinstance(record, Host):
                unknown = [(access, b"") for access in record.writes]
                effects[position, HAPPEN] = position, unknown
            elif position in late:
                effects[position, APPEAR] = self.place[record.command], values[record.command]
        return effects

    def _queue(self, key: tuple, moment: int) -> tuple:
        done, running, pending = 0, None, []
        for position in self.streams[key]:
            enqueued, started, finished = self.extents[position]
            if finished <= moment:
                done += 1
            elif started <= moment:
                running = self.log[position].id
            elif enqueued <= moment:
                pending.append(self.log[position].id)
        return done, running, tuple(pending)


def _at(rows: dict, moment: int) -> dict:
    found = {key: row.get(moment) for key, row in rows.items()}
    return {key: value for key, value in found.items() if value is not None}
