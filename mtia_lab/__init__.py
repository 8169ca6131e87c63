"""MTIA Lab: a simulated accelerator behind PyTorch's own interfaces, to learn and test with.

`__init__.pyi` lists the public names and their modules. Each is imported when it is first used, so
that loading costs little.
"""

import ast
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
_MODULE_OF = {
    imported.name: statement.module
    for statement in ast.parse(Path(__file__).with_suffix(".pyi").read_bytes()).body
    if isinstance(statement, ast.ImportFrom) and statement.level
    for imported in statement.names
}
__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise errors.UnknownAttribute(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f".{_MODULE_OF[name] or name}", __name__)
    found = getattr(module, name) if _MODULE_OF[name] else module
    return globals().setdefault(name, found)  # found here from now on, without this function


def __dir__() -> list[str]:
    return __all__


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """What `%load_ext mtia_lab` calls; `mtia_lab.load()` does the same in a notebook."""
    shell.magics_manager.register_lazy("guard", f"{__name__}.guards.magic")


def _introduce_instruments() -> None:
    name_lines()
    if (shell := errors.ipython_shell()) is not None:
        load_ipython_extension(shell)


after_load.append(_introduce_instruments)
