"""Random programs to capture, of operations on a few tensors over several streams."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import NamedTuple

import torch
from hypothesis import strategies as st

VARIABLES = 4
STREAMS = 3
RUNS = 3


class Step(NamedTuple):
    name: str
    stream: int
    to: int
    a: int
    b: int


OPERATIONS = {
    "add": lambda a, b: a + b,
    "gate": lambda a, b: torch.tanh(a) * b,
    "larger": torch.maximum,
    "product": lambda a, b: torch.tanh(a.view(2, 3) @ b.view(3, 2)).sum().expand(6) + a,
}
IN_PLACE = {
    "add_": lambda to, a: to.add_(a),
    "copy_": lambda to, a: to.copy_(a),
    "uniform_": lambda to, a: to.uniform_(-1, 1),
}
VARIABLE = st.integers(0, VARIABLES - 1)
STEP = st.builds(
    Step,
    st.sampled_from([*OPERATIONS, *IN_PLACE]),
    st.integers(0, STREAMS - 1),
    VARIABLE,
    VARIABLE,
    VARIABLE,
)
PROGRAMS = st.lists(st.lists(STEP, max_size=6), max_size=5).map(lambda parts: sum(parts, []))


def run(program: list[Step], inputs: list, outputs: list, streams: list | None = None) -> None:
    """Compute `outputs` from `inputs`; on streams, waiting wherever one touches another's tensor.

    Args:
        streams: the first is the current one. None: there are none, as on the CPU.
    """
    values = [x.clone() for x in inputs]
    touched_by: list[set[int]] = [{0} for _ in values]
    joined = {0}
    for step in program:
        used = {step.to, step.a, step.b}
        if streams is not None:
            mine = streams[step.stream]
            for other in sorted({0} | set().union(*(touched_by[v] for v in used))):
                mine.wait_stream(streams[other])
            joined.add(step.stream)
            for v in used:
                values[v].record_stream(mine)
        with nullcontext() if streams is None else streams[step.stream]:
            if step.name in IN_PLACE:
                IN_PLACE[step.name](values[step.to], values[step.a])
            else:
                values[step.to] = OPERATIONS[step.name](values[step.a], values[step.b])
        for v in used:
            touched_by[v].add(step.stream)
    if streams is not None:
        for number in sorted(joined - {0}):
            streams[0].wait_stream(streams[number])
    for out, value in zip(outputs, values, strict=True):
        out.copy_(value)


def results(step: Callable, inputs: list, outputs: list) -> list[torch.Tensor]:
    """What `step` leaves in `outputs` in some runs from one seed, with new inputs in each."""
    torch.manual_seed(11)
    found = []
    for number in range(RUNS):
        for index, x in enumerate(inputs):
            x.copy_(torch.arange(6.0) / 7 - 0.1 * index + number)
        step()
        found += [out.cpu().clone() for out in outputs]
    return found


def tensors(device: str) -> tuple[list, list]:
    inputs, outputs = ([torch.zeros(6, device=device) for _ in range(VARIABLES)] for _ in "io")
    return inputs, outputs
