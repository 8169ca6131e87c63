"""Device memory that the host may not touch: what it does there is an error with its line."""

import re

import pytest
from building import python

from mtia_lab import isolated

PRELUDE = """
import ctypes, faulthandler, signal, threading
import numpy as np
import torch, mtia_lab
from IPython.core.interactiveshell import InteractiveShell
"""
BEGIN = """
signal.signal(signal.SIGSEGV, signal.SIG_DFL)  # a sanitizer would handle it
mtia_lab.load()
mtia_lab.configure(protect=True)
x = torch.arange(4.0, device="mtia")
torch.mtia.synchronize()
there = x.data_ptr()
cells = (ctypes.c_float * 4).from_address(there)
array = np.ctypeslib.as_array(cells)
on_cpu = torch.frombuffer(cells, dtype=torch.float32)

def said(touch):
    try:
        touch()
    except RuntimeError as error:
        return str(error)
"""
TOUCHES = {  # of each expression: what the message calls it, and the byte
    "cells[2]": ("read", 8),
    "array[1]": ("read", 4),
    "array.sum()": ("read", 0),
    "array.tolist()": ("read", 0),
    "on_cpu + 1": ("read", 0),
    "ctypes.string_at(there + 4, 4)": ("read", 4),
    "ctypes.memmove((ctypes.c_char * 4)(), there, 4)": ("read", 0),
    "ctypes.memset(there + 12, 0, 4)": ("wrote to", 12),
    "cells.__setitem__(0, 1.0)": ("wrote to", 0),
    "array.fill(2.0)": ("wrote to", 0),
}
WITHOUT_LOCK = {  # what gives up the interpreter's lock: the latest line at which it is noticed
    "on_cpu + 1": 5,
    "ctypes.memmove((ctypes.c_char * 4)(), there, 4)": 3,
    "ctypes.memset(there + 12, 0, 4)": 3,
}
TOUCH = """
lines = "def touch():", "    before = 1", "    found = {}", "    later = 2", "    len('')"
exec(compile("\\n".join(lines), "mine.py", "exec"))
print(said(touch))
print(said(touch))  # it is protected again
"""

