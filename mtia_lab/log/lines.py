"""How lines of the reader's program are named: "train.py:12", or "In[3]:4" in a notebook."""

import linecache
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from ..device import simulator
from ..errors import ipython_shell, is_readers

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

# How a line begins that IPython makes of a magic.
_CELL_MAGIC, _LINE_MAGIC = "get_ipython().run_cell_magic(", "get_ipython().run_line_magic("


Cell = tuple[str, int]  # its name, and how many lines stand above the code that IPython makes of it


class _FileNames(dict[str, str | Cell | None]):
    """How the log names each file: "In[3]" for a cell, "train.py" for a script, None to pass over.

    Never a folder: a log may not depend on the machine. What is known is found without running any
    Python code, in which an interrupt could come. Which cell it is is known until another one runs;
    of what a magic runs it has to be asked each time. A file may come in at any time, since what is
    logged may be the end of an object that Python deletes just then: go through a `copy()`.
    """

    def __missing__(self, file: str) -> str | Cell | None:
        if cell := cell_of(file):
            if not file.startswith("<") or file.startswith("<ipython-input"):
                until_next_cell(self.pop, file, None)
                self[file] = cell
            return cell
        self[file] = readers = self._unlike_others(file) if is_readers(file) else None
        return readers

    def _unlike_others(self, file: str) -> str:
        """The last part of a path, with as many before it as make it another file's name."""
        if file.startswith("<"):
            return file
        parts, taken = Path(file).parts, set(self.copy().values())
        names = ("/".join(parts[-k:]) for k in range(1, len(parts) + 1))
        return next((name for name in names if name not in taken), file)


FILE_NAMES = _FileNames()


def name_lines() -> None:
    """Give the simulator the names of this program's files."""
    simulator.name_files(FILE_NAMES)


def source_of(name: str) -> str:
    """The text of what the log calls by a name, a cell or a file; "" if it cannot be found."""
    cell, shell = re.fullmatch(r"In\[(\d+)\]", name), ipython_shell()
    if cell:
        return "\n".join(_source(shell, int(cell[1]))) if shell is not None else ""
    return "".join(linecache.getlines(_path_of(name) or ""))


def written(site: str) -> str:
    """A line as a reader finds it: with the whole path if two files have its name."""
    name, _, line = site.rpartition(":")
    last = name.rpartition("/")[2]
    names = (known for known in FILE_NAMES.copy().values() if isinstance(known, str))
    others = (known for known in names if known != name)
    shared = any(known.rpartition("/")[2] == last for known in others)
    path = _path_of(name) if shared else None  # to find it takes a while
    return site if path is None else f"{path}:{line}"


def _path_of(name: str) -> str | None:
    """The file that the log calls by a name; of what was not recorded here, the one module's."""
    for file, known in FILE_NAMES.copy().items():
        if known == name:
            return file
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    found = [file for file in files if isinstance(file, str) and f"/{file}".endswith(f"/{name}")]
    return found[0] if len(found) == 1 else None


def cell_of(file: str) -> Cell | None:
    """The cell that a file of this name is; None if none is.

    The file of a cell is a temporary name; which cell it was last run as, only IPython knows. A
    magic such as `%%time` compiles the rest of its cell under a name that every cell shares: it is
    the cell that runs now if that is where the code was made, and not a function from an earlier.
    """
    if (shell := ipython_shell()) is None:
        return None
    if not file.startswith("<") or shell.compile.format_code_name(file):
        return _cell(shell, file)
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_filename != file:
        frame = frame.f_back
    return _run_by_magic(shell, frame) if frame is not None else None


def until_next_cell(forget: Callable[..., Any], *arguments: Any) -> None:
    """Call `forget` with the arguments once IPython is about to run another cell."""
    events = sys.modules["IPython"].get_ipython().events

    def once() -> None:
        events.unregister("pre_execute", once)
        forget(*arguments)

    events.register("pre_execute", once)


def _cell(shell: "InteractiveShell", file: str) -> Cell | None:
    """What IPython calls the cell; one that `%%capture` runs it counts one too high."""
    named = shell.compile.format_code_name(file)
    if not named:
        return None
    name, first = named[1].removeprefix("Cell "), linecache.getline(file, 1).strip()
    count = int(name.removeprefix("In[").removesuffix("]"))
    for number in (count, count - 1):
        lines = _source(shell, number)
        above = _magics(lines)
        if first and lines[above].strip() == first:
            return f"In[{number}]", above
    return name, 0


def _source(shell: "InteractiveShell", number: int) -> list[str]:
    """The lines of a cell as the reader sees them."""
    cells: list[str] = shell.history_manager.input_hist_raw
    return (cells[number] if number < len(cells) else "").split("\n")


def _magics(lines: list[str]) -> int:
    """How many lines at the top of a cell are magics for the whole of it, or empty."""
    return next((k for k, line in enumerate(lines) if line.strip() and line[:2] != "%%"), 0)


def _run_by_magic(shell: "InteractiveShell", frame: FrameType) -> Cell | None:
    """The cell whose magic runs the code of a frame; the outermost one, where magics are nested."""
    code = root = frame.f_code
    caller = None
    above = frame.f_back
    while above is not None:
        if above.f_globals is shell.user_ns:  # code of the reader's own
            file, line = above.f_code.co_filename, above.f_lineno
            statement = linecache.getline(file, line).lstrip()
            if file == code.co_filename:
                root = above.f_code
            elif statement.startswith((_CELL_MAGIC, _LINE_MAGIC)):
                caller = file, line, statement
            else:
                break
        above = above.f_back
    if caller is None or not _is_in(code, root) or not (cell := _cell(shell, caller[0])):
        return None
    (name, lines_above), (_, line, statement) = cell, caller
    if statement.startswith(_LINE_MAGIC):
        return name, lines_above + line - 1
    return name, _magics(_source(shell, int(name[3:-1])))


def _is_in(code: CodeType, other: CodeType) -> bool:
    """Whether code is part of other code, such as a function of the module that defines it."""
    inner = (const for const in other.co_consts if isinstance(const, CodeType))
    return code is other or any(_is_in(code, const) for const in inner)
