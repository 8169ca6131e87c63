"""Hints: synchronization that orders nothing new, and nothing else."""

import cProfile
import re
import sys
import types
from concurrent.futures import ThreadPoolExecutor

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
    synchronize_twice: (kinds.NEEDLESS_SYNC, "delete the synchronization", 2),
    wait_for_nothing: (kinds.UNRECORDED, "record the event before line", 1),
}


WAITS = {
    "wait_event": (lambda stream, event: stream.wait_event(event), "the stream", r"mtia:0/\d+"),
    "wait": (lambda stream, event: event.wait(stream), "the stream", "a stream"),
    "synchronize": (lambda stream, event: event.synchronize(), "the host", "the host"),
}


@pytest.mark.parametrize("way", WAITS)
def test_who_waits_for_an_event_that_was_never_recorded(lab, streams, way):
    wait, who, where = WAITS[way]
    with lab.sanitizer() as report:
        wait(streams[0], torch.Event("mtia"))
    hint = only(report.hints)
    assert f"so {who} does not wait at all" in hint.why
    assert re.search(rf"event is waited for on {where}, ", repr(hint))


def double_buffer(streams, buffers, rounds, wait):
    """Nobody has used a buffer before the first rounds."""
    copying, working = streams
    used = [torch.Event("mtia") for _ in range(2)]
    for k in range(rounds):
        wait(copying, used[k % 2])
        with copying:
            buffers[k % 2].fill_(k)
        working.wait_stream(copying)
        with working:
            buffers[k % 2].sum()
        used[k % 2].record(working)
    return used


@pytest.mark.parametrize("rounds", [1, 2, 3, 6])
@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("way", WAITS)
def test_a_ring_may_wait_for_what_is_recorded_later(lab, streams, way, kept, rounds):
    """Also if the log ends before it has come round, as long as the events are there."""
    buffers = torch.zeros(2, 8, device="mtia")
    torch.mtia.synchronize()
    with lab.sanitizer() as report:
        used = double_buffer(streams, buffers, rounds, WAITS[way][0])
        if not kept:
            del used
    assert not report, report
    assert bool(report.hints) == (rounds <= 2 and not kept), report


def test_an_answer_that_may_be_another_next_time_makes_no_wait_needless(lab, streams):
    one, two = streams
    with lab.sanitizer() as report:
        with one:
            torch.ones(8, device="mtia")
        done = one.record_event()
        lab.launch("busy", us=100)
        assert done.query() and one.query()
        two.wait_event(done)
        one.synchronize()
    assert not report.hints, report


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


@pytest.fixture
def profiled():
    """What a profiler of the reader's is told of; it is there for the whole test."""
    seen = []

    def profiler(frame, event, argument):
        seen.append((event, getattr(argument, "__name__", "")))

    sys.setprofile(profiler)
    yield seen
    found = sys.getprofile()
    sys.setprofile(None)
    assert found is profiler


def test_a_profiler_that_is_there_goes_on_and_the_hints_are_there(lab, profiled):
    with lab.sanitizer() as outer, lab.sanitizer() as inner:
        wait_for_nothing([torch.Stream("mtia")])
    assert len(outer.hints) == len(inner.hints) == 1
    assert profiled.count(("c_call", "wait_event")) == 1
    assert profiled.count(("c_return", "wait_event")) == 1


def test_a_profiler_set_within_the_block_stays(lab):
    def profiler(*_):
        pass

    with lab.sanitizer():
        sys.setprofile(profiler)
    found = sys.getprofile()
    sys.setprofile(None)
    assert found is profiler


def test_a_profiler_written_in_c_goes_on_and_the_hints_are_there(lab):
    profiler = cProfile.Profile()
    with profiler:
        with lab.sanitizer() as report:
            wait_for_nothing([torch.Stream("mtia")])
        sum([1])
    assert len(report.hints) == 1
    names = [str(entry.code) for entry in profiler.getstats()]
    assert any("'wait_event'" in name for name in names)
    assert any("built-in method builtins.sum" in name for name in names), "it was stopped"


