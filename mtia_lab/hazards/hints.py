"""Synchronization that orders nothing new. Right, but of no use: so hints, never hazards.

Where several host threads are at work, only what each can be sure of by its own doing counts. A log
is one order of what they did. In another run another thread may come later, and what it made
needless in this one is needed then; a log does not know where threads meet. Nor does what the host
learned by asking count: in another run the answer may be another. And where an event that is still
there is recorded after a wait, another turn of the same loop may wait for that, as in the first
rounds of a ring of buffers: such a line is let be.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace

from ..log.log import Log
from ..log.records import Call, Command, Host, Known, Record
from ..log.replay import Backwards
from .finding import NEEDLESS_SYNC, NEEDLESS_WAIT, UNRECORDED, Finding, Side
from .fixes import before
from .names import Names
from .order import EVENTS, Given, Order, Stream
from .sequence import IDLE_WAITS, SYNCHRONIZATIONS, Learned

# What calls that wait or synchronize make besides: they look which device and stream is current.
_BESIDES = {
    *("record", "block", "destroyEvent", "queryEvent", "queryStream"),
    *("getDevice", "setDevice", "exchangeDevice", "uncheckedSetDevice", "maybeExchangeDevice"),
    *("getCurrentDevice", "getStream", "getCurrentStream", "getDefaultStream", "exchangeStream"),
}
_NO_WORK = _BESIDES | SYNCHRONIZATIONS
_QUERIES = {"queryEvent", "queryStream"}


@dataclass
class _Line:
    """What one line of the reader's synchronizes: how often it was needed, how often not.

    Attributes:
        needed: whether it was, ever.
        found: one for each time that it was not.
        first, last: when it ran for the first and for the last time.
        event: what it waited for then; 0 if that is no event, or was never recorded.
        came_round: whether it ever waited for what was recorded after it had run.
    """

    needed: bool = False
    found: list[Finding] = field(default_factory=list)
    first: int = 0
    last: int = 0
    event: int = 0
    came_round: bool = False


class _Recordings:
    """When each event that is still there was recorded, for the first and for the last time."""

    def __init__(self) -> None:
        self.now = 0
        self._first: dict[int, int] = {}
        self._last: dict[int, int] = {}

    def add(self, record: Record | Learned) -> None:
        """The next record, in the order of `in_order`."""
        self.now += 1
        if isinstance(record, Command):
            if record.type == "record" and record.event is not None:
                self._first.setdefault(record.event, self.now)
                self._last[record.event] = self.now
        elif isinstance(record, Call) and record.name == "destroyEvent":
            for event in record.events:
                self._first.pop(event, None)
                self._last.pop(event, None)

    def note(self, line: _Line, event: int) -> None:
        """A line waits, for an event or for something else."""
        line.first = line.first or self.now
        line.last, line.event = self.now, event
        line.came_round |= self._last.get(event, 0) > line.first

    def may_wait_for(self, line: _Line) -> bool:
        """Whether the next turn of a line that waited for nothing new may wait for something."""
        if line.event:
            return not line.came_round and self._last.get(line.event, 0) > line.last
        return any(first > line.last for first in self._first.values())


class _Part:
    """What one host thread did on its own, or all of it if there is one.

    Attributes:
        given: to the streams that are no others'.
        foreign: the streams to which other threads give work as well; nothing is known of them.
        order: of its commands, nothing being as if it were fixed.
        recordings: its event records, by id.
    """

    def __init__(self, given: Given) -> None:
        self.given, self.order = given, Order(given)
        self.foreign: set[Stream] = set()
        self.recordings: dict[int, Command] = {}


class Hints:
    """Collects them. A line is only reported if what it does was never of any use.

    Only lines that do nothing but synchronize count: what else waits, waits inside PyTorch.

    Args:
        log: whose records `add` is given in their order.
        given: what its streams have been given, which somebody else keeps.
        callers: see `sequence.callers`.
    """

    def __init__(self, log: Log, given: Given, callers: dict[int | None, Call]) -> None:
        self._lines: dict[tuple[str, str | None], _Line] = {}
        self._recordings = _Recordings()
        self._waits: set[str | None] = set()  # lines that waited for an event that was recorded
        self._callers, calls = callers, log.calls
        active = {command.thread for command in log.commands}
        active |= {call.thread for call in calls if call.synchronized}
        self._whole = _Part(given) if len(active) <= 1 else None
        self._owners: dict[int, int] = {}
        self._parts: dict[int, _Part] = {}
        if self._whole is None:
            self._divide(list(log))
        if len(self._parts) == 1:
            self._whole = _Part(given)
        works = (call for call in calls if call.name not in _NO_WORK and call.door != IDLE_WAITS)
        # Lines that do more than synchronize, be it that it synchronizes, too.
        self._working = {None, *(call.site for call in works if self._part(call) is not None)}

    def _divide(self, records: list[Record]) -> None:
        """A part for each host thread that gives commands or waits."""
        owners = _owners(records)
        self._owners = {id(r): owner for r, owner in zip(records, owners, strict=True)}
        users: defaultdict[Stream, set[int]] = defaultdict(set)
        for record, owner in zip(records, owners, strict=True):
            if _is_active(record):
                self._parts.setdefault(owner, _Part(Given()))
            if isinstance(record, Command) and record.type != "record":
                users[record.device, record.stream].add(owner)
        for thread, part in self._parts.items():
            part.foreign = {stream for stream, who in users.items() if who - {thread}}

    def _part(self, record: Record) -> _Part | None:
        """Whose doing a record is; None for a thread that only looks on."""
        return self._whole or self._parts.get(self._owners[id(record)])

    def add(self, record: Record | Learned) -> None:
        """The next record, in the order of `in_order`."""
        self._recordings.add(record)
        part = self._whole or self._part(record.call if isinstance(record, Learned) else record)
        if part is None:
            return
        if type(record) is Command:
            if record.after or record.type == "record" or part is not self._whole:
                self._command(record, part)
            else:
                self._working.add(record.site)
        elif type(record) is Call:
            if record.name not in _BESIDES and not record.synchronized:
                self._call(record, learned=False)
        elif type(record) is Learned:
            self._synchronize(record.call, part)
        elif type(record) is Host:
            self._working.add(record.site)

    def _command(self, command: Command, part: _Part) -> None:
        kind, after, order = command.type, command.after, part.order
        place, works = (command.device, command.stream), kind not in EVENTS
        if part is not self._whole:
            if place in part.foreign:
                self._working.add(command.site)
                return
            # Of what another thread has enqueued, all one knows is that it is as good as work.
            works = works or not part.given.homes.keys() >= set(after)
            part.given.add(command.id, place, works)
        implied = True
        if after:
            stream = part.given.number(place)
            order.grow()
            implied = order.wait(command.id, stream, after)
        if kind == "record":
            part.recordings[command.id] = command
        elif works or not _is_own(command, self._callers.get(command.call)):
            self._working.add(command.site)
        else:
            record = part.recordings.get(after[0]) if implied else None
            found = _needless_wait(command, record, order) if record is not None else None
            self._waits.add(command.site)
            self._add(NEEDLESS_WAIT, command.site, found, command.event)

    def _synchronize(self, call: Call, part: _Part) -> None:
        if call.name in _QUERIES:
            return
        if any(_is_of(known, stream) for known in call.synchronized for stream in part.foreign):
            self._working.add(call.site)
        else:
            learned = [part.order.synchronize(known) for known in call.synchronized]
            self._call(call, learned=any(learned))

    def _call(self, call: Call, *, learned: bool) -> None:
        """A call, and whether the host learned anything by it."""
        if call.door == IDLE_WAITS:
            self._add(UNRECORDED, call.site, _unrecorded(call))
        elif call.name in SYNCHRONIZATIONS and call.error is None:
            self._waits.update([call.site] if call.events else [])
            found = None if learned else _needless_sync(call)
            self._add(NEEDLESS_SYNC, call.site, found, *call.events)

    def findings(self, names: Names) -> list[Finding]:
        """The hints, one a line of the reader's; none of a loop that was not seen to come round."""
        return [
            line.found[0].times(len(line.found))
            for (what, site), line in self._lines.items()
            if line.found and not line.needed
            if line.first < line.last or not names.in_loop(site)
            if site not in (self._waits if what == UNRECORDED else self._working)
            if what == NEEDLESS_SYNC and not line.event or not self._recordings.may_wait_for(line)
        ]

    def _add(
        self, what: str, site: str | None, found: Finding | None, event: int | None = None
    ) -> None:
        line = self._lines.setdefault((what, site), _Line())
        self._recordings.note(line, event or 0)
        if found is None:
            line.needed = True
        else:
            line.found.append(found)


