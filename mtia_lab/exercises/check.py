"""Feedback for exercises: not started, wrong type or value, not yet (and what), right (and why).

The second half looks at what a reader wrote without being hurt by it.
"""

import dis
import functools
import inspect
import itertools
import linecache
import math
import re
import reprlib
import types
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass
from typing import Any

from ..errors import WrongArgument

NOT_STARTED = "not started"
WRONG_TYPE = "wrong type"
WRONG_VALUE = "wrong value"
NOT_YET = "not yet"
RIGHT = "right"

Answer = object  # whatever a reader wrote
Case = Callable[[Any], bool | str | None]

_UNSET = object()
_TODO = "replace the ... and run the cell again"


@dataclass(frozen=True, repr=False)
class Feedback:
    """What `check` found.

    Attributes:
        status: "not started", "wrong type", "wrong value" or "right"; for what is judged in
            several parts, of which some are right, "not yet".
        message: what kind of wrong, or why it is right.
    """

    status: str
    message: str

    @property
    def ok(self) -> bool:
        """Whether the answer is right."""
        return self.status == RIGHT

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return f"{self.status}: {self.message}" if self.message else self.status


def check(
    answer: Answer,
    *,
    expected: Answer = _UNSET,
    cases: Mapping[str, Case] | None = None,
    wants: type | None = None,
    reasons: Mapping[Any, str] | None = None,
    why: str = "",
) -> Feedback:
    """Judge an answer. This returns whatever the reader wrote, and gives no solution away.

    Args:
        answer: what the reader filled in; `...` counts as not started, and so do a function or
            class with nothing but `...` in it and one that raises `NotImplementedError`.
        expected: the right answer, or a dict of named predictions, compared one by one.
        cases: instead, named callables that each take the answer and return None or True if it
            passes, else False or a hint. The message of an `AssertionError` is a hint too.
        wants: a type that the answer must be an instance of, if `expected` does not say.
        reasons: for named predictions: name -> what is said of a wrong one, beside its name.
        why: the law that makes the right answer right, in one sentence.

    Raises:
        TypeError: the exercise gives both `expected` and `cases`, or neither.
    """
    if (expected is _UNSET) == (cases is None):
        raise WrongArgument("check() takes either expected= or cases=, and exactly one of them")
    try:
        if is_stub(answer):
            return Feedback(NOT_STARTED, _TODO)
        if wants is not None and not isinstance(answer, wants):
            return wrong_type(wants, answer)
        if cases is not None:
            return _run_cases(answer, cases, why)
        if isinstance(expected, Mapping):
            return _compare_all(answer, expected, reasons or {}, why)
        status, message = compare_values(answer, expected)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the reader's object broke while it was looked at
        return Feedback(WRONG_TYPE, f"a value that cannot be examined: {say(error)}")
    return Feedback(status, why if status == RIGHT else message)


def wrong_type(wanted: type, answer: Answer) -> Feedback:
    """What is said of an answer that is none of the type that is wanted."""
    name = _NAMES.get(wanted.__name__) or with_article(wanted.__name__)
    got = show(answer) if wanted is bool else kind_of(answer)
    return Feedback(WRONG_TYPE, f"wanted {name}, got {got}")


_NAMES = {"Callable": "a function", "type": "a class", "bool": "True or False"}
_NAMES |= dict.fromkeys(("int", "float"), "a number")


# --- Values ---------------------------------------------------------------------------------------


def compare_values(answer: Answer, expected: Answer) -> tuple[str, str]:
    """`(status, message)` of one value against the right one; the message does not give it away."""
    wanted = type(expected)
    mixed = isinstance(answer, bool) != isinstance(expected, bool)  # True == 1, but says less
    if not mixed and _equal(answer, expected):
        return RIGHT, ""
    numbers = (int, float)
    alike = isinstance(answer, wanted) or (
        isinstance(answer, numbers) and isinstance(expected, numbers)
    )
    if mixed or not alike:
        return WRONG_TYPE, wrong_type(wanted, answer).message
    return WRONG_VALUE, f"{show(answer)} is {_kind(answer, expected)}"


