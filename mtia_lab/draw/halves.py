"""A log with one pass through autograd, cut in two at the turn from forward to backward."""

from dataclasses import dataclass

from ..log.log import Log
from ..log.records import ENGINE, Call, Command
from .lanes import Scale

MOST = 150  # commands of a half


@dataclass(frozen=True)
class Half:
    """What was enqueued before autograd's engine took over, or from then on.

    ``forward`` tells which, and so which way time runs; ``span`` is how many µs the width of the
    picture stands for, the same in both halves; ``more`` commands, far from the turn, are left out.
    """

    forward: bool
    commands: list
    span: float
    more: int = 0

    @property
    def name(self) -> str:
        """ "forward" or "backward"."""
        return "forward" if self.forward else "backward"

    @property
    def begin(self) -> float:
        """When its first command started."""
        return min((command.start for command in self.commands), default=0.0)

    @property
    def end(self) -> float:
        """When its last command was done."""
        return max((command.finish for command in self.commands), default=0.0)

    @property
    def title(self) -> str:
        """What it is and who enqueued it."""
        if not self.commands:
            return f"no {self.name} pass in this log"
        threads = sorted({command.thread for command in self.commands})
        plural = "s" if len(threads) > 1 else ""
        names = ", ".join(map(str, threads[:4])) + (", ..." if len(threads) > 4 else "")
        who = f"{self.name}, enqueued by host thread{plural} {names}"
        far = "before" if self.forward else "after"
        more = f"; {self.more:,} {far}: draw.timeline(log) has all"
        return who + (more if self.more else "")

    def lanes(self) -> list:
        """``(device, stream)`` from the top down; backward's are upside down, as in a mirror."""
        keys = {(command.device, command.stream) for command in self.commands}
        return sorted(keys, reverse=not self.forward)

    def of(self, lane: tuple) -> list:
        """The commands of one lane."""
        return [command for command in self.commands if (command.device, command.stream) == lane]

    def place(self, time: float, left: float, right: float) -> float:
        """Where a time is. The right is the turn: forward's end, and backward's beginning."""
        away = self.end - time if self.forward else time - self.begin
        return right - (right - left) * min(max(away, 0.0), self.span) / self.span

    def ticks(self) -> list:
        """Round times within it, as far apart in both halves."""
        step = Scale(self.span, 0, 1).ticks()[1]
        times = [step * k for k in range(int(self.begin / step), int(self.end / step) + 2)]
        return [time for time in times if self.begin <= time <= self.end]


def halves(log: Log) -> tuple:
    """The two halves of a log, of each the commands next to the turn.

    The turn is where PyTorch asks the backend, with ``hasPrimaryContext``, which devices are in
    use: autograd's engine does, before it starts.
    """
    parts: tuple = ([], [])
    turned = False
    for record in log:
        turned = turned or (isinstance(record, Call) and record.name == ENGINE)
        if isinstance(record, Command):
            parts[turned].append(record)
    left_out = [max(len(part) - MOST, 0) for part in parts]
    parts = parts[0][-MOST:], parts[1][:MOST]
    spans = [max(c.finish for c in part) - min(c.start for c in part) for part in parts if part]
    span = max([1.0, *spans])
    return Half(True, parts[0], span, left_out[0]), Half(False, parts[1], span, left_out[1])
