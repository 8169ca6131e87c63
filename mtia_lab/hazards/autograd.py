"""Where autograd's own threads work: on which line's behalf, as far as a log tells."""

from ..log.records import ENGINE, Call


class Backwards:
    """The lines that host threads are in backward of, while a log is read.

    A thread that calls backward asks the backend, with `hasPrimaryContext`, which devices are in
    use, and then waits until autograd's threads are done: until its next call at another line, it
    may still be in it. No line of the reader's runs on autograd's threads.
    """

    def __init__(self) -> None:
        self._lines: dict[int, str] = {}  # by thread

    def add_call(self, call: Call) -> None:
        """The next call in the log."""
        if call.name == ENGINE and call.site is not None:
            self._lines[call.thread] = call.site
        elif call.site != self._lines.get(call.thread):
            self._lines.pop(call.thread, None)

    def caller(self) -> int | None:
        """The thread that is in backward, if it is one and no more."""
        return next(iter(self._lines)) if len(self._lines) == 1 else None

    def cause(self, thread: int) -> str:
        """Who made a thread do something where no line of the reader's runs, in words."""
        lines = set(self._lines.values())
        if len(lines) == 1:
            return f"by backward of line {lines.pop()}"
        return "by autograd's thread" if lines else f"by host thread {thread}, at no line of yours"
