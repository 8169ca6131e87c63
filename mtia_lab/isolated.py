"""Run code that would freeze or kill this process in another one, and say what became of it.

Latching, fork and crashes are shown this way: the notebook's own kernel never runs the code.
Nothing in a `Result` depends on the machine, so it can be printed, stored and compared.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_SERVER = Path(__file__).with_name("_isolated_server.py")
_START_SECONDS = 60  # for a bare interpreter to start and to leave, on a busy machine
_GRACE_SECONDS = 5  # for a server to end its snippets


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one piece of code.

    ok: it ran to its end, or called `sys.exit()`, and its process left with exit code 0.
    stdout: everything it printed, from Python or C++, until it ended.
    error: None if ok, else "Type: message" of its exception, "exit code 3", "killed by SIGSEGV"
        or "hung" (it was killed at the timeout). Paths and addresses in a message are shortened.
    stderr: what it wrote there. For a look by eye: it may depend on the machine, so neither the
        repr nor a comparison includes it.
    """

    ok: bool
    stdout: str
    error: str | None
    stderr: str = field(default="", repr=False, compare=False)


def run(code: str, *, timeout: float = 100, devices: int | None = None) -> Result:
    """Run `code` in a fresh Python process that has imported nothing.

    timeout: seconds until the code counts as hung and is killed, with all processes it started.
    devices: if given, `mtia_lab.load(devices=devices)` runs before the code.

    The process has this one's `sys.path`, environment and current directory, and no standard input.
    """
    return run_each({"code": code}, prelude="", timeout=timeout, devices=devices)["code"]


def run_each(
    snippets: Mapping[str, str],
    prelude: str = "import torch",
    *,
    timeout: float = 100,
    devices: int | None = None,
    together: bool = False,
) -> dict[str, Result]:
    """Run every snippet in a process of its own, and return their results in the order given.

    One fresh process runs `prelude` and then forks once for each snippet, so an expensive import is
    paid once and no snippet sees another. As many run at a time as there are cores.

    prelude: code that all share; what it prints is dropped. It must start no threads.
    timeout: seconds for the prelude, and again for each snippet until it counts as hung.
    devices: if given, `mtia_lab.load(devices=devices)` runs in each snippet's process first.
    together: run all of them at the same time, since they wait for each other.

    Raises RuntimeError if the prelude fails, TimeoutError if it does not end.
    """
    with Server(prelude, timeout=timeout) as server:
        options = {"timeout": timeout, "devices": devices, "together": together}
        return server.run_each(snippets, **options)


class Server:
    """A fresh process that runs a prelude once, and then forks for each snippet it is given.

    It starts at once and in the background; the first `run_each` waits for the prelude.

    Args:
        prelude: as for `run_each`.
        timeout: seconds for the prelude.
    """

    def __init__(self, prelude: str = "import torch", *, timeout: float = 100):
        self._deadline = time.monotonic() + timeout + _START_SECONDS
        self._ready = False
        self._owner = os.getpid()
        # A file, not a pipe: it never blocks. Closed in close().
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115
        # The server holds the reading end of a pipe, its lifeline. When the writing end here is
        # closed, by an interrupt, an error or this process's death, it kills what it has started
        # and leaves.
        reading, self._lifeline = os.pipe()
        with open(reading, "rb"):
            self._process = subprocess.Popen(
                [sys.executable, "-c", _SERVER.read_text(encoding="utf-8"), str(reading)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                env=_environment(),
                pass_fds=(reading,),
                start_new_session=True,
            )
        self._send({"path": sys.path, "prelude": prelude})

    def run_each(
        self,
        snippets: Mapping[str, str],
        *,
        timeout: float = 100,
        devices: int | None = None,
        together: bool = False,
    ) -> dict[str, Result]:
        """Run every snippet in a process of its own; see the function of this name.

        Whatever this raises, the server is closed then.
        """
        jobs = max(1, len(snippets) if together else min(len(snippets), _cores()))
        request = {
            "setup": ""
            if devices is None
            else f"import mtia_lab; mtia_lab.load(devices={devices})",
            "snippets": list(snippets.values()),
            "timeout": timeout,
            "jobs": jobs,
        }
        try:
            self._wait_for_prelude()
            self._send(request)
            rounds = -(-len(snippets) // jobs)  # batches of `jobs` at worst
            reply = self._receive(time.monotonic() + timeout * rounds + _START_SECONDS)
        except BaseException:
            self.close()
            raise
        results = zip(snippets, reply["results"], strict=True)
        return {name: Result(**fields) for name, fields in results}

    @property
    def closed(self) -> bool:
        """Whether it can run no more snippets for this process, which may be a forked one."""
        return self._lifeline is None or self._owner != os.getpid()

    def close(self) -> None:
        """End the server and all that it started; leave no process and no file behind."""
        if self.closed:
            return
        os.close(self._lifeline)
        self._lifeline = None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:  # stuck in the prelude
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process.stdout.close()
        self._complaints.close()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _wait_for_prelude(self) -> None:
        if self._ready:
            return
        try:
            reply = self._receive(self._deadline)
        except TimeoutError:
            raise TimeoutError(
                "the prelude did not end, so no snippet ran. "
                "Give a longer timeout, or move what waits into a snippet."
            ) from None
        if "prelude" in reply:
            raise RuntimeError(f"the prelude failed, so no snippet ran. {reply['prelude']}")
        self._ready = True

    def _send(self, request: dict) -> None:
        with contextlib.suppress(BrokenPipeError):  # it is dead: `_receive` says so
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()

    def _receive(self, deadline: float) -> dict:
        line, pipe = b"", self._process.stdout.fileno()
        while not line.endswith(b"\n"):
            if not select.select([pipe], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError("the process that runs the snippets does not answer")
            line += (more := os.read(pipe, 1 << 16))
            if not more:
                raise RuntimeError(self._how_it_ended())
        return json.loads(line)

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        self._complaints.seek(0)
        said = self._complaints.read().decode(errors="replace")
        who = "a snippet" if self._ready else "the prelude"
        lost = "no snippet ran" if not self._ready else "its results are lost"
        return f"{who} ended its process (return code {code}), so {lost}.\n{said}"


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux: only the cores this process may use
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _environment() -> dict[str, str]:
    return os.environ | {
        "OMP_NUM_THREADS": "1",  # of several threads, a fork would keep only one
        "MKL_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",  # sets print in one order
        "PYTHONIOENCODING": "utf-8",
        "PYTHONUNBUFFERED": "1",  # what was printed before a crash is not lost
    }
