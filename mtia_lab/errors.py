"""The errors that the lab itself raises, one exception class each.

Every message says what went wrong, why, and what to do next, in that order. IPython shows the
reader's line and the message, without the lab's own lines.
"""

import os
import sys
import textwrap
import warnings
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

WIDTH = 88  # of a message: what is wider, JupyterLab breaks in the middle of a word

LONGEST = 300  # columns of what stands for one thing; its attributes have the whole of it


class Advice(Exception):
    """An exception whose message says what to do; plain Python shows it as any other."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of the traceback, for which it asks by this name."""
        name = type(self).__name__
        text = _wrapped(f"{name}: {self}").removeprefix(f"{name}: ")
        shown = type(name, (Exception,), {})(text)  # without what caused it, of no use to a reader
        lines = _of_reader(self.__traceback__)
        tb = sys.modules["IPython"].get_ipython().InteractiveTB
        rendered: list[str] = tb.structured_traceback(type(shown), shown, lines, tb_offset=0)
        return rendered


def ipython_shell() -> "InteractiveShell | None":
    """The IPython that the reader's program runs in, if there is one; this imports nothing."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


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
    wrap = partial(textwrap.wrap, width=WIDTH, break_long_words=False, break_on_hyphens=False)
    lines = []
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        lines += wrap(line, subsequent_indent=indent) or [""]
    return "\n".join(lines)


_TORCH = find_spec("torch")  # it may be built where its sources are
_OTHERS = (
    f"{Path(__file__).parent}/",
    f"{Path(os.__file__).parent}/",  # Python's own library
    "<frozen ",
    *(f"{folder}/" for folder in (_TORCH and _TORCH.submodule_search_locations) or ()),
)
_INSTALLED = "/site-packages/", "/dist-packages/"


def is_readers(file: str) -> bool:
    """Whether the reader wrote it: neither the lab, torch, Python nor anything installed did."""
    return not file.startswith(_OTHERS) and not any(folder in file for folder in _INSTALLED)


def plain(value: object) -> str:
    """`value` as one line of printable ASCII; anything else appears escaped."""
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    escaped = text.encode("ascii", "backslashreplace").decode("ascii")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in escaped)


def cut(value: object, width: int = LONGEST) -> str:
    """`plain(value)`, shortened with dots to at most `width` columns."""
    text = plain(str(value)[: width + 1])
    return text if len(text) <= width else text[: max(width - 2, 0)] + ".."[:width]


class MTIALabError(Advice, RuntimeError):
    """Base class of the lab's own errors.

    Args:
        what: what went wrong, one sentence.
        why: the cause, with the values that were found.
        todo: what the reader can do next.
    """

    def __init__(self, what: str, why: str, todo: str):
        super().__init__(what, why, todo)
        self.what, self.why, self.todo = what, why, todo

    def __str__(self) -> str:
        return f"{self.what}\n\nWhy: {self.why}\n\nWhat to do: {self.todo}"


# Building


class SourcesMissing(MTIALabError):
    """The C++ sources are neither inside the package nor beside it."""


class NoCompiler(MTIALabError):
    """No C++ compiler was found."""


class CompilerTooOld(MTIALabError):
    """The compiler does not know the C++ standard that this torch's headers need."""


class CompilerBroken(MTIALabError):
    """The compiler cannot compile anything; `why` is what it says to a program of two lines."""


class CompilerKilled(MTIALabError):
    """The compiler was killed, most likely because memory ran out."""


class NoNinja(MTIALabError):
    """The ninja build tool was not found."""


class CompileError(MTIALabError):
    """The compiler or the linker refused the sources; `why` is its own message."""


class CacheUnusable(MTIALabError):
    """Neither the cache folder nor a temporary folder can hold a build."""


# Opening


class LibraryBroken(MTIALabError):
    """The built library cannot be opened, even after it was built again."""


class NotLoaded(MTIALabError):
    """The lab was used before `load()`, or after one that opened nothing."""


class UnsupportedPlatform(MTIALabError):
    """The lab does not run on this operating system or processor."""


class UnsupportedTorch(MTIALabError):
    """The sources do not support this release of torch."""


class OtherBackend(MTIALabError):
    """Another library in this process has registered an MTIA backend."""


class ProcessLatched(MTIALabError):
    """torch asked for an MTIA backend before the lab was loaded and keeps its answer: none."""


class ForkedProcess(MTIALabError):
    """This process was forked after the device had been initialized."""


class DeviceMissing(MTIALabError):
    """The library is open, but torch does not see the devices."""


class BadDeviceCount(MTIALabError, ValueError):
    """The number of devices asked for is not one the lab can simulate."""


class DeviceCountFixed(MTIALabError):
    """The device is loaded with another number of devices."""


# Using


class WrongArgument(Advice, TypeError):
    """A public function was given what it cannot take."""


class WrongValue(Advice, ValueError):
    """A public function was given something of the right type that it cannot take."""


class UnknownName(Advice, KeyError):
    """There is nothing of that name."""

    __str__ = Exception.__str__  # a KeyError shows its message in quotation marks


class UnknownAttribute(Advice, AttributeError):
    """The package has nothing of that name."""


class NotConfigured(Advice, RuntimeError):
    """The simulator refused what `configure` was given, and kept what it had."""


class NoFolder(Advice, FileNotFoundError):
    """There is no folder to write into."""


class SnippetsLost(Advice, RuntimeError):
    """Code that ran in another process ended that process, or it could not begin."""


class TookTooLong(Advice, TimeoutError):
    """Code that ran in another process did not end in time."""


class ContractNotTried(Advice, RuntimeError):
    """There is no such accelerator to hold against the contract."""


class NotebooksMissing(MTIALabError):
    """The lab's notebooks are neither inside the package nor beside it."""


class CopiesUnwritable(MTIALabError):
    """There is no place for working copies of the notebooks."""


class ProgramMissing(MTIALabError):
    """There is no program of that name to run."""


class UnreadableLog(MTIALabError):
    """A file is no log, or not a whole one."""


class OrdersUnknown(MTIALabError):
    """Not every order of a program can be tried."""


class CannotReplay(MTIALabError):
    """A log does not say enough to work out what its program would do on another device."""


class ExhibitMissing(MTIALabError):
    """An exhibit of the museum takes a package that is not installed, or another release of it."""


class NoConverter(MTIALabError):
    """No library that is installed makes files of this kind."""


class NotBegun(MTIALabError, AttributeError, TypeError):
    """What is meant for `with` was used without it."""


# Warnings


def warn(message: str, category: type[Warning]) -> None:
    """Warn about the line of the program that called into the lab, however far up it is."""
    level, frame = 2, sys._getframe(1)
    inner = ("mtia_lab", "contextlib", "IPython")  # the last for cell magics
    while frame.f_back and str(frame.f_globals.get("__name__")).partition(".")[0] in inner:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


class CacheWarning(UserWarning):
    """The cache folder cannot be used; a temporary folder serves instead."""


class PlatformWarning(UserWarning):
    """The lab may work on this platform, but has not been tried there."""


class TorchWarning(UserWarning):
    """torch is newer than any release that the lab has been tried with."""


class PrivateUse1Warning(UserWarning):
    """A PrivateUse1 backend is registered, and `torch.accelerator` prefers it to MTIA."""
