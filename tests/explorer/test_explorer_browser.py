"""The explorer in JupyterLab in headless Chromium: what it shows is what the log says."""

import base64
import pickle

import nbformat
import pytest
from drawings import rerecorded
from explorer_page import CELLS, CONTRASTS, MANY, PRINT, PROGRAM, ROOT, SLIDER, TABLES, TURN
from nbconvert import HTMLExporter
from nbformat.v4 import new_output
from notebook_files import code, write

import mtia_lab
from mtia_lab.explorer.model import Model

pytest.importorskip("playwright", reason="the browser test drives Chromium with playwright")
pytest.importorskip("PIL", reason="the browser test looks at screenshots with pillow")
import browser

if browser.chromium() is None:
    pytest.skip("no Chromium on this machine: install chromium", allow_module_level=True)

BARS = 200  # more than fit into three lanes
OF_A_CLOSED_NOTEBOOK = "Could not restore the debugger state"  # says JupyterLab
READABLE = 4.5  # WCAG 2's least contrast of text and ground


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab page on notebooks with an explorer, one of them stored by somebody else."""
    folder = tmp_path_factory.mktemp("explored")
    bundle = mtia_lab.explore(rerecorded())._repr_mimebundle_()
    stored = new_output("execute_result", data=bundle, execution_count=1)
    write(folder / "stored.ipynb", code("mtia_lab.explore(log)", stored))
    write(folder / "kept.ipynb", PROGRAM, "mtia_lab.explore(log)")
    shown = "mtia_lab.explore(log)", "mtia_lab.explore(many)"
    write(folder / "explored.ipynb", PROGRAM, *shown, PRINT)
    write(folder / "turned.ipynb", PROGRAM, TURN)
    with browser.lab(folder) as lab:
        yield lab


@pytest.fixture(scope="module")
def explored(lab):
    """The notebook has run, and its explorers are there; no error from then on."""
    errors = []
    lab.page.on("pageerror", lambda error: errors.append(str(error)))
    lab.page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    lab.ask(browser.OPEN, "explored.ipynb")
    lab.ask(browser.RUN)
    lab.page.wait_for_selector(f"{MANY} .told")
    lab.page.set_default_timeout(20_000)
    yield
    lab.ask(browser.OPEN, "explored.ipynb")
    lab.ask(browser.CLOSE)
    assert [error for error in errors if not error.startswith(OF_A_CLOSED_NOTEBOOK)] == []


@pytest.fixture
def page(lab, explored):
    """The page with that notebook on the screen, whatever a test opened before."""
    lab.ask(browser.OPEN, "explored.ipynb")
    return lab.page


@pytest.fixture(scope="module")
def model(lab, explored):
    """What the log says, in this process: the notebook has printed it."""
    lab.ask(browser.OPEN, "explored.ipynb")
    text = lab.page.evaluate("window.opened.content.widgets[3].model.toJSON().outputs[0].text")
    return Model(pickle.loads(base64.b64decode("".join(text))))


@pytest.fixture(scope="module")
def kernels(model):
    """The kernels of the log, by name."""
    return {r.name: r for r in model.records if getattr(r, "type", "") == "kernel"}


def told(page):
    return page.inner_text(f"{ROOT} .told")


def tables(page):
    """The tables of the state: caption -> rows, each as the texts of its cells."""
    return page.locator(ROOT).evaluate(TABLES)


def expected(model, moment):
    """The first tables as the model has them."""
    state = model.state(moment)
    found = {"Streams": [], "Host threads": [], "Events": []}
    for (device, stream), (done, running, pending) in state["streams"].items():
        runs = bar(model, model.place[running]) if running else "nothing"
        waiting = " ".join(bar(model, model.place[id]) for id in pending) or "empty"
        found["Streams"].append([f"mtia:{device}/{stream}", f"{done}", runs, waiting])
    for thread, ((device, *streams), call, waits) in state["threads"].items():
        current = ", ".join(f"mtia:{k}/{stream}" for k, stream in enumerate(streams))
        inside = model.label(call) if call >= 0 else "your program"
        inside += ", waits for the device" if waits else ""
        found["Host threads"].append([f"{thread}", f"mtia:{device}", current, inside])
    for event, (version, complete, (_, *waiters)) in state["events"].items():
        names = [f"{bar(model, k)} {model.label(k).split()[-1]}" for k in waiters]
        row = [f"version {version}", "complete" if complete else "pending"]
        found["Events"].append([f"e{event}", *row, " ".join(names) or "nobody"])
    found["Events"] = found["Events"] or [["none yet", "", "", ""]]
    return found


def bar(model, position):
    """What stands on the bar of a command."""
    glyph = {"record": "⚑ ", "wait": "◇ "}.get(model.kind(position), "")
    return glyph + model.name(position)


def drag_to(page, time, end):
    """Drag the slider's thumb, as a mouse does, to a virtual time in µs."""
    page.locator(SLIDER).scroll_into_view_if_needed()
    box = page.locator(SLIDER).bounding_box()
    now = float(page.input_value(SLIDER)) / 1000
    x = [box["x"] + 8 + (box["width"] - 16) * at / end for at in (now, time)]
    y = box["y"] + box["height"] / 2
    page.mouse.move(x[0], y)
    page.mouse.down()
    page.mouse.move(x[1], y, steps=4)
    page.mouse.up()
    page.evaluate("new Promise(requestAnimationFrame)")  # it is drawn once a frame


