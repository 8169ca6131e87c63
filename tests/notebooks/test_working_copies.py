"""Working copies: they answer nothing before they run, and what a reader changed stays his."""

import json

import nbformat
import pytest
from nbformat.v4 import new_output
from notebook_files import NOTEBOOKS, code, code_cells, markdown, write

from mtia_lab.__main__ import main
from mtia_lab.errors import CopiesUnwritable
from mtia_lab.exercises.copies import Copies, without_outputs, write_copies

NAME = "00_start_here.ipynb"
NEW = "00_start_here (2).ipynb"


@pytest.fixture
def origin(tmp_path):
    (tmp_path / "origin").mkdir()
    write(tmp_path / "origin" / NAME, code("1 + 1", new_output("stream", text="2")), markdown("?"))
    return tmp_path / "origin"


@pytest.fixture
def mine(tmp_path):
    return tmp_path / "mine"


def sources(path):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


def new_version(origin, source="1 + 2"):
    write(origin / NAME, code(source, new_output("stream", text="3")), markdown("?"))


def save(path, source=None, output=None):
    """As JupyterLab does: in other words for the same, with what the reader has changed."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["language_info"] = {"name": "python", "version": "3.11.9"}
    if source:
        notebook.cells[0].source = source
    if output:
        notebook.cells[0].outputs = [new_output("stream", text=output)]
    path.write_text(json.dumps(notebook))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_copy_is_the_notebook_before_anything_has_run(path):
    copy, stored = without_outputs(path), nbformat.read(path, as_version=4)
    assert any(cell.outputs for cell in code_cells(stored))
    assert not any(cell.outputs or cell.execution_count for cell in code_cells(copy))
    for cell, original in zip(copy.cells, stored.cells, strict=True):
        assert (cell.source, cell.metadata) == (original.source, original.metadata)


def test_what_is_there_already_is_not_written_again(origin, mine):
    assert write_copies(mine, origin) == Copies(mine, written=[NAME])
    before = (mine / NAME).stat().st_ino
    save(mine / NAME)  # it was only opened
    opened = (mine / NAME).read_text()
    assert write_copies(mine, origin) == Copies(mine)
    assert (mine / NAME).read_text() == opened and (mine / NAME).stat().st_ino == before


def test_a_new_version_replaces_what_was_only_opened(origin, mine):
    write_copies(mine, origin)
    save(mine / NAME)
    new_version(origin)
    assert write_copies(mine, origin) == Copies(mine, updated=[NAME])
    assert sources(mine / NAME) == ["1 + 2", "?"]


@pytest.mark.parametrize("change", [{"source": "my answer"}, {"output": "2"}], ids=["code", "run"])
def test_a_new_version_lies_beside_what_was_changed(origin, mine, change):
    write_copies(mine, origin)
    save(mine / NAME, **change)
    changed = (mine / NAME).read_text()
    assert write_copies(mine, origin) == Copies(mine)  # no new version
    new_version(origin)
    done = write_copies(mine, origin)
    assert done == Copies(mine, beside={NAME: NEW})
    assert NAME in "".join(done.lines()) and NEW in "".join(done.lines())
    assert (mine / NAME).read_text() == changed and sources(mine / NEW) == ["1 + 2", "?"]
    assert write_copies(mine, origin) == Copies(mine)  # once
    save(mine / NEW, source="my next answer")
    new_version(origin, "1 + 3")
    assert write_copies(mine, origin).beside == {NAME: "00_start_here (3).ipynb"}
    assert sources(mine / NEW) == ["my next answer", "?"]


def test_what_is_no_notebook_is_the_readers_too(origin, mine):
    mine.mkdir()
    (mine / NAME).write_text("no notebook")
    (mine / ".mtia_lab-copies.json").write_text("[]")
    assert write_copies(mine, origin) == Copies(mine, beside={NAME: NEW})
    assert (mine / NAME).read_text() == "no notebook"


def test_what_was_deleted_comes_back(origin, mine):
    write_copies(mine, origin)
    (mine / NAME).unlink()
    assert write_copies(mine, origin) == Copies(mine, written=[NAME])


def test_the_notebooks_themselves_are_not_written_over(origin):
    before = (origin / NAME).read_bytes()
    with pytest.raises(CopiesUnwritable, match="give another folder"):
        write_copies(origin, origin)
    assert (origin / NAME).read_bytes() == before


def test_a_folder_that_cannot_be_is_said(origin, mine):
    mine.write_text("a file")
    with pytest.raises(CopiesUnwritable, match="a folder that you may write to"):
        write_copies(mine, origin)
    assert mine.read_text() == "a file"


def test_the_command_copies_all_and_says_how_to_open_them(mine, capsys):
    assert main(["notebooks", str(mine)]) == 0
    said = capsys.readouterr().out
    assert f"{len(NOTEBOOKS)} notebooks without outputs: {mine}" in said
    assert f"jupyter lab {mine / NAME}" in said
    assert {path.name for path in mine.glob("*.ipynb")} == {path.name for path in NOTEBOOKS}
