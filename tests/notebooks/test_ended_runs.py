"""A run of the tests that is ended, by Ctrl-C or a signal, leaves no process behind."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from notebook_files import ROOT

pytest.importorskip("playwright", reason="the browser tests start JupyterLab")
pytest.importorskip("PIL", reason="the browser tests start JupyterLab")
if sys.platform != "linux":
    pytest.skip("no other system shows a process's environment", allow_module_level=True)

PATIENCE = 120  # seconds; a worker itself takes up to 15 to notice
MARK = "MTIA_LAB_TEST_RUN"
HANGS = """
import json, threading, time, urllib.request
import browser
from mtia_lab import isolated

def test_it_hangs(tmp_path):
    (tmp_path / "notebooks").mkdir()
    with open("alive", "w", buffering=1) as alive, browser.served(tmp_path, ()) as url:
        asked = urllib.request.Request(url.replace("lab/workspaces/test", "api/kernels"), b"{}")
        with urllib.request.urlopen(asked) as answer:
            assert json.load(answer)["id"]
        code = "held = open('alive', 'w'); print('hangs', file=held, flush=True)\\n"
        hang = code + "import time\\nwhile True: time.sleep(1)"
        threading.Thread(target=isolated.run, args=[hang], daemon=True).start()
        while True:
            time.sleep(0.1)
"""


def ours(mark: str) -> Iterator[str]:
    """What is still there of the run that has this mark: command lines."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}\0".encode() in (folder / "environ").read_bytes():
                yield (folder / "cmdline").read_text().replace("\0", " ")[:200]
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue  # it has ended, or is somebody else's


def to_the_group(run: subprocess.Popen, number: int) -> None:
    os.killpg(run.pid, number)


@pytest.mark.parametrize(
    "send, number",
    [
        (subprocess.Popen.send_signal, signal.SIGTERM),
        (to_the_group, signal.SIGTERM),
        (to_the_group, signal.SIGINT),
    ],
    ids=["pytest is ended", "make is ended", "Ctrl-C"],
)
def test_no_process_is_left(tmp_path, request, send, number):
    (tmp_path / "test_hangs.py").write_text(HANGS)
    os.mkfifo(tmp_path / "alive")
    mark = uuid.uuid4().hex
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")} | {
        MARK: mark,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests/support"))),
    }
    command = [sys.executable, "-m", "pytest", "-p", "xdist", "-n", "1", "-p", "no:cacheprovider"]
    command += [f"--rootdir={tmp_path}", "-c", os.devnull, str(tmp_path)]
    with open(tmp_path / "output", "w") as output:
        run = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=output, start_new_session=True
        )
    request.addfinalizer(lambda: run.poll() is None and os.killpg(run.pid, signal.SIGKILL))
    with open(tmp_path / "alive") as alive:
        said = alive.readline()
    assert said == "hangs\n", (run.wait(), (tmp_path / "output").read_text())
    started = " ".join(ours(mark))
    for part in ("forking_lab.py", "multiprocessing.forkserver", "leash.py", "mtia_lab.isolated"):
        assert part in started
    send(run, number)
    assert run.wait(PATIENCE) != 0
    end = time.monotonic() + PATIENCE
    while (left := list(ours(mark))) and time.monotonic() < end:
        time.sleep(0.1)
    assert left == []
