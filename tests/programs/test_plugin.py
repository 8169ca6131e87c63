"""The pytest plugin, and the page that shows it: docs/testing.md is run as it stands."""

import re
import subprocess
import sys
from typing import NamedTuple

import pytest
from notebook_files import ROOT

from mtia_lab import isolated

PAGE = (ROOT / "docs/testing.md").read_text(encoding="utf-8")
PREFETCH, ITS_TEST = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
ON_PAGE = {"prefetch.py": PREFETCH, "test_prefetch.py": ITS_TEST}
HEAD = "import pytest, torch\n"
RACE = """
def race():
    one, two = torch.Stream("mtia"), torch.Stream("mtia")
    with one:
        x = torch.zeros(4, device="mtia") + 1
    with two:
        return (x * 10).sum().item()
"""


def without(line: str) -> dict[str, str]:
    assert PREFETCH.count(line) == 1
    return ON_PAGE | {"prefetch.py": "\n".join(s for s in PREFETCH.split("\n") if line not in s)}


# What pytest is run on: its files, and options.
RUNS: dict[str, tuple[dict[str, str], list[str]]] = {
    "page": (ON_PAGE, ["--mtia-sanitize"]),
    "no wait": (without("wait_stream"), ["--mtia-sanitize"]),
    "no record": (without("record_stream"), ["--mtia-sanitize"]),
    "marks": (
        {
            "test_marks.py": f"""{HEAD}{RACE}
def test_plain():
    import mtia_lab
    mtia_lab.load()
    assert race() == 40

@pytest.mark.sanitize
def test_sanitized():
    assert race() == 40

@pytest.mark.xfail(strict=True)
@pytest.mark.sanitize
def test_expected():
    assert race() == 40

@pytest.mark.sanitize
def test_wrong():
    assert race() == 41

@pytest.mark.sanitize
def test_skips():
    race()
    pytest.skip("it says")

@pytest.fixture
def started():
    with torch.Stream("mtia"):
        return torch.zeros(4, device="mtia") + 1

@pytest.mark.sanitize
def test_fixture(started):
    assert started.sum().item() == 4

@pytest.mark.schedules("all", "random:7", "latest")
class TestSeveral:
    def test_names(self, mtia_schedule):
        from mtia_lab.device import configuration
        assert configuration()[::2] == (mtia_schedule, True)

    @pytest.mark.schedules("latest")
    def test_closest(self):
        assert race() != 40
""",
        },
        [],
    ),
    "clean": (
        {
            "conftest.py": "import mtia_lab\nmtia_lab.load(3)\n",
            "test_clean.py": f"""{HEAD}
import mtia_lab
from mtia_lab.device import Configuration, configuration
pytestmark = pytest.mark.sanitize
kept = []

@pytest.mark.parametrize("time", [1, 2])
def test_begins_clean(time):
    assert configuration() == Configuration() and mtia_lab.state() == (0, 0, 0, 0)
    assert torch.accelerator.memory_reserved(2) == 0
    kept.append(torch.rand(3, device="mtia:1").tolist())
    assert kept[0] == kept[-1]
    mtia_lab.configure("latest", poison=True)
    torch.mtia.set_stream(torch.Stream("mtia:2"))
    torch.ones(8, device="mtia:2")
    mtia_lab.launch("pending", us=50)

def test_fails_on_the_device():
    mtia_lab.launch("division", us=50, effect=lambda: 1 / 0)

def test_is_not_to_blame():
    assert len(kept) == 2
""",
        },
        [],
    ),
    "all": (
        {
            "conftest.py": "import torch\nassert torch.accelerator.device_count() == 2\n",
            "test_all.py": f"{HEAD}{RACE}\ndef test_one(): race()\ndef test_two(): pass\n",
        },
        ["--mtia-sanitize"],
    ),
    "asked": (
        {
            "test_asked.py": f"{HEAD}torch.accelerator.is_available()\n\n"
            "@pytest.mark.sanitize\ndef test_late():\n    pass\n"
        },
        [],
    ),
    "unittest": (
        {
            "test_unit.py": f"{HEAD}from unittest import TestCase\nclass TestUnit(TestCase):\n"
            "    @pytest.mark.schedules('all')\n    def test_it(self):\n        pass\n"
        },
        [],
    ),
    "nameless": (
        {"test_no.py": f"{HEAD}@pytest.mark.schedules()\ndef test_no():\n    pass\n"},
        [],
    ),
    "unknown": (
        {"test_no.py": f"{HEAD}@pytest.mark.schedules('newest')\ndef test_no():\n    pass\n"},
        [],
    ),
}


