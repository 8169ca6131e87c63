"""Copies to, from, within and between devices: what they wait for, and when they are done."""

import pytest
import same
import torch

MEBIBYTE = 2**20


def host(n=4, pinned=False, value=1.0):
    return torch.full((n,), value, pin_memory=pinned)


def in_log(log, name):
    return next(c for c in log.commands if c.name == name)


def overlap(one, other):
    return one.start < other.finish and other.start < one.finish


@pytest.mark.parametrize("schedule", same.SCHEDULES)
@pytest.mark.parametrize("non_blocking", [False, True])
@pytest.mark.parametrize("pinned", [False, True])
def test_synchronized_copies_arrive(lab, schedule, non_blocking, pinned):
    lab.configure(schedule)
    source, target = host(pinned=pinned, value=3), host(pinned=pinned, value=0)
    x = source.to("mtia:0", non_blocking=non_blocking)
    y = x.to("mtia:1", non_blocking=non_blocking)
    z = torch.empty_like(y).copy_(y, non_blocking=non_blocking)
    target.copy_(z, non_blocking=non_blocking)
    torch.mtia.synchronize(1)
    assert target.tolist() == x.tolist() == y.tolist() == [3.0] * 4


def test_a_blocking_copy_is_done_when_it_returns(lab):
    for pinned in (False, True):
        source, target = host(pinned=pinned), host(pinned=pinned, value=0)
        x = torch.zeros(4, device="mtia").copy_(source)
        source.fill_(2)
        target.copy_(x)
        assert target.tolist() == [1.0] * 4


@pytest.mark.parametrize(("schedule", "early"), [("modelled", 0), ("latest", -1)])
def test_the_host_sees_old_bytes_before_it_synchronizes(lab, schedule, early):
    """Or poison: under "latest" it is to show."""
    lab.configure(schedule)
    x, target = torch.ones(4, device="mtia"), host(pinned=True, value=0)
    target.copy_(x, non_blocking=True)
    assert target.tolist() == [early] * 4
    torch.mtia.synchronize()
    assert target.tolist() == [1.0] * 4


def test_under_blocking_there_is_no_too_early(lab):
    lab.configure("blocking")
    x, target = torch.ones(4, device="mtia"), host(pinned=True, value=0)
    target.copy_(x, non_blocking=True)
    assert target.tolist() == [1.0] * 4


@pytest.mark.parametrize("schedule", ["modelled", "latest"])
@pytest.mark.parametrize("pinned, arrives", [(True, 2.0), (False, 1.0)])
def test_a_pinned_source_must_not_be_overwritten_too_early(lab, schedule, pinned, arrives):
    lab.configure(schedule)
    source = host(pinned=pinned)
    x = source.to("mtia", non_blocking=True)
    source.fill_(2)
    assert x.tolist() == [arrives] * 4


def test_a_copy_to_pageable_memory_waits_also_when_told_not_to(lab):
    lab.configure("latest")
    target = host(value=0)
    target.copy_(torch.ones(4, device="mtia"), non_blocking=True)
    assert target.tolist() == [1.0] * 4


def test_memory_that_pytorch_makes_for_a_non_blocking_copy_is_pinned(lab):
    moved = torch.ones(4, device="mtia").to("cpu", non_blocking=True)
    assert moved.is_pinned()
    torch.mtia.synchronize()
    assert moved.tolist() == [1.0] * 4


@pytest.mark.parametrize("pinned", [True, False])
def test_only_from_pinned_memory_the_host_goes_on_at_once(lab, pinned):
    lab.launch("busy", us=500)
    source = host(MEBIBYTE, pinned)
    before = lab.host_clock()
    source.to("mtia", non_blocking=True)
    spent = lab.host_clock() - before
    assert spent < 20 if pinned else spent > 500
    torch.mtia.synchronize()


def test_a_copy_takes_the_time_of_its_link(lab):
    source = host(8_000_000, pinned=True)  # 32 MB at 32 GB/s
    with lab.record() as log:
        x = source.to("mtia", non_blocking=True)
        x.to("mtia:1")
        source.copy_(x, non_blocking=True)
        torch.mtia.synchronize()
    for name in ("H2D", "P2P", "D2H"):
        copy = in_log(log, name)
        assert copy.type == "copy" and copy.finish - copy.start == pytest.approx(1001)


