"""False greens that nbval cannot see: each rule is a function from a notebook to complaints.

`machine_traces` is also what refresh_notebooks.py asks before it stores anything.
test_notebook_rules.py holds every rule against notebooks that are broken on purpose.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from notebook_files import code_cells, printed, tags


def valid(nb: NotebookNode, path: Path) -> Iterator[str]:
    try:
        nbformat.validate(nb)
    except nbformat.ValidationError as error:
        yield f"not a valid notebook: {error}"


def kernel_is_named(nb: NotebookNode, path: Path) -> Iterator[str]:
    name = nb.metadata.get("kernelspec", {}).get("name")
    if name != "python3":
        yield f"the kernelspec is {name!r}, not 'python3'"


def run_from_top_to_bottom(nb: NotebookNode, path: Path) -> Iterator[str]:
    counts = [cell.execution_count for cell in code_cells(nb)]
    if not counts:
        yield "there is no code cell"
    if counts != list(range(1, len(counts) + 1)):
        yield f"not run once from top to bottom: the execution counts are {counts}"


def nothing_is_skipped(nb: NotebookNode, path: Path) -> Iterator[str]:
    for number, cell in enumerate(code_cells(nb), 1):
        marks = [tag for tag in tags(cell) if tag.startswith("nbval-")]
        marks += re.findall(r"\bNBVAL_\w+|\bPYTEST_VALIDATE_IGNORE_OUTPUT\b", cell.source)
        if marks:
            yield f"[{number}] asks nbval to look away: {', '.join(marks)}"


def errors_are_announced(nb: NotebookNode, path: Path) -> Iterator[str]:
    for number, cell in enumerate(code_cells(nb), 1):
        raised = any(output.output_type == "error" for output in cell.outputs)
        if raised and "raises-exception" not in tags(cell):
            yield f"[{number}] raised, without the tag raises-exception"
        if not raised and "raises-exception" in tags(cell):
            yield f"[{number}] has the tag raises-exception and did not raise"
        if "UsageError:" in printed(cell):
            yield f"[{number}] has an unknown magic: the rest of the cell never ran"


def something_is_stored(nb: NotebookNode, path: Path) -> Iterator[str]:
    if not any(cell.outputs for cell in code_cells(nb)):
        yield "no output is stored: there is nothing to compare"


def machine_traces(nb: NotebookNode, path: Path) -> Iterator[str]:
    """Find addresses, absolute paths and process ids that say so in what was printed."""
    traces = {
        "an address": r" at 0x\w+|\b0x[0-9a-f]{7,}\b",
        "a path": r"(?<![\w.:/<…])(?:/\.?\w[\w.+-]*){2,}|\b[A-Z]:\\\w+|\bfile:/+\w+",
        "a process id": r"\bpid\W{1,3}\d+",
    }
    for number, cell in enumerate(code_cells(nb), 1):
        for what, pattern in traces.items():
            for found in re.findall(pattern, printed(cell)):
                yield f"[{number}] printed {what}: {found.strip()!r}"


SOUND = [valid, kernel_is_named, run_from_top_to_bottom, nothing_is_skipped]
SOUND += [errors_are_announced, something_is_stored, machine_traces]
