"""Run all tests with other releases of torch: `make matrix TORCH="2.13.0 2.14"`.

    python tools/matrix.py [--keep] VERSION... [-- PYTEST-ARGUMENT...]
    python tools/matrix.py --list

A version is a release (2.14.1), the newest of a series (2.14), or `newer`: what the package index
has beyond all supported ones, nightly builds included. `--list` prints the supported series as
JSON, for CI; it needs no torch.

For each version, one after the other: a fresh environment in `.matrix`, with what constraints.txt
pins but for torch and what it brings along, the device's build, unit tests, and all notebooks,
strictly. What PyPI serves is built for CUDA, 3 GB, and runs without a GPU; an environment is
deleted before the next one unless it is to be kept. In the end a table of counts, one row a
release. `load()` supports the releases from the oldest to the newest that pass everything.
"""

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import venv
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".matrix"
OF_TORCH = re.compile(r"(torch|nvidia|cuda|triton)\b")  # pins that hold for the pinned torch alone
PARTS = {"unit tests": ["tests"], "notebooks, strict": ["--nbval", "notebooks"]}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="keep the environments")
    parser.add_argument("--list", action="store_true", help="print the supported series, as JSON")
    parser.add_argument("versions", nargs="*", metavar="VERSION")
    split = arguments.index("--") if "--" in arguments else len(arguments)
    options = parser.parse_args(arguments[:split])
    if options.list:
        print(json.dumps(supported()))
        return 0
    if not options.versions:
        parser.error("which versions?")
    rows = {}
    for version in options.versions:
        rows[version] = row(version, arguments[split + 1 :])
        if not options.keep:
            shutil.rmtree(FOLDER / version)
        print(table(rows), flush=True)
    return int(any(not fine(counts) for counts in rows.values()))


def supported() -> list[str]:
    """Return every series of torch from the oldest that is supported to the newest.

    They are what `load()` names; read, as importing it would take a torch.
    """
    tree = ast.parse((ROOT / "mtia_lab" / "load.py").read_text(encoding="utf-8"))
    values = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "(OLDEST, NEWEST)"
    )
    (major, first), (_, last) = ast.literal_eval(values)
    return [f"{major}.{minor}" for minor in range(first, last + 1)]


def requirement(version: str) -> str:
    """Return what pip is to install for a version as the command line names it."""
    if version == "newer":  # a bound that is a pre-release lets pip take pre-releases
        major, minor = map(int, supported()[-1].split("."))
        return f"torch>={major}.{minor + 1}.dev0"
    return f"torch=={version}" if version.count(".") > 1 else f"torch=={version}.*"


def row(version: str, more: list[str]) -> list[Counter[str]]:
    """Return the counts of each part with a release of torch; none of a part that did not run."""
    folder = FOLDER / version
    python = str(folder / "bin" / "python")
    venv.create(folder, with_pip=True, clear=True)
    constraints = folder / "constraints.txt"
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    constraints.write_text("\n".join(pin for pin in pins if not OF_TORCH.match(pin)))
    install = ["-m", "pip", "install", "--quiet", "--constraint", str(constraints)]
    environment = os.environ | {"MTIA_LAB_CACHE": str(folder / "cache")}
    for command in ([*install, requirement(version), f"{ROOT}[test]"], ["-m", "mtia_lab", "build"]):
        print(f"torch {version}: {' '.join(command[:3])}", flush=True)
        if subprocess.run([python, *command], check=False, cwd=folder, env=environment).returncode:
            return [Counter() for _ in PARTS]
    environment["PYTHONPATH"] = str(ROOT)  # the tests are those of the checkout
    found = []
    for number, arguments in enumerate(PARTS.values()):
        report = folder / f"{number}.xml"
        run = [python, "-m", "pytest", "-q", "-n", "auto", "--dist", "loadfile"]
        run += [*arguments, f"--junitxml={report}", *more]
        subprocess.run(run, cwd=ROOT, env=environment, check=False)
        found.append(counts(report) if report.exists() else Counter())
    return found


def counts(report: Path) -> Counter[str]:
    """Count what pytest wrote in its report: passed, failed (with errors), skipped."""
    suites = [suite.attrib for suite in ET.parse(report).getroot().iter("testsuite")]
    total = Counter(dict.fromkeys(("passed", "failed", "skipped"), 0))
    for suite in suites:
        failed, skipped = int(suite["failures"]) + int(suite["errors"]), int(suite["skipped"])
        total += Counter(failed=failed, skipped=skipped)
        total["passed"] += int(suite["tests"]) - failed - skipped
    return total


def fine(parts: list[Counter[str]]) -> bool:
    return all(part["passed"] and not part["failed"] for part in parts)


def table(rows: dict[str, list[Counter[str]]]) -> str:
    """Return the table of counts, in Markdown."""
    lines = [f"| torch | {' | '.join(PARTS)} |", f"|---|{'---|' * len(PARTS)}"]
    for version, parts in rows.items():
        cells = [
            ", ".join(f"{count:,} {word}" for word, count in part.items() if count) or "did not run"
            for part in parts
        ]
        lines.append(f"| {version} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
