"""`python -m mtia_lab COMMAND`: the set-up, builds, notebooks, programs, logs."""

import argparse
import sys
from typing import Any

from .errors import Advice


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m mtia_lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, run in {"doctor": _doctor, "build": _build, "clean": _clean}.items():
        command = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
        command.add_argument("-v", "--verbose", action="store_true", help="show every detail")
        command.set_defaults(run=run)
    notebooks = commands.add_parser("notebooks", help=_notebooks.__doc__)
    notebooks.add_argument("folder", nargs="?", default=None, metavar="FOLDER")
    notebooks.set_defaults(run=_notebooks)
    show = commands.add_parser("show", help=_show.__doc__, description=_show.__doc__)
    show.add_argument(
        "file", metavar="FILE", help="what log.save() wrote; or a profiler's trace.json"
    )
    show.set_defaults(run=_show)
    _add_contract(commands)
    museum = commands.add_parser("museum", help=_museum.__doc__, description=_museum.__doc__)
    museum.add_argument("--opt-in", action="store_true", help="also what takes other packages")
    museum.set_defaults(run=_museum)
    _add_run(commands)
    chosen = vars(parser.parse_args(arguments))
    run = chosen.pop("run")
    del chosen["command"]
    try:
        status: int = run(**chosen)
        return status
    except Advice as error:
        print(error, file=sys.stderr)
        return 1


def _doctor(verbose: bool) -> int:
    """check everything the simulated device needs, one verdict a line"""
    from . import doctor

    return doctor.report(verbose)


def _build(verbose: bool) -> int:
    """build the simulated device, if this was not done yet"""
    from . import build, progress

    found = build.ensure(build.Recipe.now(), progress=progress.Lines(sys.stdout), verbose=verbose)
    facts = found.facts
    how = "was built already" if found.cached else f"is built, in {facts['seconds']} s"
    print(f"The simulated device for torch {facts['torch']} {how}.")
    if verbose:
        print(f"  {found.library}\n  {facts['compiler']}, {facts['bytes']:,} bytes")
    return 0


def _clean(verbose: bool) -> int:
    """delete all builds in the cache, except those in use"""
    from .cache import Cache
    from .folders import default_folder, temporary_folders
    from .guards import header, library  # what %%guard compiled

    left = 0
    for root in (default_folder(), *temporary_folders()):
        parts = [Cache(root, part.PART, part.LIBRARY) for part in (library, header)]
        left += sum(cache.clean() for cache in (Cache(root), *parts))
        if verbose:
            print(f"  {root}")
    print("All builds are deleted." if not left else f"{left} builds are in use and stay.")
    return 0


def _notebooks(folder: str | None) -> int:
    """copy the notebooks, without their outputs, into FOLDER (my-notebooks)"""
    from .exercises.copies import FIRST, FOLDER, write_copies

    copies = write_copies(folder or FOLDER)
    for line in copies.lines():
        print(line)
    print(f"To begin: jupyter lab {copies.folder / FIRST}")
    return 0


def _show(file: str) -> int:
    """show a saved log: what happened, what is wrong, and where the time went"""
    from .draw.timeline import timeline
    from .hazards import find_hazards
    from .log.gpu_trace import open_trace
    from .log.log import MEMORY
    from .log.saved import open_log
    from .log.summary import summary

    log = open_trace(file) if file.endswith((".json", ".json.gz")) else open_log(file)
    found = [] if MEMORY in log.unknown else [find_hazards(log)]
    for shown in (log, timeline(log), *found, summary(log, lines=True)):
        print(f"{shown!r}\n")
    return 0


def _add_contract(commands: Any) -> None:
    held = commands.add_parser(
        "contract",
        help="hold an accelerator's backend against PyTorch's contract",
        description="Hold an accelerator's backend against PyTorch's contract, clause by clause, "
        "in processes of its own. The exit status is 1 if a clause is broken that it must keep.",
    )
    held.add_argument("device", metavar="DEVICE", help='such as "cuda", "xpu", "openreg", "mtia"')
    held.add_argument("keys", nargs="*", metavar="CLAUSE", help="only these; all by default")
    held.add_argument("--setup", default="", metavar="FILE.py", help="imports the backend first")
    held.add_argument("--junit", metavar="FILE.xml", help="write what came of each clause there")
    held.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS")
    held.set_defaults(run=_contract)


def _contract(device: str, junit: str | None, **options: Any) -> int:
    from .contract import hold
    from .contract.report import junit_file

    file = junit_file(junit) if junit else None  # now, for the clauses take their time
    report = hold(device, **options)
    print(report)
    if file:
        report.write_junit(file)
    return 0 if report else 1


def _museum(opt_in: bool) -> int:
    """measure which published bugs are seen by the sanitizer, by PyTorch's for CUDA, in values"""
    from .load import load
    from .museum import table

    load()
    print(table(opt_in))
    return 0


def _add_run(commands: Any) -> None:
    run = commands.add_parser(
        "run",
        help="run a program on the device, and say what it did",
        usage="python -m mtia_lab run [OPTION ...] {PROGRAM | -m MODULE} [ARGUMENT ...]",
        description="Run a program unchanged on the simulated device. When it has ended, stderr "
        "says what was found and where the time went. The exit status is the program's, or 3 if "
        "that is 0 and hazards were found.",
        allow_abbrev=False,
    )
    run.add_argument("-m", dest="module", action="store_true", help="it is the name of a module")
    run.add_argument("--sanitize", action="store_true", help="look for hazards")
    run.add_argument("--schedule", metavar="NAME", help='such as "latest" or "random:7"')
    run.add_argument("--poison", action="store_true", help="poison fresh and freed memory")
    run.add_argument("--protect", action="store_true", help="the host may not touch device memory")
    run.add_argument("--devices", type=int, default=2, metavar="N", help="how many (2)")
    run.add_argument("--record", metavar="FILE.mtia", help="save the log, for `show` and open_log")
    run.add_argument("--report", metavar="FILE.html", help="write a page to explore the run")
    run.add_argument("program", metavar="PROGRAM", help="a script, or with -m a module")
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENT", help="its own")
    run.set_defaults(run=_run)


def _run(**options: Any) -> int:
    from .programs.run import run

    return run(**options)


if __name__ == "__main__":
    sys.exit(main())
