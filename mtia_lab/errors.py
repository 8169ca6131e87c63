"""The errors that the lab itself raises, one exception class each.

Every message says what went wrong, why, and what to do next, in that order.
"""

from .advice import Advice


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
    """This process was forked after the device had been initialised."""


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


class NotBegun(MTIALabError, AttributeError, TypeError):
    """What is meant for `with` was used without it."""


# Warnings


class CacheWarning(UserWarning):
    """The cache folder cannot be used; a temporary folder serves instead."""


class PlatformWarning(UserWarning):
    """The lab may work on this platform, but has not been tried there."""


class PrivateUse1Warning(UserWarning):
    """A PrivateUse1 backend is registered, and `torch.accelerator` prefers it to MTIA."""
