"""One file of PyTorch's tests on one device, in processes that may die or hang: test -> outcome.

    python tools/upstream_run.py DEVICE FILE OUTCOMES

runs one process: each test is noted in the file OUTCOMES as it begins and as it ends, and what was
noted before is left out. `run()` starts such processes until one of them comes to the file's end. A
test that dies after others is run once more, first in a process of its own.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DEVICE = ROOT / "tests" / "support" / "upstream_device.py"
SAID = 240  # characters that are kept of a failure
AGAIN, WHOLE = "run again", "(whole)"  # an outcome: it died after others; a name: nothing is left
SHOWN_EVERY, BETWEEN = 60, 1200  # seconds; the second: what a process has to start and to end
# Tests that hold gigabytes are about the arithmetic in kernels, which here are the CPU's own.
HUGE = re.compile(r"test_gather_large|large_tensor|test_(avg|max)_pool2d_nhwc")
UNWANTED = ("CI", "SANDCASTLE", "PYTHONDONTWRITEBYTECODE")  # of the environment
Outcomes = dict[str, tuple[str, str]]


class NotWhole(Exception):
    """A file's tests could not be run to its end."""


def run(path: Path, device: str, limit: float, out: Path) -> Outcomes:
    """Run a file's tests for a device, from where `out` ends: test -> outcome, what it said.

    A process whose test takes over `limit` seconds is ended, with all that it started. NotWhole is
    raised if a process ends, or hangs, before its first test.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    out.touch()
    while WHOLE not in (before := outcomes(out)):
        status, said = _process(path, device, limit, out)
        now = outcomes(out)
        last = next(reversed(now), "")
        if status is not None and 0 <= status <= 5:  # pytest's own
            if status in (2, 3, 4) and "SystemExit" not in said:  # as a file without tests here
                raise NotWhole(f"{path.name}, {device}: pytest stopped: {said[-2000:]}")
            note(out, WHOLE, "passed", "")
        elif now == before:
            raise NotWhole(f"{path.name}, {device}: {_end(status)} without a test: {said[-2000:]}")
        elif now[last][0] != "died":
            note(out, f"after {last}", "died", _end(status))
        elif before.get(last, ("",))[0] != AGAIN and len(now) > len(before) + 1:
            note(out, last, AGAIN, "")
        elif status is not None:
            note(out, last, "died", _end(status))
    return {name: row for name, row in outcomes(out).items() if name != WHOLE}


def outcomes(out: Path) -> Outcomes:
    """Return what the processes have noted so far.

    A test that failed has failed, whatever else is noted of it (a subtest, what it takes down);
    one that began and did not end killed its process, and one that did so after others alone died.
    """
    found: Outcomes = {}
    again = set()
    for line in out.read_text(encoding="utf-8").splitlines():
        name, outcome, said = json.loads(line)
        if outcome == AGAIN:
            again.add(name)
        if found.get(name, ("",))[0] == "failed" and outcome != "died":
            continue
        found.pop(name, None)  # what was noted last is last
        found[name] = (outcome, said)
    for name in again:
        if found[name][0] in ("passed", "skipped"):
            found[name] = ("died", "the process died after other tests; alone it passes")
    return found


def note(out: Path, name: str, outcome: str, said: str) -> None:
    """Write a line at once."""
    with out.open("a", encoding="utf-8") as file:
        file.write(json.dumps([name, outcome, said]) + "\n")


def _process(path: Path, device: str, limit: float, out: Path) -> tuple[int | None, str]:
    """Run one process: its status, None if it was ended, and what it printed last."""
    command = [sys.executable, __file__, device, str(path), str(out)]
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryDirectory() as scratch:
        with subprocess.Popen(
            command,
            env=_environment(device, scratch),
            cwd=path.parent,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                status = _watched(process, limit, out, f"{path.name}, {device}")
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        printed.seek(0)
        return status, printed.read().decode(errors="replace")


def _end(status: int | None) -> str:
    """Return how a process ended."""
    by = signal.Signals(-status).name if status is not None and status < 0 else f"status {status}"
    return f"the process died: {by}"


def _environment(device: str, scratch: str) -> dict[str, str]:
    """Return the environment of a run: the harness makes tests for one device alone."""
    kept = {key: value for key, value in os.environ.items() if key not in UNWANTED}
    kept |= {
        "PYTORCH_TESTING_DEVICE_ONLY_FOR": device,
        "PYTORCH_PRINT_REPRO_ON_FAILURE": "0",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "TORCH_DISABLE_ADDR2LINE": "1",  # where a test asks for stacks, each error took seconds
        "TMPDIR": scratch,
        "TORCH_EXTENSIONS_DIR": scratch,  # a killed build leaves a lock that the next one waits for
    }
    return kept | ({"TORCH_TEST_DEVICES": str(DEVICE)} if device == "mtia" else {})


def _watched(process: Any, limit: float, out: Path, of: str) -> int | None:
    """Wait for a process as long as it gets further, and show how far it is."""
    size, since = out.stat().st_size, time.monotonic()
    running, shown = "", since
    while (status := process.poll()) is None:
        time.sleep(0.2)
        now = time.monotonic()
        if out.stat().st_size != size:
            size, since = out.stat().st_size, now
            last, (outcome, _) = next(reversed(outcomes(out).items()))
            running = last if outcome == "died" else ""
        if now - since > (limit if running else BETWEEN):
            if running:
                note(out, running, "died", f"it took over {limit:g} seconds")
            return None
        if now - shown > SHOWN_EVERY:
            print(f"{of}: {len(outcomes(out))} tests, now {running}", flush=True)
            shown = now
    return int(status)


class Notes:
    """A plugin of pytest's that notes each test as it begins and as it ends, and resumes."""

    def __init__(self, device: str, out: Path):
        self.device, self.out = device, out

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Leave out what was noted by the processes before, but for what is to be run again.

        Of a file that has tests made for the device, they alone are run, but for HUGE.
        """
        made = f"{self.device.upper()}::"  # as the harness names the classes that it makes
        items[:] = [item for item in items if made in item.nodeid] or items
        items[:] = [item for item in items if not HUGE.search(item.nodeid)]
        done = {name for name, row in outcomes(self.out).items() if row[0] != AGAIN}
        items[:] = [item for item in items if self.name(item.nodeid) not in done]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note that a test begins: if nothing follows, it killed the process."""
        note(self.out, self.name(nodeid), "died", "")

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note how a test ended, with what a failure says or why it was skipped."""
        if report.when == "call" or report.outcome != "passed":
            told = report.longrepr  # of a skip: file, line, reason
            said = told[2] if isinstance(told, tuple) else getattr(told, "reprcrash", None) or ""
            rank = of_rank(getattr(said, "message", ""))
            said = rank or short(str(said).removeprefix("Skipped: "))
            note(self.out, self.name(report.nodeid), report.outcome, said)

    @staticmethod
    def name(nodeid: str) -> str:
        """Return the test's class and name."""
        return nodeid.partition("::")[2]