def two_streams(lab, one, other):
    """The log of `one()` on one stream and `other()` on another, enqueued at once."""
    first, second = torch.Stream("mtia"), torch.Stream("mtia")
    with lab.record() as log:
        with first:
            one()
        with second:
            other()
    torch.mtia.synchronize()
    return [c for c in log.commands if c.type in ("copy", "kernel")]


@pytest.fixture
def buffers(lab):
    """A large buffer on each device and two pinned ones, all idle."""
    on_device = [torch.zeros(MEBIBYTE, device=d) for d in ("mtia:0", "mtia:0", "mtia:1")]
    yield [*on_device, host(MEBIBYTE, True), host(MEBIBYTE, True)]
    torch.mtia.synchronize()


@pytest.mark.parametrize(
    "kinds, together",
    [
        (("H2D", "kernel"), True),
        (("D2H", "kernel"), True),
        (("H2D", "D2H"), True),
        (("H2D", "H2D"), False),
        (("D2H", "D2H"), False),
        (("copy_", "H2D"), True),
        (("P2P", "P2P"), False),
        (("P2P", "H2D"), True),
    ],
)
def test_which_copies_overlap(lab, buffers, kinds, together):
    x, y, peer, pinned, other = buffers
    torch.mtia.synchronize()

    def enqueue(kind, second):
        on_device = y if second else x
        {
            "H2D": lambda: on_device.copy_(pinned, non_blocking=True),
            "D2H": lambda: (other if second else pinned).copy_(
                y if second else x, non_blocking=True
            ),
            "P2P": lambda: peer.copy_(y if second else x),
            "copy_": lambda: x.copy_(y),
            "kernel": lambda: lab.launch("kernel", us=200),
        }[kind]()

    one, two = two_streams(lab, lambda: enqueue(kinds[0], False), lambda: enqueue(kinds[1], True))
    assert (one.name, two.name) == kinds
    assert overlap(one, two) == together


def test_a_pageable_source_does_not_overlap(lab):
    pageable = host(MEBIBYTE)
    with lab.record() as log:
        lab.launch("busy", us=500)
        pageable.to("mtia", non_blocking=True)
        torch.mtia.synchronize()
    assert not overlap(in_log(log, "busy"), in_log(log, "H2D"))
    assert in_log(log, "H2D").enqueue > in_log(log, "busy").finish


def test_item_waits_for_one_stream_only(lab):
    side, x = torch.Stream("mtia"), torch.tensor(3.0, device="mtia")
    torch.mtia.synchronize()
    with lab.record() as log:
        with side:
            lab.launch("long", us=10_000)
        lab.launch("short", us=100)
        assert (x + 1).item() == 4
        seen = lab.host_clock()
        assert not side.query()
    wait = next(c for c in log.calls if c.name == "_local_scalar_dense")
    short, long = in_log(log, "short"), in_log(log, "long")
    assert wait.begin < short.finish <= wait.end < long.finish
    assert seen < lab.host_clock() + long.finish
    torch.mtia.synchronize()


@pytest.mark.parametrize("schedule", same.SCHEDULES)
def test_a_peer_copy_is_ordered_with_the_current_streams_of_both_devices(lab, schedule):
    lab.configure(schedule)
    x = torch.ones(4, device="mtia:0")
    y = torch.zeros(4, device="mtia:1").add_(5)
    x += 1
    y.copy_(x)
    x += 1
    y += 1
    assert y.tolist() == [3.0] * 4 and x.tolist() == [3.0] * 4


def test_pinned_memory_is_not_reused_while_a_copy_reads_it(lab):
    lab.configure("latest")
    source = host(MEBIBYTE, pinned=True, value=7)
    address = source.data_ptr()
    x = source.to("mtia", non_blocking=True)
    del source
    assert host(MEBIBYTE, pinned=True, value=0).data_ptr() != address
    assert x.sum().item() == 7 * MEBIBYTE


def test_old_memory_stays_until_its_copy_is_done(lab):
    """A pageable source may go away at once."""
    lab.configure("latest")
    kept = [torch.full((100,), float(i)).to("mtia", non_blocking=True) for i in range(50)]
    assert [x[0].item() for x in kept] == list(range(50))
