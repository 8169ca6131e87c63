"""The explorer in JupyterLab in headless Chromium: what it shows is what the log says."""

import json

import pytest
from drawings import rerecorded
from nbformat.v4 import new_output
from notebook_files import code, write

from mtia_lab.explorer.widget import Explorer

pytest.importorskip("playwright", reason="the browser test drives Chromium with playwright")
pytest.importorskip("PIL", reason="the browser test looks at screenshots with pillow")
import browser  # noqa: E402

if browser.chromium() is None:
    pytest.skip("no Chromium on this machine: install chromium", allow_module_level=True)

PROGRAM = """import torch
import mtia_lab
mtia_lab.load()
x = torch.arange(4.0).to("mtia")
with mtia_lab.record(values=True) as log:
    y = x + x
    s = torch.Stream("mtia")
    s.wait_stream(torch.mtia.current_stream())
    with s:
        mtia_lab.launch("slow", us=50)
        z = y * 3
    s.synchronize()"""
ROOT = ".mtia-explorer"
SLIDER = f"{ROOT} input[type=range]"
READABLE = 4.5  # WCAG 2's least contrast of text and ground

# The contrast of each text that stands in the explorer, as the browser has computed its colours.
CONTRASTS = """root => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const over = (color, under) => {
    canvas.fillStyle = `rgb(${under})`; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const ground = node => node === null ? [255, 255, 255]
    : over(getComputedStyle(node).backgroundColor, ground(node.parentElement));
  const light = rgb => rgb.map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const found = {};
  for (const node of root.querySelectorAll('*')) {
    const text = [...node.childNodes].filter(n => n.nodeType === 3).map(n => n.data.trim())
      .join('');
    if (!text || !node.checkVisibility()) continue;
    const under = ground(node);
    const [a, b] = [light(under), light(over(getComputedStyle(node).color, under))];
    found[text] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab page on a notebook with an explorer, and on one that was stored and not run."""
    folder = tmp_path_factory.mktemp("explored")
    bundle = Explorer(rerecorded())._repr_mimebundle_()
    stored = new_output("execute_result", data=bundle, execution_count=1)
    write(folder / "stored.ipynb", code("mtia_lab.explore(log)", stored))
    cells = PROGRAM, "mtia_lab.explore(log)", "print(log.to_json())"
    write(folder / "explored.ipynb", *cells)
    with browser.lab(folder) as lab:
        yield lab


@pytest.fixture(scope="module")
def page(lab):
    """The page with the notebook open, run, and its explorer on the screen; no error so far."""
    errors = []
    lab.page.on("pageerror", lambda error: errors.append(str(error)))
    lab.page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    lab.ask(browser.OPEN, "explored.ipynb")
    lab.ask(browser.RUN)
    lab.page.wait_for_selector(f"{ROOT} .told")
    yield lab.page
    lab.ask(browser.CLOSE)
    assert errors == []


@pytest.fixture(scope="module")
def log(page):
    """The records that the notebook printed, as dicts: "records"; and kernels by name."""
    text = page.evaluate("window.opened.content.widgets[2].model.toJSON().outputs[0].text")
    records = [json.loads(line) for line in "".join(text).split("\n") if line]
    kernels = {r["name"]: r for r in records if r.get("type") == "kernel"}
    return kernels | {"records": records}


def told(page):
    return page.inner_text(f"{ROOT} .told")


def rows(page, caption):
    """The rows of a table of the state, each as the texts of its cells."""
    found = page.locator(f"{ROOT} table", has=page.locator("caption", has_text=caption))
    return [
        [" ".join(cell.split()) for cell in row.locator("td").all_inner_texts()]
        for row in found.locator("tbody tr").all()
    ]


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


def test_a_stored_one_shows_the_timeline(lab):
    lab.ask(browser.OPEN, "stored.ipynb")
    assert lab.ask(browser._LOOK, False) == []
    assert lab.page.locator(".jp-OutputArea-output img").count() == 1
    assert lab.page.locator(ROOT).count() == 0
    lab.ask(browser.CLOSE)


def test_the_slider_shows_the_state_at_that_time(page, log):
    slow, end = log["slow"], max(r.get("end", 0) for r in log["records"])
    drag_to(page, 30, end)
    assert slow["start"] < 30 < slow["finish"] and log["mul"]["enqueue"] < 30
    assert "µs, after 17 µs: guard.synchronizeStream waits for the device" in told(page)
    assert rows(page, "Streams") == [
        ["mtia:0/0", "2", "nothing", "empty"],
        ["mtia:0/1", "1", "slow", "mul"],
    ]
    inside = "guard.synchronizeStream, waits for the device"
    assert rows(page, "Host threads") == [["0", "mtia:0", "mtia:0/0, mtia:1/0", inside]]
    assert rows(page, "Events") == [["e1", "version 1", "complete", "nobody"]]
    blocks = rows(page, "Blocks: Memory of mtia:0")
    assert [row[3] for row in blocks] == [
        "not known: as before the log",
        "float32[4] [0, 2, 4, 6]",
        "nothing yet",
    ]
    assert [row[2] for row in blocks] == ["before the log", "In[1]:6", "In[1]:11"]
    drag_to(page, end, end)
    assert rows(page, "Blocks: Memory of mtia:0")[2][3] == "float32[4] [0, 6, 12, 18]"


def test_keys_step_through_the_changes(page, log):
    page.focus(SLIDER)
    page.keyboard.press("Home")
    assert told(page) == "0 µs: the recording begins"
    for time in sorted(r["start"] for r in log["records"] if r["kind"] == "command"):
        page.keyboard.press("Shift+ArrowRight")
        assert told(page).startswith(f"{time:g} µs: ")
    assert told(page) == f"{log['mul']['start']:g} µs: kernel mul on mtia:0/1 starts"
    page.keyboard.press("ArrowLeft")
    assert told(page) == f"{log['slow']['finish']:g} µs: kernel slow on mtia:0/1 finishes"
    page.keyboard.press("PageDown")
    assert told(page).endswith("guard.exchangeStream returns")
    page.keyboard.press("End")
    assert told(page).endswith("guard.synchronizeStream returns")
    assert page.get_attribute(SLIDER, "aria-valuetext") == told(page)
    assert page.evaluate("window.opened.content.widgets.length") == 3  # no key reached JupyterLab


def test_a_bar_tells_its_line(page, log):
    bar = page.get_by_role("button", name="kernel slow on mtia:0/1, In[1]:10")
    bar.first.click()
    details = page.locator(f"{ROOT} .details")
    assert details.locator(".site").inner_text() == log["slow"]["site"] == "In[1]:10"
    assert details.locator(".source").inner_text() == 'mtia_lab.launch("slow", us=50)'
    assert "starts 5 µs, finishes 55 µs" in details.inner_text()
    assert bar.first.get_attribute("aria-pressed") == "true"
    bar.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert "reads" in details.inner_text() and "b float32[4]" in details.inner_text()
    assert details.locator("h4").inner_text() == "kernel mul on mtia:0/1"


@pytest.mark.parametrize("theme", browser.THEMES)
def test_it_can_be_read(lab, page, theme):
    lab.ask(browser.THEME, f"JupyterLab {theme}")
    page.wait_for_selector("#jupyterlab-splash", state="detached")
    contrasts = page.locator(ROOT).evaluate(CONTRASTS)
    assert {"Streams", "slow", "[0, 2, 4, 6]"} <= set(contrasts)
    assert {text: c for text, c in contrasts.items() if c < READABLE} == {}