def of_rank(message: str) -> str:
    """Return what the first rank that failed says, and in which function; "" if none has."""
    rank = re.match(r"RuntimeError: (Thread|Process) \d+ exited with .*exception:", message)
    errors = re.findall(r"  File .*, in (\S+)\n(?:   .*\n)*([^\s:]+(?:: .*)?)$", message, re.M)
    return short("a rank failed, in {}: {}".format(*errors[0])) if rank and errors else ""


def short(said: str) -> str:
    """Return what a failure says, in one line without folders of this machine or addresses."""
    said = re.sub(r"^\S*?:\d+: ", "", said)
    said = re.sub(r"(?<![\w.])(/[\w.+-]+)+/(?=[\w.+-])", "", said)
    said = re.sub(r"0x[0-9a-f]{6,}", "0x...", said)
    return " ".join(said.split())[:SAID]


def ready(device: str, path: str) -> None:
    """Load the device before anything asks for one."""
    if device == "mtia":
        import mtia_lab

        if "distributed" not in Path(path).parts:
            mtia_lab.load()
            return
        sys.path.append(str(Path(__file__).parent))  # in which ranks look
        import upstream_distributed

        upstream_distributed.prepare()


def main(device: str, path: str, out: str) -> int:
    """Run a file in this process."""
    ready(device, path)
    if device:
        import torch.testing._internal.common_device_type  # noqa: F401
    import pytest

    sys.pycache_prefix = str(Path(out).parent / "pycache")  # nothing is written into the checkout
    sys.path[0] = str(Path(path).parent)  # as if the file itself were run
    flags = ["-q", "-p", "no:cacheprovider", "--noconftest", "--rootdir", sys.path[0]]
    return int(pytest.main([path, *flags, "-c", os.devnull], plugins=[Notes(device, Path(out))]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
