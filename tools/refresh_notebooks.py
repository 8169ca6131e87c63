"""The one way to run the notebooks and store their outputs: `make notebooks`.

    python tools/refresh_notebooks.py [--check] [NOTEBOOK...]

Runs each notebook in a kernel of this interpreter, from the notebook's own folder, as many at a
time as there are cores. What is written depends on nothing but the sources: running again gives
the same bytes. With --check nothing is written, and a notebook that would change fails.
"""

import argparse
import os
import platform
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from difflib import unified_diff
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager
from notebook_files import METADATA, NOTEBOOKS, ROOT, code_cells, printed
from sound_rules import errors_are_announced, machine_traces, nothing_is_skipped

from mtia_lab import build

CELL_TIMEOUT = 120  # seconds
DIFF_LINES = 40


class Refused(Exception):
    """A notebook that must not be stored; the message says why, and in which cell."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a change")
    parser.add_argument("notebooks", nargs="*", type=Path, default=NOTEBOOKS)
    options = parser.parse_args(arguments)
    build.ensure(build.Recipe.now())  # else a notebook would store the progress of its build
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = pool.map(lambda path: refresh(path, options.check), options.notebooks)
        failed = 0
        for path, (fine, message) in zip(options.notebooks, outcomes, strict=True):
            print(f"{path.name}: {message}", flush=True)
            failed += not fine
    return 1 if failed else 0


def refresh(path: Path, check: bool = False) -> tuple[bool, str]:
    """Run and store one notebook, or only compare; return whether all is well, and a message."""
    old = path.read_text(encoding="utf-8")
    try:
        new = rerun(path)
    except Refused as refusal:
        return False, f"refused\n{refusal}"
    if new == old:
        return True, "unchanged"
    if check:
        return False, f"would change\n{difference(old, new)}"
    path.write_text(new, encoding="utf-8")
    return True, "refreshed"


def rerun(path: Path) -> str:
    """Run the notebook at `path` and return the text to store.

    Raises Refused if a cell fails unannounced, or prints something of this machine or this run.
    """
    nb, pid = execute(path)
    text = as_stored(nb)
    complaints = [*nothing_is_skipped(nb, path), *errors_are_announced(nb, path)]
    complaints += [*machine_traces(nb, path), *names_of_this_machine(nb)]
    if complaints:
        raise Refused("\n".join(complaints))
    if re.search(rf"\b{pid}\b", "\n".join(map(printed, code_cells(nb)))):
        # The kernel's process id, or that number by chance? Another kernel has another id.
        again = as_stored(execute(path)[0])
        if again != text:
            raise Refused(f"a second run gave something else\n{difference(text, again)}")
    return text


class Client(NotebookClient):
    """Executes in a kernel of this interpreter, whatever kernels the machine has registered."""

    def create_kernel_manager(self):
        specs = NbvalKernelspecManager()
        self.km = AsyncKernelManager(kernel_name=CURRENT_ENV_KERNEL_NAME, kernel_spec_manager=specs)
        return self.km


def execute(path: Path) -> tuple[NotebookNode, int]:
    """Run a notebook from its folder; return it with fresh outputs and its kernel's process id."""
    nb = nbformat.read(path, as_version=4)
    started, pids = [], []
    client = Client(
        nb,
        timeout=CELL_TIMEOUT,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent.resolve())}},
        on_notebook_start=lambda notebook: pids.append(client.km.provisioner.process.pid),
        on_cell_execute=lambda cell, cell_index: started.append(cell),
    )
    # With this variable of pytest's, ipykernel would not capture what C++ prints.
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    try:
        client.execute(env=environment)
    except CellExecutionError as error:
        why = f"raised {error.ename}: {error.evalue}"
    except CellTimeoutError:
        why = f"did not end within {CELL_TIMEOUT} s"
    except DeadKernelError:
        why = "killed the kernel"
    else:
        return nb, pids[0]
    raise Refused(f"[{len(started)}] {why}\nThe cell:\n{started[-1].source}")


def as_stored(nb: NotebookNode) -> str:
    """Return the text of a notebook without anything volatile; checks that it is valid."""
    nb = nbformat.from_dict(nb)
    nb.nbformat, nb.nbformat_minor = 4, 5
    nb.metadata = nbformat.from_dict(METADATA)
    for position, cell in enumerate(nb.cells):
        cell.id = cell.get("id", f"cell-{position:02d}")
        hidden = cell.metadata.get("jupyter", {})
        collapsed = {name: True for name in ("outputs_hidden", "source_hidden") if hidden.get(name)}
        kept = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        if collapsed:
            kept["jupyter"] = collapsed
        if "outputs_hidden" in collapsed:
            kept["collapsed"] = True  # JupyterLab writes both
        cell.metadata = nbformat.from_dict(kept)
        for output in cell.get("outputs", []):
            if output.output_type == "error":  # a traceback has paths; the message is enough
                output.traceback = [f"\x1b[31m{output.ename}\x1b[39m: {output.evalue}"]
    nbformat.validate(nb)
    return nbformat.writes(nb).rstrip("\n") + "\n"


def names_of_this_machine(nb: NotebookNode) -> list[str]:
    """Find its folders and its host name in what was printed, also where no pattern would."""
    names = {str(Path.home()), str(ROOT), sys.prefix, tempfile.gettempdir(), platform.node()}
    names -= {"", "/", "localhost"}
    return [
        f"[{number}] printed a name of this machine: {name!r}"
        for number, cell in enumerate(code_cells(nb), 1)
        for name in sorted(names)
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", printed(cell))
    ]


def difference(old: str, new: str) -> str:
    diff = unified_diff(old.splitlines(), new.splitlines(), "first", "second", n=1, lineterm="")
    shown = [line[:200] for line in diff][:DIFF_LINES]
    return "\n".join(shown)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