def lives(page):
    """Its slider moves it through the program."""
    page.locator(SLIDER).press("End")
    assert told(page).endswith("guard.synchronizeStream returns")
    assert tables(page)["Blocks: Memory of mtia:0"][2][3] == "float32[4] [0, 6, 12, 18]"
    assert page.locator("img").filter(visible=True).count() == 0


def test_of_a_notebook_that_is_not_trusted_the_picture_is_left(lab):
    lab.ask(browser.OPEN, "stored.ipynb")
    assert lab.ask(browser._LOOK, False) == []
    assert lab.page.locator(".jp-OutputArea-output img:visible").count() == 1
    assert lab.page.locator(".mtia-explorer:visible").count() == 0
    lab.ask(browser.CLOSE)


def test_it_lives_on_without_its_kernel(lab, tmp_path):
    lab.ask(browser.OPEN, "kept.ipynb")
    lab.ask(browser.RUN)
    lab.page.wait_for_selector(f"{ROOT} .told")
    lab.ask(browser.SAVE)
    lab.ask(browser.CLOSE)
    lab.ask(browser.OPEN, "kept.ipynb")
    lab.page.wait_for_selector(f"{ROOT} .told")
    assert lab.ask(browser._LOOK, False) == []
    lives(lab.page)
    stored = nbformat.from_dict(lab.page.evaluate("window.opened.content.model.toJSON()"))
    lab.ask(browser.CLOSE)
    exported = tmp_path / "kept.html"
    exported.write_text(HTMLExporter().from_notebook_node(stored)[0], encoding="utf-8")
    page = lab.page.context.new_page()
    page.route("http*://**", lambda route: route.abort())  # MathJax; no test needs a network
    page.goto(exported.as_uri())
    page.wait_for_selector(f"{ROOT} .told")
    lives(page)
    page.emulate_media(media="print")  # where nothing moves
    assert page.locator("img").filter(visible=True).count() == 1
    assert not page.locator(ROOT).is_visible()
    page.close()


def test_the_slider_shows_the_state_at_that_time(page, model, kernels):
    slow, mul, end = kernels["slow"], kernels["mul"], model.times[-1] / 1000
    assert slow.start < 30 < slow.finish and mul.enqueue < 30
    drag_to(page, 30, end)
    assert "µs, after 17 µs: guard.synchronizeStream waits for the device" in told(page)
    shown = tables(page)
    assert shown["Streams"] == [
        ["mtia:0/0", "2", "nothing", "empty"],
        ["mtia:0/1", "1", "slow", "mul"],
    ]
    inside = "guard.synchronizeStream, waits for the device"
    assert shown["Host threads"] == [["0", "mtia:0", "mtia:0/0, mtia:1/0", inside]]
    assert shown["Events"] == [["e1", "version 1", "complete", "nobody"]]
    assert [row[2:4] for row in shown["Blocks: Memory of mtia:0"]] == [
        ["before the recording", "not known"],
        ["In[1]:6", "float32[4] [0, 2, 4, 6]"],
        ["In[1]:11", "nothing yet"],
    ]
    drag_to(page, end, end)
    assert tables(page)["Blocks: Memory of mtia:0"][2][3] == "float32[4] [0, 6, 12, 18]"


def test_every_change_shows_the_state_of_the_model(page, model):
    page.focus(SLIDER)
    page.keyboard.press("Home")
    for moment, time in enumerate(model.times):
        assert told(page) == f"{time / 1000:g} µs: {model.describe(moment)}"
        assert tables(page).items() >= expected(model, moment).items(), moment
        page.keyboard.press("ArrowRight")
    assert told(page).endswith("guard.synchronizeStream returns")


def test_keys_go_from_command_to_command(page, model, kernels):
    page.focus(SLIDER)
    page.keyboard.press("Home")
    for time in sorted(r.start for r in model.records if hasattr(r, "start")):
        page.keyboard.press("Shift+ArrowRight")
        assert told(page).startswith(f"{time:g} µs: ")
    assert told(page) == f"{kernels['mul'].start:g} µs: kernel mul on mtia:0/1 starts"
    page.keyboard.press("ArrowLeft")
    assert told(page) == f"{kernels['slow'].finish:g} µs: kernel slow on mtia:0/1 finishes"
    page.keyboard.press("PageDown")
    assert told(page).endswith("guard.exchangeStream returns")
    page.keyboard.press("PageUp")
    assert told(page).endswith("guard.synchronizeStream returns")
    assert page.get_attribute(SLIDER, "aria-valuetext") == told(page)
    page.get_by_role("button", name="previous host call").first.focus()
    cells = page.evaluate(CELLS)
    for key in ("d", "d", "b"):  # to JupyterLab they mean: delete this cell, add one below
        page.keyboard.press(key)
    assert page.evaluate(CELLS) == cells and len(cells) == 4
    page.keyboard.press("Escape")  # out to the cell, where they mean it
    page.keyboard.press("b")
    added = set(page.evaluate(CELLS)) - set(cells)
    assert len(added) == 1 and page.evaluate(CELLS)[2] in added
    page.keyboard.press("d")
    page.keyboard.press("d")
    assert page.evaluate(CELLS) == cells


