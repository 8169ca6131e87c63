"""Happens-before: which commands are finished before a given one begins, whatever the schedule.

Each stream has a vector clock: of every other stream, the newest command that is sure to come
before whatever the stream is given next. Clocks grow by waits, and by the chain of draws on a
generator. They are sparse, and shared between the commands of a stream from one wait to the next,
as the epochs of FastTrack are (C. Flanagan and S. Freund, PLDI 2009).

The host has one clock too: the commands that it knows finished. It counts as one thread of control.
The log is a total order of what its threads did, and threads that hand work to one another, as
autograd's do, order that themselves: a race between two host threads is not looked for.
Since a command is enqueued after all that the host knows then, that clock is joined into no other.
"""

from bisect import bisect_right
from collections.abc import Iterable

from ..log.records import Known

Stream = tuple[int, int]  # device, stream
Clock = dict[int, int]  # by the number of a stream, the id of a command


class Order:
    """Happens-before among the commands told so far, which are told in the order of their ids.

    Only kernels and copies count: a clock that names a command means the stream has got past the
    last of them before it. What a stream was given before the log began is its command 0.
    """

    def __init__(self) -> None:
        self.streams: list[Stream] = []  # by number
        self.finished: list[int] = []  # of each stream, up to which command the host knows it done
        self.clocks: list[Clock] = []  # of each stream, what comes before what it is given next
        self._histories: list[_History] = []
        self._numbers: dict[Stream, int] = {}
        self._learned = 0  # how often the host learned something
        self._waited_for: set[int] = set()  # devices of which the host has waited for all
        self._homes: dict[int, int] = {}  # of each command, the stream

    def number(self, stream: Stream) -> int:
        """What a stream is called here."""
        number = self._numbers.get(stream)
        if number is None:
            number = self._numbers[stream] = len(self.streams)
            self.streams.append(stream)
            self.finished.append(0 if stream[0] in self._waited_for else -1)
            self.clocks.append({})
            self._histories.append(_History())
        return number

    def add(self, command: int, stream: int, after: Iterable[int], works: bool = True) -> bool:
        """The stream is given a command, which waits for those in ``after``.

        Returns:
            whether it would have come after all of them anyway. Of a command from before the log
            nobody knows, so False.
        """
        implied = True
        for earlier in after:
            if not self.is_known(earlier, stream):
                implied = False
                if earlier in self._homes:
                    self.join(stream, self._clock(earlier), command)
        self._homes[command] = stream
        if works:
            self._histories[stream].work.append(command)
        return implied

    def is_before(self, earlier: int, its_stream: int, stream: int) -> bool:
        """Whether a kernel or a copy comes before whatever ``stream`` is given next."""
        return (
            its_stream == stream
            or earlier <= self.finished[its_stream]
            or earlier <= self.clocks[stream].get(its_stream, -1)
        )

    def is_known(self, command: int, stream: int) -> bool:
        """Whether there is nothing to learn from waiting for a command; False if it is too old."""
        if command not in self._homes:
            return False
        return all(self.is_before(c, s, stream) for s, c in self._clock(command).items())

    def is_finished(self, command: int) -> bool:
        """Whether the host knows finished all that comes before a command."""
        return all(c <= self.finished[s] for s, c in self._clock(command).items())

    def up_to(self, stream: int, command: int | None = None) -> Clock:
        """What is finished once a stream has got to a command, by default to its last."""
        history = self._histories[stream]
        if command is None:
            return self.clocks[stream] | {stream: history.work[-1]}
        work = history.work[bisect_right(history.work, command) - 1]
        return history.clocks[bisect_right(history.changes, command) - 1] | {stream: work}

    def has(self, command: int) -> bool:
        """Whether it is one of those told."""
        return command in self._homes

    def work_after(self, stream: int, command: int) -> list[int]:
        """The kernels and copies that a stream was given after a command."""
        work = self._histories[stream].work
        return work[bisect_right(work, command) :]

    def work_before(self, command: int) -> int:
        """The last kernel or copy that a command's stream was given before it; 0 of none."""
        work = self._histories[self._homes[command]].work if command in self._homes else [0]
        return work[bisect_right(work, command) - 1]

    def learn(self, clock: Clock) -> bool:
        """The host knows finished what is not after the clock; whether it did not know before."""
        finished, learned = self.finished, False
        for stream, command in clock.items():
            if command > finished[stream]:
                finished[stream], learned = command, True
        self._learned += learned
        return learned

    def synchronize(self, known: Known) -> bool:
        """The host learns something; whether it did not know it before."""
        numbers = [self.number((known.device, known.stream or 0))]
        if known.stream is None:
            self._waited_for.add(known.device)
            numbers = [k for k, stream in enumerate(self.streams) if stream[0] == known.device]
        return max(self.learn(self.up_to(number, known.command)) for number in numbers)

    def _clock(self, command: int) -> Clock:
        return self.up_to(self._homes[command], command)

    def join(self, stream: int, more: Clock, since: int) -> None:
        """A stream comes after all that a clock names, from a command of its own on."""
        history, mine = self._histories[stream], self.clocks[stream]
        if history.learned != self._learned:  # what the host knows finished need not be in a clock
            history.learned = self._learned
            mine = {s: c for s, c in mine.items() if c > self.finished[s]}
            more = {s: c for s, c in more.items() if c > self.finished[s]}
        smaller, larger = sorted((mine, more), key=len)
        clock = larger.copy()
        for s, c in smaller.items():
            if c > clock.get(s, -1):
                clock[s] = c
        clock.pop(stream, None)
        self.clocks[stream] = clock
        history.changes.append(since)
        history.clocks.append(clock)


class _History:
    """What a stream has been given, in order: kernels and copies, and when its clock changed."""

    __slots__ = ("changes", "clocks", "learned", "work")

    def __init__(self) -> None:
        self.learned = 0  # how often the host had learned something when the clock was last pruned
        self.work = [0]
        self.changes = [0]
        self.clocks: list[Clock] = [{}]
