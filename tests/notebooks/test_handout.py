"""Notebooks for a class: one set without solutions and outputs, one of the solutions alone."""

import json
import re
import subprocess
import sys

import handout
import nbformat
import pytest
from house_rules import SOLUTION, WAYS
from notebook_files import NOTEBOOKS, ROOT, tags

GUIDE = (ROOT / "TEACHING.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Both sets, by kind and name."""
    folder = tmp_path_factory.mktemp("class")
    for kind in handout.KINDS:
        assert handout.main([kind, str(folder / kind)]) == 0
    return lambda kind, path: nbformat.read(folder / kind / path.name, as_version=4)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_handout_asks_everything_and_answers_nothing(path, sets):
    nb, stored = sets("handout", path), nbformat.read(path, as_version=4)
    nbformat.validate(nb)
    assert [cell.id for cell in nb.cells] == [
        cell.id for cell in stored.cells if "solution" not in tags(cell)
    ]
    assert not any(cell.get("outputs") or SOLUTION in cell.source for cell in nb.cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_solutions_are_open_and_stand_behind_what_they_solve(path, sets):
    nb, stored = sets("solutions", path), nbformat.read(path, as_version=4)
    nbformat.validate(nb)
    marks = {"exercise", "solution"}
    wanted = [cell for cell in stored.cells if marks & {*tags(cell)}]
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    assert [cell.source for cell in code] == [cell.source for cell in wanted]
    assert [len(cell.outputs) for cell in code] == [len(cell.outputs) for cell in wanted]
    assert not any("jupyter" in cell.metadata for cell in nb.cells)
    assert nb.cells[0].source == stored.cells[0].source
    assert any(re.search("^## .*Exercise", cell.source, re.M) for cell in nb.cells)


def test_the_teachers_table_has_each_notebook_and_its_minutes():
    rows = re.findall(
        r"^\| \[(\d\d)\]\(notebooks/(\S+)\) \| [^|]* \| (\d+) \|", GUIDE, re.MULTILINE
    )
    assert [(path.name[:2], path.name) for path in NOTEBOOKS] == [row[:2] for row in rows]
    for path, (_, _, minutes) in zip(NOTEBOOKS, rows, strict=True):
        head = nbformat.read(path, as_version=4).cells[0].source
        assert re.findall(r"(\d+) minutes|Minutes:\*\* (\d+)", head)[0].count(minutes) == 1, path


def test_the_two_courses_are_the_two_ways():
    section = GUIDE.partition("## Two courses")[2].partition("\n## ")[0]
    courses = re.findall(r"^- .*?: (.*)", section, re.MULTILINE)
    found = []
    for course in courses:
        spans = re.findall(r"(\d\d)(?: to (\d\d))?", course)
        found.append([f"{n:02d}" for a, b in spans for n in range(int(a), int(b or a) + 1)])
    assert found == list(WAYS.values())


def test_what_the_teachers_page_and_the_containers_run_is_there():
    help_text = (ROOT / "Makefile").read_text(encoding="utf-8")
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    pages = [GUIDE, container["postCreateCommand"], (ROOT / "Dockerfile").read_text()]
    for text in pages:
        for targets in re.findall(r"`?make ([a-z ]+)", text):
            assert all(re.search(rf"^[a-z ]*\b{t}\b.*:", help_text, re.M) for t in targets.split())
    commands = set(re.findall(r"python -m mtia_lab (\w+)", pages[-1]))
    assert commands == {"build", "notebooks"}
    for command in commands:
        run = [sys.executable, "-m", "mtia_lab", command, "--help"]
        subprocess.run(run, check=True, capture_output=True)
