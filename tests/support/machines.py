"""One interface over the extension and over the reference model, for programs that drive both.

`Lab` makes each call as a user of PyTorch would. `Model` does what PyTorch's own layer does around
a backend (its context managers; an event that asks nothing before its first record) and leaves the
rest to `reference.Simulator`. Streams and events are named by number, devices by index; `door` says
by which of two or three equivalent ways of PyTorch a call goes.
"""

import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict

import reference
import torch

import mtia_lab

DEVICES = 2


def in_microseconds(profile: reference.Profile) -> "mtia_lab.Profile":
    counts = ("kernel_slots", "queue_depth")
    fields = asdict(profile).items()
    return mtia_lab.Profile(
        **{k if k in counts else f"{k}_us": v if k in counts else v / 1_000 for k, v in fields}
    )


def idle_at_defaults() -> None:
    """This thread at device 0 and default streams, nothing pending, no failure untold."""
    for device in reversed(range(DEVICES)):
        torch.mtia.set_stream(torch.mtia.default_stream(device))
        try:
            torch.mtia.synchronize(device)
        except RuntimeError:
            torch.mtia.synchronize(device)


def effect(seen: list[str], name: str, fails: bool) -> Callable[[], None]:
    def run():
        seen.append(name)
        if fails:
            raise ValueError(f"<{name}> was made to fail")

    return run


class Lab:
    """The extension, seen from its state at the start: clock and ids are the process's own."""

    def __init__(self, schedule: str, profile: reference.Profile):
        mtia_lab.load()
        idle_at_defaults()
        mtia_lab.configure(schedule=schedule, profile=in_microseconds(profile))
        probe = torch.Event()
        with mtia_lab.record() as log:
            probe.record()
        torch.mtia.synchronize()
        self.streams = [torch.mtia.default_stream(d) for d in range(DEVICES)]
        self.handles: dict[tuple[int, int], torch.Stream] = {}
        self.events: list[torch.Event] = []
        self.next_event = probe.event_id + 1
        self.next_command = log.commands[-1].id + 1
        self.next_stream = [torch.Stream(f"mtia:{d}").stream_id + 1 for d in range(DEVICES)]
        self.start = mtia_lab.host_clock()
        self.effects: list[str] = []

    def clock(self) -> int:
        return round((mtia_lab.host_clock() - self.start) * 1_000)

    def state(self) -> tuple[int, ...]:
        current = [torch.mtia.current_stream(d).stream_id for d in range(DEVICES)]
        assert mtia_lab.state() == (torch.mtia.current_device(), *current)
        assert torch.accelerator.current_stream(0).stream_id == current[0]
        return (torch.accelerator.current_device_index(), *current)

    def event_ids(self) -> list[int]:
        return [e.event_id for e in self.events]

    def new_stream(self, door: int, device: int, priority: int) -> int:
        if door:
            stream = torch.Stream(device=f"mtia:{device}", priority=priority)
        else:
            with torch.mtia.device(device):
                stream = torch.Stream(priority=priority)
        self.streams.append(stream)
        return stream.stream_id

    def priority(self, s: int) -> int:
        return mtia_lab.stream_priority(self.streams[s])

    def new_event(self) -> None:
        self.events.append(torch.Event(enable_timing=True))

    def set_device(self, door: int, device: int) -> None:
        (torch.accelerator.set_device_index if door else torch.mtia.set_device)(device)

    def set_stream(self, door: int, s: int) -> None:
        (torch.accelerator.set_stream if door else torch.mtia.set_stream)(self.streams[s])

    def in_device(self, door: int, device: int):
        return (torch.accelerator.device_index if door else torch.mtia.device)(device)

    def in_stream(self, door: int, s: int):
        return self.own_handle(s) if door else torch.mtia.stream(self.streams[s])

    def own_handle(self, s: int) -> torch.Stream:
        """The stream as an object of this thread's own: a `torch.Stream` keeps what to restore on
        leaving in itself, so two threads that enter one object take it from each other."""
        stream, key = self.streams[s], (threading.get_ident(), s)
        named = {f: getattr(stream, f) for f in ("stream_id", "device_index", "device_type")}
        return self.handles.setdefault(key, torch.Stream(**named))

    def launch(self, name: str, us: float, fails: bool) -> None:
        mtia_lab.launch(name, us=us, effect=effect(self.effects, name, fails))

    def record(self, door: int, e: int, s: int) -> None:
        if door == 0:
            self.events[e].record()
        elif door == 1:
            self.events[e].record(self.streams[s])
        else:
            self.streams[s].record_event(self.events[e])

    def wait(self, door: int, e: int, s: int) -> None:
        if door == 0:
            self.events[e].wait()
        elif door == 1:
            self.events[e].wait(self.streams[s])
        else:
            self.streams[s].wait_event(self.events[e])

    def wait_stream(self, s: int, t: int) -> None:
        self.streams[s].wait_stream(self.streams[t])

    def query_event(self, e: int) -> bool:
        return self.events[e].query()

    def query_stream(self, s: int) -> bool:
        return self.streams[s].query()

    def synchronize_event(self, e: int) -> None:
        self.events[e].synchronize()

    def synchronize_stream(self, s: int) -> None:
        self.streams[s].synchronize()

    def synchronize_device(self, door: int, device: int) -> None:
        (torch.accelerator.synchronize if door else torch.mtia.synchronize)(device)

    def elapsed(self, e: int, f: int) -> float:
        return self.events[e].elapsed_time(self.events[f])


