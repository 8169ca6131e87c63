"""What a timeline shows of a log: all of it, or what happened between two moments."""

import math
from collections.abc import Iterable
from numbers import Real

from ..errors import WrongArgument, WrongValue
from .lanes import held_since, queue_of

COMMANDS = 300  # so many can be drawn one by one
ITEMS = 1000  # so many commands and calls together
LANES = 32  # so many threads and streams


class Window:
    """The calls that took time and the commands of a log, by lane, from ``begin`` to ``end``.

    Args:
        log: what ``mtia_lab.record()`` yielded.
        since, until: times in virtual µs; None stands for the beginning, or the end of the log.

    Raises:
        ValueError: it would end before it begins.
        TypeError: a time is no number.

    Attributes:
        begin, end: in µs.
        calls, commands: those of the whole log.
        threads, streams: the calls by thread and the commands by (device, stream), in order, as far
            as they are within the window at any time.
        held: for each wait that held its stream back, by command id, since when it did.
    """

    def __init__(self, log: object, since: float | None, until: float | None) -> None:
        self.calls = [call for call in log.calls if call.end > call.begin]
        self.commands = log.commands
        times = [command.finish for command in self.commands] + [call.end for call in log.calls]
        last = max([1.0, *times])
        self.begin = max(0.0, _time("since", since, 0.0))
        self.end = _time("until", until, max(last, self.begin + 1.0))
        if self.end <= self.begin:
            raise WrongValue(
                f"the window from {self.begin:g} to {self.end:g} us is empty: `since` has to come "
                f"before `until`; this log ends at {last:g} us"
            )
        self.zoomed = since is not None or until is not None
        self.threads = _by_lane(
            (call.thread, call) for call in self.calls if self._shows(call.begin, call.end)
        )
        self.streams = _by_lane(
            ((command.device, command.stream), command)
            for command in self.commands
            if self._shows(command.start, command.finish)
        )
        self.held = held_since(self.commands)
        self._all = _by_lane(((c.device, c.stream), c) for c in self.commands)

    def _shows(self, begin: float, end: float) -> bool:
        return begin <= self.end and end >= self.begin

    @property
    def readable(self) -> bool:
        """Whether there are so few of everything that each can be drawn."""
        commands = sum(map(len, self.streams.values()))
        items = commands + sum(map(len, self.threads.values()))
        lanes = len(self.threads) + len(self.streams)
        return commands <= COMMANDS and items <= ITEMS and lanes <= LANES

    def queue(self, key: tuple) -> list:
        """The steps of a stream's queue within the window, as ``queue_of`` gives them."""
        steps = queue_of(self._all[key])
        if not self.zoomed:
            return steps
        before = [count for time, count in steps if time <= self.begin]
        inside = [step for step in steps if self.begin < step[0] < self.end]
        clipped = [(self.begin, before[-1] if before else 0), *inside, (self.end, 0)]
        return clipped if any(count >= 3 for _, count in clipped) else []


def _time(name: str, given: object, otherwise: float) -> float:
    if given is None:
        return otherwise
    if not isinstance(given, Real) or isinstance(given, bool) or not math.isfinite(given):
        raise WrongArgument(
            f"{name} is {given!r}, but a time is a number of virtual us, such as 120.5"
        )
    return float(given)


def _by_lane(pairs: Iterable) -> dict:
    lanes: dict = {}
    for key, item in pairs:
        lanes.setdefault(key, []).append(item)
    return dict(sorted(lanes.items()))
