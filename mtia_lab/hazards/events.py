"""Events: which stand at some moment, so that a fix may wait for one, and which were misused."""

import re

from ..log.log import Log
from ..log.records import Call, Command
from .finding import EVENT, Finding, Side, place
from .fixes import legend, name_of

_DESTROYED = re.compile(r"event (\d+)")
_RECORD = re.compile(r"event (\d+), mtia:(\d+)/(\d+)")
_ELAPSED = re.compile(r"event (\d+), event (\d+)")


class StandingEvents:
    """Of each event the newest recording, as long as the program can still wait for it."""

    def __init__(self) -> None:
        self._newest: dict[int, Command] = {}  # by event

    def add_record(self, command: Command, caller: Call | None) -> None:
        """An event was recorded; ``caller`` is the call that it belongs to."""
        if command.event is not None:
            self._newest.pop(command.event, None)
            if caller is not None and caller.name == "record" and caller.site == command.site:
                self._newest[command.event] = command

    def add_call(self, call: Call) -> None:
        """A call returned: the events that ``wait_stream`` makes are gone at once."""
        if call.name == "destroyEvent" and (gone := _DESTROYED.fullmatch(call.args)):
            self._newest.pop(int(gone[1]), None)

    def after(self, command: int, where: tuple[int, int]) -> Command | None:
        """The first recording on a stream that stands for a command of it."""
        later = [
            record
            for record in self._newest.values()
            if (record.device, record.stream) == where and record.id > command and record.site
        ]
        return min(later, key=lambda record: record.id, default=None)


def misused_events(log: Log) -> list[Finding]:
    """Calls that failed because an event belongs to another device.

    An event belongs to the device it is first recorded on; a stream of any device may wait for it.
    Where the error was caught, later waits stand for the recording before, or for nothing.
    """
    newest: dict[int, Command] = {}  # of each event, its last recording
    found: dict[tuple, list[Finding]] = {}
    for record in log:
        if isinstance(record, Command) and record.type == "record":
            newest[record.event] = record
        elif isinstance(record, Call) and record.error is not None:
            finding = _recorded_elsewhere(record, newest) or _timed_across(record, newest)
            if finding is not None:
                found.setdefault((finding.why, record.site), []).append(finding)
    return [findings[0].times(len(findings)) for findings in found.values()]


def _recorded_elsewhere(call: Call, newest: dict[int, Command]) -> Finding | None:
    given = _RECORD.fullmatch(call.args) if call.name == "record" else None
    first = newest.get(int(given[1])) if given else None
    if first is None or first.device == int(given[2]):
        return None
    stream = (int(given[2]), int(given[3]))
    why = (
        f"an event stays on the device of its first recording, so this raised, and later waits "
        f"for event {first.event} do not stand for {place(stream)}"
    )
    second = Side(f"event {first.event}", "is recorded", stream, call.begin, call.end, call.site)
    fix = (
        f"record a new `torch.Event()` on {name_of(stream)} at line {call.site}; "
        "a stream of any device may wait for it"
    )
    return Finding(EVENT, why, Side.of(first, "is recorded"), second, fix, legend(stream))


def _timed_across(call: Call, newest: dict[int, Command]) -> Finding | None:
    given = _ELAPSED.fullmatch(call.args) if call.name == "elapsedTime" else None
    first, last = (newest.get(int(given[k])) for k in (1, 2)) if given else (None, None)
    if first is None or last is None or first.device == last.device:
        return None
    why = "two devices have no clock in common, so this raised"
    fix = f"record both events on one device, for instance both on mtia:{first.device}"
    return Finding(EVENT, why, Side.of(first, "is recorded"), Side.of(last, "is recorded"), fix)
