"""Hints: synchronisation that orders nothing new, and nothing else."""

import sys

import pytest
import torch
from only import only

from mtia_lab.hazards import finding as kinds


def wait_for_itself(streams):
    streams[0].wait_stream(streams[0])


def wait_twice(streams):
    streams[1].wait_stream(streams[0])
    streams[1].wait_stream(streams[0])


def wait_after_the_host_has(streams):
    done = streams[0].record_event()
    done.synchronize()
    streams[1].wait_event(done)


def synchronize_twice(streams):
    torch.mtia.synchronize()
    torch.mtia.synchronize()


def wait_for_nothing(streams):
    streams[0].wait_event(torch.Event("mtia"))


HINTS = {
    wait_for_itself: (kinds.NEEDLESS_WAIT, "delete the wait", 1),
    wait_twice: (kinds.NEEDLESS_WAIT, "delete the wait", 2),
    wait_after_the_host_has: (kinds.NEEDLESS_WAIT, "delete the wait", 3),
    synchronize_twice: (kinds.NEEDLESS_SYNC, "delete the synchronisation", 2),
    wait_for_nothing: (kinds.UNRECORDED, "record the event before line", 1),
}


@pytest.mark.parametrize("program", HINTS, ids=lambda program: program.__name__)
def test_what_is_of_no_use_is_a_hint(lab, streams, program):
    kind, fix, line = HINTS[program]
    with lab.sanitizer() as report:
        with streams[0]:
            torch.ones(8, device="mtia")
        program(streams)
    hint = only(report.hints)
    assert not report
    assert (hint.kind, hint.severity) == (kind, "hint")
    assert hint.fix.startswith(fix)
    assert hint.second.site == f"test_hazards_hints.py:{program.__code__.co_firstlineno + line}"


def test_a_wait_that_is_of_use_once_is_no_hint(lab, streams):
    one, two = streams
    with lab.sanitizer() as report:
        for turn in range(3):
            if turn != 1:
                with one:
                    torch.ones(8, device="mtia")
            two.wait_stream(one)
    assert not report.hints


def test_what_pytorch_waits_for_itself_is_no_hint(lab, streams):
    x = torch.ones(8, device="mtia:0", requires_grad=True)
    with lab.sanitizer() as report:
        for _ in range(2):
            (x.to("mtia:1") * 2).sum().backward()
            x.cpu(), x.sum().item()
    assert not report and not report.hints


def test_a_profiler_that_is_there_is_left_alone(lab):
    def profiler(*_):
        pass

    sys.setprofile(profiler)
    try:
        with lab.sanitizer() as report:
            assert sys.getprofile() is profiler
            wait_for_nothing([torch.Stream("mtia")])
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert not report.hints
    with lab.sanitizer():
        assert sys.getprofile() is not None
    assert sys.getprofile() is None


def test_a_wait_that_comes_too_late_is_not_needless_until_the_race_is_mended(lab, streams):
    one, two = streams
    x = torch.ones(8, device="mtia")
    torch.mtia.synchronize()
    with lab.sanitizer() as report:
        with one:
            x.add_(1)
        with two:
            x.mul_(2)
        two.wait_stream(one)
    assert only(report).kind == kinds.WAW
    assert not report.hints
