"""Check a guard in processes of its own, and read the outcome of each clause."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .. import build
from ..compiler import Refused
from ..contract.clause import BROKEN, NOT_REACHED
from ..errors import WrongArgument, WrongValue
from ..isolated import KeptServer, Result, check_seconds, check_whole
from ..log.units import count
from .contract import BY_KEY, CLAUSES
from .diagnostics import Diagnostic, diagnose, oversights, signatures
from .library import Libraries, libraries
from .report import GuardReport, Outcome

MOST_HANGS = 2  # then the rest is not checked: each costs the whole timeout
_PRELUDE = f"import {__package__}.runner as runner"
server = KeptServer(_PRELUDE)  # from one check to the next


def try_guard(
    source: str, *, timeout: float = 10.0, first_line: int = 1, devices: int = 2
) -> GuardReport:
    """Check a guard against PyTorch's contract, clause by clause. Nothing of it runs here.

    Args:
        source: C++, the body of a class that derives from a guard which passes every call on to
            the lab's own, `real`. What it overrides differs. `...` or nothing is not checked.
        timeout: seconds until a process that checks it counts as hung and is killed.
        first_line: the number that errors give the first line of the source.
        devices: how many there are where it is checked; 2 or more.

    Returns:
        a `GuardReport`. A clause in which the process died or hung is broken; the ones after it
        are checked in a fresh process.

    Raises:
        MTIALabError: there is no compiler, or no folder for the library.
        TypeError, ValueError: the source is not text, the timeout no number of seconds, or there
            would be fewer than 2 devices.
    """
    check_seconds(timeout)
    check_whole(devices, "devices")
    if devices < 2:
        raise WrongValue(f"devices is {devices}, but the contract is about 2 or more: try 2")
    if not isinstance(source, str):
        raise WrongArgument(f"the source is a {type(source).__name__}; give C++ as text")
    if _strip(source) in ("", "..."):
        return GuardReport(source, started=False)
    with server.lock:
        server.get()  # it imports torch while the compiler runs
        build.ensure(build.Recipe.now())
        try:
            found = libraries(source)
            errors: tuple[Diagnostic, ...] = oversights(source)
        except Refused as refusal:
            errors = diagnose(refusal.args[0], source)
        if errors:
            shift = first_line - 1
            moved = (replace(error, line=error.line and error.line + shift) for error in errors)
            return GuardReport(source, errors=tuple(moved))
        outcomes, printed = check(found, timeout=timeout, devices=devices)
    return GuardReport(source, outcomes, printed=printed, cached=found.cached)


def _strip(source: str) -> str:
    """The source without comments of whole lines and space."""
    lines = (line.strip() for line in source.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def check(
    found: Libraries, *, timeout: float, before: str = "", devices: int = 2
) -> tuple[tuple[Outcome, ...], str]:
    """Check all clauses, in as many processes as it takes; return the outcomes and the output.

    Args:
        found: the libraries.
        timeout: seconds for each process.
        before: Python that runs in each process first.
        devices: how many there are.
    """
    outcomes: dict[str, Outcome] = {}
    printed, hangs, resets = "", 0, True
    waiting = [clause.key for clause in CLAUSES]
    while waiting:
        if hangs == MOST_HANGS:
            why = f"{count(hangs, 'clause')} hung before"
            outcomes |= {key: Outcome(BY_KEY[key], NOT_REACHED, seen=why) for key in waiting}
            break
        with tempfile.NamedTemporaryFile(prefix="mtia_lab-") as notes:
            names = f"{str(found.guard)!r}, {str(found.probes)!r}, {notes.name!r}"
            code = f"{before}\n{_PRELUDE}\nrunner.run({names}, {waiting}, resets={resets})"
            result = server.get().run_each({"": code}, timeout=timeout, devices=devices)[""]
            text = Path(notes.name).read_text(encoding="utf-8", errors="replace")
        printed += result.stdout
        hangs += result.error == "hung"
        checked = dict(_read(text, result))
        if not checked:  # not even one clause was begun
            why = f"the guard could not be registered: {result.error}"
            checked = {key: Outcome(BY_KEY[key], NOT_REACHED, seen=why) for key in waiting}
        outcomes |= checked
        resets = resets and not _died_between_clauses(text)
        waiting = [key for key in waiting if key not in checked]
    return tuple(outcomes[clause.key] for clause in CLAUSES), printed


def _read(notes: str, result: Result) -> Iterator[tuple[str, Outcome]]:
    """The outcomes in a process's notes; of the last clause also if the process died in it."""
    key = thrown_from = ending = ""
    calls: list[str] = []
    open_calls: list[str] = []
    for line in notes.splitlines():
        mark, rest = line[:1], line[1:]
        if mark == "=":
            key, calls, open_calls, thrown_from, ending = rest.strip(), [], [], "", ""
        elif mark == ">":
            calls.append(rest)
            open_calls.append(rest)
        elif mark in ("<", "~") and rest in open_calls:
            open_calls.remove(rest)
            thrown_from = rest if mark == "~" else thrown_from
        elif mark == "!":
            ending = rest
        elif mark == "{":
            fields = json.loads(line)
            yield key, Outcome(BY_KEY[key], **fields, calls=tuple(dict.fromkeys(calls)))
            key = ""
    if key:
        seen = _how_it_died(result, open_calls, thrown_from, ending)
        yield key, Outcome(BY_KEY[key], BROKEN, "", seen, tuple(dict.fromkeys(calls)), raised=True)


def _died_between_clauses(notes: str) -> bool:
    """Whether the last thing begun was to reset the guard."""
    marks = [line[0] for line in notes.splitlines() if line.startswith(("=", "-"))]
    return bool(marks) and marks[-1] == "-"


def _how_it_died(result: Result, open_calls: list[str], thrown_from: str, thrown: str) -> str:
    inside = open_calls[-1] if open_calls else ""
    where = f" in {inside}" if inside else ""
    if result.error == "hung":
        return f"the process hung{where}"
    if thrown and "noexcept" in signatures().get(inside, ""):
        return f"an exception left a method that is noexcept{where}: {thrown}"
    if thrown:
        last = inside or thrown_from
        where = f", last in {last}" if last else ""
        return f"an exception was not caught (it left a destructor, or a thread){where}: {thrown}"
    return f"the process died{where}: {result.error}"
