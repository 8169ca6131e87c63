"""Events: which stand at some moment, so that a fix may wait for one, and which were misused."""

from ..log.log import Log
from ..log.records import Call, Command
from .finding import EVENT, Finding, Side, place
from .names import Names


class StandingEvents:
    """Of each event the newest recording, as long as the program can still wait for it."""

    def __init__(self) -> None:
        self._newest: dict[int, Command] = {}  # by event

    def add_record(self, command: Command, caller: Call | None) -> None:
        """An event was recorded; `caller` is the call that it belongs to."""
        if command.event is not None:
            self._newest.pop(command.event, None)
            if caller is None or caller.site != command.site:
                return
            if caller.method == "guard.record":
                self._newest[command.event] = command

    def add_call(self, call: Call) -> None:
        """A call returned: the events that `wait_stream` makes are gone at once."""
        if call.method == "guard.destroyEvent":
            for event in call.events:
                self._newest.pop(event, None)

    def after(self, command: int, where: tuple[int, int]) -> Command | None:
        """The first recording on a stream that stands for a command of it."""
        later = [
            record
            for record in self._newest.values()
            if (record.device, record.stream) == where and record.id > command and record.site
        ]
        return min(later, key=lambda record: record.id, default=None)


def misused_events(log: Log, names: Names) -> list[Finding]:
    """Calls that failed because an event belongs to another device.

    An event belongs to the device it is first recorded on; a stream of any device may wait for it.
    Where the error was caught, later waits stand for the recording before, or for nothing.
    """
    if all(call.error is None for call in log.calls):
        return []
    newest: dict[int, Command] = {}  # of each event, its last recording
    found: dict[tuple[str, str | None], list[Finding]] = {}
    for record in log:
        if isinstance(record, Command) and record.type == "record":
            if record.event is not None:
                newest[record.event] = record
        elif isinstance(record, Call) and record.error is not None:
            finding = _recorded_elsewhere(record, newest, names) or _timed_across(record, newest)
            if finding is not None:
                found.setdefault((finding.why, record.site), []).append(finding)
    return [findings[0].times(len(findings)) for findings in found.values()]


def _recorded_elsewhere(call: Call, newest: dict[int, Command], names: Names) -> Finding | None:
    if call.method != "guard.record" or not call.events:
        return None
    first, stream = newest.get(call.events[0]), call.stream
    if first is None or stream is None or first.device == stream[0]:
        return None
    why = (
        f"an event stays on the device of its first recording, so this raised, and later waits "
        f"for event {first.event} do not stand for {place(stream)}"
    )
    second = Side(f"event {first.event}", "is recorded", stream, call.begin, call.end, call.site)
    called = names.stream(stream, call.site)
    fix = (
        f"record a new `torch.Event()` on {called} at line {call.site}; "
        "a stream of any device may wait for it"
    )
    return Finding(
        EVENT, why, Side.of(first, "is recorded"), second, fix, names.legend((stream, called))
    )


def _timed_across(call: Call, newest: dict[int, Command]) -> Finding | None:
    if call.method != "guard.elapsedTime" or len(call.events) != 2:
        return None
    first, last = map(newest.get, call.events)
    if first is None or last is None or first.device == last.device:
        return None
    why = "two devices have no clock in common, so this raised"
    fix = f"record both events on one device, for instance both on mtia:{first.device}"
    return Finding(EVENT, why, Side.of(first, "is recorded"), Side.of(last, "is recorded"), fix)
