"""The matrix of torch releases: what is counted, and when a release counts as supported."""

import json
import subprocess
import sys
from collections import Counter

import matrix
import pytest
from notebook_files import ROOT
from packaging.specifiers import SpecifierSet

from mtia_lab.load import NEWEST, OLDEST, PIN

TESTS = """
import pytest

def test_passes(): pass
def test_fails(): assert False
def test_skips(): pytest.skip("why")
@pytest.fixture
def broken(): raise ValueError
def test_cannot_start(broken): pass
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("matrix")
    (folder / "test_it.py").write_text(TESTS)
    run = [sys.executable, "-m", "pytest", "-q", "--junitxml=report.xml", "test_it.py"]
    subprocess.run(run, cwd=folder, check=False, capture_output=True)
    return folder / "report.xml"


def test_what_pytest_reports_is_counted_and_an_error_is_a_failure(report):
    assert matrix.counts(report) == Counter(passed=1, failed=2, skipped=1)


def test_a_release_is_fine_if_every_part_ran_and_nothing_failed():
    good = Counter(passed=3, skipped=1)
    assert matrix.fine([good, good])
    assert not matrix.fine([good, good + Counter(failed=1)])
    assert not matrix.fine([good, Counter()])


def test_the_table_says_what_did_not_run():
    rows = {"2.13.0": [Counter(passed=4000, skipped=2), Counter()]}
    assert matrix.table(rows).splitlines()[2] == (
        "| 2.13.0 | 4,000 passed, 2 skipped | did not run |"
    )


def test_pins_of_the_pinned_torch_are_left_to_the_other_one():
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    left = [pin for pin in pins if not matrix.OF_TORCH.match(pin)]
    assert not [pin for pin in left if pin.startswith(("torch==", "nvidia", "triton"))]
    assert len(left) > 80


def test_what_is_listed_is_what_load_supports_and_needs_no_torch():
    run = [sys.executable, "-S", "tools/matrix.py", "--list"]  # -S: nothing is installed
    listed = json.loads(subprocess.run(run, cwd=ROOT, check=True, capture_output=True).stdout)
    series = [tuple(map(int, version.split("."))) for version in listed]
    assert series[0] == OLDEST and series[-1] == NEWEST and series == sorted({*series})
    assert PIN.rpartition(".")[0] in listed


def test_a_version_is_a_release_a_series_or_what_is_newer():
    assert matrix.requirement("2.14.1") == "torch==2.14.1"
    assert matrix.requirement("2.14") == "torch==2.14.*"
    newest = ".".join(map(str, NEWEST))
    bound = SpecifierSet(matrix.requirement("newer").removeprefix("torch"))
    major, minor = NEWEST
    assert bound.contains(f"{major}.{minor + 1}.0.dev20270101") and bound.contains("99.0")
    assert not bound.contains(f"{newest}.9", prereleases=True)
