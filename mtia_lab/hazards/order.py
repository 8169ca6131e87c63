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
EVENTS = ("record", "wait")  # the types of commands that do no work
Clock = dict[int, int]  # by the number of a stream, the id of a command


class Given:
    """What streams have been given so far, in the order of the commands' ids.

    What a stream was given before the log began is its command 0.

    Attributes:
        streams: by number, which is what they are called here.
        homes: of each command, the number of its stream.
        work: of each stream, its kernels and copies.
    """

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self.homes: dict[int, int] = {}
        self.work: list[list[int]] = []
        self._numbers: dict[Stream, int] = {}

    def number(self, stream: Stream) -> int:
        """What a stream is called here."""
        number = self._numbers.get(stream)
        if number is None:
            number = self._numbers[stream] = len(self.streams)
            self.streams.append(stream)
            self.work.append([0])
        return number

    def add(self, command: int, stream: Stream, works: bool) -> int:
        """A stream is given a command, a kernel or a copy if it works; gives its number."""
        number = self._numbers.get(stream)
        if number is None:
            number = self.number(stream)
        self.homes[command] = number
        if works:
            self.work[number].append(command)
        return number

    def work_after(self, stream: int, command: int) -> list[int]:
        """The kernels and copies that a stream was given after a command."""
        work = self.work[stream]
        return work[bisect_right(work, command) :]

    def work_before(self, command: int) -> int:
        """The last kernel or copy that a command's stream was given before it; 0 of none."""
        work = self.work[self.homes[command]] if command in self.homes else [0]
        return work[bisect_right(work, command) - 1]


class Order:
    """Happens-before among the commands given so far.

    Only kernels and copies count: a clock that names a command means the stream has got past the
    last of them before it.

    Args:
        given: what streams have been given; it may be that of other orders as well.
    """

    def __init__(self, given: Given) -> None:
        self._given = given
        self.finished: list[int] = []  # of each stream, up to which command the host knows it done
        self.clocks: list[Clock] = []  # of each stream, what comes before what it is given next
        self._histories: list[_History] = []
        self._learned = 0  # how often the host learned something
        self._waited_for: set[int] = set()  # devices of which the host has waited for all

    def grow(self) -> None:
        """Know all streams that there are by now."""
        for device, _ in self._given.streams[len(self.clocks) :]:
            self.finished.append(0 if device in self._waited_for else -1)
            self.clocks.append({})
            self._histories.append(_History())

    def wait(self, command: int, stream: int, after: Iterable[int]) -> bool:
        """A command of a stream waits for those in `after`.

        Returns:
            whether it would have come after all of them anyway. Of a command from before the log
            not known, so False.
        """
        implied = True
        for earlier in after:
            if not self.is_known(earlier, stream):
                implied = False
                if earlier in self._given.homes:
                    self.join(stream, self._clock(earlier), command)
        return implied

    def is_before(self, earlier: int, its_stream: int, stream: int) -> bool:
        """Whether a kernel or a copy comes before whatever `stream` is given next."""
        return (
            its_stream == stream
            or earlier <= self.finished[its_stream]
            or earlier <= self.clocks[stream].get(its_stream, -1)
        )

    def is_known(self, command: int, stream: int) -> bool:
        """Whether there is nothing to learn from waiting for a command; False if it is too old."""
        if command not in self._given.homes:
            return False
        return all(self.is_before(c, s, stream) for s, c in self._clock(command).items())

    def is_finished(self, command: int) -> bool:
        """Whether the host knows finished all that comes before a command."""
        return all(c <= self.finished[s] for s, c in self._clock(command).items())

    def up_to(self, stream: int, command: int | None = None) -> Clock:
        """What is finished once a stream has got to a command, by default to its last."""
        history, work = self._histories[stream], self._given.work[stream]
        if command is None:
            return self.clocks[stream] | {stream: work[-1]}
        last = work[bisect_right(work, command) - 1]
        return history.clocks[bisect_right(history.changes, command) - 1] | {stream: last}

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
        given = self._given
        numbers = [given.number((known.device, known.stream or 0))]
        self.grow()
        if known.stream is None:
            self._waited_for.add(known.device)
            numbers = [k for k, stream in enumerate(given.streams) if stream[0] == known.device]
        return max(self.learn(self.up_to(number, known.command)) for number in numbers)

    def _clock(self, command: int) -> Clock:
        return self.up_to(self._given.homes[command], command)

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
    """The clocks that a stream has had, and from which of its commands on."""

    __slots__ = ("changes", "clocks", "learned")

    def __init__(self) -> None:
        self.learned = 0  # how often the host had learned something when the clock was last pruned
        self.changes = [0]
        self.clocks: list[Clock] = [{}]
