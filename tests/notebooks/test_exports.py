"""What the README says of nbconvert: Markdown with pictures, pages to print, scripts."""

import re

import pytest
from notebook_files import ROOT

BOOK = "00_start_here"
A4 = {"width": 794, "height": 1123}  # pixels of CSS
# The code or output that is cut off at the right edge.
CUT = """[...document.querySelectorAll('pre')].filter(pre => pre.scrollWidth > pre.clientWidth + 1)
  .map(pre => pre.innerText)"""


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """Run nbconvert with these options on the first notebook; return the folder it wrote to."""

    def run(*options):
        folder = tmp_path_factory.mktemp("exported")
        from nbconvert.nbconvertapp import NbConvertApp  # it takes half a second

        app = NbConvertApp()
        app.initialize([*options, f"--output-dir={folder}", str(ROOT / f"notebooks/{BOOK}.ipynb")])
        app.start()
        return folder

    return run


def test_pictures_in_markdown_are_files_and_each_file_is_used(export):
    folder = export(f"--config={ROOT}/.jupyter/markdown.py")
    text = (folder / f"{BOOK}.md").read_text(encoding="utf-8")
    used = re.findall(r"!\[svg\]\(([^)]+)\)", text)
    files = [str(path.relative_to(folder)) for path in (folder / f"{BOOK}_files").iterdir()]
    assert len(used) > 4 and sorted(used) == sorted(files)
    assert "base64" not in text and "<script" not in text


def test_a_script_is_python(export):
    folder = export("--to=script")
    assert [path.name for path in folder.iterdir()] == [f"{BOOK}.py"]


def test_a_page_to_print_has_every_picture_and_no_line_cut_off(export):
    sync_api = pytest.importorskip("playwright.sync_api", reason="Chromium prints by playwright")
    import browser

    if browser.chromium() is None:
        pytest.skip("no Chromium on this machine: install chromium")
    folder = export(f"--config={ROOT}/.jupyter/print.py")
    with (
        sync_api.sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=browser.chromium()) as chromium,
    ):
        page = chromium.new_page(viewport=A4)
        page.route("http*://**", lambda route: route.abort())  # MathJax; no test needs a network
        page.goto((folder / f"{BOOK}.html").as_uri())
        page.wait_for_selector(".mtia-explorer .lanes")
        page.wait_for_selector(".mtia-explorer .turned")
        page.emulate_media(media="print")
        images = page.locator("img:not(.turned)")  # one is the picture beside knobs that are gone
        assert images.count() > 4 and images.filter(visible=True).count() == images.count()
        assert page.locator(".mtia-explorer").filter(visible=True).count() == 0
        assert page.evaluate(CUT) == []
        assert page.pdf(format="A4").startswith(b"%PDF")
