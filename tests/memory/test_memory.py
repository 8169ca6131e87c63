"""Which memory a tensor gets: by stream, after record_stream, and with poison in it."""

import pytest
import torch
from memory import MIB, taken

from mtia_lab import isolated


def test_a_block_is_free_for_its_own_stream_at_once(empty):
    empty.configure(schedule="latest")
    x = taken(1000)
    empty.launch("still uses x")
    address = x.data_ptr()
    del x
    assert taken(1000).data_ptr() == address


def test_another_stream_gets_another_block(empty):
    x = taken(1000)
    address = x.data_ptr()
    del x
    torch.mtia.synchronize()
    with torch.Stream("mtia:0"):
        assert taken(1000).data_ptr() != address, "cached memory stays with its stream"


@pytest.mark.parametrize(
    ("user", "work", "waits", "reused"),
    [
        (None, True, False, True),  # nobody said so: this is the bug that record_stream prevents
        ("own", True, False, True),
        ("other", True, False, False),
        ("other", True, True, True),
        ("other", False, False, True),
        ("other device's", True, False, False),
        ("other device's", True, True, True),
    ],
)
def test_record_stream_keeps_a_block_while_it_is_used(empty, user, work, waits, reused):
    empty.configure(schedule="latest")
    stream = {
        "own": torch.mtia.default_stream(0),
        "other device's": torch.Stream("mtia:1"),
    }.get(user) or torch.Stream("mtia:0")
    x = taken(1000)
    address = x.data_ptr()
    if user:
        x.record_stream(stream)
    with stream:
        if work:
            empty.launch("uses x")
        del x  # freed by whichever stream is current; it still belongs to its own
        empty.launch("comes too late to matter")
    if waits:
        stream.synchronize()
    torch.mtia.set_device(0)
    assert (taken(1000).data_ptr() == address) is reused


def test_only_work_from_before_the_free_delays_reuse(empty):
    empty.configure(schedule="latest")
    side = torch.Stream("mtia:0")
    x = taken(1000)
    address = x.data_ptr()
    x.record_stream(side)
    before = torch.Event()
    with side:
        empty.launch("uses x")
        before.record()
        del x
        empty.launch("does not")
    before.synchronize()
    assert not side.query()
    assert taken(1000).data_ptr() == address


@pytest.mark.parametrize("recorded", [True, False])
def test_without_record_stream_another_streams_kernel_reads_what_came_after(empty, recorded):
    empty.configure(schedule="latest")
    side = torch.Stream("mtia:0")
    x = torch.ones(1000, device="mtia")
    torch.mtia.synchronize()
    with side:
        total = x.sum()
    if recorded:
        x.record_stream(side)
    del x
    y = torch.full((1000,), 7.0, device="mtia")
    torch.mtia.default_stream().synchronize()
    with side:
        assert total.item() == (1000 if recorded else 7000)
    assert y.sum().item() == 7000


def test_work_that_uses_returned_memory_is_waited_for(empty):
    empty.configure(schedule="latest")
    x = torch.ones(1000, device="mtia")
    total = x.sum()
    del x
    before = empty.host_clock()
    torch.accelerator.empty_cache()
    assert empty.host_clock() > before
    assert total.item() == 1000


def test_memory_survives_its_tensor(empty):
    """Freed memory stays readable: a program that misuses it is wrong but does not crash."""
    empty.configure(schedule="latest")
    side = torch.Stream("mtia:0")
    x = torch.ones(3 * MIB, device="mtia")
    torch.mtia.synchronize()
    with torch.mtia.stream(torch.Stream("mtia:0")):
        view = x[: 2 * MIB]
    with side:
        total = view.sum()
    del x, view
    torch.mtia.default_stream().synchronize()
    torch.accelerator.empty_cache()
    with side:
        assert total.item() == 2 * MIB, "empty_cache waited for the device"


FORKED = """
import os, torch
torch.mtia.init()
mtia_lab.configure(poison=True)
x, pinned = torch.ones(1000, device="mtia"), torch.ones(1000).pin_memory()
pinned.to("mtia", non_blocking=True)
child = os.fork()
del x, pinned
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


def test_a_forked_child_may_let_go_of_tensors():
    assert isolated.run("import mtia_lab\n" + FORKED, devices=1).error is None


# --- Poison -------------------------------------------------------------------------------------


def test_poison_fills_fresh_memory(empty):
    empty.configure(poison=True)
    for size in (100, 3 * MIB):
        assert taken(size).eq(255).all().item()
    assert torch.empty(4, device="mtia").isnan().all().item()


def test_poison_fills_freed_memory_in_its_streams_order(empty):
    empty.configure("latest", poison=True)
    x = torch.ones(1000, device="mtia")
    total = x.sum()
    address = x.data_ptr()
    del x
    y = torch.empty(1000, device="mtia")
    assert y.data_ptr() == address
    assert y.isnan().all().item(), "poisoned"
    assert total.item() == 1000, "but not before the sum, which comes first"


def test_poison_waits_for_the_streams_that_were_recorded(empty):
    empty.configure("latest", poison=True)
    side = torch.Stream("mtia:0")
    x = torch.ones(1000, device="mtia")
    torch.mtia.synchronize()
    with side:
        total = x.sum()
    x.record_stream(side)
    del x
    taken(1)
    torch.mtia.default_stream().synchronize()
    with side:
        assert total.item() == 1000


def test_poison_is_off_unless_it_is_asked_for(empty):
    x = torch.ones(1000, device="mtia")
    del x
    with empty.record() as log:
        assert torch.empty(1000, device="mtia").sum().item() == 1000
    assert "poison" not in [c.name for c in log.commands]
    with pytest.raises(TypeError, match="True, False"):
        empty.configure(poison=1)
