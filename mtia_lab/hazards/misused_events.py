"""Events that were used on two devices: PyTorch raises, and what was meant stays undone."""

import re

from ..log.log import Log
from ..log.records import Call, Command
from . import fixes
from .finding import EVENT, Finding, Side, place

_RECORD = re.compile(r"event (\d+), mtia:(\d+)/(\d+)")
_ELAPSED = re.compile(r"event (\d+), event (\d+)")


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
    fix, legend = fixes.new_event(stream, call.site), fixes.legend(stream)
    return Finding(EVENT, why, Side.of(first, "is recorded"), second, fix, legend)


def _timed_across(call: Call, newest: dict[int, Command]) -> Finding | None:
    given = _ELAPSED.fullmatch(call.args) if call.name == "elapsedTime" else None
    first, last = (newest.get(int(given[k])) for k in (1, 2)) if given else (None, None)
    if first is None or last is None or first.device == last.device:
        return None
    why = "two devices have no clock in common, so this raised"
    fix = f"record both events on one device, for instance both on mtia:{first.device}"
    return Finding(EVENT, why, Side.of(first, "is recorded"), Side.of(last, "is recorded"), fix)
