"""Run PyTorch's own device-generic tests on the simulated device: `make upstream PYTORCH=...`.

    python tools/upstream.py CHECKOUT [FILE...] [--limit SECONDS]

CHECKOUT is a checkout of PyTorch, or as much of one as its folder test/; that of the installed
release fits best, and none of it is kept here. FILE are files of test/, FILES by default. Each runs
twice in processes of its own, on the CPU and, by TORCH_TEST_DEVICES, on `mtia`; a test that kills
its process, or takes all its time, is noted, and the rest goes on in another one. What fails on
`mtia` alone is written to docs/upstream.json with what it said and why, and counted in
docs/upstream.md. The exit status is 1 if one is left that is ours, or that no reason is known for.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DATA, TABLE = ROOT / "docs" / "upstream.json", ROOT / "docs" / "upstream.md"
DEVICE = ROOT / "tests" / "support" / "upstream_device.py"
FILES = (
    *("test_accelerator", "test_indexing", "test_sort_and_select", "test_view_ops", "test_dlpack"),
    *("test_type_promotion", "test_shape_ops", "test_scatter_gather_ops", "test_optim"),
    *("test_numpy_interop", "test_segment_reductions", "test_autograd", "test_dataloader"),
    *("test_serialization", "test_masked", "test_tensor_creation_ops", "test_spectral_ops"),
    *("test_torch", "test_nn", "test_reductions", "test_linalg", "test_foreach"),
    "dynamo/test_streams",
)
DEVICES = ("cpu", "mtia")
ASSUMES, REFUSES, OURS = "test assumes another device", "PyTorch refuses MTIA", "ours"
# What a failure says -> its class and why, the first that fits.
REASONS = {
    r"Unknown device type mtia for Dlpack": (
        REFUSES,
        "the list of devices in `Tensor.__dlpack_device__` leaves MTIA out",
    ),
    r"No module named 'torch.privateuseone'": (
        REFUSES,
        "a capsule of `to_dlpack(x)` names another type of device, which `from_dlpack` looks for",
    ),
    r"same device, but found at least two devices, mtia:0 and cpu.*index_fill_": (
        ASSUMES,
        "it gives `index_fill_` an index on the CPU; made for the CPU, it stops before on CUDA",
    ),
    r"IndexError not raised|kernel '\w+' failed on stream .*out of bounds": (
        ASSUMES,
        "it expects that an index out of bounds raises at the call; values are looked at later, as "
        "on CUDA",
    ),
    r"new\(\): expected key in DispatchKeySet\(.*got: MTIA": (
        REFUSES,
        "the legacy constructors' list of devices leaves MTIA out",
    ),
    r"no quantized tensors": (
        ASSUMES,
        "it makes quantized tensors, which the simulated device does not have",
    ),
}
SAID = 300  # characters that are kept of a failure


def main(arguments: list[str]) -> int:
    """Run the files, write data and table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("files", nargs="*", default=FILES, metavar="FILE")
    parser.add_argument("--limit", type=float, default=600, help="seconds a process")
    options = parser.parse_args(arguments)
    if not (options.checkout / "test").is_dir():
        parser.error(f"{options.checkout} is no checkout of PyTorch: it has no folder test")
    data = json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else {"files": {}}
    data |= {"tests": version(options.checkout), "torch": installed()}
    for name in options.files:
        path = options.checkout.resolve() / "test" / f"{name.removesuffix('.py')}.py"
        if not path.exists():
            print(f"{path.name}: this checkout has none", flush=True)
            continue
        data["files"][name] = compared(*(run(path, device, options.limit) for device in DEVICES))
        print(f"{name}: {data['files'][name]['counts']}", flush=True)
        write(data)
    left = [name for name, row in failures(data) if row["class"] in (OURS, "")]
    print(*left, sep="\n")
    return int(bool(left))


def version(checkout: Path) -> str:
    """Return the version that a checkout says it is."""
    file = checkout / "version.txt"
    return file.read_text().strip() if file.exists() else "unknown"


def installed() -> str:
    """Return the release of torch that is installed, without its build."""
    from importlib.metadata import version as version_of

    return version_of("torch").partition("+")[0]


def run(path: Path, device: str, limit: float) -> dict[str, tuple[str, str]]:
    """Run a file's tests for a device: test -> outcome, and what a failure says."""
    with tempfile.TemporaryDirectory() as folder:
        return _run(path, device, limit, Path(folder, "outcomes"))


def _run(path: Path, device: str, limit: float, out: Path) -> dict[str, tuple[str, str]]:
    environment = os.environ | {"PYTORCH_TESTING_DEVICE_ONLY_FOR": device}
    environment |= {"TORCH_TEST_DEVICES": str(DEVICE)} if device == "mtia" else {}
    command = [sys.executable, __file__, "--inside", device, str(path), str(out)]
    seen, whole = -1, False
    while not whole and len(outcomes(out)) > seen:  # as long as a process gets further
        seen = len(outcomes(out))
        try:
            ended = subprocess.run(
                command,
                check=False,
                env=environment,
                cwd=path.parent,
                timeout=limit,
                capture_output=True,
            )
            whole = 0 <= ended.returncode <= 5  # pytest's own; else it died
            said = ended.stderr.decode(errors="replace")
        except subprocess.TimeoutExpired:
            said = f"it ran past {limit:g} seconds"
        if not whole and len(outcomes(out)) > seen + 1:  # once more, in a process of its own
            out.write_text("".join(out.read_text().splitlines(keepends=True)[:-1]))
    if not outcomes(out):
        print(f"{path.name}, {device}: no test ran: {said[-SAID:]}", flush=True)
    return outcomes(out)


