"""What compiles in a cell, and cannot be meant: it overrides nothing, or a name is misspelt."""

import re

from .complaints import CompileError, nearest, signatures

_NO_CODE = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])'", re.S)
_DEFINED = re.compile(
    r"(?<![\w.:>~])(?P<name>\w+)\s*\([^;{}]*\)\s*"
    r"(?P<ends>(?:\b(?:const|noexcept|override|final)\b|\s)*)\{"
)


class Oversight(CompileError):
    """One thing that the compiler lets pass."""


def code(source: str) -> str:
    """C++ with spaces for its comments and strings; every line stays where it is."""
    return _NO_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), source)


def overrides(source: str) -> tuple[str, ...]:
    """The methods that a cell overrides, each once, in order."""
    found = (each["name"] for each in _DEFINED.finditer(code(source)) if _overrides(each["ends"]))
    return tuple(dict.fromkeys(found))


def oversights(source: str) -> tuple[Oversight, ...]:
    """What a cell that compiles does not do, though it looks so."""
    plain = code(source)
    found = []
    for each in _DEFINED.finditer(plain):
        meant = nearest(each["name"])
        if meant and not _overrides(each["ends"]):
            line = plain.count("\n", 0, each.start()) + 1
            found.append(Oversight(line, f"{each['name']} is new: nobody calls it", _hint(meant)))
    if not found and not _overrides(plain):
        hint = f"Write a method of the guard in it, such as: {signatures()['setDevice']}"
        found.append(Oversight(None, "the cell overrides nothing: there is nothing to try", hint))
    return tuple(found)


def _overrides(text: str) -> bool:
    return re.search(r"\b(?:override|final)\b", text) is not None


def _hint(meant: str) -> str:
    return f"Is {meant} meant? That is written: {signatures()[meant]}. Else give it another name."
