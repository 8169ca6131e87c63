"""The summary adds up, and agrees with looking at every moment of a log one by one."""

import inspect
import itertools
import random
import re
from dataclasses import replace

import in_us
import pytest
import torch
from drawings import NASTY, call, command, rerecorded, some_log
from hypothesis import given, settings
from hypothesis import strategies as st

import mtia_lab
from mtia_lab.log.log import Log
from mtia_lab.log.records import Access
from mtia_lab.log.units import nanoseconds

# What a stream is given: where, what, how long after the one before it, how long it takes.
GIVEN = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["kernel", "copy", "record", "wait", "wait", "draw"]),
        st.sampled_from([0, 1, 40]),
        st.sampled_from([1, 7, 30]),
    ),
    max_size=25,
)


def simulated(given_commands):
    """A log by the start rule, with one slot for kernels and one engine for copies, in ns."""
    clock, free, slots, done, records, last_draw = 0, {}, {}, {0: 0}, [], 0
    for number, (stream, kind, gap, duration) in enumerate(given_commands, 1):
        clock += gap
        type_ = "kernel" if kind == "draw" else kind
        recorded = [k for k, r in done.items() if k == 0 or records[k - 1].type == "record"]
        after = {"wait": (recorded[duration % len(recorded)],), "draw": (last_draw,)}.get(kind, ())
        start = max([clock, free.get(stream, 0), *(done[k] for k in after)])
        finish = start
        if type_ in ("kernel", "copy"):
            start = max(start, slots.get(type_, 0))
            finish = slots[type_] = start + duration
        last_draw = number if kind == "draw" else last_draw
        free[stream] = done[number] = finish
        times = [t / 1000 for t in (clock, start, finish)]
        records.append(command(number, type_, (0, stream), times, name=kind, after=after))
    return Log(records)


def reason(log, stream, time):
    """Why a stream is idle at a time, or what it runs: the definition, word for word."""
    known = {c.id: c for c in log.commands}
    queue = [c for c in log.commands if (c.device, c.stream) == stream]
    left = [c for c in queue if nanoseconds(c.finish) > time]
    if not left or nanoseconds(left[0].enqueue) > time:
        return "host"
    first = left[0]
    if nanoseconds(first.start) <= time:
        return "a copy" if first.type == "copy" else "a kernel"
    for k in first.after:
        if k not in known:
            return "dependency"
        if nanoseconds(known[k].finish) > time:
            why = reason(log, (known[k].device, known[k].stream), time)
            return {"a copy": "copy", "a kernel": "dependency"}.get(why, why)
    return "copy" if first.type == "copy" else "dependency"


def sampled(log, end):
    """By stream: how long for each reason, and how long busy while another was busy too."""
    streams = sorted({(c.device, c.stream) for c in log.commands})
    found = {
        s: dict.fromkeys(["host", "copy", "dependency", "busy", "overlap"], 0) for s in streams
    }
    edges = {0, end}
    for c in log.commands:
        edges |= {nanoseconds(t) for t in (c.enqueue, c.start, c.finish)}
    edges = sorted(edges)
    for begin, until in itertools.pairwise(edges):
        why = {s: reason(log, s, begin) for s in streams}
        busy = {s for s in streams if why[s] in ("a copy", "a kernel")}
        for s in streams:
            found[s]["busy" if s in busy else why[s]] += until - begin
            found[s]["overlap"] += until - begin if s in busy and len(busy) > 1 else 0
    return found


def assert_adds_up(log):
    got = mtia_lab.summary(log)
    end = nanoseconds(got.span)
    expected = sampled(log, end)
    assert [(row.device, row.stream) for row in got.streams] == list(expected)
    for row in got.streams:
        for name, value in expected[row.device, row.stream].items():
            assert nanoseconds(getattr(row, name)) == value, (row, name)
        assert nanoseconds(row.busy) + nanoseconds(row.idle) == end
        parts = [nanoseconds(t) for t in (row.host, row.dependency, row.copy)]
        assert sum(parts) == nanoseconds(row.idle)
        assert sum(parts[1:]) == nanoseconds(row.waiting)
        assert 0 <= row.overlap <= row.busy and min(parts) >= 0
    assert sum(row.commands for row in got.streams) == len(log.commands)
    kernels = sum(nanoseconds(row.time) for row in got.kernels)
    assert kernels == sum(nanoseconds(row.busy) for row in got.streams)
    assert not got.kernels or sum(row.share for row in got.kernels) == pytest.approx(1)
    return got


