"""The explorer as a page of its own, in Chromium: without kernel, network or JupyterLab."""

from itertools import pairwise

import accessibility
import pytest
from explorer_page import PROGRAM, ROOT, SLIDER, TURN
from test_explorer_browser import (  # which skips this file, too, where there is no Chromium
    browser,
    lives,
    test_every_change_shows_the_state_of_the_model,
    told,
)

import mtia_lab
from mtia_lab import isolated
from mtia_lab.explorer.model import Model
from mtia_lab.explorer.opening import opening

playwright = pytest.importorskip("playwright.sync_api", reason="it drives Chromium")
__all__ = ["test_every_change_shows_the_state_of_the_model"]  # with the page below


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    save = f"log.save({str(folder / 'run.mtia')!r})\n"
    save += f"mtia_lab.explore(log).save({str(folder / 'run.html')!r})\n"
    save += f"mtia_lab.explore(many, since=500).save({str(folder / 'many.html')!r})\n"
    empty = "mtia_lab.Log((), log.initial_state, log.initial_memory)"
    save += f"mtia_lab.explore({empty}).save({str(folder / 'empty.html')!r})\n"
    save += TURN.replace("mtia_lab.knobs(", "turned = mtia_lab.knobs(")
    save += f"\nturned.save({str(folder / 'turned.html')!r})"
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


def opened(chromium, files, name="run", **options):
    context = chromium.new_context(offline=True, **options)
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
    page.on("requestfailed", lambda request: page.errors.append(request.url))
    page.goto((files / f"{name}.html").as_uri())
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
    page.context.close()


def test_without_scripts_the_picture_is_left(chromium, files):
    page = opened(chromium, files, java_script_enabled=False)
    assert page.locator("img").is_visible() and page.locator(ROOT).count() == 0
    page.context.close()


# The window that the lanes show, as parts of the whole log.
WINDOW = """root => {
  const {left, right} = root.querySelector('.band').style;
  return [parseFloat(left), 100 - parseFloat(right.slice(5))].map(part => part / 100);
}"""
SMALL = """root => [...root.querySelectorAll('button, select, summary, input')]
  .filter(node => node.checkVisibility() && !node.closest('.rows'))
  .map(node => [node.textContent, node.getBoundingClientRect()])
  .filter(([, {width, height}]) => Math.min(width, height) < 24).map(([text]) => text)"""
BARS = """root => [...root.querySelectorAll('.track .bar')].map(node => {
  const {left, right, top, bottom} = node.getBoundingClientRect();
  return [top, left, right, bottom];
})"""


def shown_part(page):
    return page.locator(ROOT).evaluate(WINDOW)


@pytest.fixture
def fresh(chromium, files):
    """The page as it opens, in a window of 1366x768."""
    page = opened(chromium, files, viewport={"width": 1366, "height": 768})
    page.wait_for_selector(f"{ROOT} .told")
    yield page
    assert page.errors == []
    page.context.close()


@pytest.fixture
def long(chromium, files):
    """A long log's page, of which it shows a part."""
    page = opened(chromium, files, "many", viewport={"width": 1366, "height": 768})
    page.wait_for_selector(f"{ROOT} .told")
    yield page
    assert page.errors == []
    page.context.close()


def test_it_opens_at_the_moment_that_matters_with_its_record_chosen(fresh, model):
    moment, chosen = opening(model, ())
    assert told(fresh) == f"{model.times[moment] / 1000:g} µs: {model.describe(moment)}"
    assert [fresh.inner_text(f"{ROOT} .details h2")] == [model.label(one) for one in chosen]
    assert shown_part(fresh) == [0, 1]


def test_of_a_log_without_records_it_shows_what_was_there(chromium, files):
    page = opened(chromium, files, "empty")
    page.wait_for_selector(f"{ROOT} .told")
    assert told(page) == "0 µs: the recording begins"
    assert page.inner_text(f"{ROOT} .memory h2").endswith(" allocated of 2 MiB reserved")
    assert page.errors == []
    page.context.close()


def test_a_part_says_that_it_is_one_and_begins_where_that_does(long):
    assert long.get_by_text("from 500 us to the end").filter(visible=True).count() == 1
    part = shown_part(long)
    assert 0 <= part[0] < part[1] < 1
    long.focus(SLIDER)
    long.keyboard.press("Home")
    long.keyboard.press("ArrowRight")
    assert float(told(long).partition(" ")[0]) >= 490 and shown_part(long)[0] == 0


def test_it_plays_to_the_end_and_stops_when_told_to(chromium, files, model):
    page = opened(chromium, files)
    page.wait_for_selector(f"{ROOT} .told")
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    player = page.locator(f"{ROOT} .player")
    player.click()
    page.clock.run_for(3000)
    at = float(page.input_value(SLIDER))
    assert 5_000 < at < model.times[-1] and player.inner_text() == "❚❚ stop"
    page.keyboard.press("p")
    page.clock.run_for(3000)
    assert float(page.input_value(SLIDER)) == at and player.inner_text() == "▶ play"
    page.focus(SLIDER)
    page.keyboard.press(" ")
    page.clock.run_for(20_000)
    assert told(page).endswith("guard.synchronizeStream returns")
    assert player.inner_text() == "▶ play" and page.errors == []
    page.context.close()


