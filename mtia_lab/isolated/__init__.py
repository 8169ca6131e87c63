"""Run code that would freeze or kill this process in another one, and say how it ended.

Latching, fork and crashes are shown this way: the notebook's own kernel never runs the code.
Nothing in a `Result` depends on the machine, so it can be printed, stored and compared.
"""

import ast
import atexit
import contextlib
import inspect
import json
import os
import selectors
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from types import FunctionType
from typing import Any, Self

from ..errors import SnippetsLost, TookTooLong, WrongArgument, WrongValue

_SERVER = Path(__file__).with_name("_server.py")
_START_SECONDS = 60  # for a bare interpreter to start and to leave, on a busy machine
_GRACE_SECONDS = 5  # for a server to end its snippets
_OF_PYTEST = "PYTEST_CURRENT_TEST"  # it has another value in each test
Snippet = str | Callable[[], Any]
_LONGEST = 1e6  # seconds, some eleven days
_MOST_STDERR = 1 << 20  # bytes of what a prelude writes there


@dataclass(frozen=True, slots=True)
class Result:
    """How one piece of code ended.

    Attributes:
        ok: it ran to its end, or called `sys.exit()`, and its process left with exit code 0.
        stdout: what it printed, from Python or C++, until it ended: the first 16 MB, and where
            there was more, a line that says so.
        error: None if ok, else "Type: message" of its exception, "exit code 3", "killed by SIGSEGV"
            or "hung" (it was killed at the timeout). Paths and addresses in a message are
            shortened.
        stderr: what it wrote there, likewise. For a look by eye: it may depend on the machine, so
            neither the repr nor a comparison includes it.
    """

    ok: bool
    stdout: str
    error: str | None
    stderr: str = field(default="", repr=False, compare=False)


def run(code: Snippet, *, timeout: float = 100, devices: int | None = None) -> Result:
    """Run `code` in a fresh Python process that has imported nothing.

    The process has this one's `sys.path`, environment and current directory, and no standard input.

    Args:
        code: Python; or a function without arguments, whose source is run there and then called. It
            knows nothing of what stands around it here.
        timeout: seconds until the code counts as hung and is killed, with all processes it started.
        devices: if given, `mtia_lab.load(devices=devices)` runs before the code.

    Raises:
        RuntimeError, TimeoutError, TypeError, ValueError: as `run_each` does.
    """
    return run_each({"code": code}, prelude="", timeout=timeout, devices=devices)["code"]


def run_each(
    snippets: Mapping[str, Snippet],
    prelude: str = "import torch",
    *,
    timeout: float = 100,
    devices: int | None = None,
    together: bool = False,
    teardown: bool = False,
) -> dict[str, Result]:
    """Run every snippet in a process of its own, and return their results in the order given.

    One fresh process runs `prelude` and then forks once for each snippet, so an expensive import is
    paid once and no snippet sees another. As many run at a time as there are cores. When all have
    ended, no process is left that one of them started. If all that the prelude does is to import
    torch, this package and modules of the standard library, the process that did, which takes two
    seconds to start and 150 MB, is kept for the next call.

    Args:
        snippets: pieces of code by name, or functions as in `run`.
        prelude: code that all share; what it prints is dropped. It must start no threads.
        timeout: seconds for the prelude, and again for each snippet until it counts as hung.
        devices: if given, `mtia_lab.load(devices=devices)` runs in each snippet's process first.
        together: run all of them at the same time, since they wait for each other.
        teardown: take the interpreter and all libraries apart at the end, as a program's exit does,
            which costs a third of a second each. Without, a process leaves when its threads have
            ended and what was registered with `atexit` has run.

    Raises:
        RuntimeError: the prelude fails, or a snippet ended the process that forks.
        TimeoutError: the prelude does not end.
        TypeError, ValueError: an argument is not what is said here; nothing was started.
    """
    codes = _checked(snippets, timeout, devices)
    with _server_for(prelude, timeout) as (server, setup):
        return server.run_each(
            codes,
            timeout=timeout,
            devices=devices,
            together=together,
            teardown=teardown,
            setup=setup,
        )


