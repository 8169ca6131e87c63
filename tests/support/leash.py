"""Run a command that ends when whoever asked for it ends, however that happens.

Whoever is killed cannot clean up. So a process stands in between and reads its standard input, a
pipe from its owner. When that is over, closed by `end` or by the owner's death, it ends the command
and what is left of the command's process group.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

GRACE = 20  # seconds between asking the command to end and killing it


def start(command: list[str], **options) -> subprocess.Popen:
    """Start the command; `options` are those of Popen."""
    leashed = [sys.executable, __file__, *command]
    return subprocess.Popen(leashed, stdin=subprocess.PIPE, start_new_session=True, **options)


def end(started: subprocess.Popen) -> None:
    """End the command."""
    started.stdin.close()
    started.wait()


def main(command: list[str]) -> int:
    """Be the process in between."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_end_with_owner, args=[process], daemon=True).start()
    code = process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return abs(code)


def _end_with_owner(process: subprocess.Popen) -> None:
    os.read(sys.stdin.fileno(), 1)  # not sys.stdin.read(), whose lock would make exit an abort
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