def _equal(a: Answer, b: Answer) -> bool:
    """Equality that survives objects whose `==` raises or returns no bool."""
    if isinstance(a, float) and isinstance(b, float | int):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) or (a != a and b != b)
    try:
        same = a == b
        return bool(same.all()) if hasattr(same, "all") else bool(same)
    except KeyboardInterrupt:
        raise
    except BaseException:  # what cannot be compared is not equal
        return False


def _kind(answer: Any, expected: Answer) -> str:
    """What kind of wrong a value of the right type is, without saying what is right."""
    if isinstance(expected, bool):
        return "not so"
    if isinstance(expected, int | float):
        return "too small" if answer < expected else "too large" if answer > expected else "wrong"
    if isinstance(expected, tuple | list):
        if len(answer) != len(expected):
            return f"of length {len(answer)}, which is too {_size(answer, expected)}"
        wrong = [
            k for k, pair in enumerate(zip(answer, expected, strict=True)) if not _equal(*pair)
        ]
        places = ", ".join(map(str, wrong[:8]))
        return f"wrong at position {places} (counted from 0)"
    if isinstance(expected, set | frozenset):
        more = ["has too much in it"] if answer - expected else []
        less = ["lacks something"] if expected - answer else []
        return f"a set that {' and '.join(more + less)}"
    return "not it"


def _size(answer: Sized, expected: Sized) -> str:
    return "short" if len(answer) < len(expected) else "long"


def _compare_all(
    answer: Answer, expected: Mapping[Any, Answer], reasons: Mapping[Any, str], why: str
) -> Feedback:
    if not isinstance(answer, Mapping):
        names = ", ".join(map(one_line, expected))
        return Feedback(WRONG_TYPE, f"{wrong_type(dict, answer).message}; its keys are {names}")
    found = {}
    for key, value in expected.items():
        given = answer.get(key, ...)
        found[key] = (NOT_STARTED, "") if given is ... else compare_values(given, value)
    todo = [key for key, (status, _) in found.items() if status == NOT_STARTED]
    wrong = {key: (s, m) for key, (s, m) in found.items() if s in (WRONG_TYPE, WRONG_VALUE)}
    unknown = [key for key in itertools.islice(answer, 1000) if key not in expected]
    if len(todo) == len(found):
        return Feedback(NOT_STARTED, _TODO)
    if not todo and not wrong and not unknown:
        return Feedback(RIGHT, why)
    lines = [f"{len(found) - len(todo) - len(wrong)} of {len(found)} right"]
    said: dict[str, list[str]] = {}  # words -> the names of which they are said
    for key, (status, words) in wrong.items():
        reason = words if status == WRONG_TYPE else reasons.get(key, words)
        said.setdefault(reason, []).append(one_line(key))
    lines += [f"  {', '.join(names)}: {words}" for words, names in said.items()]
    lines += [f"  not started: {', '.join(map(one_line, todo))}"] if todo else []
    lines += [f"  not asked: {', '.join(map(one_line, unknown[:5]))}"] if unknown else []
    return Feedback(NOT_YET, "\n".join(lines))


# --- Functions and classes ------------------------------------------------------------------------


def _run_cases(answer: Answer, cases: Mapping[str, Case], why: str) -> Feedback:
    failed: dict[str, list[str]] = {}  # hint -> the cases that give it
    for name, case in cases.items():
        try:
            hint = _hint(case(watch(answer)))
        except KeyboardInterrupt:
            raise
        except NotStarted:
            return Feedback(NOT_STARTED, _TODO)
        except AssertionError as error:
            hint = say(error, named=False)
        except BaseException as error:  # SystemExit and its like are wrong answers as well
            if isinstance(error, NotImplementedError) and is_raised_in_python(error):
                return Feedback(NOT_STARTED, _TODO)
            where = place(error, answer)
            hint = f"raised {say(error)}{where}" if where else f"cannot be used: {_misuse(error)}"
        if hint:
            failed.setdefault(hint, []).append(one_line(name))
    if not failed:
        return Feedback(RIGHT, why)
    lines = [f"{len(cases) - sum(map(len, failed.values()))} of {len(cases)} right"]
    lines += [f"  {', '.join(names)}: {hint}" for hint, names in failed.items()]
    return Feedback(NOT_YET, "\n".join(lines))


