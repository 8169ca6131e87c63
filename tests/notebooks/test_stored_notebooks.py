"""Every stored notebook obeys every rule of sound_rules.py and house_rules.py."""

import house_rules
import nbformat
import pytest
import sound_rules
from notebook_files import NOTEBOOKS

from mtia_lab.explorer.page import EXPLORER, KNOBS, front


def test_the_notebooks_are_numbered_without_a_gap():
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{n:02d}" for n in range(14)]


@pytest.mark.parametrize("rule", sound_rules.SOUND + house_rules.HOUSE, ids=lambda r: r.__name__)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored(path, rule):
    complaints = list(rule(nbformat.read(path, as_version=4), path))
    assert not complaints, "\n".join([path.name, *complaints])


@pytest.mark.parametrize(("call", "program"), [("explore", EXPLORER), ("knobs", KNOBS)])
def test_the_pages_that_are_stored_have_the_program_of_today(call, program):
    """nbval compares no script."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in NOTEBOOKS}
    stored = [name for name, text in texts.items() if f"mtia_lab.{call}(" in text]
    assert stored
    assert [name for name in stored if front(program) not in texts[name]] == []