@settings(max_examples=150, database=None)
@given(GIVEN)
def test_it_agrees_with_looking_at_every_moment(given_commands):
    assert_adds_up(simulated(given_commands))


@pytest.mark.parametrize("seed", range(5))
def test_it_adds_up_over_two_devices_and_threads(seed):
    log = some_log(seed, 60)
    got = assert_adds_up(log)
    for row in got.threads:
        mine = [call for call in log.calls if call.thread == row.thread]
        assert (row.calls, row.blocked) == (len(mine), pytest.approx(sum(c.waited for c in mine)))


@pytest.mark.parametrize("schedule", ["modelled", "latest", "random:3"])
def test_it_adds_up_on_the_device(lab, schedule):
    lab.configure(schedule, profile=lab.Profile(kernel_slots=1))
    one, two = torch.Stream("mtia"), torch.Stream("mtia")
    pinned = torch.ones(1 << 16, pin_memory=True)
    with lab.record() as log:
        for _ in range(3):
            with one:
                x = pinned.to("mtia", non_blocking=True)
                done = one.record_event()
            with two:
                two.wait_event(done)
                y = x * 2
                y = y + torch.rand(1, device="mtia")
            y = x.to("mtia:1") + torch.rand(1, device="mtia:1")
            y.cpu()
        torch.mtia.synchronize()
    got = assert_adds_up(log)
    assert any(row.copy for row in got.streams) and any(row.overlap for row in got.streams)
    assert sum(row.copied for row in got.streams) == 3 * 3 * (1 << 18)
    (thread,) = got.threads
    assert thread.calls == len(log.calls) and thread.blocked > 0


def test_a_copy_behind_a_copy_behind_an_event_is_the_copy_s_fault():
    log = Log(
        [
            command(1, "copy", (0, 1), (0, 0, 10), name="H2D"),
            command(2, "kernel", (0, 1), (0, 10, 15), name="k"),
            command(3, "record", (0, 1), (0, 15, 15), event=1, version=1),
            command(4, "wait", (0, 2), (1, 15, 15), event=1, version=1, after=(3,)),
            command(5, "record", (0, 2), (1, 15, 15), event=2, version=1),
            command(6, "wait", (0, 3), (2, 15, 15), event=2, version=1, after=(5,)),
            command(7, "kernel", (0, 3), (2, 15, 20), name="k"),
        ]
    )
    rows = assert_adds_up(log).streams
    assert [(r.host, r.copy, r.dependency) for r in rows] == [(5, 0, 0), (6, 9, 5), (2, 8, 5)]


def test_what_was_enqueued_before_the_log_is_a_dependency():
    log = Log([command(9, "wait", (0, 1), (4, 10, 10), event=1, version=3, after=(2,))])
    (row,) = assert_adds_up(log).streams
    assert (row.host, row.dependency) == (4, 6)


def test_the_bytes_of_a_copy_are_counted_once():
    there, here = Access(0, 0, 64), Access(0, 512, 64)
    moves = [((), (there,)), ((there,), ()), ((there,), (here,))]
    log = Log(
        [
            in_us.command(
                k, "copy", "c", 0, 0, 0.0, k, k + 1, 0, None, None, (), None, reads, writes
            )
            for k, (reads, writes) in enumerate(moves)
        ]
    )
    assert mtia_lab.summary(log).streams[0].copied == 3 * 64


