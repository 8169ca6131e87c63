"""What a cold build leaves in a stored notebook: nothing."""

import os
import shutil
import subprocess
import sys

import nbclient
import nbformat
import pytest
from building import ROOT

from mtia_lab import build, progress

PRETEND = """
import os, shutil
from pathlib import Path
from mtia_lab import compiler
def compile_library(files, origin, private, *, progress, **how):
    for step in range(3):
        progress.say(f"[{step}/3] as if")
    return Path(shutil.copy(os.environ["BUILT"], private))
compiler.compile_library = compile_library
"""
LOAD = "import mtia_lab\nprint('mine')\nstatus = mtia_lab.load()\nstatus"
CELLS = [PRETEND, LOAD, "assert not status.cached"]


@pytest.fixture
def cold(tmp_path, monkeypatch):
    """An empty cache, and where the real library lies."""
    built = build.ensure(build.Recipe.now(), progress=progress.Progress())
    monkeypatch.setenv("BUILT", str(built.library))
    monkeypatch.setenv("MTIA_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


def notebook():
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    kernel = {"name": "python3", "display_name": "Python 3"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def test_a_cold_load_stores_the_same_outputs_as_a_warm_one_and_nbval_agrees(cold):
    stored = notebook()
    nbclient.NotebookClient(stored, kernel_name="python3").execute()
    # What has no content is no output to a reader, to nbval or to a page.
    shown = [
        [output for output in cell.outputs if output.get("data", ...)] for cell in stored.cells
    ]
    assert [len(outputs) for outputs in shown] == [0, 2, 0]
    printed, result = shown[1]
    assert printed.text == "mine\n"  # before the build began
    assert result.data == {"text/plain": "MTIA Lab: 2 simulated devices, ready"}

    shutil.rmtree(os.environ["MTIA_LAB_CACHE"])
    path = cold / "stored.ipynb"
    nbformat.write(stored, path)
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q", str(path)]
    command += [
        "--rootdir",
        str(ROOT),
        "-c",
        str(ROOT / "pyproject.toml"),
        "-p",
        "no:cacheprovider",
    ]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "3 passed" in result.stdout, result.stdout


STUCK = """
def compile_library(files, origin, private, *, progress, **how):
    progress.say("[1/3] as if")
    raise KeyboardInterrupt
compiler.compile_library = compile_library
"""


def test_after_an_interrupt_the_step_it_was_at_stays(cold):
    stored = notebook()
    stored.cells[0].source += STUCK
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="KeyboardInterrupt"):
        nbclient.NotebookClient(stored, kernel_name="python3").execute()
    printed, progress, error = stored.cells[1].outputs
    assert printed.text == "mine\n" and error.ename == "KeyboardInterrupt"
    assert progress.data["text/plain"].splitlines()[1:] == ["[1/3] as if"]


def test_in_a_terminal_the_lines_go_to_standard_error(capsys):
    progress.choose().say("[1/3] a line")
    assert capsys.readouterr() == ("", "[1/3] a line\n")
