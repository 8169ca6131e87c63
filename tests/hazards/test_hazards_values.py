"""A race that is reported can be made to change a value, and one that is not cannot.

Every step mixes what it overwrites with what it reads, so that its result tells in which order it
came. Under "latest" a step can be made to run as early as the program allows: by waiting for it at
once. That changes a value if, and only if, the step races with one before it.
"""

import random
import struct
from functools import cache

import pytest
import torch
from hazard_logs import races
from hypothesis import given, settings
from hypothesis import strategies as st

START = [0.7310, 1.9133, 3.3911]
FACTORS = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]


def random_program(seed):
    """Four to ten steps that mix, with steps between that order them, though not always enough."""
    draws, program = random.Random(seed), []
    for _ in range(draws.randrange(4, len(FACTORS) + 1)):
        if draws.random() < 0.5:
            kind = draws.choice(["wait", "wait", "wait", "stream", "event", "device"])
            program.append((kind, draws.randrange(3), draws.randrange(3)))
        program.append(("mix", draws.randrange(3), draws.randrange(3), draws.randrange(1, 3)))
    return program


@cache
def streams():
    return [torch.mtia.default_stream(0), torch.Stream("mtia"), torch.Stream("mtia")]


def run(lab, program, early=None):
    """The log of a program; the given step is waited for as soon as it has been enqueued."""
    tensors = [torch.full((1,), value, dtype=torch.float64, device="mtia") for value in START]
    torch.mtia.synchronize()
    with lab.record(values=True) as log:
        for number, step in enumerate(program):
            take(step, number, tensors)
            if number == early:
                streams()[step[1]].record_event().synchronize()
        torch.mtia.synchronize()
    return log


def take(step, number, tensors):
    what, stream, other, *apart = step
    if what == "mix":
        target, source = tensors[other], tensors[(other + apart[0]) % 3]
        with streams()[stream]:
            torch.add(source, target, alpha=FACTORS[number % len(FACTORS)], out=target)
    elif what == "wait":
        streams()[stream].wait_stream(streams()[other])
    elif what == "stream":
        streams()[stream].synchronize()
    elif what == "event":
        streams()[stream].record_event().synchronize()
    else:
        torch.mtia.synchronize()


def results(log):
    """What each kernel left, in the order in which they were enqueued."""
    found = {value.command: struct.unpack("d", value.data)[0] for value in log.values}
    return [found[command.id] for command in log.commands if command.type == "kernel"]


def in_order(program):
    """What the kernels would leave if each ran as it is enqueued."""
    values, left = list(START), []
    for number, step in enumerate(program):
        if step[0] == "mix":
            _, _, target, apart = step
            factor = FACTORS[number % len(FACTORS)]
            values[target] = values[(target + apart) % 3] + factor * values[target]
            left.append(values[target])
    return left


@settings(max_examples=8)
@given(st.integers(0, 10**9).map(random_program))
def test_a_step_can_come_too_early_if_it_is_in_a_race(lab, program):
    lab.configure("latest")
    so_far, names = [], [(stream.device_index, stream.stream_id) for stream in streams()]
    for step in program:
        longer = [*so_far, step]
        if step[0] == "mix":
            found = races(run(lab, longer))
            left = results(run(lab, longer, early=len(so_far)))
            assert (left != pytest.approx(in_order(longer))) == bool(found), longer
            # Go on without: what comes later would show this race as well.
            for first in {
                names.index((r.first.command.device, r.first.command.stream)) for r in found
            }:
                so_far.append(("wait", step[1], first))
        so_far.append(step)
    log = run(lab, so_far)
    assert not lab.find_hazards(log)
    assert results(log) == pytest.approx(in_order(so_far))
