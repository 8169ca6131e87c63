"""What the log says of memory: who used which, what the host learned, what commands left behind."""

import struct

import pytest
import torch
from only import only

from mtia_lab.log.records import PINNED, Access, Known


def floats(value):
    return list(struct.unpack(f"{len(value.data) // 4}f", value.data))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda x: x, "float32[2, 3]"),
        (lambda x: x.t(), "float32[3, 2] strides [1, 3]"),
        (lambda x: x[1], "float32[3]"),
        (lambda x: x[1, 2], "float32[]"),
    ],
)
def test_an_access_says_what_tensor_it_is(empty, make, expected):
    x = make(torch.zeros(2, 3, device="mtia"))
    with empty.record() as log:
        x.neg()
    access = only(only(log.commands).reads)
    strides = None if x.is_contiguous() else x.stride()
    layout = ("float32", tuple(x.shape), strides, 4)
    assert access == Access(0, 4 * x.storage_offset(), access.bytes, *layout)
    assert access.tensor == expected
    assert access.bytes == (24 if x.numel() == 6 else 4 * x.numel())


def test_every_dtype_is_named_as_python_does(lab):
    for dtype in (torch.bool, torch.int64, torch.bfloat16, torch.float64, torch.complex64):
        x = torch.ones(2, dtype=dtype, device="mtia")
        with lab.record() as log:
            x.clone()
        assert f"torch.{only(only(log.commands).reads).tensor}" == f"{dtype}[2]"


def test_copies_name_the_pinned_memory_they_use(lab):
    host, x = torch.zeros(4, pin_memory=True), torch.zeros(4, device="mtia")
    with lab.record() as log:
        x[:2].copy_(host[1:3], non_blocking=True)
        host.copy_(x, non_blocking=True)
        x.copy_(torch.zeros(4))  # pageable: nobody but the host can use it
    to_device, to_host, pageable = log.commands
    assert only(to_device.reads).device == only(to_host.writes).device == PINNED
    assert only(to_device.reads).address == only(to_host.writes).address + 4
    assert [only(to_device.reads).tensor, only(to_host.writes).tensor] == [
        "float32[2]",
        "float32[4]",
    ]
    assert pageable.reads == ()


def known(log):
    return [point for call in log.calls for point in call.synchronized]


def test_the_host_learns_from_what_waits_and_from_a_query_that_says_yes(lab):
    first, second = torch.Stream("mtia:0"), torch.Stream("mtia:0")
    with lab.record() as log:
        with first:
            lab.launch("a", us=50)
        event = first.record_event()
        with second:
            lab.launch("b", us=5)
        assert not event.query() and known(log) == []
        event.synchronize()
        assert event.query()
        second.synchronize()
        torch.mtia.synchronize(0)
    a, record, b = (command.id for command in log.commands)
    assert known(log) == [
        Known(0, first.stream_id, record, b),
        Known(0, first.stream_id, record, b),
        Known(0, second.stream_id, b, b),
        Known(0, None, b, b),
    ]
    assert a < record < b


def test_blocking_copies_and_item_teach_the_host_and_what_does_not_wait_does_not(lab):
    x, pinned = torch.zeros(4, device="mtia"), torch.zeros(4, pin_memory=True)
    for body, learns in [
        (lambda: x[0].item(), True),
        (lambda: x.cpu(), True),
        (lambda: x.nonzero(), True),
        (lambda: pinned.copy_(x, non_blocking=True), False),
        (lambda: x.add_(1), False),
    ]:
        with lab.record() as log:
            body()
        newest = log.commands[-1].id
        assert bool(known(log)) == learns
        assert all(point.command <= point.newest <= newest for point in known(log))
        assert not learns or known(log)[0].command == log.commands[0].id


def test_nothing_is_learned_from_an_event_nobody_recorded(lab):
    lab.launch("before", us=5)
    event = torch.Event("mtia")
    with lab.record() as log:
        event.synchronize()
        event.query()
    assert known(log) == []


def test_the_hosts_operators_on_pinned_memory(lab):
    host = torch.zeros(8, pin_memory=True)
    plain, x = torch.ones(8), torch.ones(8, device="mtia")
    with lab.record(host=True) as log:
        host.view(2, 4)[1].sum()
        host.add_(plain)
        torch.add(plain, plain, out=host)
        torch.cat([plain, host])
        host.to(torch.float64)
        # None of these looks at the host's elements on the host.
        torch.empty_like(host), host.shape, host.t(), host.is_pinned()
        host.to("mtia", non_blocking=True), host.copy_(x, non_blocking=True), plain.sum()
    base = only(log.hosts[1].writes).address
    seen = [(h.name, h.reads, h.writes) for h in log.hosts]
    whole = Access(PINNED, base, 32, "float32", (8,), None, 4)
    assert seen == [
        ("sum", (Access(PINNED, base + 16, 16, "float32", (4,), None, 4),), ()),
        ("add_", (), (whole,)),
        ("add", (), (whole,)),
        ("cat", (whole,), ()),
        ("to", (whole,), ()),
    ]
    assert all(h.site and h.site.startswith("test_log_accesses.py") for h in log.hosts)


def test_who_did_not_ask_is_not_told(lab):
    host = torch.zeros(8, pin_memory=True)
    with lab.record(host=True), lab.record() as inner:
        pass
    with lab.record() as log:
        host.sum()
        torch.zeros(8, pin_memory=True)
        torch.ones(8, device="mtia").cpu()
    assert log.hosts == log.values == log.pinned == inner.hosts == []


def test_pinned_memory_is_numbered_in_one_row(lab):
    with lab.record(host=True) as log:
        one = torch.empty(100, pin_memory=True)
        del one
    taken, given = log.pinned
    assert (taken.action, given.action) == ("alloc", "free")
    assert (taken.device, taken.address) == (given.device, given.address)
    assert log.memory == []


@pytest.mark.parametrize("schedule", ["modelled", "latest"])
def test_values_are_recorded_when_they_come_to_be(lab, schedule):
    lab.configure(schedule)
    x = torch.zeros(4, device="mtia")
    torch.mtia.synchronize()
    with lab.record(values=True) as log:
        x.add_(1)
        x.mul_(3)
        assert schedule != "latest" or log.values == []
        torch.mtia.synchronize()
        x.fill_(9)  # not waited for under "latest"
    first, second = log.values[:2]
    add, mul, fill = log.commands
    assert [first.command, second.command] == [add.id, mul.id]
    assert [floats(first), floats(second)] == [[1.0] * 4, [3.0] * 4]
    assert first.access == only(add.writes)
    assert schedule != "latest" or fill.id not in [value.command for value in log.values]


def test_values_of_pinned_memory_and_of_large_tensors(lab):
    x, host = torch.arange(1000.0).to("mtia"), torch.zeros(1000, pin_memory=True)
    with lab.record(values=True) as log:
        host.copy_(x, non_blocking=True)
        torch.mtia.synchronize()
    value = only(log.values)
    assert value.access.device == PINNED
    assert floats(value) == list(range(64))


def test_a_kernel_that_failed_left_nothing_to_speak_of(lab):
    x, index = torch.zeros(4, device="mtia"), torch.tensor([7], device="mtia")
    with lab.record(values=True) as log:
        out = x.gather(0, index)
        with pytest.raises(RuntimeError, match="gather"):
            torch.mtia.synchronize()
    assert out.shape == (1,)
    assert log.values == []
