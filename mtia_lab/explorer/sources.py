"""The words of the lines that a log names, where this process still has them."""

import linecache
import re
import sys
from collections.abc import Iterable
from pathlib import Path


def source_lines(sites: Iterable[str | None]) -> dict[str, str]:
    """The text of each line that can be found, by its name, such as "In[3]:2" or "train.py:12"."""
    found = {}
    cells = _cells()
    files: dict | None = None
    for site in sorted({site for site in sites if site}):
        where, _, number = site.rpartition(":")
        cell = re.fullmatch(r"In\[(\d+)\]", where)
        if cell:
            text = cells.get(int(cell[1]))  # whose lines end where Python's do: not at U+2028
            lines = text.split("\n") if text else []
        else:
            files = _files() if files is None else files
            lines = linecache.getlines(files.get(where) or "")
        if number.isdigit() and 0 < int(number) <= len(lines):
            found[site] = lines[int(number) - 1].strip()
    return found


def _cells() -> dict[int, str]:
    """The cells of this notebook as they were run."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return dict(enumerate(shell.history_manager.input_hist_raw)) if shell is not None else {}


def _files() -> dict[str, str | None]:
    """The files of this process's modules by name; None where two have the same."""
    files: dict = {}
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str):
            name = Path(path).name
            files[name] = path if files.get(name, path) == path else None
    return files
