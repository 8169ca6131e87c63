"""Feedback for exercises: not started, wrong type, wrong value (and which), or right (and why)."""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .attempt import (
    NotStarted,
    is_raised_in_python,
    is_stub,
    one_line,
    place,
    say,
    show,
    watch,
    with_article,
)
from .errors import WrongArgument

NOT_STARTED = "not started"
WRONG_TYPE = "wrong type"
WRONG_VALUE = "wrong value"
RIGHT = "right"

_UNSET = object()
_TODO = "replace the ... in the cell above and run it again"


@dataclass(frozen=True, repr=False)
class Feedback:
    """What ``check`` found.

    Attributes:
        status: "not started", "wrong type", "wrong value" or "right".
        message: what kind of wrong, or why it is right.
    """

    status: str
    message: str

    @property
    def ok(self) -> bool:
        """Whether the attempt is right."""
        return self.status == RIGHT

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return f"{self.status}: {self.message}" if self.message else self.status


def check(
    attempt: object,
    *,
    expected: object = _UNSET,
    cases: Mapping[str, Callable] | None = None,
    wants: type | None = None,
    why: str = "",
) -> Feedback:
    """Say how an exercise stands. Whatever the reader wrote, this returns; it gives no answer away.

    Args:
        attempt: what the reader filled in; ``...`` counts as not started, and so do a function or
            class with nothing but ``...`` in it and one that raises ``NotImplementedError``.
        expected: the answer, or a dict of named predictions, compared one by one.
        cases: instead, named callables that each take the attempt and return None or True if it
            passes, else False or a hint. The message of an ``AssertionError`` is a hint too.
        wants: a type that the attempt must be an instance of, if ``expected`` does not say.
        why: the law that makes the right answer right, in one sentence.

    Raises:
        TypeError: the exercise gives both ``expected`` and ``cases``, or neither.
    """
    if (expected is _UNSET) == (cases is None):
        raise WrongArgument("check() takes either expected= or cases=, and exactly one of them")
    try:
        if is_stub(attempt):
            return Feedback(NOT_STARTED, _TODO)
        if wants is not None and not isinstance(attempt, wants):
            return _wrong_type(wants, attempt)
        if cases is not None:
            return _run_cases(attempt, cases, why)
        if isinstance(expected, Mapping):
            return _compare_all(attempt, expected, why)
        status, message = _compare(attempt, expected)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the reader's object broke while it was looked at
        return Feedback(WRONG_TYPE, f"a value that cannot be examined: {say(error)}")
    return Feedback(status, why if status == RIGHT else message)


def _wrong_type(wanted: type, attempt: object) -> Feedback:
    name = {"Callable": "function", "type": "class"}.get(wanted.__name__, wanted.__name__)
    got = type(attempt).__name__
    return Feedback(WRONG_TYPE, f"wanted {with_article(name)}, got {with_article(got)}")


# --- Values ---------------------------------------------------------------------------------------


def _compare(attempt: object, expected: object) -> tuple:
    """``(status, message)`` of one value against the right one."""
    wanted = type(expected)
    mixed = isinstance(attempt, bool) != isinstance(expected, bool)  # True == 1, but says less
    if not mixed and _equal(attempt, expected):
        return RIGHT, ""
    numbers = (int, float)
    alike = isinstance(attempt, wanted) or (
        isinstance(attempt, numbers) and isinstance(expected, numbers)
    )
    if mixed or not alike:
        return WRONG_TYPE, _wrong_type(wanted, attempt).message
    return WRONG_VALUE, f"{show(attempt)} is {_kind(attempt, expected)}"


def _equal(a: object, b: object) -> bool:
    """Equality that survives objects whose ``==`` raises or answers with something else."""
    if isinstance(a, float) and isinstance(b, float | int):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) or (a != a and b != b)
    try:
        same = a == b
        return bool(same.all()) if hasattr(same, "all") else bool(same)
    except KeyboardInterrupt:
        raise
    except BaseException:  # what cannot be compared is not equal
        return False