class Ran(NamedTuple):
    """How pytest ended: its output, and the outcome of each test."""

    out: str
    outcomes: dict[str, str]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """All of them, each run once, in a process of its own."""
    snippets = {}
    for name, (files, options) in RUNS.items():
        folder = tmp_path_factory.mktemp("tests")
        for file, text in {"pytest.ini": "[pytest]\n", **files}.items():
            (folder / file).write_text(text)
        words = ["-v", "-p", "pytest_mtia_lab", "--strict-markers", *options]
        snippets[name] = f"os.chdir({str(folder)!r})\nsys.exit(pytest.main({words!r}))"
    prelude = "import os, sys, pytest, mtia_lab.programs.settings, mtia_lab.programs.trials\n"
    prelude += "os.environ['PYTEST_DISABLE_PLUGIN_AUTOLOAD'] = '1'"
    results = isolated.run_each(snippets, prelude, timeout=300)
    return {
        name: Ran(
            result.stdout + result.stderr,
            dict(re.findall(r"^\S*::(test\S+) ([A-Z]+)", result.stdout, re.MULTILINE)),
        )
        for name, result in results.items()
    }


SCHEDULES = ("modelled", "blocking", "latest", "random:1")


def test_the_page_is_right(ran):
    expected = {f"test_every_batch_arrives[{name}]": "PASSED" for name in SCHEDULES}
    assert ran["page"].outcomes == expected


def test_without_the_wait_it_fails_as_the_page_says(ran):
    assert set(ran["no wait"].outcomes.values()) == {"FAILED"}
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert shown in ran["no wait"].out
    assert "assert [nan, nan, nan, nan, nan] == [0, 1, 2, 3, 4]" in ran["no wait"].out


def test_without_record_stream_it_fails_as_the_page_says(ran):
    assert set(ran["no record"].outcomes.values()) == {"FAILED"}
    assert "memory reused too soon" in ran["no record"].out


def test_the_page_names_every_mark_and_option():
    for name in ("`--mtia-sanitize`", "pytest.mark.sanitize", "pytest.mark.schedules"):
        assert name in PAGE


def test_marks_do_what_they_say(ran):
    assert ran["marks"].outcomes == {
        "test_plain": "PASSED",
        "test_sanitized": "FAILED",
        "test_expected": "XFAIL",
        "test_wrong": "FAILED",
        "test_skips": "SKIPPED",
        "test_fixture": "FAILED",
        **{f"test_names[{name}]": "PASSED" for name in (*SCHEDULES, "random:7")},
        "test_closest[latest]": "PASSED",
    }


def test_a_hazard_is_said_with_both_lines_and_the_fix(ran):
    failure = ran["marks"].out.partition("_ test_sanitized _")[2].partition("\n__")[0]
    for part in ("1 hazard in", "line test_marks.py:6", "line test_marks.py:8", "fix: insert `"):
        assert part in failure
    assert "Traceback" not in failure and "pytest_mtia_lab" not in failure


def test_what_a_test_finds_wrong_itself_comes_first(ran):
    failure = ran["marks"].out.partition("_ test_wrong _")[2].partition("\n__")[0]
    assert "assert 40.0 == 41" in failure
    assert "read-after-write race" in failure.partition("Captured hazards")[2]


def test_each_test_begins_on_a_clean_device_and_answers_for_its_own_work(ran):
    assert ran["clean"].outcomes == {
        "test_begins_clean[1]": "PASSED",
        "test_begins_clean[2]": "PASSED",
        "test_fails_on_the_device": "FAILED",
        "test_is_not_to_blame": "PASSED",
    }
    assert "kernel 'division' failed" in ran["clean"].out


def test_the_option_sanitizes_all_and_loads_before_a_conftest(ran):
    assert ran["all"].outcomes == {"test_one": "FAILED", "test_two": "PASSED"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("asked", "torch already believes that this process has no MTIA device"),
        ("unittest", "a method of unittest cannot run under several schedules"),
        ("nameless", "the mark names no schedules"),
        ("unknown", "unknown schedule 'newest'"),
    ],
)
def test_what_cannot_be_is_said_in_words(ran, name, words):
    assert words in ran[name].out and "INTERNALERROR" not in ran[name].out
    assert "PASSED" not in ran[name].outcomes.values()


def test_until_it_is_asked_it_imports_nothing(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_plain.py").write_text(
        "import sys\ndef test_it():\n    assert not {'torch', 'mtia_lab'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "pytest_mtia_lab", "-p", "no:nbval"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
