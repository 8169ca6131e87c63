"""`with mtia_lab.sanitizer() as report:` checks the block that it surrounds."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..log import Log
from ..recording import record
from .idle_waits import noted
from .report import Found, Report, check


class LiveReport(Report):
    """A report on a log that may still be growing: it looks again whenever it is looked at.

    Attributes:
        log: what was recorded.
    """

    def __init__(self, log: Log) -> None:
        self.log = log
        self._checked: tuple[int, Found] | None = None

    @property
    def _found(self) -> Found:
        length = len(self.log)
        if self._checked is None or self._checked[0] != length:
            self._checked = length, check(self.log)
        return self._checked[1]


@contextmanager
def sanitizer() -> Iterator[Report]:
    """Record a block and find its hazards, as `find_hazards` does.

    It records what the host does with pinned memory as well, and watches this thread for waits that
    wait for nothing. Nothing is raised: look at the report, within the block or after it.

    Yields:
        A ``Report`` that knows what has happened so far, with the log as its ``log``.

    Example::

        with mtia_lab.sanitizer() as report:
            ...
        assert not report, report
    """
    with record(host=True) as log, noted(log):
        yield LiveReport(log)
