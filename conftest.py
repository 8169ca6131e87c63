"""Sound notebook runs: what nbval 0.11 needs before its green can be believed.

pytest loads this file for every path below the repository's root, so `pytest --nbval notebooks/`
is enough; no further option is needed. Seven cures, each tested in tests/notebooks/test_nbval.py:

- a kernel that dies fails its cell at once, with how it died, instead of after the cell timeout;
- what C++ prints to file descriptors 1 and 2 reaches the outputs that are compared;
- a kernel that crashes after its last cell, or while shutting down, is an error of that cell;
- a cell that cannot be interrupted fails by its timeout, and not by the kernel's shutdown;
- cells are numbered as in JupyterLab, so a log that names its lines as In[3]:2 can be compared;
- what a script in HTML holds is not compared: it is deflated, to other bytes by another zlib;
- `-n 2` gives all cells of a notebook to one worker of pytest-xdist: they share a kernel.

A kernel looks itself whether pytest is still there, so one of a killed run ends by itself.
"""

import re
import signal
import subprocess
import time
from queue import Empty

import pytest

CELL_TIMEOUT = 120  # seconds; nbval's own default is 2,000
_NBVAL_DEFAULT_TIMEOUT = 2000
_SHUTDOWN_TIMEOUT = 30  # seconds for destructors and atexit functions
_STUCK_TIMEOUT = 5  # seconds for a kernel whose cell is still running
_LIVENESS_INTERVAL = 0.5  # seconds between two looks at whether the kernel is still there


def pytest_configure(config):
    if not (config.getoption("nbval", False) or config.getoption("nbval_lax", False)):
        return
    import nbval.plugin

    # The kernel must be this interpreter, whatever kernels the machine has registered.
    config.option.nbval_current_env = not config.option.nbval_kernel_name
    if config.option.nbval_cell_timeout == _NBVAL_DEFAULT_TIMEOUT:
        config.option.nbval_cell_timeout = CELL_TIMEOUT
    if config.getoption("dist", "no") in ("load", "worksteal"):  # what `-n 2` alone means
        config.option.dist = "loadfile"
    nbval.plugin.RunningKernel = _watched_kernel(nbval.plugin.RunningKernel)
    sanitize = nbval.plugin.IPyNbCell.sanitize
    nbval.plugin.IPyNbCell.sanitize = lambda cell, text: _without_scripts(sanitize(cell, text))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    kernel = getattr(item.parent, "kernel", None)  # only nbval's notebooks have one
    died = kernel is not None and kernel.died_unnoticed()
    result = yield
    if died:
        raise RuntimeError(f"the kernel died after this cell: {kernel.ending}")
    return result


def _without_scripts(text):
    return re.sub("<script>.*?</script>", "", text) if isinstance(text, str) else text


def _watched_kernel(base):
    """Return nbval's kernel class `base` with the cures that are its own."""

    class WatchedKernel(base):
        ending = None  # how a dead kernel ended, once that has been seen
        stuck = False  # a cell has not come to its end in time

        def __init__(self, *args, **kwargs):
            with pytest.MonkeyPatch.context() as environment:
                # ipykernel leaves descriptors 1 and 2 alone when it sees this variable.
                environment.delenv("PYTEST_CURRENT_TEST", raising=False)
                super().__init__(*args, **kwargs)

        def execute_cell_input(self, cell_input, allow_stdin=None):
            # nbval keeps its cells out of the history, so every one would be In[0] in a log.
            return self.kc.execute(cell_input, allow_stdin=allow_stdin, stop_on_error=False)

        def await_reply(self, msg_id, timeout=None):
            deadline = None if timeout is None else time.monotonic() + timeout
            while True:
                alive = self.is_alive()  # asked first, so that a last reply is still read below
                try:
                    message = self.get_message(stream="shell", timeout=_LIVENESS_INTERVAL)
                except Empty:
                    if not alive:
                        self.ending = _how_it_ended(self.km.provisioner.process)
                        raise RuntimeError(f"the kernel died in this cell: {self.ending}") from None
                    if deadline is not None and time.monotonic() > deadline:
                        self.stuck = True
                        raise
                    continue
                if message["parent_header"].get("msg_id") == msg_id:
                    if message["content"]["status"] == "aborted":
                        raise RuntimeError("the kernel aborted this cell's execution request")
                    self.stuck = False
                    return

        def died_unnoticed(self):
            stopped = not hasattr(self, "km")  # nbval stops a kernel whose cell timed out
            if stopped or self.ending is not None or self.is_alive():
                return False
            self.ending = _how_it_ended(self.km.provisioner.process)
            return True

        def stop(self):
            process = self.km.provisioner.process
            ended = True
            if process is not None:
                self.kc.shutdown()  # nbval itself would kill: destructors would never run
                try:
                    process.wait(_STUCK_TIMEOUT if self.stuck else _SHUTDOWN_TIMEOUT)
                except subprocess.TimeoutExpired:
                    ended = False
            super().stop()
            if self.stuck:  # that is what fails the cell, in nbval's words
                return
            if not ended:
                raise RuntimeError(f"the kernel did not shut down in {_SHUTDOWN_TIMEOUT} s")
            if process is not None and process.returncode != 0:
                raise RuntimeError(f"the kernel failed to shut down: {_how_it_ended(process)}")

    return WatchedKernel


def _how_it_ended(process):
    """Say how a finished `subprocess.Popen` ended: a signal's name or the exit code."""
    code = process.poll() if process is not None else None
    if code is None:
        return "it is gone"
    if code >= 0:
        return f"exit code {code}"
    is_known = -code in set(signal.Signals)
    return f"killed by {signal.Signals(-code).name if is_known else f'signal {-code}'}"
