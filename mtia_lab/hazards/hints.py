"""Synchronization that orders nothing new. Right, but of no use: so hints, never hazards."""

from dataclasses import dataclass, field

from ..log.records import Call, Command
from . import fixes
from .finding import NEEDLESS_SYNC, NEEDLESS_WAIT, UNRECORDED, Finding, Side
from .order import Order

_SYNCHRONIZATIONS = {
    "synchronizeStream",
    "synchronizeEvent",
    "synchronizeDevice",
    "deviceSynchronize",
}
# What calls that wait or synchronize make besides: they look which device and stream is current.
_BESIDES = {
    *("record", "block", "destroyEvent", "queryEvent", "queryStream"),
    *("getDevice", "setDevice", "exchangeDevice", "uncheckedSetDevice", "maybeExchangeDevice"),
    *("getCurrentDevice", "getStream", "getCurrentStream", "getDefaultStream", "exchangeStream"),
}


@dataclass
class _Line:
    """What one line of the reader's synchronizes: how often it was needed, how often not."""

    needed: bool = False
    found: list[Finding] = field(default_factory=list)


class Hints:
    """Collects them. A line is only reported if what it does was never of any use.

    Only lines that do nothing but synchronize count: what else waits, waits inside PyTorch.
    """

    def __init__(self) -> None:
        self.working: set[str | None] = {None}  # lines that do more than synchronize
        self._lines: dict[tuple[str, str | None], _Line] = {}
        self._records: dict[int, Command] = {}

    def add_event(self, command: Command, caller: Call | None, implied: bool, order: Order) -> None:
        """A record or a wait; ``implied``: what it waits for came before it anyway."""
        if command.type == "record":
            self._records[command.id] = command
        elif not _is_own(command, caller):
            self.working.add(command.site)
        else:
            record = self._records.get(command.after[0])
            needless = implied and record is not None
            found = _needless_wait(command, record, order) if needless else None
            self._add(NEEDLESS_WAIT, command.site, found)

    def add_call(self, call: Call, learned: bool) -> None:
        """A call, and whether the host learned anything by it."""
        if call.door == "torch" and call.name == "wait_event":
            self._add(UNRECORDED, call.site, _unrecorded(call))
        elif call.name not in _SYNCHRONIZATIONS:
            if call.name not in _BESIDES:
                self.working.add(call.site)
        elif call.error is None:
            self._add(NEEDLESS_SYNC, call.site, None if learned else _needless_sync(call))

    def findings(self) -> list[Finding]:
        """The hints, one a line of the reader's."""
        return [
            line.found[0].times(len(line.found))
            for (what, site), line in self._lines.items()
            if line.found and (what == UNRECORDED or not (line.needed or site in self.working))
        ]

    def _add(self, what: str, site: str | None, found: Finding | None) -> None:
        line = self._lines.setdefault((what, site), _Line())
        if found is None:
            line.needed = True
        else:
            line.found.append(found)


def _is_own(wait: Command, caller: Call | None) -> bool:
    """Whether the reader's program waits itself: not a copy between devices, for one."""
    return (
        caller is not None
        and caller.name == "block"
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
    fix = fixes.delete("wait", wait.site)
    first, second = Side.of(record, "is recorded"), Side.of(wait, "is waited for")
    return Finding(NEEDLESS_WAIT, why, first, second, fix)


def _unrecorded(call: Call) -> Finding:
    why = "such an event counts as reached, so the stream does not wait at all"
    side = Side("event", "is waited for", None, call.begin, call.end, call.site)
    fix = f"record the event {fixes.before(call.site)}, or delete the wait there"
    return Finding(UNRECORDED, why, None, side, fix)


def _needless_sync(call: Call) -> Finding:
    why = "the host knew already that all of it was finished"
    side = Side(call.name, "is called", None, call.begin, call.end, call.site)
    fix = fixes.delete("synchronization", call.site)
    return Finding(NEEDLESS_SYNC, why, None, side, fix)
