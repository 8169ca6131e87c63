"""Hold the notebooks against backends that are wrong in one method at a time: `make faults`.

    python tools/faults.py [--list] [--all] [--notebook PATH]... [NAME...]

For each fault of fault_list*.py: run the cells of the notebooks on a device that has it, as
fault_workshop.py builds it, one process a notebook. A fault that turns no cell red belongs to a
claim that the notebooks make and do not check, so it fails the command. Outputs are not compared
here: a wrong output that only a stored copy gives away teaches a reader nothing.

Takes minutes. A fault is tried until a notebook has a red cell; --all shows every cell that notices
it. The notebook that saw the last fault comes first, since faults are listed by subject, and those
that start processes of their own, the slow ones, begin last. The next device is made meanwhile.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from fault_list import Fault
from fault_workshop import FAULTS, Workshop
from notebook_files import NOTEBOOKS, code_cells, tags

from mtia_lab.isolated import Result, Server

NOTEBOOK_TIMEOUT = 400  # seconds: a fault may make a cell hang, a busy machine makes it slow
PRELUDE = "import torch, IPython.core.interactiveshell, IPython.utils.capture"

# What runs in each notebook's process. A line that starts with the mark is a cell's verdict.
MARK = "@cell "
RUN_CELLS = """
import json, os, sys
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

os.environ.update({environment!r})
os.chdir({folder!r})
sys.path.insert(0, os.environ["MTIA_LAB_FAULTS"])
shell = InteractiveShell.instance(config=Config(HistoryManager=dict(enabled=False)))
for number, source, announced in {cells!r}:
    with capture_output():
        result = shell.run_cell(source, store_history=True)
    error = result.error_before_exec or result.error_in_exec
    claimed = isinstance(error, AssertionError) or (announced and not error)
    red = "assertion" if claimed else bool(error) and not announced
    print({mark!r} + json.dumps([number, red]), flush=True)
"""


@dataclass
class Verdict:
    """What one device did to the notebooks: name of the notebook -> numbers of the red cells."""

    asserted: dict[str, list[int]] = field(default_factory=dict)  # or an announced error not raised
    otherwise: dict[str, list[int]] = field(default_factory=dict)  # by another error, or a crash

    def __bool__(self) -> bool:
        return bool(self.asserted or self.otherwise)

    def __str__(self) -> str:
        return f"assertions {shown(self.asserted)}; otherwise {shown(self.otherwise)}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="list the faults and stop")
    parser.add_argument("--all", action="store_true", help="run all notebooks for every fault")
    parser.add_argument("--notebook", action="append", type=Path, help="default: all")
    parser.add_argument("names", nargs="*", help="default: all")
    options = parser.parse_args(arguments)
    faults = [fault for fault in FAULTS if not options.names or fault.name in options.names]
    if unknown := set(options.names) - {fault.name for fault in faults}:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    if options.list:
        print("\n".join(f"{fault.name:34}{fault.at:32}{fault.about}" for fault in faults))
        return 0
    notebooks = {path: read(path) for path in options.notebook or NOTEBOOKS}
    order = sorted(notebooks, key=lambda path: (is_slow(notebooks[path]), path))
    with (
        tempfile.TemporaryDirectory(prefix="mtia-lab-faults-") as scratch,
        Server(PRELUDE) as server,
    ):
        devices = one_ahead(Workshop(Path(scratch)).build, [None, *faults])
        sound = Verdict()
        run_cells(server, next(devices), notebooks, sound)
        if sound:
            print(f"The notebooks are red without any fault: {sound}")
            return 1
        tried = (trial(server, device, notebooks, order, options.all) for device in devices)
        return report(faults, tried)


def one_ahead(make: Callable, items: list) -> Iterator:
    """Yield `make(item)` for each item; the next one is made while the caller uses the last."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(make, items[0])
        for item in items[1:]:
            made, coming = coming.result(), maker.submit(make, item)
            yield made
        yield coming.result()


def report(faults: list[Fault], verdicts: Iterable[Verdict]) -> int:
    """Print a line for each fault as its verdict comes; return the exit status."""
    missed = []
    for fault, verdict in zip(faults, verdicts, strict=True):
        print(f"{'red ' if verdict else 'MISS'} {fault.name:34}{verdict}", flush=True)
        if not verdict:
            missed.append(fault)
    print(f"\n{len(faults) - len(missed)} of {len(faults)} faults turn a cell red")
    for fault in missed:
        print(f"  missed: {fault.name} ({fault.about}), in [{fault.at}]")
    return 1 if missed else 0


def shown(cells: dict[str, list[int]]) -> str:
    """Write cells as `02[4 7] 05[3]`, by the numbers a reader sees."""
    parts = (f"{name[:2]}[{' '.join(map(str, cells[name]))}]" for name in sorted(cells))
    return " ".join(parts) or "none"


def read(path: Path) -> list[tuple[int, str, bool]]:
    """Return a notebook's code cells: number, source, and whether it announces an exception."""
    cells = enumerate(code_cells(nbformat.read(path, as_version=4)), 1)
    return [(number, cell.source, "raises-exception" in tags(cell)) for number, cell in cells]


def is_slow(cells: list[tuple[int, str, bool]]) -> bool:
    """Whether a notebook starts processes of its own."""
    return any(re.search(r"isolated\.|%%guard", source) for _, source, _ in cells)


def trial(
    server: Server,
    environment: dict[str, str],
    notebooks: dict[Path, list],
    order: list[Path],
    every: bool,
) -> Verdict:
    """Run notebooks on the device that `environment` selects, until one has a red cell.

    order: of the notebooks; one that has a red cell becomes its first.
    every: run all notebooks nevertheless.
    """
    verdict = Verdict()
    for group in [order] if every else [[path] for path in order]:
        run_cells(server, environment, {path: notebooks[path] for path in group}, verdict)
        if verdict and not every:
            order.sort(key=lambda path: path not in group)
            break
    return verdict


def run_cells(
    server: Server, environment: dict[str, str], notebooks: dict[Path, list], verdict: Verdict
) -> None:
    """Run the notebooks, each in a process of its own, and add what was red to `verdict`."""
    snippets = {
        path.stem: RUN_CELLS.format(
            environment=environment,
            folder=str(path.parent.resolve()),
            cells=cells,
            mark=MARK,
        )
        for path, cells in notebooks.items()
    }
    results = server.run_each(snippets, timeout=NOTEBOOK_TIMEOUT)
    for path, cells in notebooks.items():
        judge(verdict, path.stem, len(cells), results[path.stem])


def judge(verdict: Verdict, name: str, count: int, result: Result) -> None:
    """Add to `verdict` the red ones among the `count` cells of the notebook called `name`."""
    reported = 0
    for line in result.stdout.splitlines():
        if line.startswith(MARK):
            reported, red = json.loads(line.removeprefix(MARK))
            if red:
                cells = verdict.asserted if red == "assertion" else verdict.otherwise
                cells.setdefault(name, []).append(reported)
    if reported < count:  # it crashed or hung in the next one
        verdict.otherwise.setdefault(name, []).append(reported + 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
