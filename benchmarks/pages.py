"""What the explorer of a long log costs: CPU seconds to make it, and its page's to open and move.

Of the page, what counts is its own thread, as the browser measures it; it needs playwright and a
Chromium, without which only the making is measured.
"""

import shutil
import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from .logs import PROGRAM
from .processes import alternate, run

SIZES = (10_000, 100_000)
TIMES = 20  # of each move
MAKE = """
begin = time.process_time()
page = mtia_lab.explore(log)
found = {{"explore of {size:,}": time.process_time() - begin}}
page.save({path!r})
print(json.dumps(found))
"""
MOVES = {
    "open": "",
    "zoom in": "root.querySelector('[aria-label=\"zoom in\"]').click()",
    "zoom out": "root.querySelector('[aria-label=\"zoom out\"]').click()",
    "drag the slider": """slider.value = slider.max * ((k * 0.37) % 1);
      slider.dispatchEvent(new Event("input"))""",
}
REPEAT = """async times => {{
  const root = document.querySelector(".mtia-explorer-host").shadowRoot;
  const slider = root.querySelector("input[type=range]");
  const frame = () => new Promise(requestAnimationFrame);
  for (let k = 0; k < times; k++) {{ {move}; await frame(); await frame(); }}
}}"""


def pages(rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each, by "what of size", for a log of 10^4 commands and one of 10^5."""
    found: dict[str, list[float]] = {}
    for size in SIZES:
        found |= alternate({"": partial(_measure, size)}, rounds)
    return found


def _measure(size: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.html"
        recorded = PROGRAM.partition("kept = []")[0]
        found = run((recorded + MAKE).format(size=size, path=str(path)))
        if shutil.which("chromium") and find_spec("playwright"):
            moved = _move(path)
            found |= {f"{what}, page of {size:,}": taken for what, taken in moved.items()}
        return found


def _move(path: Path) -> dict[str, float]:
    from playwright.sync_api import sync_playwright

    found = {}
    with sync_playwright() as driver:
        flags = ["--disable-gpu", "--disable-quic"]
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        tools = page.context.new_cdp_session(page)
        tools.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(path.as_uri())
        page.wait_for_selector(".mtia-explorer .told")
        before = 0.0
        for what, move in MOVES.items():
            times = TIMES if move else 1
            page.evaluate(REPEAT.format(move=move), times)
            metrics = tools.send("Performance.getMetrics")["metrics"]
            after = next(m["value"] for m in metrics if m["name"] == "TaskDuration")
            found[what], before = (after - before) / times, after
        browser.close()
    return found
