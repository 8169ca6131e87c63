"""The happens-before checker: each kind of finding, both its sides, and that its fix mends it."""

import re

import hazard_programs as programs
import pytest
import torch
from only import only

from mtia_lab.hazards import finding as kinds
from mtia_lab.log.log import Log

# In the functions of these lines, the streams have no names.
WAIT = r"insert `torch.accelerator.current_stream\(\).wait_stream\(s\d+\)` before line"
PROGRAMS = {
    programs.produce_and_consume: (kinds.RAW, WAIT),
    programs.overwrite_what_is_read: (kinds.WAR, r"insert `two.wait_stream\(one\)` before line"),
    programs.write_twice: (kinds.WAW, r"insert `two.wait_stream\(one\)` before line"),
    programs.free_too_soon: (
        kinds.REUSE,
        r"call `x.record_stream\(side\)` .* before it is freed at line",
    ),
    programs.allocate_here_use_there: (
        kinds.REUSE,
        r"insert `side.wait_stream\(torch.mtia.default_stream\(0\)\)` before line",
    ),
    programs.read_on_the_host: (
        kinds.HOST_READ,
        r"insert `torch.mtia.default_stream\(0\).synchronize\(\)` before line",
    ),
    programs.write_on_the_host: (
        kinds.HOST_WRITE,
        r"insert `torch.mtia.default_stream\(0\).synchronize\(\)` before line",
    ),
    programs.record_on_another_device: (
        kinds.EVENT,
        r"record a new `torch.Event\(\)` on there at line",
    ),
}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_each_kind_is_found_and_its_fix_mends_it(lab, streams, program):
    kind, fix = PROGRAMS[program]
    with lab.sanitizer() as report:
        program(streams, fixed=False)
        torch.mtia.synchronize()
    found = only(report)
    assert found.kind == kind
    assert found.severity == "hazard"
    assert re.match(fix, found.fix)
    with lab.sanitizer() as report:
        program(streams, fixed=True)
        torch.mtia.synchronize()
    assert not report, report


def test_a_finding_tells_of_both_sides_and_the_fix(empty):
    one, two = torch.Stream("mtia"), torch.Stream("mtia")
    x = torch.ones(2, 3, device="mtia")
    torch.mtia.synchronize()
    with empty.sanitizer() as report:
        with one:
            x.add_(1)  # +2
        with two:
            y = x.t() * 2  # +4
    found = only(report)
    assert y.shape == (3, 2)
    line = test_a_finding_tells_of_both_sides_and_the_fix.__code__.co_firstlineno + 6
    where = [f"{stream.device}/{stream.stream_id}" for stream in (one, two)]
    names = ["one", "two"]
    at = [f"line test_hazards.py:{line}", f"line test_hazards.py:{line + 2}"]
    told = [
        f"read-after-write race: nothing lets {where[1]} wait for {where[0]}",
        f"1. add_ writes float32[2, 3] on {where[0]}, 2 to 3 us, {at[0]}",
        f"2. mul reads float32[3, 2] strides [1, 3] on {where[1]}, 14 to 15 us, {at[1]}",
        "memory: 512 bytes allocated on mtia:0/0 before the recording",
        f"fix: insert `{names[1]}.wait_stream({names[0]})` before {at[1]}",
        f"({names[1]} is {where[1]}, {names[0]} is {where[0]})",
    ]
    assert " ".join(repr(found).split()) == " ".join(told)
    assert found.first.command < found.second.command
    assert found.first.access[:2] == found.second.access[:2]


def test_what_a_loop_does_again_is_one_finding_with_a_count(lab, streams):
    one, two = streams
    x = torch.ones(8, device="mtia")
    torch.mtia.synchronize()
    with lab.sanitizer() as report:
        for _ in range(5):
            with one:
                x.add_(1)
            with two:
                x.mul_(2)
    assert [(finding.kind, finding.count) for finding in report] == [(kinds.WAW, 5), (kinds.WAW, 4)]
    assert ", 5 times: " in repr(report[0])


def test_one_missing_wait_is_one_finding_however_much_it_spoils(lab, streams):
    one, two = streams
    xs = [torch.ones(8, device="mtia") for _ in range(4)]
    torch.mtia.synchronize()
    with lab.sanitizer() as report:
        with one:
            for x in xs:
                x.add_(1)
        with two:
            total = xs[0] + xs[1]
            total += xs[2] * xs[3]
    assert only(report).second.name == "add"


