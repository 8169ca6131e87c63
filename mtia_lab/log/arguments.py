"""What public functions say of an argument that they cannot take."""

import math
from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any

from ..errors import WrongArgument, WrongValue
from .block import Block
from .log import Anytime, Log, Part
from .records import Record

Function = Callable[..., Any]

LOG = "a log, what `with mtia_lab.record() as log:` makes"
REPORT = "a report, what mtia_lab.find_hazards(log) gives"


def wrong(function: Function, takes: str, given: Any, hint: str = "") -> WrongArgument:
    """The error that says what a function takes, and what it was given."""
    name = type(given).__name__
    what = "None" if given is None else f"{'an' if name[0] in 'AEIOaeiou' else 'a'} {name}"
    hint = hint or _hint(given)
    said = f"{function.__name__}() takes {takes}, not {what}"
    return WrongArgument(f"{said}; {hint}" if hint else said)


def _hint(given: Any) -> str:
    if isinstance(given, Log):
        return "make one: mtia_lab.find_hazards(log)"
    if isinstance(getattr(given, "log", None), Log):
        return "give its `log`"
    if isinstance(given, Block):
        return f"begin a block with it: `{given.write}`"
    return ""


def a_log(function: Function, given: Any, wanted: Part | Anytime | None = None) -> Log:
    """The log that a function was given, as it is now: what is recorded meanwhile is not in it.

    Args:
        function: which one.
        given: its argument.
        wanted: what part of it the function was asked for.

    Raises:
        TypeError: it is no log, or no log can be filtered by that.
        ValueError: nothing can be that.
    """
    if isinstance(given, Log):
        return given.filter(**wanted) if wanted else given.now()
    hint = ""
    if isinstance(given, list | tuple) and given and isinstance(given[0], Record):
        hint = "make one of these records: mtia_lab.Log(records)"
    raise wrong(function, LOG, given, hint)


def needs(function: Function, log: Log, what: str) -> None:
    """Refuse a log whose source does not tell what a function shows.

    Raises:
        ValueError: it does not.
    """
    if what in log.unknown:
        raise WrongValue(
            f"{function.__name__}() has to know {what}, which this log does not tell: log.unknown "
            "says what else it does not"
        )


def some_findings(function: Function, given: Any) -> list[Any]:
    """The findings that a function was given, None for none.

    Raises:
        TypeError: they are none.
    """
    found = [] if given is None else list(given) if isinstance(given, Iterable) else None
    if found is None or not all(hasattr(finding, "second") for finding in found):
        raise wrong(function, f"as findings {REPORT}", given)
    return found


def of_type(function: Function, takes: str, given: Any, *types: type) -> None:
    """Refuse an argument of another type.

    Raises:
        TypeError: it is of none of these types.
    """
    if not isinstance(given, types) or (isinstance(given, bool) and bool not in types):
        raise wrong(function, takes, given)


def a_time(name: str, given: Any, otherwise: float) -> float:
    """A time that a function was given, in µs; None stands for another one.

    Raises:
        TypeError: it is no number, or no finite one.
    """
    if given is None:
        return otherwise
    if isinstance(given, bool) or not isinstance(given, Real) or not math.isfinite(given):
        raise WrongArgument(
            f"{name} is {given!r}, but a time is a number of microseconds, such as 120.5"
        )
    return float(given)
