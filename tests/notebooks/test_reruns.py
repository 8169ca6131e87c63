"""A notebook's cells can be run again: each twice, all twice, backwards, and each section alone."""

import nbformat
import pytest
import sessions
from notebook_files import NOTEBOOKS, write


def failing(server, path):
    """The sessions in which a cell fails, with what it says."""
    played = sessions.play_each(server, path, sessions.reruns(nbformat.read(path, as_version=4)))
    found = {name: sessions.failures(said) for name, said in played.items()}
    return {name: failures for name, failures in found.items() if failures}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_reruns(path, server):
    assert failing(server, path) == {}


@pytest.mark.parametrize(
    ("cells", "session"),
    [
        (["x = []", "x.append(1); assert len(x) == 1"], "each cell twice"),
        (["x = 1", "## A", "y = 1", "assert y == 1", "y = 2"], "backwards"),
        (["x = 1", "## A", "y = x", "## B", "y"], "section 2 alone"),
        (["x = 1", "## A", "y = x", "## B", "assert y == 1; x = 3"], "section 2 alone"),
    ],
)
def test_what_cannot_be_run_again_is_found(cells, session, server, tmp_path):
    nodes = [nbformat.v4.new_markdown_cell(c) if c[0] == "#" else c for c in cells]
    path = write(tmp_path / "bad.ipynb", *nodes)
    assert session in " ".join(failing(server, path))


def test_other_processes_are_asked_again_only_the_same(server, tmp_path):
    asked = "assert isolated.run({}).stdout == '{}\\n'"
    cells = ["from mtia_lab import isolated", asked.format("'print(1)'", 1)]
    cells += ["def f(): print(2)", asked.format("f", 2), "def f(): print(3)", asked.format("f", 3)]
    path = write(tmp_path / "asks.ipynb", *cells)
    once = sessions.play_each(server, path, {"": [0, 1, 2, 3, 4, 5, 1]})[""]
    assert sessions.failures(once) == []


def test_set_up_cells_magics_awaits_and_pictures_are_no_trouble(server, tmp_path):
    heading = nbformat.v4.new_markdown_cell("Text\n\n## A")
    cells = ["import mtia_lab\nmtia_lab.load()", heading, "%time x = 1", "import asyncio"]
    cells += ["await asyncio.sleep(0)", "mtia_lab.draw.timeline(mtia_lab.Log([]))", "print(3)"]
    assert failing(server, write(tmp_path / "good.ipynb", *cells)) == {}