def _kind(attempt: object, expected: object) -> str:
    """What kind of wrong a value of the right type is, without saying what is right."""
    if isinstance(expected, bool):
        return "not so"
    if isinstance(expected, int | float):
        return "too small" if attempt < expected else "too large" if attempt > expected else "wrong"
    if isinstance(expected, tuple | list):
        if len(attempt) != len(expected):
            return f"of length {len(attempt)}, which is too {_size(attempt, expected)}"
        wrong = [
            k for k, pair in enumerate(zip(attempt, expected, strict=True)) if not _equal(*pair)
        ]
        places = ", ".join(map(str, wrong[:8]))
        return f"wrong at position {places} (counted from 0)"
    if isinstance(expected, set | frozenset):
        faults = (attempt - expected, "has too much in it"), (expected - attempt, "lacks something")
        return "a set that " + " and ".join(words for fault, words in faults if fault)
    return "not it"


def _size(attempt, expected) -> str:
    return "short" if len(attempt) < len(expected) else "long"


def _compare_all(attempt: object, expected: Mapping, why: str) -> Feedback:
    if not isinstance(attempt, Mapping):
        return _wrong_type(dict, attempt)
    found = {}
    for key, value in expected.items():
        given = attempt.get(key, ...)
        found[key] = (NOT_STARTED, "") if given is ... else _compare(given, value)
    todo = [key for key, (status, _) in found.items() if status == NOT_STARTED]
    wrong = {key: (s, m) for key, (s, m) in found.items() if s in (WRONG_TYPE, WRONG_VALUE)}
    unknown = [key for key in itertools.islice(attempt, 1000) if key not in expected]
    if len(todo) == len(found):
        return Feedback(NOT_STARTED, _TODO)
    if not todo and not wrong:
        return Feedback(RIGHT, why)
    lines = [f"{len(found) - len(todo) - len(wrong)} of {len(found)} right"]
    lines += [f"  {one_line(key)}: {_of(status)}{words}" for key, (status, words) in wrong.items()]
    lines += [f"  not started: {', '.join(map(one_line, todo))}"] if todo else []
    lines += [f"  not asked: {', '.join(map(one_line, unknown[:5]))}"] if unknown else []
    kinds = {status for status, _ in wrong.values()}
    status = WRONG_VALUE if WRONG_VALUE in kinds else WRONG_TYPE if kinds else NOT_STARTED
    return Feedback(status, "\n".join(lines))


def _of(status: str) -> str:
    return "wrong type, " if status == WRONG_TYPE else ""


# --- Functions and classes ------------------------------------------------------------------------


def _run_cases(attempt: object, cases: Mapping, why: str) -> Feedback:
    failed = {}
    for name, case in cases.items():
        try:
            hint = _hint(case(watch(attempt)))
        except KeyboardInterrupt:
            raise
        except NotStarted:
            return Feedback(NOT_STARTED, _TODO)
        except AssertionError as error:
            hint = say(error, named=False)
        except BaseException as error:  # SystemExit and its like are wrong answers as well
            if isinstance(error, NotImplementedError) and is_raised_in_python(error):
                return Feedback(NOT_STARTED, _TODO)
            hint = f"raised {say(error)}{place(error, attempt)}"
        if hint:
            failed[name] = hint
    if not failed:
        return Feedback(RIGHT, why)
    lines = [f"{len(cases) - len(failed)} of {len(cases)} right"]
    lines += [f"  {one_line(name)}: {hint}" for name, hint in failed.items()]
    return Feedback(WRONG_VALUE, "\n".join(lines))


def _hint(answer: object) -> str:
    if answer is ...:
        raise NotStarted
    if isinstance(answer, str):
        return one_line(answer, 300) or "does not hold"
    return "" if answer is None or bool(answer) else "does not hold"
