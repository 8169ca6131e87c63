"""The end of a program: what is pending runs, what failed is on stderr, the exit code stays."""

import os

import building
import pytest

from mtia_lab import isolated

PRELUDE = """
import atexit, os, sys, threading, torch, mtia_lab

def fail():
    raise ZeroDivisionError("boom")

def index(device="mtia"):
    torch.ones(3, device=device)[torch.tensor([9], device=device)]
"""
DIVISION = ["MTIA Lab: kernel 'division' failed", "ZeroDivisionError: boom"]
# Of each program: what it prints, how it ends, and what is on stderr, in that order.
PROGRAMS = {
    "an operator": ("index()", "", None, ["'index' failed on stream 0 of mtia:0", "out of bounds"]),
    "an effect": ("mtia_lab.launch('division', effect=fail)", "", None, DIVISION),
    "both devices": (
        "index('mtia:1'); index('mtia:0')",
        *("", None, ["stream 0 of mtia:0", "stream 0 of mtia:1", "The program ended without"]),
    ),
    "the adversarial schedule": (
        "mtia_lab.configure('latest'); mtia_lab.launch('division', effect=fail)",
        *("", None, DIVISION),
    ),
    "work that goes well": (
        "mtia_lab.launch('late', us=1e6, effect=lambda: print('ran'))",
        *("ran\n", None, []),
    ),
    "nothing was done": ("", "", None, []),
    "what was reported": (
        """
mtia_lab.launch("division", effect=fail)
try:
    torch.mtia.synchronize()
except RuntimeError:
    print("reported")
""",
        *("reported\n", None, []),
    ),
    "its own exit code": (
        "mtia_lab.launch('division', effect=fail); sys.exit(3)",
        *("", "exit code 3", DIVISION),
    ),
    "its own exception": (
        "mtia_lab.launch('division', effect=fail); {}['key']",
        *("", "KeyError: 'key'", DIVISION),
    ),
    "an exit handler that uses the device": (
        "atexit.register(lambda: mtia_lab.launch('k', effect=lambda: print('ran')))",
        *("ran\n", None, []),
    ),
    "a thread that ends later": (
        """
def body():
    threading.main_thread().join()
    mtia_lab.launch("division", effect=fail)
threading.Thread(target=body).start()
""",
        *("", None, DIVISION),
    ),
    "a forked child": (
        """
mtia_lab.launch("k", effect=lambda: print("ran", flush=True))
child = os.fork()
if child:
    os.waitpid(child, 0)
""",
        *("ran\n", None, []),
    ),
    "a capture that was never ended": (
        """
graph = torch.accelerator.Graph()
torch.accelerator.set_stream(torch.Stream("mtia"))
graph.capture_begin()
mtia_lab.launch("division", effect=fail)
""",
        *("", None, []),
    ),
    "an interrupt": (
        """
def interrupt():
    raise KeyboardInterrupt("now")
mtia_lab.launch("k", effect=interrupt)
mtia_lab.launch("k", effect=lambda: print("ran"))
""",
        *("ran\n", None, ["KeyboardInterrupt: now"]),
    ),
}


@pytest.fixture(scope="module")
def results():
    sources = {name: program for name, (program, *_) in PROGRAMS.items()}
    return isolated.run_each(sources, PRELUDE, devices=2, teardown=True)


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_left_at_the_end(results, name):
    _, printed, error, told = PROGRAMS[name]
    result = results[name]
    assert (result.stdout, result.error) == (printed, error), result.stderr
    place = 0
    for part in told:
        place = result.stderr.find(part, place) + 1
        assert place > 0, (part, result.stderr)
    assert told or not result.stderr


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no process chooses its cores")
def test_a_gradient_on_one_core_does_not_abort_at_the_end():
    """Autograd's thread, which had no core yet, asked for the interpreter when that was gone."""
    program = (
        "import os, torch, mtia_lab\n"
        "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "mtia_lab.load()\n"
        "x = torch.ones(3, device='mtia', requires_grad=True)\n"
        "torch.autograd.grad(x.sum(), x)\n"
    )
    for _ in range(3):
        done = building.python(program)
        assert (done.returncode, done.stderr) == (0, "")
