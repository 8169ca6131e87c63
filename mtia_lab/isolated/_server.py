"""The other end of `mtia_lab.isolated`: run a prelude once, then fork a process for each snippet.

`isolated` passes this file's text to a fresh interpreter, so that nothing of this package or its
folder is on that interpreter's path. It reads requests from standard input, each one line of JSON,
and writes a reply to each, likewise, to standard output: first the prelude, then snippets until the
input ends. It imports only what is cheap, and starts no threads.
"""

import atexit
import contextlib
import ctypes
import fcntl
import gc
import json
import mmap
import os
import re
import resource
import select
import selectors
import signal
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path

MEGABYTES = 16  # of what a snippet prints, and as much of its stderr, is kept
MESSAGE = 10_000  # characters of an exception's message
PIPE = 1 << 20  # bytes that a pipe can hold at most
SUBREAPER, DEATH_SIGNAL = 36, 1  # of Linux's prctl


def main() -> None:
    lifeline = int(sys.argv[1])
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    redirect(os.open(os.devnull, os.O_RDWR), 0, 1)
    request = json.loads(requests.readline())
    sys.path[:] = request["path"]
    sys.argv[:] = [""]
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    prctl(SUBREAPER, 1)  # a process in here whose parent ends becomes a child of this one
    # What is run is the main module, as in a script: its functions can be pickled, for one.
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        with dying_by(lifeline):
            execute(request["prelude"], "<prelude>")
    except BaseException as error:  # SystemExit too: no snippet can run after it
        print(json.dumps({"prelude": describe(error)}), file=replies, flush=True)
        leave()
    gc.freeze()  # else each snippet's first collection copies all that the prelude has made
    print(json.dumps({}), file=replies, flush=True)
    needed = children()  # what the prelude started is there for the snippets
    while line := requests.readline():
        request = json.loads(line)
        shared = request["setup"], request["teardown"]
        snippets = [Snippet(code, *shared) for code in request["snippets"]]
        mine = serve(snippets, request["timeout"], request["jobs"], lifeline)
        if mine is not None:  # in the forked process of one snippet
            requests.close()
            replies.close()
            mine.run()
            return
        end_strays(needed)
        answer = {"results": [snippet.result() for snippet in snippets]}
        print(json.dumps(answer), file=replies, flush=True)
    leave()


