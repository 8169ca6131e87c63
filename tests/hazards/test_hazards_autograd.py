"""What autograd's threads allocate is put down to the line that called backward, if known."""

import sys

import in_us
import torch
from drawings import call
from only import only

from mtia_lab import Log, find_hazards
from mtia_lab.log.records import Access
from mtia_lab.log.replay import Backwards


def test_a_gradient_was_allocated_by_backward(lab, streams):
    x = torch.randn(4, device="mtia", requires_grad=True)
    torch.mtia.synchronize()
    with lab.sanitizer() as report:
        loss = (x * 2).sum()
        line = sys._getframe().f_lineno + 1
        loss.backward()
        with streams[0]:
            x.grad.add_(1)
    found = only(report)
    where = f"by backward of line {__name__}.py:{line}"
    assert found.memory == (f"512 bytes allocated on mtia:0/0 {where}",)
    torch.mtia.synchronize()


def asks(thread, site):
    """Autograd's engine asks for the devices, as a thread calls backward."""
    return call("hasPrimaryContext", thread=thread, site=site, marker="backward")


def test_who_it_was_is_said_as_far_as_it_is_known():
    backwards = Backwards()
    nobody = "by host thread 9, at no line of yours"
    assert backwards.cause(9) == nobody
    backwards.add_call(call("launch", thread=0, site="a.py:1"))
    backwards.add_call(asks(0, "a.py:2"))
    backwards.add_call(asks(0, "a.py:2"))
    assert backwards.cause(9) == "by backward of line a.py:2"
    backwards.add_call(call("setDevice", thread=9, site=None))
    backwards.add_call(call("getDevice", thread=0, site="a.py:2"))  # its own part of backward
    assert backwards.cause(9) == "by backward of line a.py:2"
    backwards.add_call(asks(1, "a.py:2"))  # two threads at one line
    assert backwards.cause(9) == "by backward of line a.py:2"
    backwards.add_call(asks(1, "b.py:7"))
    assert backwards.cause(9) == "by autograd's thread"
    backwards.add_call(call("launch", thread=0, site="a.py:3"))
    assert backwards.cause(9) == "by backward of line b.py:7"
    backwards.add_call(call("launch", thread=1, site="b.py:8"))
    assert backwards.cause(9) == nobody


def write(id, stream, site):
    """A kernel on the block at address 0."""
    fields = (0, stream, id, id, id + 1.0, 0, None, None, (), site)
    return in_us.command(id, "kernel", "k", *fields, writes=(Access(0, 0, 512),))


def test_what_was_there_before_says_so():
    block = in_us.memory("alloc", 0, 0, 0, 512, 0.0, 0, None)
    races = [write(1, 1, "a.py:1"), write(2, 2, "a.py:2")]
    found = only(find_hazards(Log(races, initial_memory=[block])))
    assert found.memory == ("512 bytes allocated on mtia:0/0 before the recording",)
    late = in_us.memory("alloc", 0, 0, 0, 512, 5.0, 3, None)
    log = Log([asks(0, "a.py:4"), late, *races])
    found = only(find_hazards(log))
    assert found.memory == ("512 bytes allocated on mtia:0/0 by backward of line a.py:4",)
    found = only(find_hazards(log[2:]))
    assert found.memory == ("512 bytes allocated on mtia:0/0 before this part of the log",)
