"""One pass over a log: every access is held against the earlier ones it might race with."""

from collections import defaultdict
from collections.abc import Callable
from itertools import takewhile
from typing import NamedTuple

from ..log.log import Log
from ..log.records import PINNED, Access, Call, Command, Host, Memory, Record
from .allocations import Allocation, Allocations
from .autograd import Backwards
from .hints import Hints
from .memory_map import MemoryMap, Use
from .order import Order
from .races import add_use, host_races
from .standing import StandingEvents


class Race(NamedTuple):
    """Two accesses to the same memory, of which one writes, and which nothing orders."""

    first: Use
    second: Use


class Checker:
    """Finds the races in a log, and what needs no synchronization.

    Args:
        log: what to check.
        mend: called with each race. It may tell the checker what would have ordered the two
            (``order.wait_for``, ``recorded``, ``synchronized``), so that what the same fix mends is
            not found once more.
        hints: where to note what is needless; in hints of its own if None.
    """

    def __init__(
        self, log: Log, mend: Callable[["Checker", Race], None], hints: Hints | None = None
    ) -> None:
        self.order = Order()
        self.hints = Hints() if hints is None else hints
        self.events = StandingEvents()
        self.allocations = Allocations(log.initial_memory)
        self._memory: defaultdict[int, MemoryMap] = defaultdict(MemoryMap)  # by device
        # Of each collective, the stream from which it was called: it runs on one of its own.
        self.called_on: dict[int, int] = {}
        # Of those waited for at the line that calls them: the wait, and the stream that waits.
        self.waited_for: dict[int, tuple[int, int]] = {}
        self._recorded_on = 0
        self._mend = mend
        self._pending: list[Call] = []  # whose knowledge comes after commands yet to be told
        self._newest = 0
        self._origins: dict[int, tuple[str | None, str]] = {}  # of each command, line and name
        self._caller: Call | None = None
        self._backwards = Backwards()
        for record in in_order(log):
            self._tell(record)
            while self._pending and self._pending[0].synchronized[-1].newest <= self._newest:
                self._synchronize(self._pending.pop(0))
        for call in self._pending:
            self._synchronize(call)

    # --- what the log tells ---------------------------------------------------------------------

    def _tell(self, record: Record) -> None:
        kind = type(record)
        if kind is Command:
            self._command(record)
        elif kind is Call:
            self._call(record)
        elif kind is Memory:
            self._on_memory(record)
        elif kind is Host:
            self._host(record)

    def _call(self, call: Call) -> None:
        self._caller = call
        self._backwards.add_call(call)
        self.events.add_call(call)
        if call.synchronized:
            self._pending.append(call)
        else:
            self.hints.add_call(call, learned=False)

    def _command(self, command: Command) -> None:
        order = self.order
        stream = order.number((command.device, command.stream))
        works = command.type not in ("record", "wait")
        implied = order.add(command.id, stream, command.after, works)
        if works:
            self.hints.working.add(command.site)
        else:
            self.hints.add_event(command, self._caller, implied, order)
        self.events.add_command(command, self._caller)
        if self._caller is not None and self._caller.door == "distributed":
            self._collective(command, stream)
        self._newest = command.id
        self._origins[command.id] = command.site, command.name
        for access in command.reads:
            self._use(stream, command, access, False)
        for access in command.writes:
            self._use(stream, command, access, True)

    def _collective(self, command: Command, stream: int) -> None:
        """Its call lets the stream of its own wait for the current one, by an event, and is it."""
        if command.type == "record":
            self._recorded_on = stream
        elif command.type == "wait" and self._caller.name == "wait":
            collective = self.order.work_before(command.after[0])
            if self._origins.get(collective, (None,))[0] == command.site:
                self.waited_for[collective] = command.id, stream
        elif command.type == "kernel" and command.thread == self._caller.thread:
            self.called_on[command.id] = self._recorded_on

    def _use(self, stream: int, command: Command, access: Access, is_write: bool) -> None:
        block = self.allocations.at(access.device, access.address)
        use = Use(stream, command.id, command, access, is_write, block)
        for other in add_use(self._memory[access.device], use, self.order):
            self._mend(self, Race(other, use))

    def _host(self, host: Host) -> None:
        """The host comes after everything it knows finished, and before all it enqueues later."""
        self.hints.working.add(host.site)
        for is_write, accesses in ((False, host.reads), (True, host.writes)):
            for access in accesses:
                block = self.allocations.at(PINNED, access.address)
                use = Use(-1, self._newest, host, access, is_write, block)
                for other in host_races(self._memory[PINNED], use):
                    if other.id > self.order.finished[other.stream]:
                        self._mend(self, Race(other, use))

    def _on_memory(self, record: Memory) -> None:
        if record.action == "alloc":
            self.allocations.add(record).cause = self._backwards.cause(record.thread)
        elif record.action == "record_stream":
            block = self.allocations.at(record.owner, record.address)
            if block is None or block.freed:  # from before the log, which knows no pinned memory
                block = self.allocations.add(record)
            if (record.device, record.stream) == block.stream:
                block.void = record.site
            else:
                block.recorded.append((record.device, record.stream))
        elif record.action == "free":
            self._free(record)
        elif record.action == "segment_free":  # only after the device has been waited for
            self._forget(record)

    def _forget(self, record: Memory) -> None:
        self._memory[record.device].forget(record.address, record.address + record.bytes)

    def _free(self, record: Memory) -> None:
        block = self.allocations.at(record.device, record.address)
        if block is None:
            return
        block.freed, block.freed_site, block.freed_after = True, record.site, self._newest
        for stream in block.recorded:
            self.recorded(block, self.order.number(stream))
        # A collective keeps its tensors until it is done.
        memory = self._memory[block.device]
        for piece in memory.within(block.address, block.address + block.bytes):
            for use in piece.conflicting(True):
                if use.id in self.called_on:
                    piece.drop(self.order.up_to(use.stream, use.id))

    def _synchronize(self, call: Call) -> None:
        learned = [self.order.synchronize(known) for known in call.synchronized]
        self.hints.add_call(call, learned=any(learned))

    # --- what would have ordered a race ---------------------------------------------------------

    def recorded(self, block: Allocation, stream: int) -> None:
        """The allocator gives a freed block away only when ``stream`` is done with it."""
        clock = self.order.up_to(stream, block.freed_after)
        memory = self._memory[block.device]
        for piece in memory.within(block.address, block.address + block.bytes):
            piece.drop(clock)

    def synchronized(self, stream: int, command: int | None = None) -> None:
        """The host waits for what a stream has been given, up to a command or all of it."""
        self.order.learn(self.order.up_to(stream, command))

    def end_of_line(self, use: Use) -> int | None:
        """The last command that the line of a use gave its stream then; None if it is the newest.

        The same command once more is taken for the line's next turn in a loop.
        """
        line, name = use.command.site, use.command.name
        later = self.order.work_after(use.stream, use.id)
        origins = [self._origins[id] for id in later]
        of_line = sum(1 for _ in takewhile(lambda o: o[0] == line and o[1] != name, origins))
        return None if of_line == len(later) else [use.id, *later][of_line]


def in_order(log: Log) -> list[Record]:
    """The records with the commands in the order of their ids.

    A call is written down when it returns, so where two host threads take part, their commands may
    stand in another order than they were enqueued in.
    """
    records = list(log)  # once: a log that is still written looks for more whenever it is asked
    ids = [record.id for record in records if isinstance(record, Command)]
    if ids == sorted(ids):
        return records
    newest, keys = 0, []
    for record in records:
        is_command = isinstance(record, Command)
        newest = max(newest, record.id if is_command else 0)
        keys.append((record.id, 0) if is_command else (newest, 1))
    return [records[k] for k in sorted(range(len(records)), key=keys.__getitem__)]
