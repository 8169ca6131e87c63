"""`with mtia_lab.record() as log:`, which records what happens while the block runs."""

import threading
from collections.abc import Iterator
from typing import Unpack, overload

from ..device import simulator, state
from . import records
from .block import block
from .filtering import filtered
from .log import Log, Part
from .records import Memory, Range, Record


class LiveLog(Log):
    __doc__ = Log.__doc__  # as for any log: that it reads as it grows does not matter to a reader

    def __init__(self, part: Part) -> None:
        super().__init__((), {thread_number(): state()}, list(_memory_now()))
        self._all = Log((), self.initial_state, self.initial_memory)
        self._part = part
        filtered(self._all, {**part, "range": None})  # refuses what nothing can be
        self._read = 0  # records and ranges
        self._origin = simulator.host_clock()
        self._lock = threading.RLock()
        self._first: int | None = None  # the simulator's number of its first record, while it grows
        self._wanted = False, False

    def begin(self, host: bool, values: bool) -> None:
        """Start recording; `close` ends it."""
        self._wanted = host, values
        self._first = simulator.record_begin(host, values)

    def _refresh(self) -> None:
        """Read what is new: each record once, even if interrupted, or if another thread reads."""
        with self._lock:
            if self._first is not None:
                known = self._read
                new = simulator.record_read(self._first + known, self._origin, records)
                new = new[self._read - known :]  # a handler may have read, too
                self._read += len(new)
                self._ranges.extend(each for each in new if isinstance(each, Range))
                new = [each for each in new if not isinstance(each, Range)]
                if self._part and new:
                    self._take(new)
                else:
                    self._records.extend(new)

    def _take(self, new: list[Record]) -> None:
        """Only a part is wanted: a call belongs where what it enqueues does, which comes later."""
        self._all._records.extend(new)
        self._all._ranges = self._ranges
        part = filtered(self._all, self._part)
        self._records, self.initial_memory = part._records, part.initial_memory

    def close(self) -> None:
        """Read what is left and stop recording, even if that cannot be read."""
        with self._lock:
            try:
                self._refresh()
            finally:
                if self._first is not None:
                    self._first = None
                    simulator.record_end(*self._wanted)

    def now(self) -> Log:
        return self if self._first is None else self[:]

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Log: ...
    def __getitem__(self, index: int | slice) -> Record | Log:
        self._refresh()
        return super().__getitem__(index)

    def __len__(self) -> int:
        self._refresh()
        return super().__len__()

    def __iter__(self) -> Iterator[Record]:
        self._refresh()
        return super().__iter__()


def _memory_now() -> Iterator[Memory]:
    rows: list[tuple[str, int, int, int, int]] = simulator.memory_now()
    for row in rows:
        yield Memory(*row, 0, thread_number(), None)


@block("log")
def record(*, host: bool = False, values: bool = False, **wanted: Unpack[Part]) -> Iterator[Log]:
    """Record every call into the backend and every command, with the lines they come from.

    Recordings nest; each sees what happens while it is open. Times in the log start at 0 when the
    recording begins.

    Args:
        host: also what the host does with pinned memory: it is allocated and freed, and operators
            of the CPU, `tolist` and pickling use it (what NumPy does with it is not known).
        values: also the first bytes of what each command left in memory, when it had happened.
        wanted: only this part, as `log.filter` takes it: `record(stream=1)`.

    Yields:
        A log that grows while the block runs and stays as it is afterwards.
    """
    log = LiveLog(wanted)
    try:
        log.begin(host, values)
        yield log
    finally:
        log.close()


def thread_number() -> int:
    """This host thread's logical number: threads count in order of their first runtime call."""
    number: int = simulator.thread()
    return number
