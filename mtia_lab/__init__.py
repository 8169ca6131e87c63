"""MTIA Lab: a simulated accelerator behind PyTorch's own interfaces, to learn and test with.

`__init__.pyi` lists the public names and their modules. Each is imported when it is first used, so
that loading costs little.
"""

import ast
import functools
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import errors
from .load import after_load
from .load import load as load  # the function, in place of its module
from .log.lines import name_lines

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__version__ = "0.1.0"


@functools.cache
def _module_of() -> dict[str, str | None]:
    """Where each public name is, found once one is asked for that is not here."""
    return {
        imported.name: statement.module
        for statement in ast.parse(Path(__file__).with_suffix(".pyi").read_bytes()).body
        if isinstance(statement, ast.ImportFrom) and statement.level
        for imported in statement.names
    }


def __getattr__(name: str) -> Any:
    modules = _module_of()
    if name == "__all__":
        return sorted(modules)
    if name not in modules:
        raise errors.UnknownAttribute(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f".{modules[name] or name}", __name__)
    found = getattr(module, name) if modules[name] else module
    return globals().setdefault(name, found)  # found here from now on, without this function


def __dir__() -> list[str]:
    return sorted(_module_of())


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """What `%load_ext mtia_lab` calls; `mtia_lab.load()` does the same in a notebook."""
    shell.magics_manager.register_lazy("guard", f"{__name__}.guards.magic")


def _introduce_instruments() -> None:
    name_lines()
    if (shell := errors.ipython_shell()) is not None:
        load_ipython_extension(shell)


after_load.append(_introduce_instruments)
