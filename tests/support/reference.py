"""The simulated accelerator as one page of Python: what ``cpp_extensions/sim`` has to do.

It is written from the design alone, imports nothing of the package, and is slow and plain on
purpose: the property tests drive random programs through it and through the extension and compare.
Times are integer nanoseconds of virtual time, counted from the start of the model. The model may
be started at an offset of the id counters, since those of a process cannot be reset.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count

MASK = (1 << 64) - 1


class Refused(Exception):
    """Bad input. Nothing has changed."""


class KernelFailed(Exception):
    """An effect failed some time ago; a synchronization reports it."""


@dataclass(frozen=True)
class Profile:
    """What the machine costs: host time of a call in ns, slots and queue entries by number."""

    launch: int = 2_000
    event: int = 500
    synchronize: int = 1_000
    query: int = 500
    kernel_slots: int = 4
    queue_depth: int = 1_024


@dataclass(eq=False)
class Command:
    """One entry of a stream. `before` are the commands that happen before it, one step back."""

    id: int
    type: str
    name: str
    device: int
    stream: int
    thread: int
    enqueue: int
    start: int
    finish: int
    event: int | None = None
    version: int | None = None
    after: tuple[int, ...] = ()
    effect: Callable[[], object] | None = field(default=None, repr=False)
    before: tuple["Command", ...] = field(default=(), repr=False)
    ran: bool = False


@dataclass(eq=False)
class Stream:
    device: int
    id: int
    priority: int = 0
    last: Command | None = None
    pending: list[Command] = field(default_factory=list)


@dataclass(eq=False)
class Event:
    """`recording` is the newest one, `version` its number; the id comes with the first."""

    id: int = 0
    version: int = 0
    device: int | None = None
    recording: Command | None = None


@dataclass
class HostThread:
    number: int
    device: int = 0
    streams: dict[int, Stream] = field(default_factory=dict)


class Simulator:
    """Devices, streams, one host clock. Assign `thread`: the host thread of the next calls."""

    def __init__(
        self,
        schedule: str = "modelled",
        profile: Profile | None = None,
        seed: int = 0,
        next_stream: Iterable[int] = (1, 1),
        next_event: int = 1,
        next_command: int = 1,
    ):
        self.schedule, self.profile, self.clock = schedule, profile or Profile(), 0
        self.stream_ids = [count(first) for first in next_stream]
        self.event_ids, self.command_ids = count(next_event), count(next_command)
        self.streams = [[Stream(device, 0)] for device in range(len(self.stream_ids))]
        self.slots = [[0] * self.profile.kernel_slots for _ in self.streams]
        self.failures: list[list[str]] = [[] for _ in self.streams]
        self.random_state = seed
        self.log: list[Command] = []
        self.threads: dict[object, HostThread] = {}
        self.thread: object = "main"

    @property
    def host(self) -> HostThread:
        """What is current for the calling host thread. Nothing up to `new_stream` takes time."""
        if self.thread not in self.threads:
            default = {d: streams[0] for d, streams in enumerate(self.streams)}
            self.threads[self.thread] = HostThread(len(self.threads), streams=default)
        return self.threads[self.thread]

    def state(self) -> tuple[int, ...]:
        return (self.host.device, *(self.host.streams[d].id for d in range(len(self.streams))))

    def exchange_device(self, device: int) -> int:
        if not 0 <= device < len(self.streams):
            raise Refused(f"device {device}")
        previous, self.host.device = self.host.device, device
        return previous

    def exchange_stream(self, stream: Stream) -> Stream:
        """Changes the current stream of the stream's own device, and no current device."""
        previous, self.host.streams[stream.device] = self.current_stream(stream.device), stream
        return previous

    def current_stream(self, device: int | None = None) -> Stream:
        return self.host.streams[self.host.device if device is None else device]

    def new_stream(self, device: int, priority: int = 0) -> Stream:
        stream = Stream(device, next(self.stream_ids[device]), priority)
        self.streams[device].append(stream)
        return stream

    def launch(self, name: str, duration: int, effect: Callable[[], object] | None = None) -> None:
        """A synthetic kernel on the current stream of the current device."""
        stream = self.current_stream()
        self.enqueue(stream, "kernel", name, self.profile.launch, duration, effect=effect)
        if self.schedule == "blocking":
            self.raise_failures(stream.device)

    def record(self, event: Event, stream: Stream) -> None:
        if event.device not in (None, stream.device):
            raise Refused(f"event of device {event.device} recorded on device {stream.device}")
        event.id, event.device = event.id or next(self.event_ids), stream.device
        event.version += 1
        recording = (event.id, event.version)
        event.recording = self.enqueue(stream, "record", "", self.profile.event, event=recording)

    def wait(self, event: Event, stream: Stream) -> None:
        """Binds to the recording there is now: a later one does not move this wait."""
        if event.recording:
            recording, bound = (event.id, event.version), (event.recording,)
            self.enqueue(stream, "wait", "", self.profile.event, event=recording, waits=bound)

    def enqueue(self, stream, type, name, cost, duration=0, effect=None, event=None, waits=()):
        if len(stream.pending) >= self.profile.queue_depth:  # the host waits for a free entry
            oldest = stream.pending[0]
            self.clock = max(self.clock, oldest.finish)
            self.force([oldest])
        self.clock += cost
        before = ((stream.last,) if stream.last else ()) + waits
        ready = max(self.clock, *(c.finish for c in before), 0)
        if type == "kernel":
            duration = self.stretched(duration)
            slots = self.slots[stream.device]
            slot = slots.index(min(slots))
            ready = max(ready, slots[slot])
            slots[slot] = ready + duration
        command = Command(
            next(self.command_ids), type, name, stream.device, stream.id, self.host.number,
            self.clock, ready, ready + duration, *(event or (None, None)),
            tuple(c.id for c in waits), effect, before,
        )  # fmt: skip
        stream.last = command
        stream.pending.append(command)
        self.log.append(command)
        if self.schedule == "blocking":
            self.clock = max(self.clock, command.finish)
        self.drain()
        return command

    def stretched(self, duration: int) -> int:
        """Under "random" a kernel takes 1 to 400 hundredths of its duration (SplitMix64)."""
        if self.schedule != "random":
            return duration
        z = self.random_state = (self.random_state + 0x9E3779B97F4A7C15) & MASK
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        return duration * (1 + (z ^ z >> 31) % 400) // 100

    @property
    def pending(self) -> list[Command]:
        return [c for streams in self.streams for s in streams for c in s.pending]

    def drain(self) -> None:
        """Let the device catch up with the host clock; under "latest" only a demand does."""
        if self.schedule != "latest":
            self.run(c for c in self.pending if c.finish <= self.clock)

    def force(self, targets: Iterable[Command | None]) -> None:
        """The clock has reached the targets: run what must have run by now."""
        if self.schedule != "latest":
            self.drain()
            return
        closure, stack = set(), [c for c in targets if c]
        while stack:
            command = stack.pop()
            if not command.ran and command not in closure:
                closure.add(command)
                stack.extend(command.before)
        self.run(closure)

    def run(self, commands: Iterable[Command]) -> None:
        for c in sorted(commands, key=lambda c: (c.finish, c.id)):
            next(s for s in self.streams[c.device] if s.id == c.stream).pending.remove(c)
            c.ran = True
            try:
                if c.effect:
                    c.effect()
            except Exception as error:  # an effect may fail in any way
                self.failures[c.device].append(f"{c.name} on stream {c.stream}: {error}")

    def raise_failures(self, device: int) -> None:
        if failures := self.failures[device]:
            self.failures[device] = []
            raise KernelFailed("; ".join(failures))

    def synchronize_stream(self, stream: Stream) -> None:
        self.synchronize([stream.last], stream.device)

    def synchronize_event(self, event: Event) -> None:
        if event.recording:
            self.synchronize([event.recording], event.device)

    def synchronize_device(self, device: int) -> None:
        self.synchronize([s.last for s in self.streams[device]], device)

    def synchronize(self, targets: list[Command | None], device: int) -> None:
        self.clock += self.profile.synchronize
        self.clock = max(self.clock, *(c.finish if c else 0 for c in targets), 0)
        self.force(targets)
        self.raise_failures(device)

    def query_stream(self, stream: Stream) -> bool:
        return self.query(stream.last)

    def query_event(self, event: Event) -> bool:
        return not event.recording or self.query(event.recording)

    def query(self, target: Command | None) -> bool:
        self.clock += self.profile.query
        done = target is None or target.finish <= self.clock
        self.force([target] if done else [])
        return done

    def elapsed(self, begin: Event, end: Event) -> float:
        """Milliseconds between two recordings, both of which must be complete."""
        if not (begin.recording and end.recording):
            raise Refused("not recorded")
        if not (self.query_event(begin) and self.query_event(end)):
            raise Refused("not complete")
        if begin.device != end.device:
            raise Refused("events of two devices")
        return (end.recording.finish - begin.recording.finish) / 1e6
