"""Compile and link one library with torch.utils.cpp_extension; run by compiling.py as a process.

A process of its own, because cpp_extension writes to file descriptor 1, reads the environment and
ends by opening what it built: none of that may happen in the reader's process.
"""

import json
import os
import signal
import sys
import threading

LIFELINE = 0  # standard input: it ends when the parent closes it, or dies in whatever way


def end_with_parent() -> None:
    """Stop the compilers when nobody waits for them any more."""
    os.read(LIFELINE, 1)
    os.killpg(0, signal.SIGTERM)


if __name__ == "__main__":
    job = json.loads(sys.argv[1])
    sys.path[:] = job["path"]
    threading.Thread(target=end_with_parent, daemon=True).start()

    from torch.utils import cpp_extension

    cpp_extension.load(**job["load"], is_python_module=False, verbose=True)