def test_a_profiler_that_puts_back_what_was_there_takes_no_hint_away(lab):
    with lab.sanitizer() as report:
        before = sys.getprofile()
        sys.setprofile(lambda *_: None)
        sys.setprofile(before)
        wait_for_nothing([torch.Stream("mtia")])
    assert len(report.hints) == 1
    assert sys.getprofile() is None


def test_a_profiler_that_calls_what_was_there_takes_no_hint_away(lab, profiled):
    """As profilers written in Python do, to go on with another one."""
    with lab.sanitizer() as report:
        before = sys.getprofile()

        def profiler(*event):
            before(*event)

        sys.setprofile(profiler)
        wait_for_nothing([torch.Stream("mtia")])
        sys.setprofile(before)
    assert len(report.hints) == 1
    assert (
        profiled.count(("c_call", "wait_event")) == profiled.count(("c_return", "wait_event")) == 1
    )


def test_no_python_code_runs_between_the_steps_of_the_program(lab):
    """An interrupt would be raised in it, so within functions that cannot be interrupted."""
    with lab.sanitizer():
        assert isinstance(sys.getprofile(), types.BuiltinFunctionType)


def test_a_block_left_on_another_thread_leaves_no_profiler(lab, profiled):
    before = sys.getprofile()
    block = lab.sanitizer()
    block.__enter__()
    assert sys.getprofile() is not before
    with ThreadPoolExecutor(1) as pool:
        pool.submit(block.__exit__, None, None, None).result()
    len([])  # the next event on this thread
    assert sys.getprofile() is before
    profiled.clear()
    len([])
    assert ("c_call", "len") in profiled


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


def on_another_thread(work):
    with ThreadPoolExecutor(1) as thread:
        thread.submit(work).result()


@pytest.mark.parametrize(
    "earlier",
    [
        lambda one, two: one.synchronize(),
        lambda one, two: two.wait_stream(one),
        lambda one, two: torch.mtia.synchronize(),
    ],
    ids=["synchronize", "wait_stream", "a device"],
)
def test_what_another_thread_waited_for_may_come_later_in_the_next_run(lab, streams, earlier):
    one, two = streams
    with lab.sanitizer() as report:
        with one:
            torch.ones(8, device="mtia")
        on_another_thread(lambda: earlier(one, two))
        two.wait_stream(one)
        one.synchronize()
    assert not report.hints


def test_work_of_another_thread_may_come_between_two_waits(lab, streams):
    one, two = streams

    def work():
        with one:
            torch.ones(8, device="mtia")

    with lab.sanitizer() as report:
        on_another_thread(work)
        two.wait_stream(one)
        two.wait_stream(one)
        one.synchronize()
        one.synchronize()
    assert not report.hints


def test_what_a_thread_did_itself_is_needless_beside_others(lab, streams):
    one, two = streams

    def work():
        torch.ones(8, device="mtia")

    with lab.sanitizer() as report:
        on_another_thread(work)
        with one:
            torch.ones(8, device="mtia")
        two.wait_stream(one)
        two.wait_stream(one)
        one.synchronize()
        one.synchronize()
    assert [hint.kind for hint in report.hints] == [kinds.NEEDLESS_WAIT, kinds.NEEDLESS_SYNC]


def test_autograds_thread_is_no_other_thread(lab, streams):
    x = torch.ones(8, device="mtia", requires_grad=True)
    with lab.sanitizer() as report:
        (x * x).sum().backward()
        streams[0].wait_stream(torch.mtia.current_stream())
        streams[0].wait_stream(torch.mtia.current_stream())
    assert only(report.hints).kind == kinds.NEEDLESS_WAIT


@pytest.mark.parametrize("works", [False, True])
def test_a_line_that_does_something_else_as_well_is_no_hint(lab, streams, works):
    """Nobody can delete what it does, though it gives the device no command."""
    look = torch.mtia.get_device_properties if works else lambda: None
    with lab.sanitizer() as report:
        with streams[0]:
            torch.ones(8, device="mtia")
        torch.mtia.synchronize()
        streams[0].synchronize(), look()
    assert [hint.kind for hint in report.hints] == [kinds.NEEDLESS_SYNC] * (not works)
