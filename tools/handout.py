"""Write notebooks for a class: `make handout` without the solutions, `make solutions` only them.

    python tools/handout.py {handout,solutions} FOLDER

A handout has every cell but the solutions, and no outputs. The solutions are the exercises with
their headings, and the worked solution of each in plain sight, with what it gives.
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat
from nbconvert.preprocessors import ClearOutputPreprocessor, TagRemovePreprocessor
from nbformat import NotebookNode
from notebook_files import NOTEBOOKS, tags

CLEAR = ClearOutputPreprocessor(remove_metadata_fields={"scrolled"})
REMOVE = TagRemovePreprocessor(enabled=True, remove_cell_tags={"solution"})


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    for path in NOTEBOOKS:
        nb = KINDS[options.kind](nbformat.read(path, as_version=4))
        nbformat.write(nb, options.folder / path.name)
    print(f"{len(NOTEBOOKS)} notebooks in {options.folder}")
    return 0


def handout(nb: NotebookNode) -> NotebookNode:
    """Return the notebook without solutions and outputs."""
    nb, _ = REMOVE.preprocess(nb, {})
    nb, _ = CLEAR.preprocess(nb, {})
    return nb


def solutions(nb: NotebookNode) -> NotebookNode:
    """Return title, exercises with the text that asks for them, and open solutions."""
    kept = [nb.cells[0]]
    asked = None
    for cell in nb.cells[1:]:
        if cell.cell_type == "markdown":
            asked = cell if re.search(r"^## .*Exercise", cell.source, re.M) else asked
        elif {"exercise", "solution"} & {*tags(cell)}:
            kept += [asked] if asked is not None else []
            asked = None
            cell.metadata.pop("jupyter", None)
            cell.metadata.pop("collapsed", None)
            kept.append(cell)
    nb.cells = kept
    return nb


KINDS = {"handout": handout, "solutions": solutions}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
