"""Every notebook in JupyterLab in headless Chromium: it runs, and all of it can be seen."""

import base64
import os
from pathlib import Path

import nbformat
import pytest
from line_lengths import LINE_LENGTHS
from nbformat.v4 import new_output
from notebook_files import NOTEBOOKS, ROOT, code, write

pytest.importorskip("playwright", reason="the browser test drives Chromium with playwright")
pytest.importorskip("PIL", reason="the browser test looks at screenshots with pillow")
import browser

if browser.chromium() is None:
    pytest.skip("no Chromium on this machine: install chromium", allow_module_level=True)

SVG = "<svg xmlns='http://www.w3.org/2000/svg' width='99' height='40'>{}</svg>"
DARK_TEXT = "<text x='9' y='30' fill='#111'>text</text>"
LIGHT_TEXT = "<text x='9' y='30' fill='#eee'>text</text>"


def image(svg):
    data = base64.b64encode(svg.encode()).decode()
    return f"<img src='data:image/svg+xml;base64,{data}'>"


def shows(html):
    """A cell that displays `html` and has that stored."""
    output = new_output("display_data", data={"text/html": html, "text/plain": "x"})
    return code(f"from IPython.display import HTML\ndisplay(HTML({html!r}))", output)


FILTER = "() => getComputedStyle(document.querySelector('.jp-OutputArea-output img')).filter"
VANISHED = "display({}, raw=True)"  # as what is shown while something builds, and is gone then
CARD = "<rect width='99' height='40' fill='#fff'/>"
PROOFS = {
    "sound": [shows(image(SVG.format(CARD + DARK_TEXT))), "print('text')", "x = 1", VANISHED],
    "fails": ["x = 1", "1 / 0", "x"],
    # The second cell is slow, so that whoever does not wait for it sees that it was not run.
    "announced": [code("1 / 0", tags=["raises-exception"]), "import time; time.sleep(1)", "x = 1"],
    "unseen": [
        shows(image(SVG.format(LIGHT_TEXT))),
        shows(image(SVG.format(CARD))),
        shows("<div style='height: 0; overflow: hidden'>text</div>"),
        shows("<img src='data:image/png;base64,AAAA'>"),
    ],
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab page on copies of the project's notebooks and of the small ones above."""
    proofs = tmp_path_factory.mktemp("proofs")
    for name, cells in PROOFS.items():
        write(proofs / f"{name}.ipynb", *cells)
    short = nbformat.read(write(proofs / "short.ipynb", "x = 1"), as_version=4)
    short.metadata.language_info = {"name": "python"}
    nbformat.write(short, proofs / "short.ipynb")
    with browser.lab(ROOT / "notebooks", proofs) as lab:
        yield lab


@pytest.fixture(scope="module")
def screenshots():
    """The folder where the pictures of this run stay, for a look by eye."""
    folder = Path(os.environ.get("MTIA_LAB_SCREENSHOTS", ROOT / "test-results" / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_reader_can_run_and_see_all_of_it(lab, path, screenshots):
    assert lab.check(path.name, screenshots) == []


def test_a_line_of_prose_has_at_most_100_characters_in_the_widest_window(lab):
    size = lab.page.viewport_size
    lab.page.set_viewport_size({"width": 1920, "height": 1080})
    lab.ask(browser.OPEN, "00_start_here.ipynb")
    lengths = lab.ask(LINE_LENGTHS, ".jp-RenderedMarkdown :is(p, li)")
    lab.ask(browser.CLOSE)
    lab.page.set_viewport_size(size)
    assert 60 < max(lengths) <= 100


def test_pictures_are_dark_in_the_dark_theme_alone(lab):
    filters = {}
    lab.ask(browser.OPEN, "sound.ipynb")
    for theme in browser.THEMES:
        lab.ask(browser.THEME, f"JupyterLab {theme}")
        filters[theme] = lab.ask(FILTER)
    lab.ask(browser.CLOSE)
    assert filters == {"Light": "none", "Dark": "invert(0.88) hue-rotate(180deg)"}


@pytest.mark.parametrize("name", ["sound", "announced"])
def test_a_sound_notebook_passes(lab, name, tmp_path):
    assert lab.check(f"{name}.ipynb", tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{name}-dark.png",
        f"{name}-light.png",
    ]


def test_a_failing_cell_is_found(lab, tmp_path):
    complaints = lab.check("fails.ipynb", tmp_path)
    assert complaints == ["cell 1: ZeroDivisionError: division by zero", "cell 2: was not run"]


def test_what_cannot_be_seen_is_found(lab, tmp_path):
    complaints = lab.check("unseen.ipynb", tmp_path)
    of_a_gray = sorted(c.rpartition(",")[0] for c in complaints if "one gray" in c)
    assert of_a_gray == [
        f"{theme}: cell {cell} has an output of one gray"
        for theme in ("Dark", "Light")
        for cell in (0, 1, 2)  # light text without a card, an empty card, no height
    ]
    assert "as stored: cell 3: an image without pixels" in complaints
    assert "cell 3: an image without pixels" in complaints


def test_a_notebook_that_changes_by_being_opened_is_found(lab, tmp_path):
    assert lab.check("short.ipynb", tmp_path) == ["opened and saved, it is another file"]


def test_the_checkout_is_not_touched(lab):
    assert not list((ROOT / "notebooks").rglob(".ipynb_checkpoints"))