def test_a_reader_goes_on_from_it_to_the_next_cell(page):
    for explorer, cell in ((ROOT, 1), (MANY, 2)):
        page.locator(f"{explorer} .bar").first.click()
        assert page.evaluate("window.opened.content.activeCellIndex") == cell
        page.keyboard.press("Shift+Enter")
        assert page.evaluate("window.opened.content.activeCellIndex") == cell + 1
        page.evaluate(
            "window.opened.context.sessionContext.session.kernel.requestExecute("
            "{code: '', silent: true}).done"
        )
        page.wait_for_selector(f"{explorer} .told")
    assert page.locator(".mtia-explorer").count() == 2


def test_a_bar_tells_its_line(page, kernels):
    slow = page.get_by_role("button", name="kernel slow on mtia:0/1, In[1]:10").first
    slow.click()
    details = page.locator(f"{ROOT} .details")
    assert details.locator(".site").inner_text() == kernels["slow"].site == "In[1]:10"
    assert details.locator(".source").inner_text() == 'mtia_lab.launch("slow", us=50)'
    assert "starts 5 µs, finishes 55 µs" in details.inner_text()
    assert slow.get_attribute("aria-pressed") == "true"
    slow.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert details.locator("h2").inner_text() == "kernel mul on mtia:0/1"
    assert "reads" in details.inner_text() and "b float32[4]" in details.inner_text()


def test_of_many_commands_those_beside_each_other_share_a_bar(page):
    explorer = page.locator(MANY)
    bars = explorer.locator(".bar[data-record]")
    assert 10 < bars.count() < BARS  # to begin with, it shows a part
    explorer.get_by_label("show all").click()
    assert 10 < bars.count() < BARS
    shared = explorer.locator(".bar.low.many").last
    count, _, what = shared.get_attribute("aria-label").partition(" ")
    count = int(count)
    assert what.endswith("most of it kernel kernel on mtia:0/0")
    assert shared.inner_text() == f"kernel +{count - 1}"
    shared.click()
    details = explorer.locator(".details")
    assert details.locator("h2").inner_text().startswith(f"{count} beside each other")
    details.get_by_text("zoom in").click()
    assert bars.count() < 4 * count + BARS / 10
    details.locator("li button").first.click()
    assert details.locator(".site").inner_text() == "In[1]:15"


@pytest.mark.parametrize("theme", browser.THEMES)
def test_it_can_be_read(lab, page, model, theme):
    drag_to(page, 30, model.times[-1] / 1000)  # when a kernel runs and another one is pending
    lab.ask(browser.THEME, f"JupyterLab {theme}")
    page.wait_for_selector("#jupyterlab-splash", state="detached")
    contrasts = page.locator(ROOT).evaluate(CONTRASTS)
    assert {"Streams", "slow", "[0, 2, 4, 6]"} <= set(contrasts)
    assert {text: c for text, c in contrasts.items() if c < READABLE} == {}


@pytest.fixture
def turned(lab):
    lab.ask(browser.OPEN, "turned.ipynb")
    lab.ask(browser.RUN)
    lab.page.wait_for_selector(".turned")
    yield lab.page
    lab.ask(browser.CLOSE)


def test_a_knob_shows_the_run_of_where_it_stands(turned):
    long, streams = turned.get_by_label("long"), turned.get_by_label("streams")
    assert turned.locator(".turned").get_attribute("alt").startswith("10 us on 1")
    long.press("ArrowRight")
    streams.press("End")
    assert turned.locator(".turned").get_attribute("alt").startswith("30 us on 2")
    told = turned.locator(".mtia-explorer:has(.turned) .told")
    assert told.inner_text().startswith("30 us on 2")
    assert (long.get_attribute("aria-valuetext"), turned.inner_text(".knob output >> nth=0")) == (
        *("30", "30"),
    )
    box = long.bounding_box()
    assert box["height"] >= 24
    turned.mouse.click(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)
    assert turned.locator(".turned").get_attribute("alt").startswith("60 us on 2")
    assert turned.evaluate("document.querySelector('.jp-OutputArea-output img')") is None
    size = "node => [node.naturalWidth, node.naturalHeight]"
    assert min(turned.locator(".turned").evaluate(size)) > 100
