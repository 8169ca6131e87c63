"""What a compiler says about a cell, in few words: the cell's line, the error, what to do.

And what compiles but cannot be meant: it overrides nothing, or a name is misspelled.
"""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass

from .library import CELL, HERE

_AT = re.compile(r"^(?P<file>[^\s:][^:]*):(?P<line>\d+):(?:\d+:)? (?:fatal )?error: (?P<text>.*)$")
_OPTION = re.compile(r" \[-[Wf].*?\]$")
_NOTE = re.compile(rf"^{CELL}:(\d+):(?:\d+:)? note: ", re.M)
_UNDEFINED = re.compile(r"undefined reference to [`'](?P<name>[^']*)'")
_METHOD = re.compile(
    r"^  ([\w:*]+[\w:* ]* \**(\w+)\([^{]*?\) const(?: noexcept)? override) \{", re.M
)
_FOLDER = re.compile(r"(?<![\w./])/(?:[^\s/'\":,;]+/)+")
_ALIKE = 0.88  # setDevise and setDevice; but not default_stream and getDefaultStream
SHOWN = 5  # errors; the rest follow from them, as a rule


@dataclass(frozen=True)
class Diagnostic:
    """One thing that the compiler objects to.

    Attributes:
        line: of the cell, counted from 1; None if it is not about a line.
        message: what the compiler says, which depends on the compiler.
        hint: what to do about it; "" if the message has to speak for itself.
    """

    line: int | None
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.message}" + (f"\n  {self.hint}" if self.hint else "")


def diagnose(log: str, cell: str) -> tuple[Diagnostic, ...]:
    """The errors in a compiler's output that concern the cell, the first few of them."""
    inside, outside = [], []
    for found in filter(None, map(_AT.match, log.splitlines())):
        text = _OPTION.sub("", found["text"])
        hint = _hint(text, found["text"][len(text) :])
        if found["file"] == CELL:
            inside.append(Diagnostic(int(found["line"]), _plain(text), hint))
        else:
            outside.append(Diagnostic(None, _plain(text), hint))
    if inside:
        first = {error.line: error for error in reversed(inside)}  # of each line
        return tuple(sorted(first.values(), key=lambda error: error.line or 0))[:SHOWN]
    if undefined := _UNDEFINED.search(log):
        hint = "Give it a body in the cell, or if it is a static member, write inline static."
        text = f"{_plain(undefined['name'])} is declared and used, but nowhere defined"
        return (Diagnostic(None, text, hint),)
    error = (outside or [Diagnostic(None, _plain(log.strip() or "no reason given"))])[0]
    noted = _NOTE.search(log)
    line = int(noted[1]) if noted else len(cell.rstrip().splitlines()) or 1
    hint = error.hint or "Has every { of the cell its }, and every statement its ;?"
    return (Diagnostic(line, error.message, hint),)


def signatures() -> dict[str, str]:
    """Each method of the guard, as it is to be written in a cell up to its opening brace."""
    header = (HERE / "forwarding.h").read_text(encoding="utf-8")
    found = _METHOD.findall(header)
    return {name: re.sub(r"\s+", " ", signature) for signature, name in found}


def nearest(name: str) -> str | None:
    """The method of the guard whose name is nearly this one, if there is one."""
    known = {other.lower(): other for other in signatures()}
    found = difflib.get_close_matches(name.lower(), known, n=1, cutoff=_ALIKE)
    return known[found[0]] if found else None


def _hint(text: str, option: str) -> str:
    for pattern, words in _HINTS.items():
        if found := re.search(pattern, text + option):
            return words(found)
    return ""


def _says(words: str) -> Callable[[re.Match[str]], str]:
    return lambda found: words


def _the_right_one(found: re.Match[str]) -> str:
    """How the method that this was meant to be is spelled."""
    known = signatures()
    name = re.split(r"::", found["name"].partition("(")[0])[-1].strip()
    if name in known:
        return f"The guard's method is written: {known[name]}"
    if meant := nearest(name):
        return f"The guard has no method {name}, but it has: {known[meant]}"
    return f"The guard has no method {name}. Its methods: {', '.join(known)}."


_NAME = r"[`'\u2018\"](?P<name>[^'\u2019\"]+)['\u2019\"]"
_HINTS = {
    rf"{_NAME} can be marked override|suggest-override": _says(
        "It takes the place of a method of the guard, so end its first line in the word override: "
        "then the compiler checks that it really does."
    ),
    rf"{_NAME} marked .override.,? but does not override": _the_right_one,
    rf"looser (?:throw|exception) specifier (?:for|on|in) .*?{_NAME}": _the_right_one,
    rf"looser exception specification on overriding virtual function {_NAME}": _the_right_one,
    rf"conflicting return type specified for {_NAME}": _the_right_one,
    rf"{_NAME} was hidden": _the_right_one,
    rf"{_NAME} hides overloaded virtual": _the_right_one,
    r"non-void function does not return|no return statement in function|return-type": _says(
        "Return what the contract asks for; real.method(...) gives what the lab's guard returns."
    ),
    r"in-class initiali[sz]ation of (?:non-const )?static|non-const static data member": _says(
        "Write inline static, or inline static thread_local for one a thread."
    ),
    r"in read-only object|is not assignable|cannot assign to non-static data member|discards "
    r"qualifiers|function is marked const": _says(
        "The guard's methods are const, since every thread uses one guard: declare what they "
        "change mutable, or inline static thread_local for one a thread."
    ),
    r"extra qualification|has not been declared": _says(
        "The cell is the body of a class already: write a method's name without the class."
    ),
    r"does not name a type|unknown type name|expected member name": _says(
        "The cell is the body of a class: methods and members. Statements go into a method."
    ),
    rf"DeviceGuardImplInterface.* has no member named {_NAME}": _the_right_one,
    r"no member named .?real|.real. was not declared": _says(
        "real is the lab's own guard; only methods of the class can use it."
    ),
}


def _plain(text: str) -> str:
    """Without folders, and without the names of the class around the cell."""
    for scope in ("mtia_lab_cell::", "mtia_lab::", "ForwardingGuard::", "Guard::"):
        text = re.sub(rf"\b{scope}", "", text)
    return _FOLDER.sub("", re.sub(r" \{aka [^{}]*\}", "", text))


_NO_CODE = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])'", re.S)
_DEFINED = re.compile(
    r"(?<![\w.:>~])(?P<name>\w+)\s*\([^;{}]*\)\s*"
    r"(?P<ends>(?:\b(?:const|override|final|try)\b|\bnoexcept\b(?:\s*\(\w+\))?"
    r"|->\s*[\w:]+(?:\s*[*&])?|\s)*)\{"
)


class Oversight(Diagnostic):
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
            what = f"{each['name']} is new: nothing calls it"
            found.append(Oversight(line, what, _hint_of_name(meant)))
    if not found and not _overrides(plain):
        hint = f"Write a method of the guard in it, such as: {signatures()['setDevice']}"
        found.append(Oversight(None, "the cell overrides nothing: there is nothing to try", hint))
    return tuple(found)


def _overrides(text: str) -> bool:
    return re.search(r"\b(?:override|final)\b", text) is not None


def _hint_of_name(meant: str) -> str:
    return f"Is {meant} meant? That is written: {signatures()[meant]}. Else give it another name."
