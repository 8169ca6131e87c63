"""PyTorch's own checker for CUDA, told the same: both find the same first race, or none.

Its event handler is plain Python. It knows whole tensors by their address, and forgets what it knew
of memory that is freed; after a race it may lose sight of others. So what both can see is: is there
a race, and which command is the first to be in one.
"""

import random
from functools import cache

import torch
from hazard_logs import races, random_program, to_log
from hypothesis import given, settings
from hypothesis import strategies as st

from mtia_lab.museum.cuda_sanitizer import first_race

programs = st.integers(0, 10**9).map(lambda seed: random_program(seed, whole=True))


def first_race_of_ours(log):
    """The id of the first command that races, memory that was given away aside."""
    same = [race for race in races(log) if race.first.block is race.second.block]
    return min((race.second.id for race in same), default=None)


@settings(max_examples=80)
@given(programs)
def test_both_see_the_same_first_race(program):
    log = to_log(program)
    assert first_race_of_ours(log) == first_race(log)


ACTIONS = {
    "add": lambda x, y: x.add_(y),
    "new": lambda x, y: torch.sub(x, y).relu(),
    "out": lambda x, y: torch.mul(y, y, out=x),
    "fill": lambda x, y: x.fill_(2),
    "sort": lambda x, y: y.sort(),
    "cat": lambda x, y: torch.cat([x, y]),
    "host": lambda x, y: y.sum().item(),
}


def random_steps(seed):
    """Up to 24 steps: what, on which stream, and with which two tensors or streams."""
    draws = random.Random(seed)
    kinds = [*ACTIONS, "wait", "wait", "wait", "event", "stream", "device"]
    return [
        (draws.choice(kinds), *draws.choices(range(3), k=3)) for _ in range(draws.randrange(25))
    ]


@cache
def side_streams():
    return [torch.Stream("mtia"), torch.Stream("mtia")]


@settings(max_examples=15)
@given(st.integers(0, 10**9).map(random_steps))
def test_both_see_the_same_in_what_the_device_did(lab, program):
    torch.mtia.synchronize()
    streams = [torch.mtia.default_stream(0), *side_streams()]
    values = [torch.ones(256, device="mtia") for _ in range(3)]
    results = []
    with lab.record() as log:
        for what, stream, target, source in program:
            if what == "wait":
                streams[stream].wait_stream(streams[source])
            elif what == "event":
                streams[stream].record_event().synchronize()
            elif what == "stream":
                streams[stream].synchronize()
            elif what == "device":
                torch.mtia.synchronize()
            else:
                with streams[stream]:
                    results.append(ACTIONS[what](values[target], values[source]))
    assert first_race_of_ours(log) == first_race(log)
    torch.mtia.synchronize()
