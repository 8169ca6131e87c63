"""The programs of random_programs.py give the CPU's values under every schedule."""

import pytest
import same
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_programs import Synchronized, on_cpu, steps


@pytest.mark.parametrize("schedule", same.SCHEDULES)
@settings(max_examples=60)
@given(
    program=st.lists(steps, min_size=4, max_size=25),
    ways=st.lists(st.sampled_from(["event", "wait_stream", "synchronize"]), min_size=1, max_size=5),
)
def test_a_synchronized_program_gives_the_cpus_values(lab, schedule, program, ways):
    torch.mtia.synchronize(0)
    torch.mtia.synchronize(1)
    lab.configure(schedule)
    device = Synchronized(ways)
    for number, step in enumerate(program):
        device.step(number, step)
    got = device.values()
    with torch.random.fork_rng(devices=[]):
        expected = on_cpu(program)
    for one, other in zip(got, expected, strict=True):
        same.assert_equal(one, other)
