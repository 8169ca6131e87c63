"""`with mtia_lab.sanitizer() as report:` checks the block that it surrounds."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..device import simulator
from ..log.block import block
from ..log.log import Log
from ..log.recording import record
from .report import Found, Report, check


class LiveReport(Report):
    """The hazards of the block that it was made for, within the block of what has run so far.

    It is a `Report`: a sequence of hazards, empty for a correct program, with `hints` beside.
    Show it, or `print(report)`, for each with both lines and a fix; `report[0]` is one of them,
    and `mtia_lab.draw.timeline(report.log, report)` marks them all.

    Attributes:
        log: what was recorded.
    """

    def __init__(self, log: Log) -> None:
        super().__init__(Found())
        self.log = log
        self._checked: tuple[int, Found] | None = None

    @property
    def _found(self) -> Found:
        checked = self._checked
        if checked is None or checked[0] != len(self.log):
            log = self.log.now()  # another thread may be writing
            self._checked = checked = len(log), check(log)
        return checked[1]

    def __reduce__(self) -> tuple[type, tuple[Log]]:
        return LiveReport, (self.log[:],)


@block("report")
def sanitizer() -> Iterator[LiveReport]:
    """Record a block and find its hazards, as `find_hazards` does.

    It records what the host does with pinned memory as well, and watches this thread for waits that
    wait for nothing. Nothing is raised: look at the report, within the block or after it.

    Yields:
        A `Report` that knows what has happened so far, with the log as its `log`.

    Example::

        with mtia_lab.sanitizer() as report:
            ...
        assert not report, report
    """
    with record(host=True) as log, _idle_waits():
        yield LiveReport(log)


@contextmanager
def _idle_waits() -> Iterator[None]:
    """Log the waits of this thread that PyTorch skips."""
    watch = simulator.watch_idle_waits()
    try:
        yield
    finally:
        simulator.unwatch_idle_waits(watch)
