"""The explorer as a page of its own, in Chromium: without kernel, network or JupyterLab."""

import pytest
from explorer_page import PROGRAM, ROOT
from test_explorer_browser import (  # which skips this file, too, where there is no Chromium
    browser,
    lives,
    test_every_change_shows_the_state_of_the_model,
)

import mtia_lab
from mtia_lab import isolated
from mtia_lab.explorer.model import Model

playwright = pytest.importorskip("playwright.sync_api", reason="it drives Chromium")
__all__ = ["test_every_change_shows_the_state_of_the_model"]  # with the page below


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    save = f"log.save({str(folder / 'run.mtia')!r})\n"
    save += f"mtia_lab.explore(log).save({str(folder / 'run.html')!r})"
    result = isolated.run(f"{PROGRAM}\n{save}")
    assert result.ok, result
    return folder


@pytest.fixture(scope="module")
def model(files):
    return Model(mtia_lab.open_log(files / "run.mtia"))


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=browser.chromium(), args=browser._FLAGS)
        yield launched
        launched.close()


def opened(chromium, files, **options):
    context = chromium.new_context(offline=True, **options)
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
    page.on("requestfailed", lambda request: page.errors.append(request.url))
    page.goto((files / "run.html").as_uri())
    return page


@pytest.fixture(scope="module")
def page(chromium, files):
    page = opened(chromium, files)
    page.wait_for_selector(f"{ROOT} .told")
    yield page
    assert page.errors == []


def test_it_lives(page):
    lives(page)
    assert page.title() == page.inner_text("h1") == "Timeline in virtual time, 0 to 56 us"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_has_the_theme_of_the_system(chromium, files, scheme):
    page = opened(chromium, files, color_scheme=scheme)
    page.wait_for_selector(f"{ROOT} .told")
    ground = "(node) => getComputedStyle(node).backgroundColor"
    dark = page.locator(ROOT).evaluate(ground) == "rgb(17, 17, 17)"
    assert dark == (scheme == "dark") and page.errors == []


def test_without_scripts_the_picture_is_left(chromium, files):
    page = opened(chromium, files, java_script_enabled=False)
    assert page.locator("img").is_visible() and page.locator(ROOT).count() == 0
