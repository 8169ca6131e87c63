"""Fixes: the smallest change that would have ordered a race, as a value and in words to paste."""

from typing import NamedTuple

from .finding import place
from .order import Stream

RECORD_STREAM = "let the allocator know who else uses a block"
FINISH = "wait for a collective"
WAIT_EVENT = "wait for an event that the program has"
NEW_EVENT = "record an event and wait for it"
WAIT = "wait for all that a stream has been given"


class Fix(NamedTuple):
    """What would have ordered a race.

    Attributes:
        kind: one of those above.
        waiting: the stream that is to wait; None for the host, or if the allocator does.
        awaited: the stream that is to be waited for.
        site: before which line; None if PyTorch enqueues there by itself.
        line: the line of the event that stands, or after which to record a new one; of a
            collective, the line that calls it; for the allocator, the line of a `record_stream`
            that keeps nothing.
        meet: whether that line is another host thread's.
        name: of a collective.
    """

    kind: str
    waiting: Stream | None
    awaited: Stream
    site: str | None
    line: str | None = None
    meet: bool = False
    name: str = ""

    @property
    def words(self) -> str:
        """What to do."""
        user = name_of(self.awaited)
        if self.kind == RECORD_STREAM:
            where = f"it is freed at line {self.site}" if self.site else "it is freed"
            void = f"; the call at line {self.line} names its own stream, which keeps nothing"
            fix = f"call `x.record_stream({user})` on the tensor before {where}"
            return fix + (void if self.line else "")
        if self.kind == FINISH:
            where = f" at line {self.line}" if self.line else ""
            made = f"`work` is what {self.name}{where} returns"
            return f"insert `work.wait()` {before(self.site)}; {made}"
        if self.kind == WAIT_EVENT:
            wait = f"insert {self._wait_for('event')} {before(self.site)}"
            return f"{wait}, for the event of line {self.line}"
        if self.kind == NEW_EVENT:
            met = ", when the threads have met," if self.meet else ""
            record = f"`done = {user}.record_event()` after line {self.line}"
            return f"insert {record} and{met} {self._wait_for('done')} {before(self.site)}"
        if self.waiting is None:
            return f"insert `{user}.synchronize()` {before(self.site)}"
        return f"insert `{name_of(self.waiting)}.wait_stream({user})` {before(self.site)}"

    @property
    def legend(self) -> str:
        """Which streams the names in it mean."""
        streams = () if self.kind == FINISH else (self.waiting, self.awaited)
        return legend(*(stream for stream in streams if stream is not None))

    def _wait_for(self, event: str) -> str:
        if self.waiting is None:
            return f"`{event}.synchronize()`"
        return f"`{name_of(self.waiting)}.wait_event({event})`"


def name_of(stream: Stream) -> str:
    """What a fix calls a stream: the log knows no variables, so it is named after its id."""
    device, number = stream
    if number == 0:
        return f"torch.mtia.default_stream({device})"
    return f"s{number}" if device == 0 else f"mtia{device}_s{number}"


def legend(*streams: Stream) -> str:
    """Which streams the names mean."""
    named = dict.fromkeys(stream for stream in streams if stream[1] != 0)
    return ", ".join(f"{name_of(s)} is {place(s)}" for s in named)


def before(site: str | None) -> str:
    """Where to insert something."""
    return f"before line {site}" if site else "before what PyTorch enqueues there by itself"