PROGRAMS = {
    "what PyTorch does itself": """
base = torch.randn(8, 8)
w = base.to("mtia").requires_grad_()
loss = (torch.nn.functional.gelu(w @ w.T)).sum()
loss.backward()
host = base.clone().requires_grad_()
torch.nn.functional.gelu(host @ host.T).sum().backward()
assert torch.equal(w.grad.cpu(), host.grad)
assert repr(x) == "tensor([0., 1., 2., 3.], device='mtia:0')" and x[2].item() == 2
assert x.to("mtia:1").tolist() == x.cpu().numpy().tolist() == [0, 1, 2, 3]
assert x.nonzero().tolist() == [[1], [2], [3]] and torch.unique(x).numel() == 4
pinned = torch.empty(4).pin_memory()
pinned.copy_(x, non_blocking=True)
torch.mtia.synchronize()
assert pinned.tolist() == [0, 1, 2, 3]
graph = torch.mtia.MTIAGraph()
y = torch.zeros(4, device="mtia")
with torch.mtia.graph(graph):
    y += x
graph.replay()
assert y.tolist() == [0, 1, 2, 3]
storage = x.untyped_storage()
assert storage.tolist()[:4] == [0] * 4 and storage.clone().nbytes() == 16
with mtia_lab.poison(), mtia_lab.schedule("latest"):
    for size in (2**21, 2**25):  # of new segments
        assert torch.empty(size, device="mtia").isnan().all().item()
with mtia_lab.record(values=True) as log:
    (x + x).sum().item()
assert len(log.values) >= 2
torch.accelerator.empty_cache()
""",
    "an effect": """
seen = []
mtia_lab.launch("reads", effect=lambda: seen.append(cells[3]))
torch.mtia.synchronize()
assert seen == [3]
""",
    "without protection": """
with mtia_lab.protect(False):
    assert cells[2] == 2 and array.sum() == 6
    torch.mtia.synchronize()
""",
    "between two runs of effects": """
for step in range(3):
    assert "read device memory" in said(lambda: (cells[1], len("")))
    x + step
    torch.mtia.synchronize()
""",
    "a thread, which calls the device": """
errors = []
def body():
    cells[1]
    errors.append(said(torch.mtia.synchronize))
started = threading.Event()
thread = threading.Thread(target=body)
def wait():
    thread.start()
    while thread.is_alive():
        started.wait(0.01)
mine = said(wait)
assert [text for text in (mine, *errors) if text], "nobody has the error"
assert sum(text is not None for text in (mine, *errors)) == 1
""",
    "a thread that ends": """
thread = threading.Thread(target=lambda: cells[1])
def wait():
    thread.start()
    thread.join()
    torch.mtia.synchronize()
assert "read device memory" in said(wait)
torch.mtia.synchronize()
""",
    "a loop": """
big = torch.ones(2**20, device="mtia")
torch.mtia.synchronize()
many = np.ctypeslib.as_array((ctypes.c_float * 2**20).from_address(big.data_ptr()))
assert "read device memory" in said(lambda: many.sum())
assert many.sum.__name__ == "sum" and said(torch.mtia.synchronize) is None
""",
    "a segment that comes later": """
later = torch.ones(2**24, device="mtia:1")
torch.mtia.synchronize(1)
assert "of mtia:1)" in said(lambda: ctypes.string_at(later.data_ptr(), 1))
""",
    "faulthandler afterwards": """
faulthandler.disable()
faulthandler.enable(open("/dev/null", "w"))
x + 1
torch.mtia.synchronize()
assert "read device memory" in said(lambda: ctypes.string_at(there, 1))
""",
    "a cell of a notebook": """
shell = InteractiveShell.instance()
shell.push({"cells": cells})
for cell in ("cells[1]", "value = cells[1]", "for i in range(3): cells[i]"):
    result = shell.run_cell(cell)
    error = result.error_in_exec or shell.run_cell("print(1)").error_in_exec
    assert "read device memory" in str(error), cell
assert shell.run_cell("x = 3").success
""",
    "a foreign address": "ctypes.string_at(8)",
    "a foreign address, with faulthandler": "faulthandler.enable()\nctypes.string_at(8)",
    "a signal that is sent": "signal.raise_signal(signal.SIGSEGV)",
    "an address of no memory yet": "ctypes.string_at(there + 2**36)",
}
DIES = [name for name in PROGRAMS if "address" in name or "signal" in name]
AT_EXIT = """
mtia_lab.launch("pending", us=1e6, effect=lambda: print("it ran"))
cells[1]"""


@pytest.fixture(scope="module")
def ran():
    sources = {touch: TOUCH.replace("{}", touch) for touch in TOUCHES}
    sources |= PROGRAMS
    begun = {name: BEGIN + source for name, source in sources.items()}
    return isolated.run_each(begun, PRELUDE, timeout=300)


@pytest.mark.parametrize("touch", TOUCHES)
def test_a_touch_is_an_error_with_its_line_each_time(ran, touch):
    what, byte = TOUCHES[touch]
    assert ran[touch].ok, ran[touch]
    first, second = ran[touch].stdout.splitlines()
    parts = r"the host (.*) device memory(, noticed)? at mine.py:(\d) \(byte (\d+) of mtia:0\)\. "
    found = re.match(parts, first)
    assert found, first
    assert found[1] == what and int(found[4]) >= byte
    assert bool(found[2]) == (touch in WITHOUT_LOCK)
    assert 3 <= int(found[3]) <= WITHOUT_LOCK.get(touch, 3)
    assert second == first


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in DIES])
def test_all_else_goes_on(ran, name):
    assert ran[name].ok, f"{ran[name].error}\n{ran[name].stderr}"


@pytest.mark.parametrize("name", DIES)
def test_what_is_no_touch_ends_the_process_as_ever(ran, name):
    assert ran[name].error == "killed by SIGSEGV"
    assert ("Fatal Python error" in ran[name].stderr) == ("faulthandler" in name)


def test_a_touch_at_the_end_is_on_stderr_and_keeps_nothing_from_running():
    done = python(PRELUDE + BEGIN + AT_EXIT)
    assert (done.returncode, done.stdout) == (0, "it ran\n"), done.stderr
    assert "MTIA Lab: the program: the host read device memory" in done.stderr