def _misuse(error: BaseException) -> str:
    """What went wrong around the reader's code: that a call does not fit is said by its message."""
    return say(error, named=not isinstance(error, TypeError))


def _hint(result: Any) -> str:
    if result is ...:
        raise NotStarted
    if isinstance(result, str):
        return one_line(result, 300) or "not so"
    return "" if result is None or bool(result) else "not so"


_EVERY_CLASS = {
    *("__module__", "__qualname__", "__doc__", "__dict__", "__weakref__"),
    *("__firstlineno__", "__static_attributes__"),  # from Python 3.13 on
}


class NotStarted(BaseException):
    """The reader's function returned `...`; no `except Exception` of a case may catch it."""


def watch(answer: Answer) -> Answer:
    """The reader's function, made to say so when it returns `...`; anything else as it is."""
    if not isinstance(answer, types.FunctionType):
        return answer

    def watched(*args: Any, **kwargs: Any) -> Any:
        result = answer(*args, **kwargs)
        if result is ...:
            raise NotStarted
        return result

    return functools.update_wrapper(watched, answer)


def is_stub(answer: Answer) -> bool:
    """Whether nothing has been filled in: `...`, or a function or class with nothing in it."""
    if answer is ...:
        return True
    if type(answer) is types.FunctionType:
        steps = list(dis.get_instructions(inspect.unwrap(answer)))
        loaded = [step.argval for step in steps if step.opname in ("LOAD_CONST", "RETURN_CONST")]
        nothing = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
        return all(step.opname in nothing for step in steps) and all(
            value is None or value is ... for value in loaded
        )
    return issubclass(type(answer), type) and set(vars(answer)) <= _EVERY_CLASS


def is_raised_in_python(error: BaseException) -> bool:
    """Whether a `raise` statement raised it; torch raises NotImplementedError from C++ too."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return False
    return dis.opname[last.tb_frame.f_code.co_code[last.tb_lasti]] == "RAISE_VARARGS"


def place(error: BaseException, answer: Answer) -> str:
    """Where in the reader's code an exception arose, counted from the line of its `def`."""
    files = _files(answer)
    found, step = "", error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if code.co_filename in files:
            found = f", at line {step.tb_lineno - code.co_firstlineno + 1} of {code.co_name}"
            source = linecache.getline(code.co_filename, step.tb_lineno).strip()
            found += f": {one_line(source)}" if source else ""
        step = step.tb_next
    return found


def _files(answer: Any) -> set[str]:
    """The files (for a notebook: cells) that hold the reader's function or class."""
    owner = answer if issubclass(type(answer), type | types.FunctionType) else type(answer)
    parts = vars(owner).values() if issubclass(type(owner), type) else [inspect.unwrap(owner)]
    bare = (getattr(part, "__func__", part) for part in parts)  # of class and static methods
    return {part.__code__.co_filename for part in bare if type(part) is types.FunctionType}


def with_article(noun: str) -> str:
    """With the indefinite article."""
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"


def kind_of(value: Answer) -> str:
    """What a value is, in words: "nothing", or its type with an article."""
    return "nothing" if value is None else with_article(type(value).__name__)


def show(value: Answer) -> str:
    """A short `repr` of anything, the same on every run."""
    try:
        return one_line(reprlib.repr(value))
    except KeyboardInterrupt:
        raise
    except BaseException:  # its __repr__ raises
        return f"{with_article(type(value).__name__)} that cannot be shown"


def one_line(value: Answer, limit: int = 100) -> str:
    """Text on one line, without addresses, cut to a limit."""
    if type(value) is not str:
        return show(value)
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", value)
    text = "".join(c if c.isprintable() else " " for c in text)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def say(error: BaseException, *, named: bool = True) -> str:
    """The type and message of an exception; the message alone for a failed assertion."""
    try:
        message = one_line(str(error), 300)
    except KeyboardInterrupt:
        raise
    except BaseException:  # its __str__ raises
        message = ""
    if not named:
        return message or "not so"
    name = type(error).__name__
    return f"{name}: {message}" if message else name
