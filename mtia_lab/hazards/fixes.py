"""Fixes: the smallest change that would have ordered a race, as a value and in words to paste."""

from typing import NamedTuple

from ..log.lines import written
from ..log.records import Command, Host
from .names import Names
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
        early: whether what is to wait came before that line when both ran for the first time.
    """

    kind: str
    waiting: Stream | None
    awaited: Stream
    site: str | None
    line: str | None = None
    meet: bool = False
    name: str = ""
    early: bool = False

    def words(self, race: tuple[Command, Command | Host], names: Names) -> tuple[str, str]:
        """What to do, and which streams the names in it mean.

        Args:
            race: the first command and the second, or what the host did.
            names: what the reader's program calls its streams.
        """
        first, second = race
        if self.kind == NEW_EVENT:
            user = names.stream(self.awaited, self.line, first)
        else:
            user = names.stream(self.awaited, self.site)
        waiting = "" if self.waiting is None else names.stream(self.waiting, self.site, second)
        if self.kind == FINISH:
            at = f" at line {written(self.line)}" if self.line else ""
            made = f"`work` is what {self.name}{at} returns"
            return f"insert `work.wait()` {before(self.site)}; {made}", ""
        legend = names.legend(
            *([(self.waiting, waiting)] if self.waiting is not None else []), (self.awaited, user)
        )
        return self._words(user, waiting, names), legend

    def _words(self, user: str, waiting: str, names: Names) -> str:
        if self.kind == RECORD_STREAM:
            where = f"it is freed at line {written(self.site)}" if self.site else "it is freed"
            fix = f"call `x.record_stream({user})` on the tensor before {where}"
            if self.line is None:
                return fix
            void = f"the call at line {written(self.line)} names its own stream"
            return f"{fix}; {void}, which keeps nothing"
        if self.kind == WAIT_EVENT:
            assert self.line is not None
            there, here = names.event(self.line, self.site)
            wait = f"insert `{_wait_for(here or 'event', waiting)}` {before(self.site)}"
            called = f", `{there}` there" if there and not here else ""
            return f"{wait}, for the event of line {written(self.line)}{called}"
        if self.kind == NEW_EVENT:
            assert self.line is not None
            wait = f"`{_wait_for('done', waiting)}` {before(self.site)}"
            after = f"after line {written(self.line)}"
            if self.early:
                record = f"insert `done.record({user})` {after}"
                return f"make `done = torch.Event()` first, {record} and {wait}"
            met = ", when the threads have met," if self.meet else ""
            return f"insert `done = {user}.record_event()` {after} and{met} {wait}"
        if self.waiting is None:
            return f"insert `{user}.synchronize()` {before(self.site)}"
        return f"insert `{waiting}.wait_stream({user})` {before(self.site)}"


def _wait_for(event: str, waiting: str) -> str:
    return f"{waiting}.wait_event({event})" if waiting else f"{event}.synchronize()"


def before(site: str | None) -> str:
    """Where to insert something."""
    return (
        f"before line {written(site)}" if site else "before what PyTorch enqueues there by itself"
    )
