"""The checker against brute force, and what it proposes, pasted and judged by both.

`--all-ops` tries 1,200 programs instead of a sample.
"""

import pytest
import torch
import torch.distributed as dist
from checker_faults import SEEN
from hazard_lines import random_program
from hazard_trials import Tally, Trial

SAMPLE, WHOLE = 15, 600  # of programs with one host thread, and as many with two


@pytest.fixture(scope="module")
def names():
    """Six streams, and two groups of one process each with their collectives."""
    import mtia_lab

    mtia_lab.load()
    from mtia_lab.distributed.group import BACKEND

    dist.init_process_group(BACKEND, store=dist.HashStore(), rank=0, world_size=1)
    made = [torch.Stream("mtia") for _ in range(6)]
    groups = {name: dist.new_group([0], backend=BACKEND) for name in ("g0", "g1")}
    yield {f"s{stream.stream_id}": stream for stream in made} | groups
    dist.destroy_process_group()


@pytest.mark.parametrize("threads", [1, 2])
def test_random_programs(empty, pytestconfig, names, threads):
    streams, tally = [name for name in names if name.startswith("s")], Tally()
    for seed in range(WHOLE if pytestconfig.getoption("--all-ops") else SAMPLE):
        program = random_program(seed, streams, threads=threads)
        Trial(empty, names, tally, seed).run(program)
    print(tally)
    assert tally.racing and tally.hints


@pytest.mark.parametrize("fault", SEEN, ids=lambda fault: fault.__name__)
def test_the_oracle_sees_faults_in_the_checker(lab, names, monkeypatch, fault):
    threads, seed, message = SEEN[fault]
    streams = [name for name in names if name.startswith("s")]
    program = random_program(seed, streams, threads=threads)
    fault(monkeypatch)
    with pytest.raises(AssertionError, match=message):
        Trial(lab, names, Tally(), seed).run(program)


@pytest.mark.parametrize("seed", [507, 510])
def test_a_collective_keeps_its_tensors_until_it_is_done(lab, names, seed):
    streams = [name for name in names if name.startswith("s")]
    Trial(lab, names, Tally(), seed).run(random_program(seed, streams, threads=1))