def test_the_tables_say_what_the_rows_say():
    got = mtia_lab.summary(rerecorded())
    shown = got._repr_mimebundle_()
    assert shown["text/plain"] == repr(got)
    cells = re.findall(r">([^<>]+)</t[dh]>", shown["text/html"])
    words = [word for line in repr(got).splitlines()[1:] for word in re.split(r"  +", line)]
    assert cells == [word for word in words if word]
    lines = [line.split() for line in repr(got).splitlines()]
    assert ["mtia:0/2", "8", "20.0%", "32", "23.0", "9.0", "0", "9.0", "8", "2", "0"] in lines
    assert ["second", "kernel", "1", "20", "43.5%"] in lines


def test_an_empty_log_and_a_host_alone():
    assert repr(mtia_lab.summary(Log())).splitlines()[-1] == "nothing was recorded"
    assert "nothing was recorded" in mtia_lab.summary(Log())._repr_mimebundle_()["text/html"]
    alone = mtia_lab.summary(Log([call("query", begin=0.0, end=5.0)]))
    assert alone.streams == () and alone.threads[0].calls == 1 and alone.span == 5.0


def test_it_stays_short_and_names_do_no_harm():
    commands = [command(k, "kernel", (0, k), (0, k, k + 1), name=f"{k}{NASTY}") for k in range(200)]
    got = mtia_lab.summary(Log(commands))
    text = repr(got)
    assert len(got.streams) == len(got.kernels) == 200
    assert "... and 160 more" in text and "... and 190 more" in text and text.isascii()
    assert "<&>" not in got._repr_mimebundle_()["text/html"]


def test_each_line_costs_what_it_makes_host_and_device_do(lab, streams):
    one, _ = streams
    file = "test_summary.py"
    first = line_number()
    with lab.record() as log:
        with one:
            lab.launch("a", us=30)
            lab.launch("b", us=20)
        one.synchronize()
    found = {row.line: row for row in mtia_lab.summary(log).lines}
    a, b, wait = (found[f"{file}:{first + k}"] for k in (3, 4, 5))
    assert (a.device, b.device, wait.device) == (30, 20, 0)
    assert (a.share, b.share) == (0.6, 0.4) and a.commands == b.commands == 1
    assert wait.blocked > 40 and wait.host >= wait.blocked and a.blocked == 0
    assert a.calls == 1 and a.host == 2  # what a launch costs


def line_number():
    return inspect.currentframe().f_back.f_lineno


@pytest.mark.parametrize("seed", range(5))
def test_lines_add_up_to_the_rest(seed):
    draws = random.Random(seed)
    sites = [None, "a.py:1", "a.py:2", NASTY]
    log = Log([replace(record, site=draws.choice(sites)) for record in some_log(seed, 60)])
    found = mtia_lab.summary(log)
    lines = found.lines
    assert {row.line for row in lines} == set(sites)
    assert sum(row.calls for row in lines) == sum(row.calls for row in found.threads)
    assert sum(row.blocked for row in lines) == pytest.approx(found.threads[0].blocked)
    assert sum(row.device for row in lines) == pytest.approx(sum(k.time for k in found.kernels))
    assert sum(row.commands for row in lines) == len(log.commands)
    assert sum(row.host for row in lines) == pytest.approx(sum(c.end - c.begin for c in log.calls))
    costs = [row.host + row.device for row in lines]
    assert costs == sorted(costs, reverse=True)


def test_a_call_within_a_call_is_no_further_time_of_the_host():
    outer = call("outer", begin=0.0, end=9.0, id=1, site="a.py:1")
    inner = call("inner", begin=2.0, end=5.0, id=2, call=1, site="a.py:1")
    assert [row.host for row in mtia_lab.summary(Log([inner, outer])).lines] == [9]
    assert [row.host for row in mtia_lab.summary(Log([inner])).lines] == [3]  # the outer is cut off


def test_the_table_of_lines_is_there_when_asked_for():
    log = Log([replace(record, site=None) for record in some_log(1, 40)])
    plain, asked = mtia_lab.summary(log), mtia_lab.summary(log, lines=True)
    assert repr(asked).startswith(repr(plain)) and "no line of yours" in repr(asked)
    assert "no line of yours" not in repr(plain)
    assert "<td" in asked.tables[-1].html() and len(asked.tables) == len(plain.tables) + 1
