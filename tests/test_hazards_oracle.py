"""The checker against brute force, and what it proposes, pasted and judged by both.

`--all-ops` tries 1,200 programs instead of a sample.
"""

from functools import cache

import pytest
import same
import torch
from hazard_oracle import other_way_round, paste, random_program, run

SAMPLE, WHOLE = 15, 600  # of programs with one host thread, and as many with two


@cache
def streams():
    made = [torch.Stream("mtia") for _ in range(6)]
    return {f"s{stream.stream_id}": stream for stream in made}


def assert_agreed(outcome, program):
    """What is found races, and if anything races something is found."""
    found = {tuple(int(side.site.split(":")[1]) for side in pair(f)) for f in outcome.report}
    text = "\n".join(f"{k} [{line.thread}] {line.text}" for k, line in enumerate(program, 1))
    assert found <= outcome.races, f"false alarm: {found - outcome.races}\n{text}\n{outcome.report}"
    assert bool(found) == bool(outcome.races), f"missed: {outcome.races}\n{text}"


def pair(finding):
    return finding.first, finding.second


@pytest.mark.parametrize("threads", [1, 2])
def test_random_programs(empty, pytestconfig, threads):
    empty.configure("latest")
    torch.mtia.synchronize()
    names = list(streams())
    for seed in range(WHOLE if pytestconfig.getoption("--all-ops") else SAMPLE):
        program = random_program(seed, names, threads=threads)
        outcome = run(empty, program, streams())
        assert_agreed(outcome, program)
        rounds = 0
        while outcome.report:
            program, rounds = paste(program, outcome.report, f"{rounds}"), rounds + 1
            outcome = run(empty, program, streams())
            assert_agreed(outcome, program)
            assert rounds < 8, program
        for _ in range(2):  # and without what is of no use
            program = paste(program, outcome.report.hints, "hint")
            outcome = run(empty, program, streams())
            assert_agreed(outcome, program)
            assert not outcome.report, (seed, outcome.report)
        assert_right_whoever_is_faster(empty, program)


def assert_right_whoever_is_faster(lab, program):
    lab.configure("blocking")
    right = run(lab, program, streams()).values
    lab.configure("latest")
    for order in (program, other_way_round(program)):
        outcome = run(lab, order, streams())
        assert_agreed(outcome, order)
        assert not outcome.report, outcome.report
        for got, expected in zip(outcome.values, right, strict=True):
            same.assert_equal(got, expected)