def outcomes(out: Path) -> dict[str, tuple[str, str]]:
    """Return what the processes have noted so far; a test without an outcome killed its own."""
    found: dict[str, tuple[str, str]] = {}
    for line in out.read_text().splitlines() if out.exists() else []:
        name, outcome, said = json.loads(line)
        found[name] = (outcome, said)
    return found


def compared(cpu: dict[str, tuple[str, str]], mtia: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """Return counts, and the tests that fail on `mtia` and not on the CPU."""
    generic = {name: row for name, row in mtia.items() if "mtia" in name.lower()}
    beside = {plain(name, "cpu"): row[0] for name, row in cpu.items()}
    only = {
        name: reasoned(said)
        for name, (outcome, said) in generic.items()
        if outcome in ("failed", "died") and beside.get(plain(name, "mtia")) == "passed"
    }
    twins = {plain(name, "mtia") for name in generic}
    counts = {
        "cpu": Counter(row for name, row in beside.items() if name in twins),
        "mtia": Counter(outcome for outcome, _ in generic.values()),
    }
    return {"counts": counts, "only on mtia": only}


def plain(name: str, device: str) -> str:
    """Return a test's name without its device."""
    return re.sub(rf"_?{device}(_0)?(?![a-z])", "", name, flags=re.IGNORECASE)


def reasoned(said: str) -> dict[str, str]:
    """Return what a failure said, its class and why; "" if no reason is known."""
    for pattern, (kind, why) in REASONS.items():
        if re.search(pattern, said):
            return {"class": kind, "why": why, "said": said}
    return {"class": "", "why": "", "said": said}


def failures(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each test that fails on `mtia` alone."""
    for file in data["files"].values():
        yield from file["only on mtia"].items()


def write(data: dict[str, Any]) -> None:
    """Write the data, and the table that is made of it."""
    DATA.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    TABLE.write_text(table(data), encoding="utf-8")


def table(data: dict[str, Any]) -> str:
    """Return the page that says what came of PyTorch's own tests."""
    head = ["file", "CPU: passed, failed, skipped", "mtia: passed, failed, skipped, died"]
    rows = [[*head, "only on mtia", *(f"*{kind}*" for kind in (ASSUMES, REFUSES, OURS)), "unknown"]]
    rows.append(["---"] * len(rows[0]))
    for name, file in sorted(data["files"].items()):
        counts = [file["counts"][device] for device in DEVICES]
        cpu = ", ".join(str(counts[0].get(key, 0)) for key in ("passed", "failed", "skipped"))
        mtia = (counts[1].get(key, 0) for key in ("passed", "failed", "skipped", "died"))
        kinds = Counter(row["class"] for row in file["only on mtia"].values())
        by_class = (str(kinds[kind]) for kind in (ASSUMES, REFUSES, OURS, ""))
        rows.append([name, cpu, ", ".join(map(str, mtia)), str(sum(kinds.values())), *by_class])
    whys = Counter((row["class"], row["why"]) for _, row in failures(data) if row["why"])
    lines = [f"- *{kind}*: {why} ({count})" for (kind, why), count in sorted(whys.items())]
    return "\n".join(
        [
            "# PyTorch's own tests",
            "",
            f"The device-generic tests of PyTorch {data['tests']}, on torch {data['torch']}, for",
            "`mtia` and for the CPU. `make upstream PYTORCH=<checkout>` writes this page, and",
            "`upstream.json` names each test that fails on `mtia` and passes on the CPU, with why.",
            "",
            *("| " + " | ".join(row) + " |" for row in rows),
            "",
            *lines,
            "",
        ]
    )


class Notes:
    """A plugin of pytest's that notes each test as it begins and as it ends, and resumes."""

    def __init__(self, out: Path):
        self.out = out

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Leave out what was noted by the processes before."""
        done = outcomes(self.out)
        items[:] = [item for item in items if self.name(item.nodeid) not in done]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note that a test begins: if nothing follows, it killed the process."""
        self.note(nodeid, "died", "the process died, or ran past its limit")

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note how a test ended."""
        if report.when == "call" or report.outcome != "passed":
            said = str(getattr(report.longrepr, "reprcrash", "") or "") if report.failed else ""
            self.note(report.nodeid, report.outcome, re.sub(r"^.*?:\d+: ", "", said)[:SAID])

    def note(self, nodeid: str, outcome: str, said: str) -> None:
        """Write a line at once."""
        with self.out.open("a") as file:
            file.write(json.dumps([self.name(nodeid), outcome, said]) + "\n")

    @staticmethod
    def name(nodeid: str) -> str:
        """Return the test's class and name."""
        return nodeid.partition("::")[2]


def inside(device: str, path: str, out: str) -> int:
    """Run a file in this process, with the device loaded before anything asks for one."""
    if device == "mtia":
        import mtia_lab

        mtia_lab.load()
    import pytest

    flags = ["-q", "-p", "no:cacheprovider", "--noconftest", "--rootdir", str(Path(path).parent)]
    return int(pytest.main([path, *flags, "-c", os.devnull], plugins=[Notes(Path(out))]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        sys.path.insert(0, str(Path(sys.argv[3]).parent))
        sys.exit(inside(*sys.argv[2:]))
    sys.exit(main(sys.argv[1:]))
