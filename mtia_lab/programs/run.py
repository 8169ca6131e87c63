"""`python -m mtia_lab run PROGRAM` runs a program unchanged on the device, and says what it did."""

import importlib.util
import linecache
import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.abc import InspectLoader
from importlib.machinery import SourceFileLoader
from pathlib import Path
from traceback import walk_tb
from types import CodeType, ModuleType

from ..device import configure
from ..errors import ProgramMissing, is_readers
from ..explorer import explore
from ..hazards.sanitizer import sanitizer
from ..load import load
from ..log.files import target
from ..log.lines import FILE_NAMES
from ..log.recording import record as recording
from ..log.saved import place as saved_as
from ..log.summary import summary

FOUND = 3  # the exit status of a program that ended well and has hazards
INTERRUPTED = 130  # as a shell says it
NO_CUDA = (
    'MTIA Lab: this program asks for "cuda", which is not emulated: take the device from '
    "torch.accelerator.current_accelerator(), streams from torch.Stream, events from torch.Event."
)
_NOT_ITS_OWN = (__file__, "<frozen importlib")  # how files begin that are above it in a traceback


def run(
    program: str,
    arguments: Sequence[str] = (),
    *,
    module: bool = False,
    devices: int = 2,
    schedule: str | None = None,
    poison: bool = False,
    protect: bool = False,
    sanitize: bool = False,
    record: str | None = None,
    report: str | None = None,
) -> int:
    """Load the device and run a program as Python would: as `__main__`, with its arguments.

    What was found goes to stderr once it has ended, and its threads have; stdout is the program's.
    Of processes that it starts, and of what it leaves to `atexit`, nothing is known.

    Args:
        program: the path of a script, or the name of a module.
        arguments: the program's own.
        module: whether it is the name of a module.
        devices: as `mtia_lab.load` takes them.
        schedule, poison, protect: as `mtia_lab.configure` takes them.
        sanitize: look for hazards.
        record: where to save the log.
        report: where to write the explorer, with what was found, as a page.

    Returns:
        The exit status: the program's own, or 3 if that is 0 and there are hazards.

    Raises:
        MTIALabError: the device cannot be loaded, or there is no such program.
        RuntimeError: there is no such schedule.
        ValueError, OSError: nothing can be saved there. The program has not run then.
    """
    saved = None if record is None else saved_as(os.path.abspath(record))
    page = None if report is None else target(os.path.abspath(report), "a page", (".html",))
    load(devices)
    configure(schedule, poison=poison, protect=protect)
    process = os.getpid()
    with ExitStack() as block:
        found = block.enter_context(sanitizer()) if sanitize else None
        log = block.enter_context(recording()) if found is None else found.log
        status = _run(partial(_execute, program, arguments, module))
        status = max(status, _run(_wait_for_threads))
    if os.getpid() != process:  # it has forked, and this is the child
        return status
    spent = summary(log, lines=True)
    for said in [spent] if found is None else [found, spent]:
        print(f"\n{said!r}", file=sys.__stderr__)
    if not status and not log.commands and _names_cuda():
        print(NO_CUDA, file=sys.__stderr__)
    if saved is not None:
        log.save(saved)
    if page is not None:
        explore(log, found).save(page)
    return status or (FOUND if found else 0)


def _execute(program: str, arguments: Sequence[str], module: bool) -> None:
    folder = os.getcwd() if module else str(Path(program).resolve().parent)
    if not sys.flags.safe_path:
        sys.path[:1] = [folder]
    main, code = _module(program) if module else _script(program)
    file = vars(main)["__file__"]
    sys.argv[:] = [file if module else program, *arguments]
    sys.modules["__main__"] = main
    FILE_NAMES[file] = Path(file).name  # the reader's own, wherever it lies
    exec(code, vars(main))


def _script(path: str) -> tuple[ModuleType, CodeType]:
    """A script as `__main__`, and its code."""
    file = os.path.abspath(path)
    if not os.path.isfile(file):
        why = "it is a folder." if os.path.isdir(file) else "there is no such file."
        todo = "give the path of a script, or `-m` and the name of a module."
        raise ProgramMissing(f"{path} cannot be run.", why, todo)
    main = ModuleType("__main__")
    main.__loader__ = loader = SourceFileLoader("__main__", file)
    main.__file__, main.__annotations__ = file, {}
    main.__cached__ = None  # type: ignore[attr-defined] # Python sets it, too
    return main, loader.source_to_code(loader.get_data(file), file)


def _module(name: str) -> tuple[ModuleType, CodeType]:
    """A module as `__main__`, or that of a package, and its code."""
    full = name
    try:
        spec = importlib.util.find_spec(full)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(full := f"{name}.__main__")
    except ModuleNotFoundError as error:
        if error.name is None or not f"{full}.".startswith(f"{error.name}."):
            raise  # something that its package imports
        spec = None
    loader = spec and spec.loader
    code = loader.get_code(full) if isinstance(loader, InspectLoader) else None
    if spec is None or code is None or not spec.has_location:
        raise ProgramMissing(
            f"{name} cannot be run.",
            f"there is no file of a module {full}.",
            "give a module that Python finds from here, or the path of a script without `-m`.",
        )
    main = importlib.util.module_from_spec(spec)
    main.__name__ = "__main__"
    return main, code


def _run(step: Callable[[], None]) -> int:
    """Do it, and give the exit status that Python would; an error is shown as Python would."""
    try:
        step()
        return 0
    except ProgramMissing:
        raise
    except SystemExit as leave:
        if isinstance(leave.code, int):
            return leave.code & 0xFF
        if leave.code is not None:
            print(leave.code, file=sys.stderr)
        return int(leave.code is not None)
    except BaseException as error:
        own = error.__traceback__
        while own and own.tb_frame.f_code.co_filename.startswith(_NOT_ITS_OWN):
            own = own.tb_next
        sys.excepthook(type(error), error.with_traceback(own), own)
        if "cuda" in f"{error} {_last_line(error)}".lower():
            print(NO_CUDA, file=sys.__stderr__)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1


def _wait_for_threads() -> None:
    """Until the program's threads have ended, as Python does before it leaves."""
    mine = threading.current_thread()
    while others := [t for t in threading.enumerate() if not t.daemon and t is not mine]:
        others[0].join()


def _last_line(error: BaseException) -> str:
    """The line of the program that raised, or called what did."""
    line = ""
    for frame, number in walk_tb(error.__traceback__):
        if is_readers(frame.f_code.co_filename):
            line = linecache.getline(frame.f_code.co_filename, number)
    return line


def _names_cuda() -> bool:
    source = linecache.getlines(vars(sys.modules["__main__"])["__file__"])
    return any("cuda" in line for line in source)
