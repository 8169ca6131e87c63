"""What a reader does with a notebook beside running it once: cells again, in any order, changed.

Each session runs in a process of its own, forked from one that has imported torch, and in IPython's
own shell rather than in a kernel: that costs a twentieth of a second instead of two seconds.
"""

import contextlib
import hashlib
import io
import json
import os
import pickle
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FunctionType
from typing import Any

import nbformat
from filelock import FileLock
from forking_lab import IMPORTED
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from nbformat import NotebookNode
from notebook_files import tags

from mtia_lab import distributed, isolated
from mtia_lab.guards import check
from mtia_lab.isolated import Server

TIMEOUT = 300  # seconds a session, on a busy machine
_MARK = "what the cells said: "


def server() -> Server:
    """The process to fork sessions from; it is the caller's to close."""
    return Server(f"import {', '.join([*IMPORTED, 'sessions'])}")


def play_each(
    server: Server, path: Path, sessions: dict[str, list[int | str]]
) -> dict[str, list[tuple[int, str, str]]]:
    """Play sessions of a notebook; a session is the cells to run in a row.

    A cell is its position in the notebook, or a source to run in its place. Returns, for each
    session, of its cells: position (-1 for a source), the repr of its value, the error or "".

    Raises:
        RuntimeError: the process of a session died, or hung.
    """
    with tempfile.TemporaryDirectory(prefix="mtia_lab_answers_") as answers:
        programs = {
            name: f"import sessions; sessions.play({str(path)!r}, {cells!r}, {answers!r})"
            for name, cells in sessions.items()
        }
        results = server.run_each(programs, timeout=TIMEOUT)
    found = {}
    for name, result in results.items():
        if not result.ok:
            raise RuntimeError(f"{path.name}, {name}: {result.error}\n{result.stderr[-2000:]}")
        found[name] = [tuple(line) for line in json.loads(result.stdout.rpartition(_MARK)[2])]
    return found


def failures(said: Iterable[tuple[int, str, str]]) -> list[str]:
    """The cells that failed, and how."""
    return [f"cell {position}: {error}" for position, _, error in said if error]


def play(path: str, cells: list[int | str], answers: str) -> None:
    """Run cells in this process's shell and print what they said.

    What other processes answer is kept in the folder `answers`, for all sessions of a notebook.
    """
    os.chdir(Path(path).parent)
    nb = nbformat.read(path, as_version=4)
    shell = InteractiveShell.instance()
    shell.display_pub = CapturingDisplayPublisher()
    shell.display_formatter.active_types = shell.display_formatter.format_types  # draw as well
    for module, name in ((isolated, "run_each"), (distributed, "run"), (check, "check")):
        setattr(module, name, _remembered(getattr(module, name), Path(answers)))
    shell.showtraceback = lambda *_, **__: None  # it takes seconds, and nobody reads it
    said = []
    for cell in cells:
        position, source = (-1, cell) if isinstance(cell, str) else (cell, nb.cells[cell].source)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            ran = shell.run_cell(source, store_history=True)
        error = ran.error_before_exec or ran.error_in_exec
        announced = position >= 0 and "raises-exception" in tags(nb.cells[position])
        says = "" if error is None or announced else f"{type(error).__name__}: {error}"
        said.append((position, repr(ran.result), says))
    print(_MARK + json.dumps(said), flush=True)


def _remembered(function: Callable[..., Any], answers: Path) -> Callable[..., Any]:
    """The function, for one answer to each question: other processes know nothing of a cell's past,
    and starting them is most of what some notebooks take.
    """

    def remembering(*args: Any, **options: Any) -> Any:
        asked = pickle.dumps((function.__qualname__, _key(args), _key(options)))
        file = answers / hashlib.sha256(asked).hexdigest()
        with FileLock(file.with_suffix(".lock")):  # sessions at once ask the same
            if not file.exists():
                file.write_bytes(pickle.dumps(function(*args, **options)))
        return pickle.loads(file.read_bytes())

    return remembering


def _key(part: Any) -> Any:
    """What an argument is, whichever of its equal functions it holds."""
    if isinstance(part, dict):
        return tuple((name, _key(value)) for name, value in part.items())
    if isinstance(part, list | tuple):
        return tuple(map(_key, part))
    return isolated.source_of(part) if isinstance(part, FunctionType | type) else part


def code_positions(nb: NotebookNode) -> list[int]:
    """Positions of the code cells."""
    return [position for position, cell in enumerate(nb.cells) if cell.cell_type == "code"]


def sections(nb: NotebookNode) -> list[list[int]]:
    """Positions of the code cells by section; the first one, before any heading, is the set-up."""
    found: list[list[int]] = [[]]
    for position, cell in enumerate(nb.cells):
        if cell.cell_type == "code":
            found[-1].append(position)
        elif re.search(r"^## ", cell.source, re.MULTILINE):
            found.append([])
    return [section for number, section in enumerate(found) if section or number == 0]


def reruns(nb: NotebookNode) -> dict[str, list[int | str]]:
    """The sessions in which nothing may fail: again, backwards, each section alone."""
    whole = code_positions(nb)
    twice = [position for position in whole for _ in range(2)]
    setup, *others = sections(nb)
    alone = {f"section {number} alone": setup + cells for number, cells in enumerate(others, 1)}
    return {"each cell twice, whole again, backwards": twice + whole + whole[::-1]} | alone
