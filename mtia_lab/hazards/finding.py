"""What the checker has to say: one hazard or one hint, with both sides of it and the fix."""

from dataclasses import dataclass, field, replace
from textwrap import wrap
from typing import Any

from ..errors import cut, plain
from ..log.lines import written
from ..log.records import Access, Command
from ..log.units import microseconds, stream_name

RAW = "read-after-write race"
WAR = "write-after-read race"
WAW = "write-after-write race"
REUSE = "memory reused too soon"
HOST_READ = "host reads too soon"
HOST_WRITE = "host writes too soon"
EVENT = "event used across devices"
UNRECORDED = "wait for an event that was never recorded"
NEEDLESS_WAIT = "needless wait"
NEEDLESS_SYNC = "needless synchronization"

HINTS = frozenset({UNRECORDED, NEEDLESS_WAIT, NEEDLESS_SYNC})


@dataclass(frozen=True)
class Side:
    """One of the two that a finding is about: a command, or something the host did.

    Attributes:
        name: the operator, the copy, the event or the call.
        action: what it does, or what is done to it: "reads" or "writes" memory, "is recorded".
        tensor: what is read or written, as "float32[2, 3]"; "" if it is no access to memory.
        where: the stream as (device, stream); None for the host.
        start, finish: from when to when, in µs of virtual time since the recording began.
        site: the reader's line, or None.
        command: the command's id; None for the host.
        access: the memory in question; None if there is none.
        who: what to call the stream or the host, if not as the log names it.
        backward: the line whose backward it is part of, if no line of the reader's runs there.
    """

    name: str
    action: str
    where: tuple[int, int] | None
    start: float
    finish: float
    site: str | None
    tensor: str = ""
    command: int | None = None
    access: Access | None = None
    who: str = ""
    backward: str | None = None

    @classmethod
    def of(cls, command: Command, action: str, access: Access | None = None) -> "Side":
        """A command; with what it uses, if that is the point."""
        where, times = (command.device, command.stream), (command.start, command.finish)
        tensor = "" if access is None else access.tensor
        return cls(command.name, action, where, *times, command.site, tensor, command.id, access)

    def __repr__(self) -> str:
        tensor = f" {self.tensor}" if self.tensor else ""
        times = microseconds(self.start)
        if self.finish != self.start:
            times += f" to {microseconds(self.finish)}"
        where = f"on {self.who or place(self.where)}, {times} us, {self.line}"
        return f"{cut(self.name, 60)} {self.action}{tensor} {where}"

    @property
    def line(self) -> str:
        """Its line in words."""
        if self.site:
            return f"line {written(self.site)}"
        return f"backward of line {written(self.backward)}" if self.backward else "no line of yours"


@dataclass(frozen=True)
class Finding:
    """A hazard: two accesses that nothing orders. Or a hint: something that is of no use.

    Attributes:
        kind: what is wrong, such as "read-after-write race".
        why: what happens for that reason, in a sentence.
        first, second: the two sides, in the order in which the program enqueued them. Of a hint,
            `first` is what already orders it, and may be None.
        memory: lines that say where the memory in question was allocated and freed.
        fix: the smallest change that removes it.
        legend: which streams the names in the fix mean; "" if there are none.
        count: how often it was found, at the same lines between the same streams.
        scene: the commands to draw it among.
    """

    kind: str
    why: str
    first: Side | None
    second: Side
    fix: str
    legend: str = ""
    memory: tuple[str, ...] = ()
    count: int = 1
    scene: tuple[Command, ...] = field(default=(), repr=False, compare=False)

    @property
    def severity(self) -> str:
        """Either "hazard", results may be wrong; or "hint", something is of no use."""
        return "hint" if self.kind in HINTS else "hazard"

    def times(self, count: int) -> "Finding":
        """The same, found so often."""
        return replace(self, count=count)

    def __repr__(self) -> str:
        often = f", {self.count} times" if self.count > 1 else ""
        return "\n".join([*_folded(f"{self.kind}{often}: {self.why}"), *self.details()])

    def details(self) -> list[str]:
        """Both sides, the memory and the fix, line by line."""
        sides = [side for side in (self.first, self.second) if side is not None]
        legend = f"  ({self.legend})" if self.legend else ""
        lines = [
            *(f"  {number}. {side!r}" for number, side in enumerate(sides, 1)),
            *(f"  memory: {line}" for line in self.memory),
            f"  fix: {self.fix}{legend}",
        ]
        return [line for long in lines for line in _folded(long)]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from ..draw.hazard import hazard

        return hazard(self)._repr_mimebundle_()


def place(stream: tuple[int, int] | None) -> str:
    """A stream as the log names it."""
    return "the host" if stream is None else stream_name(*stream)


def _folded(text: str) -> list[str]:
    indent = "     "
    return wrap(
        plain(text), 94, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
