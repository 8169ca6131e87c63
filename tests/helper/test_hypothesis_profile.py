"""Hypothesis tests in one way, whatever a test file imports: as tests/conftest.py says."""

import os

from building import ROOT, python

FILES = {
    # It loads a profile of its own: fewer examples, deadlines, on CI the same ones each time.
    "test_first.py": """
import torch.testing._internal.common_utils
from hypothesis import settings

def test_it():
    settings.load_profile("dev")  # as the first import within a test does
""",
    "test_second.py": """
from hypothesis import settings

AT_IMPORT = settings.default

def test_it():
    assert AT_IMPORT is settings.default is settings.get_profile("lab")
""",
}


def test_pytorchs_utilities_do_not_change_the_tests_collected_after_them(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    options = ["-p", "conftest", "-p", "no:cacheprovider", "-c", os.devnull]
    done = python(
        f"import pytest; pytest.main({options})",
        cwd=tmp_path,  # the other conftest.py lies in the root
        PYTHONPATH=os.pathsep.join(str(ROOT / p) for p in ("tests", "tests/support", ".")),
        CI="1",
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
