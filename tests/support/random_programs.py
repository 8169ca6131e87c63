"""Random programs of tensor operations over streams and devices, synchronized as they must be.

A program is a list of steps over a few tensors, each owned by a device. Before a step runs on a
stream, that stream waits for the last step that touched one of its tensors elsewhere. So every
schedule must give the values that the same steps give on the CPU.
"""

from dataclasses import dataclass
from functools import cache

import torch
from hypothesis import strategies as st

TENSORS, STREAMS = 4, 3  # tensor t lives on device t % 2; each device has so many streams
SIZE = 5


@dataclass(frozen=True)
class Step:
    action: str
    target: int
    source: int
    stream: int


ON_ONE_DEVICE = {
    "add": lambda x, y: x.add_(y),
    "mul": lambda x, y: x.mul_(y).clamp_(-1e3, 1e3),
    "view": lambda x, y: x[1:].copy_(2 * y[:-1]),
    "out": lambda x, y: torch.sub(x, y, out=x),
    "random": lambda x, y: x.add_(torch.rand(SIZE, device=x.device)),
    "gather": lambda x, y: x.copy_(y[torch.arange(SIZE - 1, -1, -1, device=x.device)]),
    "new": lambda x, y: torch.sin(x) + y,
    "masked": lambda x, y: x.index_put_((y > 0,), torch.tensor(0.5)),  # waits for values
}
ANYWHERE = {
    "copy": lambda x, y: x.copy_(y),
    "through the host": lambda x, y: x.copy_(y.cpu(), non_blocking=True),
    "item": lambda x, y: x.fill_(y[0].item()),
}
steps = st.builds(
    Step,
    action=st.sampled_from([*ON_ONE_DEVICE, *ANYWHERE]),
    target=st.integers(0, TENSORS - 1),
    source=st.integers(0, TENSORS - 1),
    stream=st.integers(0, STREAMS - 1),
)


def source_of(step):
    """On the target's device, if the action cannot do with another."""
    apart = (step.target - step.source) % 2
    return (step.source + apart) % TENSORS if step.action in ON_ONE_DEVICE else step.source


def initial():
    return [torch.arange(float(SIZE)) + t for t in range(TENSORS)]


def on_cpu(program):
    """Every device has a generator of its own, and all start alike."""
    tensors, states = initial(), [torch.Generator().manual_seed(1).get_state()] * 2
    for step in program:
        torch.set_rng_state(states[step.target % 2])
        tensors[step.target] = run(step, tensors)
        states[step.target % 2] = torch.get_rng_state()
    return tensors


def run(step, tensors):
    action = (ON_ONE_DEVICE | ANYWHERE)[step.action]
    result = action(tensors[step.target], tensors[source_of(step)])
    return result if step.action == "new" else tensors[step.target]


@cache
def streams():
    return [[torch.Stream(f"mtia:{d}") for _ in range(STREAMS)] for d in (0, 1)]


class Synchronized:
    """Runs steps on streams; before each, waits for what it depends on, one way or another."""

    def __init__(self, ways):
        self.ways = ways  # for each wait, how
        self.streams = streams()
        self.tensors = [t.to(f"mtia:{i % 2}") for i, t in enumerate(initial())]
        self.last = [None] * TENSORS  # per tensor: the stream that touched it last
        torch.manual_seed(1)
        torch.mtia.synchronize(0)
        torch.mtia.synchronize(1)

    def step(self, number, step):
        device, touched = step.target % 2, {step.target, source_of(step)}
        stream = self.streams[device][step.stream]
        other = self.streams[1 - device][step.stream]  # a copy between devices uses both
        for tensor in touched:
            if self.last[tensor] is not None:
                for waiting in (stream, other):
                    self.wait(self.ways[number % len(self.ways)], waiting, self.last[tensor])
        with other, stream:
            before = self.tensors[step.target]
            self.tensors[step.target] = run(step, self.tensors)
            before.record_stream(stream)
        if any(tensor % 2 != device for tensor in touched):
            other.wait_stream(stream)
        for tensor in touched:
            self.last[tensor] = stream

    @staticmethod
    def wait(way, waiting, for_this):
        if way == "event":
            waiting.wait_event(for_this.record_event())
        elif way == "wait_stream":
            waiting.wait_stream(for_this)
        else:
            for_this.synchronize()

    def values(self):
        for device in (0, 1):
            torch.mtia.synchronize(device)
        return [tensor.cpu() for tensor in self.tensors]
