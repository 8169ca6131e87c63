"""`with mtia_lab.record() as log:` and how lines of the reader's program are named in it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import torch

from .block import block
from .cells import cell_of, until_next_cell
from .log import Log
from .parsing import parse
from .readers import is_readers
from .records import Memory
from .runtime import simulator, state


class LiveLog(Log):
    __doc__ = Log.__doc__  # what it is for whoever holds one; that it reads as it grows, no matter

    def __init__(self) -> None:
        super().__init__((), {thread_number(): state()}, list(_memory_now()))
        self._origin = torch.ops.mtia_lab.host_clock()
        self._lock = threading.RLock()
        self._first: int | None = None  # the simulator's number of its first record, while it grows
        self._wanted = False, False

    def begin(self, host: bool, values: bool) -> None:
        """Start recording; `close` ends it."""
        self._wanted = host, values
        self._first = torch.ops.mtia_lab.record_begin(host, values)

    def _refresh(self) -> None:
        """Read what is new: each record once, whatever interrupts this or looks at it meanwhile."""
        with self._lock:
            if self._first is not None:
                known = len(self._records)
                new = parse(torch.ops.mtia_lab.record_read(self._first + known), self._origin)
                # A handler may have read, too.
                self._records.extend(new[len(self._records) - known :])

    def close(self) -> None:
        """Read what is left and stop recording, even if that cannot be read."""
        with self._lock:
            try:
                self._refresh()
            finally:
                if self._first is not None:
                    self._first = None
                    torch.ops.mtia_lab.record_end(*self._wanted)

    def __getitem__(self, index):
        self._refresh()
        return super().__getitem__(index)

    def __len__(self) -> int:
        self._refresh()
        return super().__len__()

    def __iter__(self):
        self._refresh()
        return super().__iter__()


def _memory_now() -> Iterator[Memory]:
    flat = torch.ops.mtia_lab.memory_now()
    for is_block, device, stream, address, count in zip(*[iter(flat)] * 5, strict=True):
        action = "alloc" if is_block else "segment_alloc"
        yield Memory(action, device, stream, address, count, 0.0, thread_number(), None)


@block("log")
def record(*, host: bool = False, values: bool = False) -> Iterator[Log]:
    """Record every call into the backend and every command, with the lines they come from.

    Recordings nest; each sees what happens while it is open. Times in the log start at 0 when the
    recording begins.

    Args:
        host: also what the host does with pinned memory: it is allocated and freed, and operators
            of the CPU, `tolist` and pickling use it (what NumPy does with it, nobody tells).
        values: also the first bytes of what each command left in memory, when it had happened.

    Yields:
        A log that grows while the block runs and stays as it is afterwards.
    """
    name_lines()
    log = LiveLog()
    try:
        log.begin(host, values)
        yield log
    finally:
        log.close()


def thread_number() -> int:
    """This host thread's logical number: threads count in order of their first runtime call."""
    return torch.ops.mtia_lab.thread()


class _FileNames(dict):
    """How the log names each file: "In[3]" for a cell, "train.py" for a script, None to pass over.

    Of a cell it is a pair with how many of its lines, a magic's or empty, stand above the code that
    IPython makes of it. Never a folder: a log may not depend on the machine. What is known is found
    without running any Python code, in which an interrupt could come. Which cell it is is known
    until another one runs; of what a magic runs it has to be asked each time.
    """

    def __missing__(self, file: str) -> str | tuple[str, int] | None:
        if cell := cell_of(file):
            if not file.startswith("<") or file.startswith("<ipython-input"):
                until_next_cell(self.pop, file, None)
                self[file] = cell
            return cell
        name = Path(file).name if not file.startswith("<") else file
        self[file] = name = name if is_readers(file) else None
        return name


FILE_NAMES = _FileNames()


def name_lines() -> None:
    """Tell the simulator how to name the lines of this program."""
    simulator.name_files(id(FILE_NAMES))
