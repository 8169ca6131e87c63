"""Run code that would freeze or kill this process in another one, and say what became of it.

Latching, fork and crashes are shown this way: the notebook's own kernel never runs the code.
Nothing in a `Result` depends on the machine, so it can be printed, stored and compared.
"""

import json
import os
import signal
import subprocess
import sys
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
) -> dict[str, Result]:
    """Run every snippet in a process of its own, and return their results in the order given.

    One fresh process runs `prelude` and then forks once for each snippet, so an expensive import is
    paid once and no snippet sees another. As many run at a time as there are cores.

    prelude: code that all share; what it prints is dropped. It must start no threads.
    timeout: seconds for the prelude, and again for each snippet until it counts as hung.
    devices: if given, `mtia_lab.load(devices=devices)` runs in each snippet's process first.

    Raises RuntimeError if the prelude fails, TimeoutError if it does not end.
    """
    jobs = max(1, min(len(snippets), _cores()))
    setup = "" if devices is None else f"import mtia_lab; mtia_lab.load(devices={devices})"
    request = {
        "path": sys.path,
        "prelude": prelude,
        "setup": setup,
        "snippets": list(snippets.values()),
        "timeout": timeout,
        "jobs": jobs,
    }
    rounds = 1 + -(-len(snippets) // jobs)  # the prelude, then batches of `jobs` at worst
    reply = _ask_server(request, timeout * rounds + _START_SECONDS)
    if "prelude" in reply:
        raise RuntimeError(f"the prelude failed, so no snippet ran. {reply['prelude']}")
    return {name: Result(**fields) for name, fields in zip(snippets, reply["results"], strict=True)}


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux: only the cores this process may use
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _ask_server(request: dict, limit: float) -> dict:
    """Start a server for this one request and return its reply; leave no process behind.

    The server holds the reading end of a pipe, its lifeline. When the writing end here is closed,
    by an interrupt, an error or this process's death, it kills what it has started and leaves.
    """
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",  # of several threads, a fork would keep only one
        "MKL_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",  # sets print in one order
        "PYTHONIOENCODING": "utf-8",
        "PYTHONUNBUFFERED": "1",  # what was printed before a crash is not lost
    }
    reading, writing = os.pipe()
    with open(writing, "wb") as held:
        with open(reading, "rb"):
            server = subprocess.Popen(
                [sys.executable, "-c", _SERVER.read_text(encoding="utf-8"), str(reading)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                pass_fds=(reading,),
                start_new_session=True,
            )
        try:
            reply, complaint = server.communicate(json.dumps(request).encode(), timeout=limit)
        except subprocess.TimeoutExpired:
            raise TimeoutError(
                "the prelude did not end, so no snippet ran. "
                "Give a longer timeout, or move what waits into a snippet."
            ) from None
        finally:
            held.close()
            _see_off(server)
    if server.returncode != 0:
        raise RuntimeError(
            f"the prelude ended its process (return code {server.returncode}), so no snippet ran.\n"
            + complaint.decode(errors="replace")
        )
    return json.loads(reply)


def _see_off(server: subprocess.Popen) -> None:
    """Wait for a server that has lost its lifeline; kill it if it is stuck in the prelude."""
    try:
        server.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    for pipe in (server.stdin, server.stdout, server.stderr):
        pipe.close()
