"""JupyterLab in headless Chromium: open a notebook, run it, and find what a reader could not see.

Needs `playwright` (its Python part only) and a Chromium from the system. Everything that JupyterLab
reads or writes lies in one temporary folder, the notebooks included, so nothing touches the user's
settings or the checkout, and any number of these can run side by side.
"""

import base64
import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import forking_lab
import leash
from notebook_files import ROOT
from PIL import Image
from playwright.sync_api import Error, Page, sync_playwright

THEMES = ("Light", "Dark")
GRAY_RANGE = 80  # of 255: an output whose lightest and darkest pixel are nearer is unreadable
TIMEOUT = 180  # seconds for a notebook to run, or for anything else to happen
TALLEST = 16_384  # pixels: Chromium takes no higher picture
_FLAGS = ["--disable-gpu", "--disable-quic"]
_FOLDERS = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "run",
    "IPYTHONDIR": "ipython",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
}
_OVERRIDES = {
    "@jupyterlab/apputils-extension:notification": {"checkForUpdates": False},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none", "scrollPastEnd": False},
}


def chromium() -> str | None:
    """Return the path of a Chromium on this machine, or None."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@contextlib.contextmanager
def lab(*folders: Path) -> Iterator["Lab"]:
    """Serve a copy of what is in `folders`, in one folder, and open JupyterLab in a browser."""
    with tempfile.TemporaryDirectory(prefix="mtia-lab-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        copied = shutil.ignore_patterns(".ipynb_checkpoints")
        for notebooks in folders:
            shutil.copytree(notebooks, folder / "notebooks", ignore=copied, dirs_exist_ok=True)
        with served(folder) as url, sync_playwright() as playwright:
            context = playwright.chromium.launch_persistent_context(
                folder / "profile",
                executable_path=chromium(),
                args=_FLAGS,
                viewport={"width": 1100, "height": 1000},
            )
            context.set_default_timeout(1000 * TIMEOUT)
            page = context.pages[0]
            page.goto(url)
            page.wait_for_function("window.jupyterapp")
            page.evaluate("jupyterapp.restored.then(() => jupyterapp.shell.collapseLeft())")
            yield Lab(page, folder / "notebooks")
            context.close()


@contextlib.contextmanager
def served(folder: Path, imported: Iterable[str] = forking_lab.IMPORTED) -> Iterator[str]:
    """Start a JupyterLab server on `folder`/notebooks; yield the address to open, token included.

    It has the settings of `make lab`; its kernels come from a process with the modules `imported`.
    Raises RuntimeError with what the server wrote, if it does not start.
    """
    (folder / "config/labconfig").mkdir(parents=True)
    overrides = folder / "config/labconfig/default_setting_overrides.json"
    overrides.write_text(json.dumps(_OVERRIDES))
    token = secrets.token_hex(16)
    server = leash.start(
        [sys.executable, forking_lab.__file__, ",".join(imported), "--no-browser", "--allow-root"]
        + ["--ip=127.0.0.1", "--port=0", f"--ServerApp.root_dir={folder / 'notebooks'}"]
        + [f"--IdentityProvider.token={token}"]
        + ["--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True"],
        env=os.environ
        | {name: str(folder / path) for name, path in _FOLDERS.items()}
        | {"JUPYTER_CONFIG_PATH": str(ROOT / ".jupyter")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    written, port = [], None
    try:
        for line in server.stderr:  # it ends if the server does
            written.append(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
                port = int(found[1])
                break
        while port and not _answers(port):  # it names the port before it listens there
            port = port if server.poll() is None else None
            time.sleep(0.05)
        if port is None:
            raise RuntimeError("JupyterLab did not start. It wrote:\n" + "".join(written))
        threading.Thread(target=server.stderr.read, daemon=True).start()  # it must not block
        yield f"http://127.0.0.1:{port}/lab/workspaces/test?token={token}"
    finally:
        leash.end(server)  # it ends its kernels too


def _answers(port: int) -> bool:
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


class Lab:
    """One JupyterLab page; each notebook is opened in it, checked and closed again."""

    def __init__(self, page: Page, folder: Path):
        self.page = page
        self.folder = folder
        self.devtools = page.context.new_cdp_session(page)  # its pictures are packed in less time

    def check(self, notebook: str, screenshots: Path) -> list[str]:
        """Open, run and look at one notebook; return what is wrong with it, in words.

        Looks at it as stored, before it is run and trusted, and then as run, in both themes;
        keeps one picture of each theme in the folder `screenshots`. To be looked at may not change
        it.
        """
        stem = notebook.replace("/", "-").removesuffix(".ipynb")
        try:
            self.ask(OPEN, notebook)
            complaints = [f"as stored: {complaint}" for complaint in self.ask(_LOOK, False)]
            if self.changed(notebook):
                complaints.append("opened and saved, it is another file")
            self.ask(RUN)
            complaints += self.ask(_LOOK, True)
            now = self.page.evaluate("document.body.dataset.jpThemeName")
            for theme in sorted(THEMES, key=lambda theme: theme not in now):  # a change takes long
                complaints += self.shoot(theme, screenshots / f"{stem}-{theme.lower()}.png")
        except Error as error:
            self.page.screenshot(path=screenshots / f"{stem}-failed.png")
            dialog = self.page.evaluate("document.querySelector('.jp-Dialog')?.innerText ?? ''")
            complaints = [error.message, dialog]
        self.ask(CLOSE)
        return [complaint for complaint in complaints if complaint]

    def changed(self, notebook: str) -> bool:
        """Save the open notebook, as JupyterLab does by itself; return whether the file changes."""
        before = (self.folder / notebook).read_bytes()
        self.ask(SAVE)
        return (self.folder / notebook).read_bytes() != before

    def ask(self, script: str, argument=None):
        """Run one of the scripts below in the page; a playwright Error if it takes too long."""
        limit = f"new Promise((_, no) => setTimeout(no, {1000 * TIMEOUT}, Error('timeout')))"
        return self.page.evaluate(f"x => Promise.race([({script})(x), {limit}])", argument)

    def shoot(self, theme: str, path: Path) -> Iterator[str]:
        """Take a picture of the whole notebook; yield the outputs that cannot be read in it."""
        self.ask(THEME, f"JupyterLab {theme}")
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")  # it covers the change
        size = self.page.viewport_size
        height = size["height"] + self.ask(_OVERFLOW)
        self.page.set_viewport_size({"width": size["width"], "height": height})
        boxes = self.ask(_BOXES)
        scale = min(1, TALLEST / height)
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height, "scale": scale}
        how = {"optimizeForSpeed": True, "clip": clip}
        shot = self.devtools.send("Page.captureScreenshot", how)
        self.page.set_viewport_size(size)
        path.write_bytes(base64.b64decode(shot["data"]))
        with Image.open(path) as picture:
            grays = picture.convert("L")
        for box in boxes:
            area = [round(scale * edge) for edge in box["area"]]
            darkest, lightest = grays.crop(area).getextrema()
            if lightest - darkest < GRAY_RANGE:
                yield f"{theme}: cell {box['cell']} has an output of one gray, {darkest}-{lightest}"


# Scripts for the page. `jupyterapp` is JupyterLab's application object.

OPEN = """async path => {
  const options = {path, factory: 'Notebook'};
  const widget = await jupyterapp.commands.execute('docmanager:open', options);
  window.opened = widget;
  await widget.context.ready;
  await widget.context.sessionContext.ready;
  await widget.revealed;
  if (!widget.context.sessionContext.session?.kernel) throw Error('no kernel');
}"""

# Run All is over at the first error, be it an announced one, with later cells still to come. The
# kernel answers in order, so they are done when it has answered this.
# What is collapsed is opened, as a reader opens it.
RUN = """async () => {
  await jupyterapp.commands.execute('notebook:show-all-cell-outputs');
  await jupyterapp.commands.execute('notebook:run-all-cells');
  const kernel = window.opened.context.sessionContext.session.kernel;
  await kernel.requestExecute({code: '', silent: true}).done;
}"""

# Errors are asked of the model, as the page shows them like stderr; sizes are asked of the page.
_LOOK = """async ran => {
  const widget = window.opened, found = [];
  const cells = [...widget.content.widgets].filter(c => c.model.type === 'code');
  for (const [index, cell] of cells.entries()) {
    const say = what => found.push(`cell ${index}: ${what}`);
    const model = cell.model.toJSON(), tags = model.metadata.tags ?? [];
    if (ran && model.execution_count === null && model.source.trim()) say('was not run');
    for (const output of model.outputs)
      if (ran && output.output_type === 'error' && !tags.includes('raises-exception'))
        say(`${output.ename}: ${output.evalue}`);
    const area = cell.node.querySelector('.jp-OutputArea');
    const shown = area ? [...area.querySelectorAll('.jp-OutputArea-output')] : [];
    const full = model.outputs.filter(output => !output.data || Object.keys(output.data).length);
    if (shown.length < full.length && !cell.outputHidden) say('an output is missing');
    for (const node of shown) {
      for (const image of node.querySelectorAll('img'))
        await image.decode().catch(() => say('an image cannot be decoded'));
      for (const part of [node, ...node.querySelectorAll('img, svg, canvas')]) {
        const {width, height} = part.getBoundingClientRect();
        if (width < 2 || height < 2) say(`${part.tagName.toLowerCase()} without a size`);
        if (part.tagName === 'IMG' && !part.naturalWidth) say('an image without pixels');
      }
    }
    const text = area?.innerText ?? '';
    if (/Error displaying widget|Loading widget|Show more outputs/.test(text)) say(text);
  }
  for (const notice of document.querySelectorAll('.Toastify__toast'))
    found.push(`over the page lies: ${notice.innerText}`);
  return found;
}"""

THEME = """async theme => {
  await jupyterapp.commands.execute('apputils:change-theme', {theme});
  while (document.body.dataset.jpThemeName !== theme) await new Promise(requestAnimationFrame);
}"""

_OVERFLOW = """async () => {
  const outer = window.opened.node.querySelector('.jp-WindowedPanel-outer');
  return outer.scrollHeight - outer.clientHeight + 5;
}"""

# Two frames after a change of size, the new layout is on the screen.
_BOXES = """async () => {
  for (const _ of [1, 2]) await new Promise(requestAnimationFrame);
  const widget = window.opened, boxes = [];
  widget.node.querySelector('.jp-WindowedPanel-outer').scrollTop = 0;
  await new Promise(requestAnimationFrame);
  const cells = [...widget.content.widgets].filter(c => c.model.type === 'code');
  for (const [cell, {node}] of cells.entries())
    for (const output of node.querySelectorAll('.jp-OutputArea-output')) {
      const {left, top, right, bottom} = output.getBoundingClientRect();
      boxes.push({cell, area: [left, top, right, bottom]});
    }
  return boxes;
}"""

# When a kernel is there, JupyterLab writes what it knows of it into the notebook.
SAVE = """async () => {
  const {model} = window.opened.context;
  while (!model.getMetadata('language_info').version) await new Promise(requestAnimationFrame);
  await window.opened.context.save();
}"""

CLOSE = """async () => {
  const widget = window.opened;
  await widget.context.sessionContext.shutdown();
  widget.dispose();
}"""