class Model:
    """The same calls on the reference model, started where `lab` stands."""

    def __init__(self, schedule: str, profile: reference.Profile, lab: Lab):
        order, _, seed = schedule.partition(":")
        self.sim = reference.Simulator(
            order, profile, int(seed or 0), lab.next_stream, lab.next_event, lab.next_command
        )
        self.streams = [self.sim.streams[d][0] for d in range(DEVICES)]
        self.events: list[reference.Event] = []
        self.effects: list[str] = []

    def clock(self) -> int:
        return self.sim.clock

    def state(self) -> tuple[int, ...]:
        return self.sim.state()

    def event_ids(self) -> list[int]:
        return [e.id for e in self.events]

    def new_stream(self, door: int, device: int, priority: int) -> int:
        self.streams.append(self.sim.new_stream(device, priority))
        return self.streams[-1].id

    def priority(self, s: int) -> int:
        return self.streams[s].priority

    def new_event(self) -> None:
        self.events.append(reference.Event())

    def set_device(self, door: int, device: int) -> None:
        self.sim.exchange_device(device)

    def set_stream(self, door: int, s: int) -> None:
        self.become(self.streams[s])

    def become(self, stream: reference.Stream) -> None:
        self.sim.exchange_device(stream.device)
        self.sim.exchange_stream(stream)

    @contextmanager
    def in_device(self, door: int, device: int):
        previous = self.sim.exchange_device(device)
        yield
        self.sim.exchange_device(previous)

    @contextmanager
    def in_stream(self, door: int, s: int):
        """`with torch.mtia.stream(stream)` restores on leaving the streams that were current on
        entry, on both devices, and the device. `with stream` restores its own device's stream,
        the current device if that was another, and does nothing at all where the stream is current
        on its device already."""
        entered, stream = self.sim.current_stream(), self.streams[s]
        on_its_device = self.sim.current_stream(stream.device)
        if door and on_its_device is stream:
            yield
            return
        self.become(stream)
        yield
        if not door:
            self.become(on_its_device)
            self.become(entered)
            return
        self.sim.exchange_stream(on_its_device)
        if entered.device != stream.device:
            self.sim.exchange_device(entered.device)

    def launch(self, name: str, us: float, fails: bool) -> None:
        self.sim.launch(name, round(us * 1_000), effect(self.effects, name, fails))

    def chosen(self, door: int, s: int) -> reference.Stream:
        return self.streams[s] if door else self.sim.current_stream()

    def record(self, door: int, e: int, s: int) -> None:
        self.sim.record(self.events[e], self.chosen(door, s))

    def wait(self, door: int, e: int, s: int) -> None:
        self.sim.wait(self.events[e], self.chosen(door, s))

    def wait_stream(self, s: int, t: int) -> None:
        event = reference.Event()
        self.sim.record(event, self.streams[t])
        self.sim.wait(event, self.streams[s])

    def query_event(self, e: int) -> bool:
        return self.sim.query_event(self.events[e])

    def query_stream(self, s: int) -> bool:
        return self.sim.query_stream(self.streams[s])

    def synchronize_event(self, e: int) -> None:
        self.sim.synchronize_event(self.events[e])

    def synchronize_stream(self, s: int) -> None:
        self.sim.synchronize_stream(self.streams[s])

    def synchronize_device(self, door: int, device: int) -> None:
        self.sim.synchronize_device(device)

    def elapsed(self, e: int, f: int) -> float:
        return self.sim.elapsed(self.events[e], self.events[f])
