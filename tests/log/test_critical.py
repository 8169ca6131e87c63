"""The critical path, and what would be if commands were faster: held against programs run anew."""

import math
import random
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from drawings import racing_log, some_log

import mtia_lab
from mtia_lab.errors import CannotReplay
from mtia_lab.log.log import Log
from mtia_lab.log.what_if import what_if

FAST = {"launch_us": 0.5, "event_us": 0.25, "latency_us": 0.0}


def random_steps(seed):
    """10 to 60 steps on four streams, of which one is another device's."""
    draws, steps, recorded = random.Random(seed), [], []
    kinds = ["a"] * 4 + ["b"] * 4 + ["up", "down"] * 2 + ["record"] * 2 + ["wait"] * 3
    kinds += ["stream", "event", "device", "blocking"]
    for number in range(draws.randrange(10, 61)):
        kind, stream, amount = draws.choice(kinds), draws.randrange(4), 2 * draws.randrange(1, 10)
        if kind == "record":
            recorded.append((number, stream))
        if kind in ("wait", "event"):
            if not recorded:
                continue
            amount = draws.choice(recorded)[0]
        steps.append((kind, stream, number if kind == "record" else amount))
    return steps


@pytest.fixture
def run(lab):
    """Runs such steps with kernels "a" at a multiple of their time, and gives the log."""
    streams = [*(torch.Stream("mtia:0") for _ in range(3)), torch.Stream("mtia:1")]
    pinned = torch.zeros(2**20, dtype=torch.uint8, pin_memory=True)
    there = [torch.zeros(2**20, dtype=torch.uint8, device=f"mtia:{k}") for k in (0, 1)]

    def program(steps, times=1.0, **profile):
        torch.mtia.synchronize(0)
        torch.mtia.synchronize(1)
        lab.configure(profile=lab.Profile(**(FAST | profile)))
        events = {}
        with lab.record() as log:
            for kind, s, amount in steps:
                do(kind, streams[s], there[s == 3], amount, times, events)
        torch.mtia.synchronize(0)
        torch.mtia.synchronize(1)
        return log

    def do(kind, stream, tensor, amount, times, events):
        if kind in ("a", "b"):
            with stream:
                lab.launch(kind, us=amount * (times if kind == "a" else 1))
        elif kind in ("up", "down", "blocking"):
            size = amount * 64_000  # 2 us each
            ends = (tensor[:size], pinned[:size])
            with stream:
                if kind == "blocking":
                    tensor[:size].cpu()
                else:
                    ends[kind == "down"].copy_(ends[kind == "up"], non_blocking=True)
        elif kind == "record":
            events[amount] = stream.record_event()
        elif kind == "wait":
            stream.wait_event(events[amount])
        elif kind == "event":
            events[amount].synchronize()
        elif kind == "stream":
            stream.synchronize()
        else:
            torch.mtia.synchronize(tensor.device)

    return program


def end_of(log):
    return max([c.finish for c in log.commands] + [c.end for c in log.calls])


PROFILES = [{}, {"kernel_slots": 1}, {"kernel_slots": 2, "queue_depth": 3}]


@pytest.mark.parametrize("profile", PROFILES, ids=str)
@pytest.mark.parametrize("seed", range(12))
def test_it_ends_as_the_program_does_with_other_kernels(lab, run, seed, profile):
    steps = random_steps(seed)
    log = run(steps, **profile)
    for times in (0.5, 0.0, 3.0):
        told = lab.what_if(log, "a", times=times)
        assert told.after == end_of(run(steps, times, **profile)), (steps, times)
        assert told.before == end_of(log)


@pytest.mark.parametrize("seed", range(12))
def test_it_ends_as_the_program_does_with_a_faster_link(lab, run, seed):
    steps = random_steps(seed)
    log = run(steps)
    told = lab.what_if(log, ["H2D", "D2H"], times=0.5)
    assert told.after == end_of(run(steps, link_gb_per_s=64.0))


@pytest.mark.parametrize("seed", range(12))
def test_the_path_is_without_gaps_and_has_all_that_matters(lab, run, seed):
    log = run(random_steps(seed))
    path = lab.summary(log).critical_path
    ends = [0, *(leg.end_ns for leg in path)]
    assert [leg.begin_ns for leg in path] == ends[:-1] and ends[-1] == round(end_of(log) * 1000)
    assert {leg.kind for leg in path} <= {"kernel", "copy", "host"}
    commands = {c.id: c for c in log.commands}
    for before, leg in pairwise(path):
        assert follows(before, leg, commands, log), (before, leg)
    for leg in path:
        if leg.kind != "host":
            command = commands[leg.command]
            assert (leg.name, leg.where) == (command.name, (command.device, command.stream))


