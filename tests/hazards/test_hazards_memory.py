"""What the allocator promises, told by logs alone: when freed memory may be used again."""

import sys

import in_us
import pytest
import torch
from drawings import call

from mtia_lab.hazards import find_hazards
from mtia_lab.hazards import finding as kinds
from mtia_lab.hazards.sequence import Learned, in_order
from mtia_lab.log.log import Log
from mtia_lab.log.records import PINNED, Access, Known

BYTES = 512
MAIN, SIDE, OTHER = 0, 1, 2


def use(id, stream, write=False, device=0, after=()):
    access = (Access(device, 0, BYTES, "float32", (128,), None, 4),)
    uses = ((), access) if write else (access, ())
    given = (0, stream, 0.0, 0.0, 0.0, 0, None, None, after, f"p.py:{id}")
    return in_us.command(id, "kernel", f"k{id}", *given, *uses)


def memory(action, stream=MAIN, device=0, address=0, size=BYTES):
    return in_us.memory(action, device, stream, address, size, 0.0, 0, "p.py:9")


def kinds_in(*records):
    return [(f.kind, f.first.command, f.second.command) for f in find_hazards(Log(records))]


def freed_and_taken_again(*recorded):
    return [
        memory("alloc"),
        use(1, MAIN, write=True),
        use(2, SIDE, after=(1,)),
        use(3, OTHER, after=(1,)),
        *(memory("record_stream", stream) for stream in recorded),
        memory("free"),
        memory("alloc"),
        use(4, MAIN, write=True),
    ]


def test_each_stream_must_be_recorded():
    first, second = (kinds.REUSE, 2, 4), (kinds.REUSE, 3, 4)
    assert sorted(kinds_in(*freed_and_taken_again())) == [first, second]
    assert kinds_in(*freed_and_taken_again(SIDE)) == [second]
    assert kinds_in(*freed_and_taken_again(OTHER)) == [first]
    assert kinds_in(*freed_and_taken_again(SIDE, OTHER)) == []


@pytest.mark.parametrize("own", [False, True])
def test_a_recording_of_the_stream_that_allocated_is_named_as_void(lab, own):
    side = torch.Stream("mtia")
    main = torch.mtia.current_stream()
    with lab.sanitizer() as report:
        with side:
            x = torch.ones(BYTES, device="mtia")
            if own:
                line = sys._getframe().f_lineno + 1
                x.record_stream(torch.accelerator.current_stream())
        main.wait_stream(side)
        x * 2
        del x
        with side:
            torch.zeros(BYTES, device="mtia")
    (found,) = report
    assert "call `x.record_stream(main)`" in found.fix
    assert ("which keeps nothing" in found.fix) == own
    assert not own or f"the call at line test_hazards_memory.py:{line} names" in found.fix


def test_what_is_used_after_the_free_is_not_covered_by_a_recording_before():
    """A graph's replay may use memory that its capture has freed long ago."""
    program = [memory("alloc"), memory("record_stream", SIDE), memory("free")]
    assert kinds_in(*program, use(1, SIDE), use(2, MAIN, write=True)) == [(kinds.WAR, 1, 2)]


def test_memory_that_went_back_to_the_device_was_waited_for():
    program = [memory("alloc"), use(1, SIDE, write=True), memory("free")]
    again = [memory("alloc", OTHER), use(2, OTHER, write=True)]
    assert kinds_in(*program, *again) == [(kinds.REUSE, 1, 2)]
    assert kinds_in(*program, memory("segment_free", size=4 * BYTES), *again) == []


def test_a_recording_is_of_one_block_where_two_devices_have_the_same_address():
    program = [memory("alloc"), memory("alloc", device=1), use(1, SIDE), use(2, SIDE, device=1)]
    recorded = in_us.memory("record_stream", 1, SIDE, 0, BYTES, 0.0, 0, "p.py:9", owner=1)
    again = [memory("free"), memory("alloc"), use(3, MAIN, write=True)]
    assert kinds_in(*program, recorded, *again) == [(kinds.REUSE, 1, 3)]


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("known", [False, True])
def test_pinned_memory_is_given_away_only_when_no_use_that_was_recorded_is_left(write, known):
    access = (Access(PINNED, 0, BYTES, "float32", (128,), None, 4),)
    host = in_us.host("fill_", () if write else access, access if write else (), 0.0, 0, "p.py:8")
    program = [memory("alloc", device=PINNED)] if known else []
    program += [use(1, SIDE, write=True, device=PINNED)]
    kind = kinds.HOST_WRITE if write else kinds.HOST_READ
    assert kinds_in(*program, host) == [(kind, 1, None)]
    recorded = in_us.memory("record_stream", 0, SIDE, 0, BYTES, 0.0, 0, "p.py:9", owner=PINNED)
    again = [memory("free", device=PINNED), memory("alloc", device=PINNED)]
    assert kinds_in(*program, recorded, *again, host) == []
    assert kinds_in(*program, *again, host) == [(kinds.REUSE if known else kind, 1, None)]
    if known:
        [found] = find_hazards(Log([*program, *again, host]))
        assert found.fix.startswith("insert `s1.synchronize()` before line p.py:9")


def test_part_of_a_block_that_was_cut_up():
    whole = [
        memory("alloc", size=4 * BYTES),
        use(1, SIDE, write=True),
        memory("free", size=4 * BYTES),
    ]
    parts = [memory("alloc", address=k * BYTES) for k in range(4)]
    found = find_hazards(Log([*whole, *parts, use(2, MAIN, write=True)]))
    assert [finding.kind for finding in found] == [kinds.REUSE]
    assert "2,048 bytes first allocated" in found[0].memory[0]
    assert "512 bytes then allocated" in found[0].memory[1]


def test_commands_of_two_host_threads_are_taken_in_the_order_of_their_ids():
    """The calls of two threads may return, and be written down, in another order."""
    records = [use(1, MAIN, write=True), use(3, SIDE, write=True, after=(2,)), use(2, MAIN)]
    assert [record.id for record in in_order(Log(records))] == [1, 2, 3]
    assert kinds_in(*records) == []


def test_calls_that_say_nothing_are_passed_over_up_to_a_backward():
    """Which call ends a backward depends on its line alone."""
    said = [
        call("block", events=(3,)),
        call("add", synchronized=(Known(0, 0, 1, 1),)),
        call("synchronizeStream"),
        call("wait_event", door="torch"),
    ]
    silent = [call("getStream"), call("mul", door="aten")]
    backward = call("getDevice", marker="backward")
    found = list(in_order(Log([*silent, *said, backward, *silent])))
    assert [r for r in found if not isinstance(r, Learned)] == [*said, backward, *silent]
    assert [learned.call for learned in found if isinstance(learned, Learned)] == [said[1]]
