"""What the README shows and promises is so."""

import re
import subprocess
import sys
from operator import attrgetter

import readme

import mtia_lab
import mtia_lab.distributed

TEXT = readme.README.read_text(encoding="utf-8")


def test_the_picture_is_what_the_example_draws(lab_built):
    ran = subprocess.run(
        [sys.executable, readme.__file__, "--print"], capture_output=True, text=True, check=True
    )
    assert ran.stderr == readme.PICTURE.read_text(encoding="utf-8"), "run tools/readme.py"
    assert ran.stdout.startswith("Log of ")


def test_every_link_leads_to_a_file():
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert len(links) >= 7
    assert [link for link in links if not (readme.ROOT / link).is_file()] == []


def test_every_notebook_is_in_the_table():
    books = sorted(path.name for path in (readme.ROOT / "notebooks").glob("*.ipynb"))
    assert books
    assert re.findall(r"\(notebooks/([^)]+\.ipynb)\)", TEXT) == books


def test_every_name_of_the_package_that_it_mentions_exists():
    named = set(re.findall(r"mtia_lab\.([\w.]+)", TEXT)) - {"load"}
    assert {"sanitizer", "explore", "draw.timeline"} <= named
    for name in named:
        attrgetter(name)(mtia_lab)


def test_every_make_target_it_names_exists():
    makefile = (readme.ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", TEXT, re.MULTILINE))
    assert {"lab", "test"} <= named
    assert [target for target in named if not re.search(rf"^{target}:", makefile, re.M)] == []


def test_jupyterlab_is_started_with_the_settings_of_the_project():
    makefile = (readme.ROOT / "Makefile").read_text(encoding="utf-8")
    assert "$(LAB) $(RUN) -m jupyterlab" in makefile
    assert re.search(r"^LAB := JUPYTER_CONFIG_PATH=\"\.jupyter\b", makefile, re.MULTILINE)
    assert "JUPYTER_CONFIG_PATH=.jupyter .venv/bin/python -m jupyterlab\n" in TEXT
