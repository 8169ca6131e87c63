"""Lines are named after the cell that a reader sees, also where a magic runs the code."""

import json

import pytest
from building import python

LOG = "with mtia_lab.record() as log:\n    mtia_lab.launch('k')"
KEEP = "sites = sorted({record.site for record in log})"
BODY = f"{LOG}\n{KEEP}"
F = "def f():\n    mtia_lab.launch('k')"
CALL = f"with mtia_lab.record() as log:\n    f()\n{KEEP}"
THREAD = f"""
def f():
    global sites
    with mtia_lab.record() as log:
        mtia_lab.launch('k')
    {KEEP}
import threading
thread = threading.Thread(target=f)
thread.start()
thread.join()"""

# Cells that are run one after the other, and the one line that is in the log: N is the number of
# the last cell, M that of the one before.
CASES = {
    "a cell": ([BODY], "In[N]:2"),
    "a cell that begins with empty lines": ([f"\n\n{BODY}"], "In[N]:4"),
    "a function of an earlier cell": ([F, CALL], "In[M]:2"),
    "time": ([f"%%time\n{BODY}"], "In[N]:3"),
    "time, with empty lines": ([f"\n\n%%time\n\n{BODY}"], "In[N]:6"),
    "timeit": ([f"%%timeit -n1 -r1\nglobal sites\n{BODY}"], "In[N]:4"),
    "capture": ([f"%%capture\n{BODY}"], "In[N]:3"),
    "prun": ([f"%%prun -q\n{BODY}"], "In[N]:3"),
    "time in capture": ([f"%%capture\n%%time\n{BODY}"], "In[N]:4"),
    "time of a line": ([BODY.replace("    ", "    %time ")], "In[N]:2"),
    "a function that time defined": ([f"%%time\n{F}\n{CALL}"], "In[N]:3"),
    "one that an earlier time defined": ([f"%%time\n{F}", CALL], "<timed exec>:2"),
    "the same, within another time": ([f"%%time\n{F}", f"%%time\n{CALL}"], "<timed exec>:2"),
    "one that an earlier capture defined": ([f"%%capture\n{F}", CALL], "In[M]:3"),
    "exec": ([f"exec({BODY!r})"], "<string>:2"),
    "exec in time": ([f"%%time\nexec({BODY!r})"], "<string>:2"),
    "a thread in time": ([f"%%time\nif 1:\n    pass\n{THREAD}"], "<timed exec>:7"),
    "a doctest": (
        [f"exec(compile({BODY!r}, '<doctest some/module.f[0]>', 'exec'))"],
        "<doctest some/module.f[0]>:2",
    ),
}

PROGRAM = """
import contextlib, io, json, sys
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

shell = InteractiveShell.instance(config=Config(HistoryManager=dict(enabled=False)))
shell.run_cell("import mtia_lab; mtia_lab.load()", store_history=True).raise_error()
for name, cells in json.loads(sys.argv[1]).items():
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in cells:
            number = shell.execution_count
            shell.run_cell(cell, store_history=True).raise_error()
    print(json.dumps([name, number, shell.user_ns.pop("sites")]))
"""


@pytest.fixture(scope="module")
def sites():
    """For each case the number of its last cell and the lines in the log."""
    ran = python(PROGRAM, json.dumps({name: cells for name, (cells, _) in CASES.items()}))
    assert ran.returncode == 0, ran.stderr
    return {name: rest for name, *rest in map(json.loads, ran.stdout.splitlines()[1:])}


@pytest.mark.parametrize("name", CASES)
def test_a_line_is_named_as_the_reader_sees_it(sites, name):
    number, found = sites[name]
    expected = CASES[name][1].replace("N]", f"{number}]").replace("M]", f"{number - 1}]")
    assert found == [expected]
