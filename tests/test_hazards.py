"""The happens-before checker: each kind of finding, both its sides, and that its fix mends it."""

import re

import pytest
import torch

from mtia_lab.hazards import finding as kinds
from mtia_lab.hazards.report import check
from mtia_lab.log import Log


def only(items):
    (item,) = items
    return item


@pytest.fixture
def streams(lab):
    made = torch.Stream("mtia"), torch.Stream("mtia")
    torch.mtia.synchronize()
    return made


def produce_and_consume(streams, fixed):
    one, two = streams
    x = torch.ones(8, device="mtia")
    torch.mtia.synchronize()
    with one:
        x.add_(1)
    if fixed:
        two.wait_stream(one)
    with two:
        return x * 2


def overwrite_what_is_read(streams, fixed):
    one, two = streams
    x = torch.ones(8, device="mtia")
    torch.mtia.synchronize()
    with one:
        y = x * 2
    if fixed:
        two.wait_stream(one)
    with two:
        x.zero_()
    return y


def write_twice(streams, fixed):
    one, two = streams
    x = torch.ones(8, device="mtia")
    torch.mtia.synchronize()
    with one:
        x.add_(1)
    if fixed:
        two.wait_stream(one)
    with two:
        x.zero_()
    return x


def free_too_soon(streams, fixed):
    side, _ = streams
    x = torch.ones(1000, device="mtia")
    side.wait_stream(torch.mtia.current_stream())
    with side:
        y = x * 2
    if fixed:
        x.record_stream(side)
    del x
    return y, torch.zeros(1000, device="mtia")


def allocate_here_use_there(streams, fixed):
    side, _ = streams
    x = torch.ones(1000, device="mtia")
    x.add_(1)
    del x
    y = torch.empty(1000, device="mtia")
    if fixed:
        side.wait_stream(torch.mtia.current_stream())
    with side:
        return y.zero_()


def read_on_the_host(streams, fixed):
    x, host = torch.ones(8, device="mtia"), torch.empty(8, pin_memory=True)
    host.copy_(x, non_blocking=True)
    if fixed:
        torch.mtia.current_stream().synchronize()
    return host.sum()


def write_on_the_host(streams, fixed):
    x, host = torch.ones(8, device="mtia"), torch.ones(8, pin_memory=True)
    x.copy_(host, non_blocking=True)
    if fixed:
        torch.mtia.current_stream().synchronize()
    host.zero_()


def record_on_another_device(streams, fixed):
    event, there = streams[0].record_event(), torch.Stream("mtia:1")
    if fixed:
        event = torch.Event()
        there.record_event(event)
    else:
        with pytest.raises(RuntimeError, match="first recorded on mtia:0"):
            there.record_event(event)


PROGRAMS = {
    produce_and_consume: (kinds.RAW, r"insert `s2.wait_stream\(s1\)` before line"),
    overwrite_what_is_read: (kinds.WAR, r"insert `s2.wait_stream\(s1\)` before line"),
    write_twice: (kinds.WAW, r"insert `s2.wait_stream\(s1\)` before line"),
    free_too_soon: (kinds.REUSE, r"call `x.record_stream\(s1\)` .* before it is freed at line"),
    allocate_here_use_there: (
        kinds.REUSE,
        r"insert `s1.wait_stream\(torch.mtia.default_stream\(0\)\)` before line",
    ),
    read_on_the_host: (
        kinds.HOST_READ,
        r"insert `torch.mtia.default_stream\(0\).synchronize\(\)` before line",
    ),
    write_on_the_host: (
        kinds.HOST_WRITE,
        r"insert `torch.mtia.default_stream\(0\).synchronize\(\)` before line",
    ),
    record_on_another_device: (kinds.EVENT, r"record a new `torch.Event\(\)` on mtia1_s"),
}


def named(text, *streams):
    """Streams have other ids in every test."""
    for k, stream in enumerate(streams, 1):
        text = re.sub(rf"\bs{stream.stream_id}\b", f"s{k}", text)
    return text


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_each_kind_is_found_and_its_fix_mends_it(lab, streams, program):
    kind, fix = PROGRAMS[program]
    with lab.sanitizer() as report:
        program(streams, fixed=False)
        torch.mtia.synchronize()
    found = only(report)
    assert found.kind == kind
    assert found.severity == "hazard"
    assert re.match(fix, named(found.fix, *streams))
    with lab.sanitizer() as report:
        program(streams, fixed=True)
        torch.mtia.synchronize()
    assert not report, report


def test_an_empty_report_says_how_much_was_looked_at(lab):
    with lab.sanitizer() as report:
        torch.ones(2, device="mtia") + 1
        assert repr(report) == "no hazards in 2 commands on 1 stream"
        torch.mtia.synchronize()
    assert check(Log()).commands == 0
    assert repr(lab.find_hazards(Log())) == "no hazards in 0 commands on 0 streams"