class Snippet:
    """One piece of code and its process.

    Pipes take what it prints, and are read as long as its process lives. How the code ended is
    left in shared memory, which it cannot close.
    """

    def __init__(self, code: str, setup: str, teardown: bool):
        self.code, self.setup, self.teardown = code, setup, teardown
        self.pid, self.deadline, self.status = 0, 0.0, 0  # known once it runs, and has ended
        self.hung = self.ended = False
        self.report = mmap.mmap(-1, 1 + 4 * MESSAGE)  # whether it has ended, and the error
        self.outputs: list[Output] = []

    def fork(self, timeout: float) -> bool:
        """Start the process; return True in the new one. It leads a process group of its own."""
        server = os.getpid()
        pipes = [os.pipe(), os.pipe()]
        self.pid = os.fork()
        if self.pid == 0:
            os.setpgid(0, 0)
            prctl(DEATH_SIGNAL, signal.SIGKILL)  # should the server be killed
            if os.getppid() != server:
                os._exit(1)
            self.pid = os.getpid()
            for target, (reading, writing) in enumerate(pipes, 1):
                redirect(writing, target)
                os.close(reading)
                os.close(writing)
            return True
        # In both processes, so that there is a group to kill from here on, whichever is first.
        with contextlib.suppress(PermissionError, ProcessLookupError):  # the new one was
            os.setpgid(self.pid, self.pid)
        for reading, writing in pipes:
            os.close(writing)
            self.outputs.append(Output(reading))
        self.deadline = time.monotonic() + timeout
        return False

    def run(self) -> None:
        """Run the code in this, its own, process; leave the report unless a crash prevents it."""
        redirect(os.open(os.devnull, os.O_RDONLY), 0)
        # Before all others, so it is called after them.
        atexit.register(gc.freeze if self.teardown else self.end)
        try:
            execute(self.setup, "<setup>")
            execute(self.code, "<code>")
        except SystemExit as error:
            self.status = exit_code(error)
            self.write_report("")
            raise
        except BaseException as error:
            self.status = 1
            self.write_report(describe(error))
            sys.exit(1)
        self.write_report("")

    def end(self) -> None:
        """End the process here: to take all of torch apart would cost a third of a second more."""
        if self.is_mine():
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):  # the code may have closed or replaced it
                    stream.flush()
            ctypes.CDLL(None).fflush(None)  # what C and C++ print
            os._exit(self.status)
        gc.freeze()

    def is_mine(self) -> bool:
        """Whether this is the snippet's process, and none that its code forked in its turn."""
        return os.getpid() == self.pid

    def write_report(self, error: str) -> None:
        if self.is_mine():
            text = error.encode()
            self.report[1 : 1 + len(text)] = text
            self.report[0] = True

    def reap(self, selector: selectors.BaseSelector) -> bool:
        """Return True if the process has ended; then nothing it started in its group is left."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return False
        self.status, self.ended = os.waitstatus_to_exitcode(status), True
        self.kill()
        for output in self.outputs:
            output.read(PIPE)
            if output.pipe in selector.get_map():
                selector.unregister(output.pipe)
        self.close()
        return True

    def kill(self) -> None:
        with contextlib.suppress(PermissionError, ProcessLookupError):  # nothing alive in the group
            os.killpg(self.pid, signal.SIGKILL)
        if not self.ended:  # it may have gone over to another group
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        for output in self.outputs:
            output.close()

    def result(self) -> dict[str, str | bool | None]:
        stdout, stderr = (output.text() for output in self.outputs)
        error = self.error()
        return {"ok": error is None, "stdout": stdout, "error": error, "stderr": stderr}

    def error(self) -> str | None:
        """Put the ending into words."""
        came_to_its_end = self.report[0]
        raised = self.report[1:].rstrip(b"\0").decode()
        if self.hung:
            return "hung"
        if self.status < 0:
            killed = f"killed by {signal_name(-self.status)}"
            return f"{raised}; then {killed}" if raised else killed
        if raised or (came_to_its_end and self.status == 0):
            return raised or None
        return f"exit code {self.status}"


class Output:
    """What comes out of a pipe: the first megabytes of it."""

    def __init__(self, pipe: int):
        self.pipe, self.room, self.dropped = pipe, MEGABYTES << 20, False
        self.kept: list[bytes] = []
        os.set_blocking(pipe, False)

    def read(self, most: int = 1 << 16) -> bool:
        """Read some of it; return False once all its writers are gone."""
        try:
            some = os.read(self.pipe, most)
        except BlockingIOError:
            return True
        self.dropped = self.dropped or len(some) > self.room
        self.kept.append(some[: self.room])
        self.room -= len(self.kept[-1])
        return some != b""

    def close(self) -> None:
        os.close(self.pipe)

    def text(self) -> str:
        text = b"".join(self.kept).decode("utf-8", errors="replace")
        dropped = f"\n[the rest was dropped: {MEGABYTES} MB are kept]\n"
        return text + dropped if self.dropped else text


def serve(snippets: list[Snippet], timeout: float, jobs: int, lifeline: int) -> Snippet | None:
    """Run all snippets, `jobs` at a time. Return None, or the snippet if in its forked process."""
    woken, waker = os.pipe()
    for end in (woken, waker):
        os.set_blocking(end, False)
    # A child's end wakes the selector below; the handler itself has nothing to do.
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    selector = selectors.DefaultSelector()
    for end in (woken, lifeline):
        selector.register(end, selectors.EVENT_READ)
    waiting = snippets[::-1]
    running: list[Snippet] = []
    while waiting or running:
        while waiting and len(running) < jobs:
            snippet = waiting.pop()
            if snippet.fork(timeout):
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                selector.close()
                for end in (woken, waker, lifeline):
                    os.close(end)
                for other in running:
                    other.close()
                return snippet
            running.append(snippet)
            for output in snippet.outputs:
                selector.register(output.pipe, selectors.EVENT_READ, output)
        deadlines = [snippet.deadline for snippet in running if not snippet.hung]
        patience = max(0, min(deadlines) - time.monotonic()) if deadlines else None
        for key, _ in selector.select(patience):
            if key.fd == lifeline:
                for snippet in running:
                    snippet.kill()
                leave()
            elif key.fd == woken:
                os.read(woken, 4096)
            elif not key.data.read():
                selector.unregister(key.fd)
        for snippet in list(running):
            if snippet.reap(selector):
                running.remove(snippet)
            elif not snippet.hung and time.monotonic() >= snippet.deadline:
                snippet.hung = True
                snippet.kill()
    signal.set_wakeup_fd(-1)
    selector.close()
    for end in (woken, waker):
        os.close(end)
    return None


@contextlib.contextmanager
def dying_by(lifeline: int) -> Iterator[None]:
    """While this process cannot look at its lifeline, a signal ends its group when that is cut."""
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:  # it is cut already
        leave()
    yield
    fcntl.fcntl(lifeline, fcntl.F_SETFL, flags)


def prctl(option: int, value: int) -> None:
    """Ask Linux for something that other systems do not have."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def children() -> set[int]:
    """The processes whose parent this one is, as far as the system says so."""
    file = Path(f"/proc/self/task/{os.getpid()}/children")
    return set(map(int, file.read_text().split())) if file.exists() else set()


def end_strays(needed: set[int]) -> None:
    """Kill what left its snippet's group, and what that started, until nothing is left."""
    while strays := children() - needed:
        for stray in strays:
            os.kill(stray, signal.SIGKILL)
        for stray in strays:
            os.waitpid(stray, 0)


def leave() -> None:
    """End this process and all that it started, without destructors."""
    end_strays(set())
    os.killpg(0, signal.SIGKILL)


def execute(code: str, filename: str) -> None:
    exec(compile(code, filename, "exec"), vars(sys.modules["__main__"]))


def redirect(source: int, *targets: int) -> None:
    for target in targets:
        os.dup2(source, target)


def exit_code(error: SystemExit) -> int:
    """Return what Python would leave with."""
    if isinstance(error.code, int):
        return error.code & 0xFF
    return 0 if error.code is None else 1


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def describe(error: BaseException) -> str:
    """Return "Type: message" with the folders of paths and the digits of addresses left out."""
    try:
        message = str(error)[:MESSAGE].encode(errors="backslashreplace").decode()
    except BaseException:  # its __str__ raises
        message = "its message cannot be shown"
    text = f"{type(error).__name__}: {message}".removesuffix(": ")[:MESSAGE]
    text = re.sub(r"(?<![\w./:])/(?:[^\s/'\":,;]+/)+", "…/", text)
    return re.sub(r"\b0x[0-9a-f]{6,}\b", "0x…", text)


main()
