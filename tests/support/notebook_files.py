"""Where the notebooks are, what to read from one, and small ones built for tests of the tests."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))

# What JupyterLab writes when it opens a notebook, but for the release of Python, which differs from
# machine to machine: .jupyter/jupyter_lab_config.py leaves it out as well.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
}


def notebook(*cells: str | NotebookNode) -> NotebookNode:
    """Build a notebook: a string is a code cell's source. Counts and ids run from the top."""
    nodes = [new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    count = 0
    for position, node in enumerate(nodes):
        node.id = f"cell-{position:02d}"
        if node.cell_type == "code":
            count += 1
            node.execution_count = count
    return new_notebook(cells=nodes, metadata=METADATA)


def markdown(source: str) -> NotebookNode:
    """Build a markdown cell."""
    return new_markdown_cell(source)


def code(source: str, *outputs: NotebookNode, tags=(), hidden=False) -> NotebookNode:
    """Build a code cell with stored `outputs`, `tags`, collapsed whole if `hidden`."""
    cell = new_code_cell(source, outputs=list(outputs))
    if tags:
        cell.metadata["tags"] = list(tags)
    if hidden:
        cell.metadata["jupyter"] = {"outputs_hidden": True, "source_hidden": True}
    return cell


def write(path: Path, *cells: str | NotebookNode) -> Path:
    """Write `notebook(*cells)` to `path` and return the path."""
    nbformat.write(notebook(*cells), path)
    return path


def code_cells(nb: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in nb.cells if cell.cell_type == "code"]


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def printed(cell: NotebookNode) -> str:
    """Return a cell's outputs as text: streams, plain results and errors."""
    parts = []
    for output in cell.outputs:
        parts += [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
        parts += [output.get("ename", ""), output.get("evalue", ""), *output.get("traceback", [])]
    return "\n".join(filter(None, parts))
