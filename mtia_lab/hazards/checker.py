"""One pass over a log: every access is held against the earlier ones it might race with.

After a race the checker goes on as if its fix were in the program, so that what the same change
fixes is not found once more.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any, NamedTuple

from ..log.log import Log
from ..log.records import PINNED, Access, Call, Command, Host, Memory, Record
from ..log.replay import Backwards, Blocks, Span
from .events import StandingEvents
from .fixes import FINISH, NEW_EVENT, RECORD_STREAM, WAIT, WAIT_EVENT, Fix
from .memory_map import MemoryMap, Use, add_use, host_races
from .order import EVENTS, Clock, Given, Order, Stream
from .sequence import Learned, callers


class Race(NamedTuple):
    """Two accesses to the same memory, of which one writes, and which nothing orders."""

    first: Use
    second: Use

    @property
    def blocks(self) -> tuple[Span, ...]:
        """The blocks it is in, as far as they are known: two if the memory was allocated anew."""
        old, new = self.first.block, self.second.block
        if old is new or old is None or new is None:
            return tuple(block for block in (new or old,) if block is not None)
        return old, new


@dataclass
class Hazard:
    """A race, and what would have ordered it.

    Attributes:
        freed: the block that was given away too soon, if that is why.
        memory: its blocks as they were then.
        count: how often the same lines raced.
    """

    race: Race
    fix: Fix
    freed: Span | None = None
    memory: tuple[Span, ...] = ()
    count: int = 0

    @property
    def can_be_whole(self) -> bool:
        """Whether one might wait for all that the other has been given, instead."""
        first, second = self.race
        same_thread = first.thread == second.thread
        return self.freed is None and self.fix.kind != FINISH and same_thread


@dataclass
class _Pair:
    """A stream, or the host, that has to wait for another one several times.

    Waiting for no more than is needed is right, unless it takes more waits.

    Attributes:
        whole: whether it had better wait for all that the other has been given.
        known: what the last such wait would have taught.
        least: before each line, the fix that waits for no more than is needed.
    """

    whole: bool = False
    known: Clock = field(default_factory=dict)
    least: dict[str | None, Fix] = field(default_factory=dict)


class Checker:
    """Finds the races in a log.

    Args:
        log: what to check.
        fixes: whether to go on as if the fix of each race were in the program.

    Attributes:
        races: all of them, if nothing is fixed.
        given: what streams have been given so far.
        callers: see `sequence.callers`.
    """

    def __init__(self, log: Log, *, fixes: bool = True) -> None:
        self.given = Given()
        self.order = Order(self.given)
        self.races: list[Race] = []
        self._events = StandingEvents()
        self._blocks = Blocks(log.initial_memory)
        self._memory: defaultdict[int, MemoryMap] = defaultdict(MemoryMap)  # by device
        # Of each collective, the stream from which it was called: it runs on one of its own.
        self.called_on: dict[int, int] = {}
        # Of those waited for at the line that calls them: the wait, and the stream that waits.
        self._waited_for: dict[int, tuple[int, int]] = {}
        self._recorded_on = 0
        self._newest = 0
        self._commands: dict[int, Command] = {}
        self._ran: dict[str | None, int] = {}  # of each line, the first command when it ran first
        self.callers = callers(log)
        self._backwards = Backwards()
        # Of commands with no line: of which line's backward, and which thread called it.
        self._backward: dict[int, tuple[str, int | None]] = {}
        self._began: dict[str | None, int] = {}  # the newest command when a backward began
        self._fixes = fixes
        self._pairs: defaultdict[tuple[Stream | None, Stream], _Pair] = defaultdict(_Pair)
        self._hazards: dict[Hashable, Hazard] = {}
        self._counts: Counter[Hashable] = Counter()

        self._kinds: dict[type, Callable[[Any], None]] = {
            Command: self._command,
            Call: self._call,
            Learned: self._learned,
            Memory: self._on_memory,
            Host: self._host,
        }

    def add(self, record: Record | Learned) -> None:
        """The next record, in the order of `in_order`."""
        if (take := self._kinds.get(type(record))) is not None:
            take(record)

    def _call(self, call: Call) -> None:
        if call.marker or call.events or self._backwards.lines:  # else it changes nothing
            self._backwards.add_call(call)
            if call.marker:
                self._began[call.site] = self._newest
                self._ran.setdefault(call.site, self._newest)
            self._events.add_call(call)

    def _learned(self, learned: "Learned") -> None:
        for known in learned.call.synchronized:
            self.order.synchronize(known)

    def _command(self, command: Command) -> None:
        id, kind, order = command.id, command.type, self.order
        stream = self.given.add(id, (command.device, command.stream), kind not in EVENTS)
        if stream >= len(order.clocks):
            order.grow()
        if command.after:
            order.wait(id, stream, command.after)
        self._newest = id
        self._commands[id] = command
        self._ran.setdefault(command.site, id)
        if command.site is None and (line := self._backwards.line()) is not None:
            self._backward[id] = line, self._backwards.caller()
        caller = self.callers.get(command.call)
        if kind == "record":
            self._events.add_record(command, caller)
        if caller is not None and caller.door == "distributed":
            self._collective(command, stream, caller)
        for access in command.reads:
            self._use(stream, command, access, False)
        for access in command.writes:
            self._use(stream, command, access, True)

    def _collective(self, command: Command, stream: int, caller: Call) -> None:
        """Its call lets the stream of its own wait for the current one, by an event, and is it."""
        if command.type == "record":
            self._recorded_on = stream
        elif command.type == "wait" and caller.method == "distributed.wait":
            collective = self.given.work_before(command.after[0])
            found = self._commands.get(collective)
            if found is not None and found.site == command.site:
                self._waited_for[collective] = command.id, stream
        elif command.type == "kernel" and command.thread == caller.thread:
            self.called_on[command.id] = self._recorded_on

    def _use(self, stream: int, command: Command, access: Access, is_write: bool) -> None:
        device = access.device
        block = self._blocks.at(device, access.address)
        use = Use(stream, command.id, command, access, is_write, block)
        if command.site is None:
            use.backward, use.caller = self._backward.get(command.id, (None, None))
        for other in add_use(self._memory[device], use, self.order):
            if not self.order.is_before(other.id, other.stream, stream):
                self._found(Race(other, use))

    def _host(self, host: Host) -> None:
        """The host comes after everything it knows finished, and before all it enqueues later."""
        self._ran.setdefault(host.site, self._newest)
        for is_write, accesses in ((False, host.reads), (True, host.writes)):
            for access in accesses:
                block = self._blocks.at(PINNED, access.address)
                use = Use(-1, self._newest, host, access, is_write, block)
                for other in host_races(self._memory[PINNED], use):
                    if other.id > self.order.finished[other.stream]:
                        self._found(Race(other, use))

    def _on_memory(self, record: Memory) -> None:
        block = self._blocks.apply(record, self._newest)
        if record.action == "alloc" and block is not None:
            block.cause = self._backwards.cause(record.thread)
        elif record.action == "record_stream" and block is None:
            # From before the log, which knows no pinned memory.
            self._blocks.use(self._blocks.add(record, 0), record, self._newest)
        elif record.action == "free" and block is not None:
            self._free(block)
        elif record.action == "segment_free" and block is not None:
            # Only after the device has been waited for.
            self._memory[block.device].forget(block.address, block.top)

    def _free(self, block: Span) -> None:
        for _, stream in block.users:
            self._recorded(block, self._number(stream))
        # A collective keeps its tensors until it is done.
        for piece in self._memory[block.device].within(block.address, block.top):
            for use in piece.conflicting(True):
                if use.id in self.called_on:
                    piece.drop(self.order.up_to(use.stream, use.id))

    def _number(self, stream: Stream) -> int:
        number = self.given.number(stream)
        self.order.grow()
        return number

    def _recorded(self, block: Span, stream: int) -> None:
        """The allocator gives a freed block away only when `stream` is done with it."""
        clock = self.order.up_to(stream, block.end)
        for piece in self._memory[block.device].within(block.address, block.top):
            piece.drop(clock)

    # --- what would have ordered a race ---------------------------------------------------------

    def _found(self, race: Race) -> None:
        if not self._fixes:
            self.races.append(race)
        elif (hazard := self._fixed(race)) is not None:
            self._counts[_sides(hazard)] += 1
            if (omission := _omission(hazard)) not in self._hazards:
                self._hazards[omission] = replace(hazard, memory=tuple(map(replace, race.blocks)))

    def hazards(self) -> Iterator[Hazard]:
        """What was found, with how often its sides raced; at least one a fix."""
        for hazard in self._hazards.values():
            pair = hazard.fix.waiting, hazard.fix.awaited
            whole = hazard.can_be_whole and self._pairs[pair].whole
            fix = Fix(WAIT, *pair, hazard.fix.site) if whole else hazard.fix
            yield replace(hazard, fix=fix, count=self._counts[_sides(hazard)])

    def _fixed(self, race: Race) -> Hazard | None:
        """What is wrong, the order being as if that were fixed; None if another fix does it too."""
        first, second = race
        block, on_host = first.block, isinstance(second.command, Host)
        if block is not None and block.ends_between(first.id, second.id + on_host):
            if block.device == PINNED:  # which the host's allocator does not know
                self.order.learn(self.order.up_to(first.stream, block.end))
                fix = Fix(WAIT, None, _where(first), block.freed_site)
                return Hazard(race, fix, block)
            if (block.device, block.stream) != _where(first):
                self._recorded(block, first.stream)
                fix = Fix(RECORD_STREAM, None, _where(first), block.freed_site, block.void)
                return Hazard(race, fix, block)
        return self._waited(race, on_host)

    def _waited(self, race: Race, on_host: bool) -> Hazard | None:
        first, second = race
        id, stream = self._waited_for.get(first.id, (first.id, first.stream))
        waiting = None if on_host else self.called_on.get(second.id, second.stream)
        streams = self.given.streams
        pair = None if waiting is None else streams[waiting], streams[stream]
        until, fix = self._least(race, id, stream, *pair)
        hazard = Hazard(race, fix)
        if hazard.can_be_whole:
            both = self._pairs[pair]
            covered = first.id <= both.known.get(first.stream, -1)
            if covered and both.least.get(fix.site) != fix:  # one wait would have done for both
                both.whole = True
                self._learn(second.stream, both.known)
                return None
            both.whole |= both.least.setdefault(fix.site, fix) != fix
            both.known = self.order.up_to(stream)
            until = None if both.whole else until
        self._learn(second.stream, self.order.up_to(stream, until))
        return hazard

    def _learn(self, stream: int, clock: Clock) -> None:
        if stream < 0:
            self.order.learn(clock)
        else:
            self.order.join(stream, clock, self._newest)

    def _least(
        self, race: Race, id: int, stream: int, waiting: Stream | None, awaited: Stream
    ) -> tuple[int | None, Fix]:
        """Up to which command to wait, all if None, and how: for no more than is needed.

        What another host thread enqueues may come later in another run. Only an event of that
        thread's own stands for it, recorded before the two threads meet.
        """
        first, second = race
        site, line = second.command.site, first.line
        if site is None and first.id <= self._began.get(second.backward, -1):
            site = second.backward
        if first.id in self.called_on and first.id not in self._waited_for:
            name = first.command.name
            return first.id, Fix(FINISH, None, awaited, site, line, name=name)
        standing = self._events.after(id, awaited)
        if standing is not None:
            return standing.id, Fix(WAIT_EVENT, waiting, awaited, site, standing.site)
        meet = site is not None and first.thread != second.thread
        end = self._end_of_line(first, id, stream)
        if line is None or (end is None and not meet):
            return None, Fix(WAIT, waiting, awaited, site)
        early = not meet and self._ran.get(site, 0) < self._ran[line]
        return end, Fix(NEW_EVENT, waiting, awaited, site, line, meet, early=early)

    def _end_of_line(self, use: Use, id: int, stream: int) -> int | None:
        """The last command that the line of a use gave its stream then; None if it is the newest.

        The same command once more is taken for the line's next turn in a loop.
        """
        line, site, name = use.line, use.command.site, use.command.name
        later = self.given.work_after(stream, id)

        def same(each: int) -> bool:
            command = self._commands[each]
            if site is None:
                return command.site is None and self._backward.get(each, ("",))[0] == line
            return command.site == site and command.name != name

        of_line = sum(1 for _ in takewhile(same, later))
        return None if of_line == len(later) else [id, *later][of_line]


def _where(use: Use) -> Stream:
    assert isinstance(use.command, Command)
    return use.command.device, use.command.stream


def _sides(hazard: Hazard) -> Hashable:
    """What races in a loop have in common."""
    race = hazard.race
    sides = ((use.stream, use.command.name, use.is_write, use.command.site) for use in race)
    return hazard.fix, len(race.blocks), *sides


def _omission(hazard: Hazard) -> Hashable:
    """What races have in common that one change fixes: a line, or the tensor that was freed."""
    race = hazard.race
    if None in (race.first.line, race.second.line):
        return _sides(hazard)
    if hazard.freed is None and len(race.blocks) < 2:
        return hazard.fix
    block = race.blocks[0]
    where = block.bytes, block.device, block.stream, block.site or block.cause
    return hazard.fix, where, block.freed_site
