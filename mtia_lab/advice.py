"""Errors that IPython shows as the reader's line and the message, without the lab's own lines."""

import sys
import textwrap
from types import TracebackType

from .readers import is_readers

WIDTH = 88  # of a message: what is wider, JupyterLab breaks in the middle of a word


class Advice:
    """Part of an exception class whose message says what to do; plain Python shows it as any."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of the traceback, for which it asks by this name."""
        shell = sys.modules["IPython"].get_ipython()
        name = type(self).__name__
        text = _wrapped(f"{name}: {self}").removeprefix(f"{name}: ")
        shown = type(name, (Exception,), {})(text)  # without what caused it, of no use to a reader
        lines = _of_reader(self.__traceback__)
        return shell.InteractiveTB.structured_traceback(type(shown), shown, lines, tb_offset=0)


def _of_reader(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback of the reader's own lines alone."""
    if traceback is None:
        return None
    rest = _of_reader(traceback.tb_next)
    if not is_readers(traceback.tb_frame.f_code.co_filename):
        return rest
    return TracebackType(rest, traceback.tb_frame, traceback.tb_lasti, traceback.tb_lineno)


def _wrapped(text: str) -> str:
    """No line wider than `WIDTH`, but for single words; what is indented stays so."""
    lines = []
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        how = {"break_long_words": False, "break_on_hyphens": False, "subsequent_indent": indent}
        lines += textwrap.wrap(line, WIDTH, **how) or [""]
    return "\n".join(lines)