def follows(before, leg, commands, log):
    """Whether a leg had to come after the one before, for the reason that is given."""
    if leg.because == "synchronization":
        waits = [w for call in log.calls for w in call.waits_ns]
        return any(until == before.end_ns for _, until in waits)
    command = commands.get(leg.command)
    if leg.because == "launch":
        return before.kind == "host" and command is not None
    if leg.because == "stream":
        return before.where == leg.where
    if leg.because == "engine":
        return before.where[0] == leg.where[0] and before.kind == leg.kind
    return leg.because == "event"


@pytest.mark.parametrize("seed", range(6))
def test_only_what_is_on_the_path_can_be_worth_it(lab, run, seed):
    """With an engine for each kernel: off the path nothing is; slower on it, all is later."""
    steps = [step for step in random_steps(seed) if step[0] not in ("up", "down", "blocking")]
    log = run(steps, kernel_slots=1000)
    on_it = {leg.command for leg in lab.summary(log).critical_path}
    for command in log.commands:
        if command.type == "kernel":
            told = faster(log, command, 0.5)
            assert told.after == told.before or command.id in on_it
            assert faster(log, command, 2).after > told.before or command.id not in on_it


def faster(log, command, times):
    """`what_if` of one command alone."""
    renamed = [replace(r, name="this one") if r is command else r for r in log]
    return what_if(Log(renamed), "this one", times=times)


def test_the_words(lab, run):
    steps = [("a", 0, 10), ("a", 1, 20), ("b", 1, 4), ("stream", 1, 0), ("b", 0, 2)]
    log = run(steps)
    path = lab.summary(log).critical_path
    assert [(leg.name, leg.time, leg.because) for leg in path] == [
        ("launch", 1.0, ""),
        ("a", 20.0, "launch"),
        ("b", 4.0, "stream"),
        ("launch", 0.5, "synchronization"),
        ("b", 2.0, "launch"),
    ]
    assert repr(path).startswith("Critical path of 27.5 us: 5 legs\n\non the critical path")
    assert repr(lab.what_if(log, "a", times=0.5)) == (
        "10 us sooner (36.4%): the end at 17.5 us instead of 27.5, with 2 commands changed"
    )
    assert "later" in repr(lab.what_if(log, "b", times=2, stream=path[1].where))
    assert lab.what_if(log, "nothing", times=0.5).changed == 0
    assert repr(lab.summary(Log()).critical_path) == "Critical path of 0 us: 0 legs"


@pytest.mark.parametrize("make", [lambda: racing_log(3, 60), lambda: some_log(5, 60)])
def test_a_log_that_no_device_could_have_made_has_a_path_and_no_replay(make):
    path = mtia_lab.summary(make()).critical_path
    ends = [0, *(leg.end_ns for leg in path)]
    assert [leg.begin_ns for leg in path] == ends[:-1]
    with pytest.raises(CannotReplay, match="does not follow from the device's costs"):
        what_if(make(), times=0.5)


def test_what_it_cannot_know_is_refused(lab, run):
    log = run([("a", 0, 10), ("b", 1, 10)])
    with pytest.raises(CannotReplay, match="give the profile that it ran with"):
        what_if(log, "a", times=0.5, profile=lab.Profile(kernel_slots=1))
    for times in (-1, math.nan, math.inf, 10**400, -(10**5000)):
        with pytest.raises(ValueError, match="but has to be 0 to 1,000,000"):
            what_if(log, "a", times=times)
    with pytest.raises(TypeError, match="times is 'half'"):
        what_if(log, "a", times="half")
    with pytest.raises(TypeError, match="takes a log"):
        what_if([], "a", times=1)
    with pytest.raises(TypeError, match="takes as profile a mtia_lab.Profile, not a dict"):
        what_if(log, "a", times=1, profile={"launch": 1})
    with pytest.raises(TypeError, match="kind cannot be chosen"):
        what_if(log, times=1, kind="kernel")


def test_the_timeline_draws_it(lab, run):
    log = run([("a", 0, 10), ("a", 1, 20), ("b", 1, 4), ("stream", 1, 0), ("b", 0, 2)])
    picture = lab.draw.timeline(log, critical=True)
    assert "critical path: a 20 us, b 6 us, host 1.5 us" in picture.text
    plain = lab.draw.timeline(log)
    thick = 'stroke-width="4"'
    assert picture.svg.count(thick) - plain.svg.count(thick) == 4  # two in a row
    assert "critical path" in picture.svg and "critical path" not in plain.svg + plain.text
    many = run([("a", k % 3, 2 + k % 5) for k in range(400)])
    assert "critical path: a" in lab.draw.timeline(many, critical=True).text
    assert "critical path" in lab.draw.timeline(many, critical=True).svg
