"""Hold a backend against the contract in processes of its own, and read what came of it."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from .. import build
from ..errors import ContractNotTried, UnknownName, WrongArgument, WrongValue
from ..isolated import Result, Server, check_seconds
from ..log.units import count
from .backend import SIMULATED
from .clause import BROKEN, CLAUSES, NOT_REACHED, Clause
from .inside import BEGIN, END
from .report import ContractReport, Outcome

MOST_HANGS = 2  # then the rest is not tried: each costs the whole timeout
_INSIDE = f"{__package__}.inside"


def hold(
    device: str, *, setup: str | Path = "", keys: Sequence[str] = (), timeout: float = 120.0
) -> ContractReport:
    """Hold an accelerator's backend against PyTorch's contract, clause by clause.

    Nothing of it runs in this process: a clause in which the backend dies or hangs is broken, and
    the ones after it are tried in a fresh process.

    Args:
        device: a type of device, such as "cuda", "xpu", "openreg" or "mtia", the lab's own.
        setup: a file of Python that is run first, in each process: it imports the backend, and may
            define `slow(flag)`, which docs/backend.md describes. Not needed for what `import torch`
            registers.
        keys: of the clauses to try; all by default.
        timeout: seconds until a process that tries clauses counts as hung.

    Returns:
        A `ContractReport`, which is true if no clause is broken that a backend has to keep.

    Raises:
        ContractNotTried: the accelerator there is another one, or none.
        KeyError: there is no clause of that key.
        TypeError, ValueError: the device is no text, `setup` no file, `keys` no list, or the
            timeout no number of seconds.
    """
    if not isinstance(device, str):
        raise WrongArgument(f'the device is {device!r}; give a type of device, such as "cuda"')
    check_seconds(timeout)
    if not isinstance(setup, str | os.PathLike):
        raise WrongArgument(f"setup is {setup!r}; give the path of a file of Python")
    if setup and not Path(setup).is_file():
        raise WrongValue(f"setup is {str(setup)!r}, and there is no such file; give one of Python")
    known = [clause.key for clause in CLAUSES]
    if isinstance(keys, str) or not isinstance(keys, Sequence):
        raise WrongArgument(f"keys is {keys!r}; give a list of keys, such as [{known[0]!r}]")
    if unknown := [key for key in keys if key not in known]:
        raise UnknownName(f"no clause is called {unknown[0]!r}; they are {', '.join(known)}")
    wanted = [clause for clause in CLAUSES if not keys or clause.key in keys]
    if device == SIMULATED:  # not in a process that has only so much time
        build.ensure(build.Recipe.now())
    path = str(Path(setup).resolve()) if setup else ""
    with Server(f"import {_INSIDE}", timeout=timeout) as server:
        outcomes = dict(_outcomes(server, device, path, wanted, timeout))
    return ContractReport(device, tuple(outcomes[clause.key] for clause in wanted))


def _outcomes(
    server: Server, device: str, setup: str, wanted: list[Clause], timeout: float
) -> Iterator[tuple[str, Outcome]]:
    """What came of each clause, in as many processes as it takes."""
    waiting = {clause.key: clause for clause in wanted}
    hangs, first = 0, True
    while waiting:
        if hangs == MOST_HANGS:
            why = f"{count(hangs, 'clause')} hung before"
            yield from ((key, Outcome(each, NOT_REACHED, why)) for key, each in waiting.items())
            return
        lone = next((key for key, each in waiting.items() if each.alone), None)
        keys = [lone] if lone else list(waiting)
        code = f"import {_INSIDE} as inside; inside.run({device!r}, {setup!r}, {keys!r})"
        devices = 2 if device == SIMULATED else None
        result = server.run_each({"": code}, timeout=timeout, devices=devices)[""]
        found = dict(read(result))
        if not found:
            if first:
                raise ContractNotTried(
                    f"the contract was not tried on {device}: {result.error}. Name the accelerator "
                    "that is there, or give a file that imports its backend: --setup FILE.py"
                )
            found = dict.fromkeys(keys, (BROKEN, f"nothing could be tried: {result.error}"))
        for key, (status, seen) in found.items():
            yield key, Outcome(waiting.pop(key), status, seen)
        hangs, first = hangs + (result.error == "hung"), False


def read(result: Result) -> Iterator[tuple[str, tuple[str, str]]]:
    """What a process printed of each clause; of the last one also if the process died in it."""
    key = ""
    for line in result.stdout.splitlines():
        if line.startswith(BEGIN):
            key = line.removeprefix(BEGIN)
        elif line.startswith(END):
            status, seen = json.loads(line.removeprefix(END))
            yield key, (status, seen)
            key = ""
    if key:
        yield key, (BROKEN, f"the process {_ended(result)}")


def _ended(result: Result) -> str:
    return "hung" if result.error == "hung" else f"died: {result.error}"
