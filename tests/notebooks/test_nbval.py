"""The root conftest.py: what a dead kernel, a late crash and C-level output look like to nbval.

One nested pytest runs all the small notebooks below; each test reads its own lines of the report.
"""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from queue import Empty
from types import SimpleNamespace

import leash
import pytest
from nbformat.v4 import new_output
from notebook_files import ROOT, code, write

pytest.importorskip("nbval")

# ipykernel takes what is written to descriptor 1 over to sys.stdout.write, on another thread.
FROM_C = """
import os, sys, threading
arrived, write = threading.Event(), sys.stdout.write
sys.stdout.write = lambda text: (write(text), arrived.set())
os.write(1, b"from C")
_ = arrived.wait(5)
"""
# The name that tracebacks and logs give to the cell that runs.
WHICH_CELL = """
import sys
assert get_ipython().compile.format_code_name(sys._getframe().f_code.co_filename)[1] == "In[2]"
"""
PAGE = "from IPython.display import HTML\nHTML('<img><script>of a run</script>')"


def page(html):
    data = {"text/html": html, "text/plain": "<IPython.core.display.HTML object>"}
    return new_output("execute_result", data=data, execution_count=1)


TWO = new_output("execute_result", data={"text/plain": "2"}, execution_count=1)
TOGETHER = ["x = 0"] + [f"x += 1; assert x == {k}" for k in range(1, 6)]
NOTEBOOKS = {
    "right": [code("1 + 1", TWO), "assert True"],
    "wrong": [code("1 + 2", TWO)],
    "exits": ["x = 1", "import os; os._exit(3)", "x"],
    "crashes": ["import os, signal", "os.kill(os.getpid(), signal.SIGSEGV)"],
    "late": ["import atexit, os; _ = atexit.register(os._exit, 7)"],
    "killed_between": ["x = 1"],
    "c_output_same": [code(FROM_C, new_output("stream", name="stdout", text="from C"))],
    "c_output_differs": [FROM_C],
    "counts": ["x = 1", WHICH_CELL],
    "together": TOGETHER,
    "together_too": TOGETHER,
    "page_same": [code(PAGE, page("<img><script>of another run</script>"))],
    "page_differs": [code(PAGE, page("<b>no</b><script>of a run</script>"))],
}
KILLS_BETWEEN = """
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item, call):
    if call.when == "call" and item.path.stem == "killed_between":
        process = item.parent.kernel.km.provisioner.process
        process.kill()
        process.wait()
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The short summary of `pytest --nbval`: one line of outcome, cell and message each."""
    folder = tmp_path_factory.mktemp("nbval")
    for name, cells in NOTEBOOKS.items():
        write(folder / f"{name}.ipynb", *cells)
    shutil.copy(ROOT / "conftest.py", folder)
    (folder / "kills_between.py").write_text(KILLS_BETWEEN)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment["PYTEST_CURRENT_TEST"] = "what an outer pytest leaves in the environment"
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    environment["COLUMNS"] = "200"
    # conftest.py's own cell timeout is longer than this limit: a death seen only then fails here.
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "--color=no", "-rA", f"--rootdir={folder}"]
        + ["-p", "nbval.plugin", "-p", "kills_between", "-p", "xdist", "-n", "2"]
        + ["-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    return run.stdout[run.stdout.index("short test summary info") :]


def outcome(report, cell):
    """Return the summary's lines about `cell`, shortened to outcome and message."""
    return re.findall(rf"^(\w+) {re.escape(cell)}\b(?: - )?(.*)$", report, re.MULTILINE)


def test_outputs_are_compared(report):
    assert outcome(report, "right.ipynb::Cell 0") == [("PASSED", "")]
    assert outcome(report, "right.ipynb::Cell 1") == [("PASSED", "")]
    assert outcome(report, "wrong.ipynb::Cell 0")[0][0] == "FAILED"


@pytest.mark.parametrize(
    "cell, how",
    [("exits.ipynb::Cell 1", "exit code 3"), ("crashes.ipynb::Cell 1", "killed by SIGSEGV")],
)
def test_a_dead_kernel_fails_its_cell_and_says_how_it_died(report, cell, how):
    [(result, message)] = outcome(report, cell)
    assert result == "FAILED"
    assert f"the kernel died in this cell: {how}" in message


def test_cells_after_a_dead_kernel_fail_too(report):
    assert outcome(report, "exits.ipynb::Cell 2")[0][0] == "FAILED"


@pytest.mark.parametrize(
    "cell, message",
    [
        ("late.ipynb::Cell 0", "the kernel failed to shut down: exit code 7"),
        ("killed_between.ipynb::Cell 0", "the kernel died after this cell: killed by SIGKILL"),
    ],
)
def test_a_kernel_that_dies_after_a_passed_cell_is_an_error(report, cell, message):
    passed, error = sorted(outcome(report, cell), reverse=True)
    assert passed == ("PASSED", "")
    assert error[0] == "ERROR" and message in error[1]


def test_output_of_c_code_is_compared(report):
    assert outcome(report, "c_output_same.ipynb::Cell 0") == [("PASSED", "")]
    assert outcome(report, "c_output_differs.ipynb::Cell 0")[0][0] == "FAILED"


def test_the_cells_of_a_notebook_stay_together_among_workers(report):
    """`-n 2` alone would deal them out one by one, each worker with a kernel of its own."""
    for name in ("together", "together_too"):
        for cell in range(6):
            assert outcome(report, f"{name}.ipynb::Cell {cell}") == [("PASSED", "")]


def test_cells_are_numbered_as_a_reader_sees_them(report):
    assert outcome(report, "counts.ipynb::Cell 1") == [("PASSED", "")]


def test_of_a_page_all_but_its_script_is_compared(report):
    assert outcome(report, "page_same.ipynb::Cell 0") == [("PASSED", "")]
    assert outcome(report, "page_differs.ipynb::Cell 0")[0][0] == "FAILED"


def cured(base):
    """The kernel class of conftest.py, on top of another one."""
    spec = importlib.util.spec_from_file_location("root_conftest", ROOT / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module._STUCK_TIMEOUT = module._SHUTDOWN_TIMEOUT = module._LIVENESS_INTERVAL = 0.01
    return module._watched_kernel(base)


class Stubborn:
    """A kernel that answers nothing and does not end, as nbval has them."""

    def __init__(self):
        process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        self.km = SimpleNamespace(provisioner=SimpleNamespace(process=process))
        self.kc = SimpleNamespace(shutdown=lambda: None)

    def is_alive(self):
        return True

    def get_message(self, stream, timeout):
        raise Empty

    def stop(self):
        self.km.provisioner.process.kill()
        self.km.provisioner.process.communicate()


def test_a_cell_that_cannot_be_interrupted_fails_by_its_timeout():
    """nbval says so after it has stopped the kernel, which may not raise something else."""
    kernel = cured(Stubborn)()
    with pytest.raises(Empty):
        kernel.await_reply("cell", timeout=0)
    kernel.stop()
    assert kernel.km.provisioner.process.returncode == -signal.SIGKILL


def test_a_kernel_that_does_not_shut_down_is_an_error():
    with pytest.raises(RuntimeError, match="did not shut down"):
        cured(Stubborn)().stop()


def kill(arguments, alive):
    """Start a Python process, wait until something holds `alive` open, and kill the process."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    with open(alive) as held:
        assert held.readline() == "started\n"
        process.kill()
        process.wait()
        assert held.read() == ""  # when the last process that holds it is gone


@pytest.fixture
def alive(tmp_path):
    """A named pipe, and Python that holds it open for ever."""
    os.mkfifo(tmp_path / "alive")
    held = f"held = open({str(tmp_path / 'alive')!r}, 'w'); print('started', file=held, flush=True)"
    return tmp_path / "alive", f"{held}\nimport threading; threading.Event().wait()"


def test_a_killed_run_leaves_no_kernel(tmp_path, alive):
    path, waits = alive
    write(tmp_path / "busy.ipynb", waits)
    shutil.copy(ROOT / "conftest.py", tmp_path)
    kill(["-m", "pytest", "--nbval", "-p", "no:cacheprovider", str(tmp_path)], path)


def test_a_command_on_a_leash_ends_with_who_started_it(alive):
    """As JupyterLab does, in browser.py. What it started goes too."""
    path, waits = alive
    holds, waits = waits.split("\n")  # one says so; both hold it
    command = [sys.executable, "-c", f"{holds}\nimport os; os.fork()\n{waits}"]
    asking = f"import leash, threading; leash.start({command}); threading.Event().wait()"
    folder = os.path.dirname(leash.__file__)
    kill(["-c", f"import sys; sys.path.insert(0, {folder!r}); {asking}"], path)


def test_a_command_on_a_leash_can_be_ended():
    started = leash.start([sys.executable, "-c", "input()"])
    leash.end(started)
    assert started.returncode != 0
