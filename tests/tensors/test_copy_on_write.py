"""Lazy clones: two tensors on one memory until one of them is written to."""

import pytest
import torch
from memory import MIB, small_device, taken

is_shared = torch._C._is_cow_tensor


def clones(device="mtia"):
    x = torch.arange(4.0, device=device)
    return x, x._lazy_clone()


READS = {
    "an operator": lambda x: x + 1,
    "a reduction": lambda x: x.sum(),
    "several tensors": lambda x: torch.cat([x, x.detach()]),
    "an operator that is waited for": lambda x: torch.nonzero(x),
    "an operator of two outputs": lambda x: x.max(0),
    "one number": lambda x: x[1].item(),
    "printing": repr,
    "a copy to the host": lambda x: x.cpu(),
    "a copy to a peer": lambda x: x.to("mtia:1"),
    "a copy on the device": lambda x: x.clone(),
    "a view": lambda x: x.view(2, 2)[1:],
    "another lazy clone": lambda x: x._lazy_clone(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_reading_leaves_the_memory_shared(lab, read):
    lab.configure("latest")
    x, y = clones()
    before = torch.accelerator.memory_allocated()
    result = read(y)  # held, so that only what it takes counts
    assert is_shared(x) and is_shared(y)
    assert y.tolist() == x.tolist() == [0, 1, 2, 3]
    del result
    assert torch.accelerator.memory_allocated() == before


def test_a_copy_from_a_lazy_clone_of_the_host_leaves_that_shared(lab):
    x, y = clones("cpu")
    assert y.to("mtia").tolist() == [0, 1, 2, 3]
    assert is_shared(x) and is_shared(y)


WRITES = {
    "in place": lambda x: x.add_(5),
    "a view of it": lambda x: x[1:].zero_(),
    "out=": lambda x: torch.neg(x.detach().clone(), out=x),
    "out= of an operator that is waited for": lambda x: torch.masked_select(
        torch.ones(4, device="mtia"), torch.ones(4, device="mtia") > 0, out=x
    ),
    "a list": lambda x: torch._foreach_add_([x], 1),
    "random numbers": lambda x: x.uniform_(),
    "a copy from the host": lambda x: x.copy_(torch.ones(4)),
    "a copy from a peer": lambda x: x.copy_(torch.ones(4, device="mtia:1")),
    "resize_": lambda x: x.resize_(9).fill_(7),
}


@pytest.mark.parametrize("first", [True, False], ids=["the tensor", "its clone"])
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_writing_gives_memory_of_its_own(lab, write, first):
    lab.configure("latest")
    written, other = clones()[:: 1 if first else -1]
    write(written)
    assert not is_shared(written) and written.data_ptr() != other.data_ptr()
    assert other.tolist() == [0, 1, 2, 3] and written.tolist() != [0, 1, 2, 3]
    other.mul_(2)
    assert other.tolist() == [0, 2, 4, 6]


def test_what_is_kept_by_resize_is_kept(lab):
    x, y = clones()
    assert y.resize_(6)[:4].tolist() == [0, 1, 2, 3] == x.tolist()
    x.resize_(2)
    assert x.tolist() == [0, 1]


def test_a_lazy_clone_of_the_host_is_written_by_a_copy_to_it(lab):
    x, y = clones("cpu")
    y.copy_(torch.ones(4, device="mtia"))
    assert x.tolist() == [0, 1, 2, 3] and y.tolist() == [1] * 4


def test_the_memory_is_of_the_tensors_device_whichever_is_current(lab):
    x, y = clones("mtia:1")
    before = [torch.accelerator.memory_allocated(device) for device in (0, 1)]
    y.mul_(2)
    after = [torch.accelerator.memory_allocated(device) for device in (0, 1)]
    assert after[0] == before[0] and after[1] > before[1]
    assert y.device.index == 1 and y.tolist() == [0, 2, 4, 6] and x.tolist() == [0, 1, 2, 3]


def test_the_memory_is_given_back_with_the_last_one(lab):
    before = torch.accelerator.memory_allocated()
    x, y = clones()
    z = y._lazy_clone()
    z.add_(1)
    del x, y
    assert torch.accelerator.memory_allocated() == before + 512  # one block is left
    del z
    assert torch.accelerator.memory_allocated() == before


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_the_last_one_keeps_the_memory(lab, write):
    x, y = clones()
    z = y._lazy_clone()
    shared = torch._C._data_address(z)
    x.add_(1)
    y.add_(1)
    with lab.record() as log:
        write(z)
    assert not is_shared(z) and "copy (on write)" not in [c.name for c in log.commands]
    assert write is WRITES["resize_"] or torch._C._data_address(z) == shared
    assert x.tolist() == y.tolist() == [1, 2, 3, 4]


def test_a_clone_that_gets_no_memory_of_its_own_stays_shared(empty):
    small_device(empty, 64)
    x = taken(40 * MIB)
    y = x._lazy_clone()
    for _ in range(2):
        with pytest.raises(torch.OutOfMemoryError):
            y.zero_()
    assert is_shared(x) and is_shared(y)
    del x
    y.zero_()
    assert not is_shared(y) and not y.any()


def test_the_copy_is_a_command_in_stream_order(lab):
    lab.configure("latest")
    x, y = clones()
    with lab.record() as log:
        x.mul_(3)  # enqueued: the host does not wait
        y.add_(1)
    assert [c.name for c in log.commands if c.stream == 0][:2] == ["copy (on write)", "mul_"]
    assert x.tolist() == [0, 3, 6, 9] and y.tolist() == [1, 2, 3, 4]
