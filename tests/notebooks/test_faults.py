"""The fault harness itself: that each fault can be planted, and how red cells are counted.

That each fault turns a notebook red is `make faults`: it takes minutes.
"""

import re
import shutil
from pathlib import Path

import faults
import pytest
from fault_list import Fault
from fault_workshop import FAULTS, SOURCES, Misplaced, place, plant, planted, switch
from faults import MARK, PRELUDE, Verdict, judge, report, trial
from notebook_files import ROOT

from mtia_lab.isolated import Result, Server


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_has_one_place_in_the_sources(fault):
    file, begin, end = place(fault.at, SOURCES)
    before = file.read_text(encoding="utf-8")
    _, after = planted(fault, SOURCES)
    assert after != before and after.startswith(before[:begin]) and after.endswith(before[end:])


def test_names_are_distinct():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_every_virtual_of_the_guard_has_a_fault():
    """A virtual without one is named here, with the reason."""
    header = (ROOT / "cpp_extensions/backend/guard.h").read_text(encoding="utf-8")
    virtuals = set(re.findall(r"(\w+)\([^()]*\) const (?:noexcept )?override", header))
    about = " ".join(fault.about for fault in FAULTS if not fault.name.startswith("hooks-"))
    named = virtuals & set(re.findall(r"\w+", about))
    assert virtuals - named == {
        "type",  # a guard of another type is never called
        "getDeviceCapability",  # constant
        "getDefaultStream",  # nothing in Python reaches it
        "recordDataPtrOnStream",  # torch.futures does, and no notebook speaks of that
        "getStreamFromGlobalPool",  # as the one before
    }


TAGGED = "// [a.b]\nint f() {\n  return g(1,\n           2);\n}\nint g(1, 2) {\n}\n"


def test_a_fault_is_planted_in_the_copy(tmp_path):
    (tmp_path / "a.cpp").write_text(TAGGED)
    assert plant(Fault("n", "a.b", "g(1, 2)", "3", "about"), tmp_path) == tmp_path / "a.cpp"
    assert (tmp_path / "a.cpp").read_text() == TAGGED.replace("g(1,\n           2)", "3")


def test_faults_of_one_function_are_behind_switches_in_one_copy(tmp_path):
    (tmp_path / "a.cpp").write_text(TAGGED)
    faults = [
        Fault("one", "a.b", "g(1, 2)", "1", "about"),
        Fault("two", "a.b", "g(1, 2)", "2", "about"),
        Fault("head", "a.b", "int f()", "long f()", "in no body, so it needs a build of its own"),
    ]
    assert switch(faults, tmp_path) == {"one", "two"}
    body = (
        'if (::mtia::planted("one")) {\n  return 1;\n} else '
        'if (::mtia::planted("two")) {\n  return 2;\n} else '
        "{\n  return g(1,\n           2);\n}\n"
    )
    sound = "  return g(1,\n           2);\n"
    switched = '#include "planted.h"\n' + TAGGED.replace(sound, body, 1)
    assert (tmp_path / "a.cpp").read_text() == switched
    assert "getenv" in (tmp_path / "planted.h").read_text()


def test_nearly_all_faults_share_one_build(tmp_path):
    shutil.copytree(SOURCES, tmp_path / "sources")
    alone = {fault.name for fault in FAULTS} - switch(FAULTS, tmp_path / "sources")
    assert len(alone) < 5, f"each of these takes a build of its own: {alone}"


@pytest.mark.parametrize("old, times", [("= 3", 0), ("(", 2)])
def test_a_misplaced_fault_is_an_error(tmp_path, old, times):
    (tmp_path / "a.cpp").write_text(TAGGED)
    with pytest.raises(Misplaced, match=rf"\[a.b\] has this {times} times"):
        plant(Fault("n", "a.b", old, "z", "about"), tmp_path)
    with pytest.raises(Misplaced, match="no C\\+\\+ is tagged"):
        plant(Fault("n", "a.c", old, "z", "about"), tmp_path)
    assert (tmp_path / "a.cpp").read_text() == TAGGED


def tried(books):
    with Server(PRELUDE) as server:
        return trial(server, {"MTIA_LAB_FAULTS": "unused"}, books, list(books), every=True)


def test_cells_are_run_and_told_apart_by_how_they_fail(tmp_path):
    cells = ["x = 1", "assert x == 2", "1 / 0", "1 / 0", "x", "print('@cell [1, true]')"]
    notebook = [(n, source, n == 4) for n, source in enumerate(cells, 1)]
    crash = [(1, "x = 1", False), (2, "import os; os.abort()", False), (3, "x", False)]
    books = {tmp_path / "01_cells.ipynb": notebook, tmp_path / "02_crash.ipynb": crash}
    verdict = tried(books)
    assert verdict == Verdict({"01_cells": [2]}, {"01_cells": [3], "02_crash": [2]})
    assert str(verdict) == "assertions 01[2]; otherwise 01[3] 02[2]"


def test_an_announced_exception_that_does_not_come_is_red(tmp_path):
    quiet = {tmp_path / "01_quiet.ipynb": [(1, "x = 1", True)]}
    assert tried(quiet) == Verdict({"01_quiet": [1]}, {})


def test_a_fault_is_tried_until_a_notebook_sees_it_and_the_next_by_that_one_first(monkeypatch):
    ran = []

    def run_cells(server, environment, notebooks, verdict):
        ran.append("".join(path.stem for path in notebooks))
        for path in notebooks:
            if path.stem in environment:
                verdict.asserted[path.stem] = [1]

    monkeypatch.setattr(faults, "run_cells", run_cells)
    books = dict.fromkeys(map(Path, "abcd"), [])
    order = list(books)
    for seen_by in ("bd", "d", ""):
        trial(None, seen_by, books, order, every=False)
    verdict = trial(None, "bd", books, order, every=True)
    assert " ".join(ran) == "a b b a c d d b a c dbac" and verdict.asserted.keys() == {*"bd"}


def test_notebooks_that_start_processes_are_slow():
    assert faults.is_slow([(1, "x", False), (2, "mtia_lab.isolated.run('')", False)])
    assert not faults.is_slow([(1, "x", False)])


def test_a_notebook_that_stops_reporting_is_red_where_it_stopped():
    verdict = Verdict()
    judge(verdict, "03_hangs", 5, Result(False, f"{MARK}[1, false]\n{MARK}[2, false]\n", "hung"))
    judge(verdict, "04_fine", 1, Result(True, f"noise\n{MARK}[1, false]\n", None))
    assert verdict == Verdict({}, {"03_hangs": [3]})


def test_one_device_is_made_ahead_and_an_error_comes_in_its_turn():
    def make(n):
        if n == 3:
            raise Misplaced("three")
        return n

    made = faults.one_ahead(make, [1, 2, 3, 4])
    assert (next(made), next(made)) == (1, 2)
    with pytest.raises(Misplaced, match="three"):
        next(made)


def test_a_missed_fault_fails_the_command(capsys):
    caught, missed = FAULTS[:2]
    verdicts = [Verdict(otherwise={"03_x": [4]}), Verdict()]
    assert report([caught], verdicts[:1]) == 0
    assert report([caught, missed], verdicts) == 1
    assert f"missed: {missed.name}" in capsys.readouterr().out
