"""The other end of `mtia_lab.isolated`: run a prelude once, then fork a process for each snippet.

`isolated` passes this file's text to a fresh interpreter, so that nothing of this package or its
folder is on that interpreter's path. It reads requests from standard input, each one line of JSON,
and writes a reply to each, likewise, to standard output: first the prelude, then snippets until the
input ends. It imports only what is cheap, and starts no threads.
"""

import contextlib
import json
import os
import re
import resource
import select
import signal
import sys
import tempfile
import time
import types


def main() -> None:
    lifeline = int(sys.argv[1])
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    redirect(os.open(os.devnull, os.O_RDWR), 0, 1)
    request = json.loads(requests.readline())
    sys.path[:] = request["path"]
    sys.argv[:] = [""]
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    # What is run is the main module, as in a script: its functions can be pickled, for one.
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        execute(request["prelude"], "<prelude>")
    except BaseException as error:  # SystemExit too: no snippet can run after it
        print(json.dumps({"prelude": describe(error)}), file=replies, flush=True)
        return
    print(json.dumps({}), file=replies, flush=True)
    while line := requests.readline():
        request = json.loads(line)
        snippets = [Snippet(request["setup"], code) for code in request["snippets"]]
        mine = serve(snippets, request["timeout"], request["jobs"], lifeline)
        if mine is not None:  # in the forked process of one snippet
            requests.close()
            replies.close()
            mine.run()
            return
        answer = {"results": [snippet.result() for snippet in snippets]}
        print(json.dumps(answer), file=replies, flush=True)
    os._exit(0)  # nobody needs the destructors of what the prelude imported, which take a while


class Snippet:
    """One piece of code and its process. Files, not pipes, take its output: they never block."""

    def __init__(self, setup: str, code: str):
        self.setup, self.code = setup, code
        self.pid = self.deadline = self.status = None
        self.hung = False
        # Open as long as the process of this server or of the snippet lives.
        self.stdout, self.stderr, self.report = map(tempfile.TemporaryFile, ["w+b"] * 3)

    def fork(self, timeout: float) -> bool:
        """Start the process; return True in the new one. It leads a process group of its own."""
        self.pid = os.fork()
        if self.pid == 0:
            os.setpgid(0, 0)
            self.pid = os.getpid()
            return True
        # On both sides, so that there is a group to kill from here on, whoever comes first.
        with contextlib.suppress(PermissionError, ProcessLookupError):  # it did, and went on
            os.setpgid(self.pid, self.pid)
        self.deadline = time.monotonic() + timeout
        return False

    def run(self) -> None:
        """Run the code in this, its own, process; leave the report unless a crash prevents it."""
        redirect(os.open(os.devnull, os.O_RDONLY), 0)
        redirect(self.stdout.fileno(), 1)
        redirect(self.stderr.fileno(), 2)
        try:
            execute(self.setup, "<setup>")
            execute(self.code, "<code>")
        except SystemExit:
            self.write_report("")
            raise
        except BaseException as error:
            self.write_report(describe(error))
            sys.exit(1)
        self.write_report("")

    def write_report(self, error: str) -> None:
        if os.getpid() == self.pid:  # not in a process that the code forked in its turn
            self.report.write(json.dumps(error).encode())
            self.report.flush()

    def reap(self) -> bool:
        """Return True if the process has ended; then nothing it started in its group is left."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return False
        self.status = os.waitstatus_to_exitcode(status)
        self.kill()
        return True

    def kill(self) -> None:
        with contextlib.suppress(PermissionError, ProcessLookupError):  # nothing alive in the group
            os.killpg(self.pid, signal.SIGKILL)

    def result(self) -> dict:
        stdout, stderr, report = (read(f) for f in (self.stdout, self.stderr, self.report))
        error = self.error(json.loads(report) if report else None)
        return {"ok": error is None, "stdout": stdout, "error": error, "stderr": stderr}

    def error(self, raised: str | None) -> str | None:
        """Put the ending into words; `raised` is None if the code did not come to its end."""
        if self.hung:
            return "hung"
        if self.status < 0:
            killed = f"killed by {signal.Signals(-self.status).name}"
            return f"{raised}; then {killed}" if raised else killed
        if raised or (raised == "" and self.status == 0):
            return raised or None
        return f"exit code {self.status}"


def serve(snippets: list, timeout: float, jobs: int, lifeline: int) -> "Snippet | None":
    """Run all snippets, `jobs` at a time. Return None, or the snippet if in its forked process."""
    woken, waker = os.pipe()
    for end in (woken, waker):
        os.set_blocking(end, False)
    # A child's end wakes the select below; the handler itself has nothing to do.
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    waiting, running = list(snippets), []
    while waiting or running:
        while waiting and len(running) < jobs:
            snippet = waiting.pop(0)
            if snippet.fork(timeout):
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for end in (woken, waker, lifeline):
                    os.close(end)
                return snippet
            running.append(snippet)
        deadlines = [snippet.deadline for snippet in running if not snippet.hung]
        patience = max(0, min(deadlines) - time.monotonic()) if deadlines else None
        ready, _, _ = select.select([woken, lifeline], [], [], patience)
        if lifeline in ready:
            for snippet in running:
                snippet.kill()
                os.waitpid(snippet.pid, 0)
            sys.exit(1)
        if woken in ready:
            os.read(woken, 4096)
        running = [snippet for snippet in running if not snippet.reap()]
        for snippet in running:
            if not snippet.hung and time.monotonic() >= snippet.deadline:
                snippet.hung = True
                snippet.kill()
    signal.set_wakeup_fd(-1)
    for end in (woken, waker):
        os.close(end)
    return None


def execute(code: str, filename: str) -> None:
    exec(compile(code, filename, "exec"), vars(sys.modules["__main__"]))


def redirect(source: int, *targets: int) -> None:
    for target in targets:
        os.dup2(source, target)


def read(file) -> str:
    file.seek(0)
    return file.read().decode("utf-8", errors="replace")


def describe(error: BaseException) -> str:
    """Return "Type: message" with the folders of paths and the digits of addresses left out."""
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    text = re.sub(r"(?<![\w./:])/(?:[^\s/'\":,;]+/)+", "…/", text)
    return re.sub(r"\b0x[0-9a-f]{6,}\b", "0x…", text)


main()
