"""Looking at what a reader wrote, without being hurt by it."""

import dis
import functools
import inspect
import linecache
import re
import reprlib
import types

_EVERY_CLASS = {
    *("__module__", "__qualname__", "__doc__", "__dict__", "__weakref__"),
    *("__firstlineno__", "__static_attributes__"),  # from Python 3.13 on
}


class NotStarted(BaseException):
    """The reader's function returned ``...``; no ``except Exception`` of a case may catch it."""


def watch(attempt: object) -> object:
    """The reader's function, made to say so when it returns ``...``; anything else as it is."""
    if not isinstance(attempt, types.FunctionType):
        return attempt

    def watched(*args, **kwargs):
        result = attempt(*args, **kwargs)
        if result is ...:
            raise NotStarted
        return result

    return functools.update_wrapper(watched, attempt)


def is_stub(attempt: object) -> bool:
    """Whether nothing has been filled in: ``...``, or a function or class with nothing in it."""
    if attempt is ...:
        return True
    if type(attempt) is types.FunctionType:
        steps = list(dis.get_instructions(inspect.unwrap(attempt)))
        loaded = [step.argval for step in steps if step.opname in ("LOAD_CONST", "RETURN_CONST")]
        nothing = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
        return all(step.opname in nothing for step in steps) and all(
            value is None or value is ... for value in loaded
        )
    return issubclass(type(attempt), type) and set(vars(attempt)) <= _EVERY_CLASS


def is_raised_in_python(error: BaseException) -> bool:
    """Whether a ``raise`` statement raised it; torch raises NotImplementedError from C++ too."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return False
    return dis.opname[last.tb_frame.f_code.co_code[last.tb_lasti]] == "RAISE_VARARGS"


def place(error: BaseException, attempt: object) -> str:
    """Where in the reader's code an exception arose, counted from the line of its ``def``."""
    files = _files(attempt)
    found, step = "", error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if code.co_filename in files:
            found = f", at line {step.tb_lineno - code.co_firstlineno + 1} of {code.co_name}"
            source = linecache.getline(code.co_filename, step.tb_lineno).strip()
            found += f": {one_line(source)}" if source else ""
        step = step.tb_next
    return found


def _files(attempt: object) -> set:
    """The files (for a notebook: cells) that hold the reader's function or class."""
    owner = attempt if issubclass(type(attempt), type | types.FunctionType) else type(attempt)
    parts = vars(owner).values() if issubclass(type(owner), type) else [inspect.unwrap(owner)]
    return {part.__code__.co_filename for part in parts if type(part) is types.FunctionType}


def with_article(noun: str) -> str:
    """With the indefinite article."""
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"


def show(value: object) -> str:
    """A short ``repr`` of anything, the same on every run."""
    try:
        return one_line(reprlib.repr(value))
    except KeyboardInterrupt:
        raise
    except BaseException:  # its __repr__ raises
        return f"{with_article(type(value).__name__)} that cannot be shown"


def one_line(value: object, limit: int = 100) -> str:
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
        return message or "does not hold"
    name = type(error).__name__
    return f"{name}: {message}" if message else name
