"""The site: what `make site` writes, without a server, a kernel or a network."""

import accessibility
import nbformat
import pytest
import website
from house_rules import is_guess
from line_lengths import LINE_LENGTHS
from notebook_files import NOTEBOOKS, ROOT, code_cells, tags

pytestmark = pytest.mark.filterwarnings("ignore:'myst_parser")  # which Sphinx tells of itself
PAGES = ["docs/testing.md", "notebooks/00_start_here.ipynb"]
GROUND = "node => getComputedStyle(node).backgroundColor"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    assert website.main([str(folder), *PAGES]) == 0
    return folder


def test_the_site_has_every_notebook_and_every_guide():
    pages = [page for section in website.SECTIONS.values() for page in section]
    assert len(pages) == len({*pages}) and all((ROOT / page).is_file() for page in pages)
    written = [*NOTEBOOKS, *ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    assert {str(path.relative_to(ROOT)) for path in written} - {website.FIRST} <= {*pages}


def test_a_page_that_is_none_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        website.main([str(tmp_path), "docs/none.md"])
    assert "no page of the site is docs/none.md" in capsys.readouterr().err


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_solutions_and_what_a_guess_asks_for_are_closed(path):
    nb = website.closed(nbformat.read(path, as_version=4))
    marked = [{*tags(cell)} for cell in code_cells(nb)]
    assert all(("hide-cell" in marks) == bool(marks & {"solution", "check"}) for marks in marked)
    guesses = [number for number, cell in enumerate(nb.cells) if is_guess(cell)]
    assert len(guesses) > 2
    for number in guesses:
        following = nb.cells[number + 1]
        assert following.cell_type == "code" and {"hide-cell", "hide-output"} & {*tags(following)}


@pytest.fixture(scope="module")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api", reason="it drives Chromium")
    import browser

    if browser.chromium() is None:
        pytest.skip("no Chromium on this machine: install chromium")
    with sync_api.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=browser.chromium(), args=browser._FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def opened(chromium, site):
    """Open pages of the site in a browser without a network; nothing may be missing."""
    contexts, errors = [], []

    def open_page(name, **options):
        contexts.append(chromium.new_context(offline=True, **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.on("request", lambda r: errors.append(r.url) if r.url.startswith("http") else None)
        page.goto(f"{site.as_uri()}/{name}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_notebook_lives_in_both_themes(opened, scheme):
    page = opened("notebooks/00_start_here.html", color_scheme=scheme)
    explorers = page.locator(".mtia-explorer")
    explorers.first.wait_for()
    shades = {explorers.first.evaluate(GROUND), page.locator("body").evaluate(GROUND)}
    lightness = [int(shade[4:-1].split(",")[0]) for shade in shades]
    assert all((value < 50) == (scheme == "dark") for value in lightness)
    # The theme button goes on from the system's to the other one, and explorers go with it.
    page.locator(".theme-toggle").filter(visible=True).first.click()
    other = int(explorers.first.evaluate(GROUND)[4:-1].split(",")[0])
    assert (other < 50) == (scheme != "dark")
    slider = page.locator(".mtia-explorer input[type=range]").first
    picture = page.locator(".mtia-explorer .turned")
    before = picture.get_attribute("src")
    slider.press("ArrowRight")
    assert picture.get_attribute("src") != before


def test_answers_are_closed_until_they_are_opened(opened):
    page = opened("notebooks/00_start_here.html")
    closed = page.locator("details.hide")
    prompts = closed.locator("summary").all_inner_texts()
    assert {"Show the solution", "Show the check", "Show what came"} <= {*map(str.strip, prompts)}
    assert closed.locator("pre").filter(visible=True).count() == 0
    closed.locator("summary", has_text="Show the solution").first.click()
    assert closed.locator("pre").filter(visible=True).count() > 0


@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080)])
@pytest.mark.parametrize("name", ["index", "docs/testing", "notebooks/00_start_here"])
def test_no_line_of_prose_is_over_100_characters(opened, name, size):
    page = opened(f"{name}.html", viewport=dict(zip(("width", "height"), size, strict=True)))
    widths = page.evaluate(LINE_LENGTHS, "article > section :is(p, li)")
    assert 60 < max(widths) <= 100
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_it_can_be_searched(opened):
    page = opened("search.html?q=prefetcher")
    page.locator("#search-results li a").first.wait_for()
    assert "docs/testing.html" in page.locator("#search-results li a").first.get_attribute("href")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index", "notebooks/00_start_here"])
def test_axe_finds_nothing_to_complain_about(opened, name, scheme):
    page = opened(f"{name}.html", color_scheme=scheme)
    assert accessibility.complaints(page, preload=False) == []  # of styles, by XMLHttpRequest