def test_keys_zoom_and_pan(long):
    long.focus(SLIDER)
    long.keyboard.press("0")
    assert shown_part(long) == [0, 1]
    for key in "++":
        long.keyboard.press(key)
    begin, end = shown_part(long)
    assert end - begin == pytest.approx(0.255, abs=0.01)
    long.keyboard.press("d")
    assert shown_part(long)[0] == pytest.approx(begin + (end - begin) / 4, abs=0.01)
    long.keyboard.press("A")
    assert shown_part(long) == pytest.approx([begin, end], abs=0.01)


def test_the_wheel_scrolls_the_page_and_zooms_what_was_clicked(long):
    track = long.locator(f"{ROOT} .track").first
    box, before = track.bounding_box(), shown_part(long)
    long.mouse.move(box["x"] + 600, box["y"] + 5)
    long.mouse.wheel(0, -100)
    long.evaluate("new Promise(requestAnimationFrame)")
    assert shown_part(long) == before
    long.locator(f"{ROOT} .told").click()
    long.mouse.move(box["x"] + 600, box["y"] + 5)
    long.mouse.wheel(0, -200)
    long.evaluate("new Promise(requestAnimationFrame)")
    begin, end = shown_part(long)
    assert end - begin == pytest.approx((before[1] - before[0]) / 2, rel=0.05)


def test_a_drag_takes_the_window_along_and_a_click_goes_there(long):
    box = long.locator(f"{ROOT} .track").first.bounding_box()
    begin, end = shown_part(long)
    chosen = long.inner_text(f"{ROOT} .details")
    y = box["y"] + box["height"] - 10
    long.mouse.move(box["x"] + 900, y)
    long.mouse.down()
    long.mouse.move(box["x"] + 900 - box["width"] / 4, y, steps=5)
    long.mouse.up()
    long.evaluate("new Promise(requestAnimationFrame)")
    way = (end - begin) / 4
    assert shown_part(long) == pytest.approx([begin + way, end + way], abs=0.01)
    assert long.inner_text(f"{ROOT} .details") == chosen  # nothing was clicked
    axis = long.locator(f"{ROOT} .axis").bounding_box()
    long.mouse.click(axis["x"] + axis["width"] / 2, axis["y"] + 8)
    long.evaluate("new Promise(requestAnimationFrame)")
    middle = long.locator(SLIDER).evaluate("n => (n.value - n.min) / (n.max - n.min)")
    assert middle == pytest.approx(begin + way + (end - begin) / 2, abs=0.01)


def test_a_click_on_a_bar_goes_to_where_it_begins(fresh, model):
    fresh.get_by_role("button", name="kernel mul on mtia:0/1").first.click()
    assert told(fresh) == "55 µs: kernel mul on mtia:0/1 starts"
    assert fresh.inner_text(f"{ROOT} .details h2") == "kernel mul on mtia:0/1"


def test_everything_that_can_be_hit_is_large_enough(fresh, long):
    long.focus(SLIDER)
    long.keyboard.press("0")
    fresh.set_viewport_size({"width": 600, "height": 768})  # where bars are short
    fresh.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    for page in fresh, long:
        assert page.locator(ROOT).evaluate(SMALL) == []
        bars = sorted(page.locator(ROOT).evaluate(BARS))
        assert len(bars) > 5
        assert all(right - left > 23.9 < bottom - top for top, left, right, bottom in bars)
        for (row, _, right, _), (other, left, _, _) in pairwise(bars):
            assert row != other or right < left + 0.1  # none lies on another


@pytest.mark.parametrize("width, height", [(1366, 768), (1920, 1080)])
def test_memory_is_in_view_while_the_slider_moves(fresh, width, height):
    fresh.set_viewport_size({"width": width, "height": height})
    fresh.locator(SLIDER).press("End")
    room = height - 130  # what JupyterLab leaves of it
    top = fresh.locator(f"{ROOT} .controls").bounding_box()["y"]
    for part in (f"{ROOT} .strip >> nth=0", f"{ROOT} .memory tbody tr >> nth=2"):
        box = fresh.locator(part).bounding_box()
        assert box["y"] + box["height"] - top < room
    assert fresh.evaluate("document.documentElement.scrollWidth") <= width


def test_an_arrow_that_leads_back_arrives_from_the_left(fresh):
    """Its head points right, as every bar begins at its left, and is no part of a dashed line."""
    heads = fresh.locator(f"{ROOT} path.head").evaluate_all(
        "all => all.map(n => [n.getBBox().width, getComputedStyle(n).stroke])"
    )
    assert heads and set(map(tuple, heads)) == {(8, "none")}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["run", "many", "empty", "turned"])
def test_axe_finds_nothing_to_complain_about(chromium, files, name, scheme):
    page = opened(chromium, files, name, color_scheme=scheme)
    page.wait_for_selector(f"{ROOT} .told", state="attached")
    assert accessibility.complaints(page, rules={"target-size": {"enabled": True}}) == []
    page.context.close()
