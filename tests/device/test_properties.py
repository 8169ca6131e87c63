"""Random programs through the extension and through the reference model, compared at every step."""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import DEVICES, Lab, Model

import mtia_lab

PROFILES = {
    "default": reference.Profile(),
    "short queues": reference.Profile(queue_depth=2, kernel_slots=1),
    "two slots": reference.Profile(kernel_slots=2, queue_depth=4),
    "other costs": reference.Profile(7_000, 250, 3_000, 1_500, kernel_slots=3),
}
ARGUMENTS = {
    "door": st.integers(0, 2),
    "device": st.integers(0, DEVICES - 1),
    "stream": st.integers(0, 7),  # wraps around those there are
    "event": st.integers(0, 7),
    "us": st.sampled_from([10, 0, 1, 3, 40, 2.5, 250]),
    "fails": st.sampled_from([False] * 9 + [True]),
    "priority": st.sampled_from([0, -1]),
}
# What a step may be, with its arguments. More often what makes work and order.
STEPS = {
    "launch": (8, "us fails"),
    "in_stream": (4, "door stream"),
    "in_device": (2, "door device"),
    "leave": (3, ""),
    "set_device": (1, "door device"),
    "set_stream": (1, "door stream"),
    "new_stream": (2, "door device priority"),
    "new_event": (2, ""),
    "record": (5, "door event stream"),
    "wait": (4, "door event stream"),
    "wait_stream": (2, "stream stream"),
    "query_event": (2, "event"),
    "query_stream": (2, "stream"),
    "synchronize_event": (1, "event"),
    "synchronize_stream": (1, "stream"),
    "synchronize_device": (1, "door device"),
    "elapsed": (3, "event event"),
    "priority": (1, "stream"),
}


class Step(NamedTuple):
    thread: int
    name: str
    arguments: tuple


def step(name: str) -> st.SearchStrategy[Step]:
    arguments = st.tuples(*(ARGUMENTS[a] for a in STEPS[name][1].split()))
    return st.builds(Step, st.sampled_from([0, 0, 0, 1]), st.just(name), arguments)


STEP = st.one_of([step(name) for name, (weight, _) in STEPS.items() for _ in range(weight)])
# A list of lists, flattened: hypothesis keeps a plain list to about five entries, these to thirty,
# and both shrink well.
PROGRAMS = st.lists(st.lists(STEP, max_size=20), max_size=20).map(lambda parts: sum(parts, []))


def perform(machine: Lab | Model, contexts: list, number: int, step: Step) -> object:
    """Make one step on `machine`. Returns its result, or which kernels its error is about."""
    sizes = {"stream": len(machine.streams), "event": len(machine.events)}
    roles = STEPS[step.name][1].split()
    arguments = [
        a % sizes[r] if r in sizes else a for r, a in zip(roles, step.arguments, strict=True)
    ]
    try:
        if step.name == "leave":
            if contexts:
                contexts.pop().__exit__(None, None, None)
            return None
        if step.name == "launch":
            return machine.launch(f"k{number}", *arguments)
        if step.name not in ("in_stream", "in_device"):
            return getattr(machine, step.name)(*arguments)
        context = getattr(machine, step.name)(*arguments)
        context.__enter__()
        contexts.append(context)
    except (RuntimeError, ValueError, reference.Refused, reference.KernelFailed) as error:
        return "raises", re.findall(r"<(k\d+)>", str(error))


def seen(machine: Lab | Model) -> tuple:
    return machine.state(), machine.clock(), machine.event_ids(), list(machine.effects)


def ended(program: list[Step]) -> list[Step]:
    """The program, then every context left and every device waited for; twice, as one may raise."""
    leave = [Step(t, "leave", ()) for t in (1, 0) for s in program if s.name[:3] == "in_"]
    wait = [Step(0, "synchronize_device", (1, d)) for d in (0, 1, 0, 1)]
    return [Step(0, "new_event", ()), *program, *leave, *wait]


def play(program: list[Step], schedule: str, profile: reference.Profile) -> None:
    lab = Lab(schedule, profile)
    model = Model(schedule, profile, lab)
    contexts = {(machine, thread): [] for machine in (lab, model) for thread in (0, 1)}
    with ThreadPoolExecutor(1) as other, mtia_lab.record() as log:
        for number, step in enumerate(ended(program)):

            def on_lab(n=number, s=step):
                return perform(lab, contexts[lab, s.thread], n, s), seen(lab)

            model.sim.thread = step.thread
            want = perform(model, contexts[model, step.thread], number, step), seen(model)
            got = other.submit(on_lab).result() if step.thread else on_lab()
            assert got == want, step
            if log.calls:
                assert log.calls[-1].state == want[1][0]
    assert [in_lab(c) for c in log.commands] == [in_model(c) for c in model.sim.log]
    assert in_order(c.thread for c in log.commands) == in_order(c.thread for c in model.sim.log)
    assert_times_nest(log.calls)


def in_lab(c: "mtia_lab.Command") -> tuple:
    times = [round(t * 1_000) for t in (c.enqueue, c.start, c.finish)]
    return c.id, c.type, c.device, c.stream, *times, c.event, c.version, tuple(c.after)


def in_model(c: reference.Command) -> tuple:
    times = c.enqueue, c.start, c.finish
    return c.id, c.type, c.device, c.stream, *times, c.event, c.version, c.after


def in_order(threads: Iterable[int]) -> list[int]:
    """Numbered by first appearance: the process may have had other threads before."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(t, len(numbers)) for t in threads]


def assert_times_nest(calls) -> None:
    """Calls come one after another, as their threads took turns."""
    for call, after in pairwise(calls):
        assert call.begin <= call.end <= after.begin


@pytest.mark.parametrize("schedule", ["modelled", "blocking", "latest", "random:7"])
@settings(max_examples=150, derandomize=True)
@given(program=PROGRAMS, profile=st.sampled_from(sorted(PROFILES)))
def test_a_random_program_does_what_the_reference_says(schedule, program, profile):
    play(program, schedule, PROFILES[profile])