def _is_active(record: Record) -> bool:
    return type(record) is Command or (type(record) is Call and record.synchronized != ())


def _owners(records: list[Record]) -> list[int]:
    """Of each record, whose doing it is: a thread's, also if autograd's does it for that one."""
    backwards, owners = Backwards(), []
    seen: set[int] = set()
    helpers: set[int] = set()
    for record in records:
        thread, caller = record.thread, backwards.caller()
        if thread not in seen:
            seen.add(thread)
            if caller is not None and record.site is None:
                helpers.add(thread)
        owners.append(thread if caller is None or thread not in helpers else caller)
        if isinstance(record, Call):
            backwards.add_call(record)
    return owners


def _is_of(known: Known, stream: Stream) -> bool:
    return known.device == stream[0] and known.stream in (None, stream[1])


def _is_own(wait: Command, caller: Call | None) -> bool:
    """Whether the reader's program waits itself: not a copy between devices, for one."""
    return (
        caller is not None
        and caller.method == "guard.block"
        and caller.thread == wait.thread
        and caller.site == wait.site
    )


def _needless_wait(wait: Command, record: Command, order: Order) -> Finding:
    if (record.device, record.stream) == (wait.device, wait.stream):
        why = "a stream runs what it is given in order, so it need not wait for itself"
    elif order.is_finished(record.id):
        why = "the host knew already that all before the event was finished"
    else:
        why = "earlier waits let the stream wait for all before the event already"
    fix = f"delete the wait at line {wait.site}"
    first, second = Side.of(record, "is recorded"), Side.of(wait, "is waited for")
    return Finding(NEEDLESS_WAIT, why, first, second, fix)


def _unrecorded(call: Call) -> Finding:
    on_host = call.name == "synchronize"
    waiting = "the host" if on_host else "the stream"
    why = f"such an event counts as reached, so {waiting} does not wait at all"
    side = Side("event", "is waited for", call.stream, call.begin, call.end, call.site)
    if call.stream is None and not on_host:
        side = replace(side, who="a stream")
    fix = f"record the event {before(call.site)}, or delete the wait there"
    return Finding(UNRECORDED, why, None, side, fix)


def _needless_sync(call: Call) -> Finding:
    why = "the host knew already that all of it was finished"
    side = Side(call.name, "is called", None, call.begin, call.end, call.site)
    fix = f"delete the synchronization at line {call.site}"
    return Finding(NEEDLESS_SYNC, why, None, side, fix)