def test_a_race_is_found_whatever_the_schedule_made_of_it(lab, streams):
    for schedule in ("modelled", "blocking", "latest", "random:3"):
        lab.configure(schedule)
        with lab.sanitizer() as report:
            programs.produce_and_consume(streams, fixed=False)
            torch.mtia.synchronize()
        assert only(report).kind == kinds.RAW


def test_columns_of_a_matrix_may_be_written_at_once(lab, streams):
    one, two = streams
    x = torch.ones(8, 8, device="mtia")
    torch.mtia.synchronize()
    with lab.sanitizer() as report:
        with one:
            x[:, 0].add_(1), x[::2, 4:].add_(1)
        with two:
            x[:, 1].add_(1), x[1::2, 4:].add_(1)
    assert not report
    with lab.sanitizer() as report, one:
        x[:, 1:3].add_(1)
    with lab.sanitizer() as report:
        with one:
            x[:, 1:3].add_(1)
        with two:
            x[:, 2].add_(1)
    assert only(report).kind == kinds.WAW


def test_a_copy_between_devices_orders_itself(lab):
    x, y = torch.ones(8, device="mtia:0"), torch.ones(8, device="mtia:1")
    with lab.sanitizer() as report:
        for _ in range(3):
            y.copy_(x)
            x.copy_(y)
            x.add_(1), y.add_(1)
        torch.mtia.synchronize(0)
        torch.mtia.synchronize(1)
    assert not report and not report.hints


def test_a_tensor_recorded_on_a_stream_of_another_device(lab):
    with lab.sanitizer() as report:
        for _ in range(3):
            x, there = torch.ones(1000, device="mtia:0"), torch.Stream("mtia:1")
            there.wait_stream(torch.mtia.current_stream(0))
            with there:
                y = torch.empty(1000, device="mtia:1")
                torch.mtia.set_device(0)
                y.copy_(x)
            x.record_stream(there)
            del x
    assert not report


def test_with_poison_a_use_after_the_free_is_found_even_if_nobody_takes_the_memory(lab, streams):
    lab.configure(poison=True)
    try:
        with lab.sanitizer() as report:
            x = torch.ones(8, device="mtia")
            streams[0].wait_stream(torch.mtia.current_stream())
            with streams[0]:
                y = x * 2
            del x
            torch.mtia.synchronize()
    finally:
        lab.configure(poison=False)
    assert y.isnan().all()
    found = only(report)
    assert (found.kind, found.second.name) == (kinds.REUSE, "poison")


def test_random_numbers_are_drawn_in_order_on_any_stream(lab, streams):
    with lab.sanitizer() as report:
        for stream in streams * 2:
            with stream:
                torch.rand(8, device="mtia")
    assert not report


def test_events_timed_across_devices(lab):
    here, there = (torch.Event(device, enable_timing=True) for device in ("mtia:0", "mtia:1"))
    here.record(torch.Stream("mtia:0")), there.record(torch.Stream("mtia:1"))
    with lab.sanitizer() as report:
        here.record(torch.Stream("mtia:0")), there.record(torch.Stream("mtia:1"))
        with pytest.raises(RuntimeError, match="no clock in common"):
            here.elapsed_time(there)
    assert only(report).kind == kinds.EVENT


def test_a_report_knows_what_has_happened_so_far(lab, streams):
    with lab.sanitizer() as report:
        torch.ones(8, device="mtia")
        assert not report and len(report) == 0
        programs.produce_and_consume(streams, fixed=False)
        assert only(report).kind == kinds.RAW
        torch.mtia.synchronize()
    assert report[0] is only(report)
    assert list(lab.find_hazards(report.log)) == list(report)


def test_an_empty_report_says_how_much_was_looked_at(lab):
    with lab.sanitizer() as report:
        torch.ones(2, device="mtia") + 1
        assert repr(report) == "no hazards in 2 commands on 1 stream"
        torch.mtia.synchronize()
    assert repr(lab.find_hazards(Log())) == "no hazards in 0 commands on 0 streams"