class Server:
    """A fresh process that runs a prelude once, and then forks for each snippet it is given.

    It starts at once and in the background; the first `run_each` waits for the prelude.

    Args:
        prelude: as for `run_each`.
        timeout: seconds for the prelude.
    """

    def __init__(self, prelude: str = "import torch", *, timeout: float = 100):
        check_seconds(timeout)
        if not isinstance(prelude, str):
            raise WrongArgument(
                f"'prelude' is a {type(prelude).__name__}; give Python code as text"
            )
        self._deadline = time.monotonic() + timeout + _START_SECONDS
        self._ready = False
        self._owner = os.getpid()
        self._stderr: list[bytes] = []
        # The server holds the reading end of a pipe, its lifeline. When the writing end here is
        # closed, by an interrupt, an error or this process's death, it kills what it has started
        # and leaves.
        reading, writing = os.pipe()
        self._lifeline = open(writing, "wb")  # noqa: SIM115, closed in close()
        with open(reading, "rb"):
            process = subprocess.Popen(
                [sys.executable, "-c", _SERVER.read_text(encoding="utf-8"), str(reading)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(),
                pass_fds=(reading,),
                start_new_session=True,
            )
        assert process.stdin and process.stdout and process.stderr  # for there are pipes
        self._process, self._pipes = process, (process.stdin, process.stdout, process.stderr)
        try:
            self._send({"path": sys.path, "prelude": prelude})
        except BaseException:  # an interrupt
            self.close()
            raise

    def run_each(
        self,
        snippets: Mapping[str, Snippet],
        *,
        timeout: float = 100,
        devices: int | None = None,
        together: bool = False,
        teardown: bool = False,
        setup: str = "",
    ) -> dict[str, Result]:
        """Run every snippet in a process of its own; see the function of this name.

        `setup` is code that runs in each snippet's process first. Whatever this raises but for a
        wrong argument, the server is closed then.
        """
        codes = _checked(snippets, timeout, devices)
        timeout = float(timeout)
        jobs = max(1, len(codes) if together else min(len(codes), _cores()))
        load = "" if devices is None else f"import mtia_lab; mtia_lab.load(devices={int(devices)})"
        request = {
            "setup": f"{setup}\n{load}",
            "teardown": teardown,
            "snippets": list(codes.values()),
            "timeout": timeout,
            "jobs": jobs,
        }
        try:
            self._wait_for_prelude()
            self._send(request)
            rounds = -(-len(codes) // jobs)  # batches of `jobs` at worst
            reply = self._receive(time.monotonic() + timeout * rounds + _START_SECONDS)
        except BaseException:
            self.close()
            raise
        results = zip(codes, reply["results"], strict=True)
        return {name: Result(**fields) for name, fields in results}

    @property
    def closed(self) -> bool:
        """Whether it can run no more snippets for this process, which may be a forked one."""
        return self._lifeline.closed or self._owner != os.getpid()

    def close(self) -> None:
        """End the server and all that it started; leave no process and no file behind."""
        if self.closed:
            return
        process, (requests, replies, stderr) = self._process, self._pipes
        try:
            self._lifeline.close()
            with contextlib.suppress(BrokenPipeError):
                requests.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_SECONDS)
        finally:
            if process.poll() is None:  # it is stopped, or this is interrupted once more
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            replies.close()
            stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _wait_for_prelude(self) -> None:
        if self._ready:
            return
        try:
            reply = self._receive(self._deadline)
        except TimeoutError:
            raise TookTooLong(
                "the prelude did not end, so no snippet ran. "
                "Give a longer timeout, or move what waits into a snippet."
            ) from None
        if "prelude" in reply:
            raise SnippetsLost(f"the prelude failed, so no snippet ran. {reply['prelude']}")
        self._ready = True

    def _send(self, request: dict[str, Any]) -> None:
        requests, _, _ = self._pipes
        with contextlib.suppress(BrokenPipeError):  # it is dead: `_receive` says so
            requests.write(json.dumps(request).encode() + b"\n")
            requests.flush()

    def _receive(self, deadline: float) -> dict[str, Any]:
        parts: list[bytes] = []
        _, replies, stderr = self._pipes
        with selectors.DefaultSelector() as selector:
            selector.register(replies, selectors.EVENT_READ, parts)
            selector.register(stderr, selectors.EVENT_READ, self._stderr)
            while not (parts and parts[-1].endswith(b"\n")):
                ready = selector.select(max(0, deadline - time.monotonic()))
                if not ready:
                    raise TookTooLong("the process that runs the snippets does not answer")
                for key, _ in ready:
                    more = os.read(key.fd, 1 << 16)
                    if more == b"" and key.data is parts:
                        raise SnippetsLost(self._how_it_ended())
                    if more == b"":
                        selector.unregister(key.fd)
                    elif key.data is parts or sum(map(len, key.data)) < _MOST_STDERR:
                        key.data.append(more)
        reply: dict[str, Any] = json.loads(b"".join(parts))
        return reply

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        _, _, stderr = self._pipes
        os.set_blocking(stderr.fileno(), False)
        said = b"".join([*self._stderr, stderr.read() or b""]).decode(errors="replace")
        who = "a snippet" if self._ready else "the prelude"
        lost = "no snippet ran" if not self._ready else "its results are lost"
        return f"{who} ended its process (return code {code}), so {lost}.\n{said}"


class KeptServer:
    """A server that is kept from one use to the next, and ends with this process.

    It starts at the first `get`, and anew when it is closed, or when this process's path,
    environment or folder, which it has taken over, are others by now.

    Args:
        prelude: as for `run_each`.

    Attributes:
        lock: to be held while it is used, for it answers one request at a time.
    """

    def __init__(self, prelude: str):
        self._prelude = prelude
        self.lock = threading.Lock()
        self._server: Server | None = None
        self._taken: tuple[list[str], dict[str, str], str] | None = None

    def get(self) -> Server:
        """The server, which may still be at its prelude."""
        environment = {name: v for name, v in os.environ.items() if name != _OF_PYTEST}
        now = (sys.path[:], environment, os.getcwd())
        if self._server is None or self._server.closed or self._taken != now:
            self.stop()
            self._server, self._taken = Server(self._prelude), now
            atexit.register(self.stop)
        return self._server

    def stop(self) -> None:
        """End the server; the next `get` starts another."""
        atexit.unregister(self.stop)
        if self._server is not None:
            self._server.close()


# What these have imported does not depend on when they did. A call, as it leaves no names.
_imported = KeptServer("__import__('torch'), __import__('mtia_lab')")


@contextlib.contextmanager
def _server_for(prelude: str, timeout: float) -> Iterator[tuple[Server, str]]:
    """The server to fork from, and what of the prelude is left for its snippets to run first."""
    if _imports_no_more(prelude) and _imported.lock.acquire(blocking=False):
        try:
            yield _imported.get(), prelude
        finally:
            _imported.lock.release()
    else:
        with Server(prelude, timeout=timeout) as server:
            yield server, ""


def _imports_no_more(prelude: str) -> bool:
    """Whether a prelude imports torch, and beside it at most the lab and the standard library."""
    try:
        lines = ast.parse(prelude).body
    except (SyntaxError, TypeError, ValueError):  # it is said where it runs
        return False
    imports = [line for line in lines if isinstance(line, ast.Import)]
    modules = {alias.name for line in imports for alias in line.names}
    known = sys.stdlib_module_names | {"torch", "mtia_lab"}
    return imports == lines and "torch" in modules and modules <= known


def check_seconds(timeout: float) -> None:
    """Check a number of seconds to wait.

    Raises:
        TypeError, ValueError: it is no number, or none that can be waited.
    """
    if isinstance(timeout, bool) or not isinstance(timeout, Real):
        raise WrongArgument(
            f"timeout is {timeout!r}, a {type(timeout).__name__}, but a process gets a number of "
            "seconds, such as 10"
        )
    if not 0 < timeout <= _LONGEST:
        raise WrongValue(
            f"timeout is {timeout}, but a process gets more than 0 and at most {_LONGEST:,.0f} "
            "seconds, such as 10"
        )


def check_whole(number: int, name: str) -> None:
    """Check that the argument called `name` is a whole number.

    Raises:
        TypeError: it is not.
    """
    if isinstance(number, bool) or not isinstance(number, int):
        raise WrongArgument(
            f"{name} is {number!r}, a {type(number).__name__}, but has to be a whole number: try 2"
        )


def source_of(function: Callable[..., Any]) -> str:
    """The text of a function or class, as if it stood at the left margin.

    Raises:
        TypeError: nobody knows it.
    """
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        raise WrongArgument(
            f"the source of {function.__name__} cannot be found; write it in a cell or in a file"
        ) from None


def _checked(
    snippets: Mapping[str, Snippet], timeout: float, devices: int | None = None
) -> dict[str, str]:
    """The code of each snippet, once all arguments are right."""
    if not isinstance(snippets, Mapping):
        raise WrongArgument(
            f"the snippets are a {type(snippets).__name__}; give a dict of pieces of code by name, "
            "such as {'first': 'print(1)'}"
        )
    codes = {name: _code(name, snippet) for name, snippet in snippets.items()}
    check_seconds(timeout)
    if devices is not None:
        check_whole(devices, "devices")
    return codes


def _code(name: str, snippet: Snippet) -> str:
    """The code of a snippet: of a function its definition, and a call of it."""
    if isinstance(snippet, str):
        return snippet
    if isinstance(snippet, FunctionType) and snippet.__name__.isidentifier():
        return f"{source_of(snippet)}\n{snippet.__name__}()\n"
    raise WrongArgument(
        f"{name!r} is a {type(snippet).__name__}; give Python code as text, or a function "
        "that a `def` made"
    )


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
