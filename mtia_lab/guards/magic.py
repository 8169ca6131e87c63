"""The cell magic `%%guard`, which IPython knows after `mtia_lab.load()` or `%load_ext mtia_lab`."""

import argparse
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .report import GuardReport


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """What IPython calls when the magic is first used, or by `%load_ext mtia_lab.guards.magic`."""
    shell.register_magic_function(guard, "cell", "guard")


def guard(line: str, cell: str) -> "GuardReport | None":
    """Check the guard in this cell against PyTorch's contract: `%%guard [NAME] [--timeout S] [-q]`.

    The cell is the body of a C++ class that passes every call on to the lab's own guard, `real`;
    what it overrides differs. It is compiled, and checked in another process, clause by clause.

    NAME: bind the report to this name too; to `...` if there is nothing in the cell but comments.
    --timeout: seconds until a process that checks the guard is killed; default 10.
    -q, --quiet: show nothing.
    """
    from . import try_guard

    options = _parse(line)
    how: dict[str, Any] = {} if options.timeout is None else {"timeout": options.timeout}
    report = try_guard(cell, first_line=2, **how)  # the editor's line 1 is that of the magic
    if options.name:
        from IPython import get_ipython

        get_ipython().push({options.name: report if report.started else ...})
    return None if options.quiet else report


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        from IPython.core.error import UsageError

        raise UsageError(f"%%guard: {message}. It takes: %%guard [NAME] [--timeout S] [-q]")


def _parse(line: str) -> argparse.Namespace:
    parser = _Parser(prog="%%guard", add_help=False)
    parser.add_argument("name", nargs="?", type=_identifier)
    parser.add_argument("--timeout", type=float)
    parser.add_argument("-q", "--quiet", action="store_true")
    return parser.parse_args(line.split())


def _identifier(text: str) -> str:
    if not text.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} cannot be the name of a variable")
    return text
