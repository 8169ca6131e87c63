"""python -m benchmarks [--rounds N] [--no-build] [--before FOLDER]
[--test-log FILE]"""

import argparse
import os
import re
from pathlib import Path
from statistics import median

from . import builds, calls, hazards, loads, logs, pages, tensors

HEADER = ("what", "median", "least", "most", "against", "ratio")


def row(what: str, values: list[float], unit: str, against: str = "", base=None) -> tuple:
    """One line: the median, the extremes, and how many times the base's median it is."""
    scale, digits = {"": (1, 2), "s": (1, 1), "ms": (1e3, 1), "us": (1, 2), "MiB": (1, 1)}[unit]
    numbers = [f"{f(values) * scale:.{digits}f} {unit}" for f in (median, min, max)]
    return what, *numbers, against, f"{median(values) / median(base):.2f}" if base else ""


def load_rows(rounds: int) -> list[tuple]:
    found = loads.warm_loads(rounds)
    base, torchs = found[loads.DLOPEN], found[loads.UP_TO_DATE]
    return [
        row(loads.DLOPEN, base, "ms"),
        row(loads.IMPORT, found[loads.IMPORT], "ms"),
        row(loads.ALONE, found[loads.ALONE], "ms", loads.DLOPEN, base),
        row(loads.WARM, found[loads.WARM], "ms", loads.DLOPEN, base),
        row(loads.UP_TO_DATE, torchs, "ms", loads.WARM, found[loads.WARM]),
    ]


def build_rows(rounds: int) -> list[tuple]:
    found, rows = builds.builds(rounds), []
    for kind in ("processor", "wall"):
        base, device = found[f"base, {kind}"], found[f"device, {kind}"]
        against = f"<torch/library.h> alone at -O2, {kind}"
        rows += [row(against, base, "s"), row(f"cold build, {kind}", device, "s", against, base)]
    what = "after the first unit, in its times"
    return [*rows, row(what, found[what], "")]


def call_rows(rounds: int) -> list[tuple]:
    found, rows = calls.calls(rounds), []
    for key, values in found.items():
        who, _, what = key.partition(": ")
        against = {"lab": "bare", "recording": "lab"}.get(who, "")
        base = found.get(f"{against}: {what}")
        rows.append((what, row(f"{what}, {who}", values, "us", against if base else "", base)))
    order = list(dict.fromkeys(what for what, _ in rows))
    return [r for _, r in sorted(rows, key=lambda pair: order.index(pair[0]))]


def tensor_rows(rounds: int) -> list[tuple]:
    found = tensors.small(rounds) | tensors.training(rounds) | tensors.scale(1)
    found = {name.removeprefix(": "): values for name, values in found.items()}
    against = {
        "x + 1, enqueued": "x + 1, CPU",
        "x + 1, enqueued and run": "x + 1, CPU",
        "x + 1, enqueued and run, protected": "x + 1, enqueued and run",
        "empty(8), device": "empty(8), CPU",
        "MLP step, device": "MLP step, CPU",
        "MLP step, protected, device": "MLP step, device",
        "MLP step, rate changes, device": "MLP step, rate changes, CPU",
        "op of 10^6": "op of 10^3",
        "op on 1,000 streams": "op on 1 stream",
    }
    rows = []
    for name, values in found.items():
        unit, base = ("MiB" if "MiB" in name else "us"), against.get(name, "")
        rows.append(row(name, values, unit, base, found[base] if base else None))
    return rows


def log_rows(rounds: int) -> list[tuple]:
    found = logs.logs(rounds)
    small, large = (f"of {size:,}" for size in logs.SIZES)
    rows = []
    for name, values in found.items():
        base = name.replace(large, small) if name.endswith(large) else ""
        rows.append(row(name, values, "ms", base, found[base] if base else None))
    return rows


def page_rows(rounds: int) -> list[tuple]:
    return [row(name, values, "ms") for name, values in pages.pages(rounds).items()]


def hazard_rows(rounds: int, before: Path | None) -> list[tuple]:
    """What is made of a log of 10^5 commands; against another working copy if there is one."""
    found = hazards.checker(rounds, **({"before": before} if before else {}))
    rows = []
    for name, values in found.items():
        old = f"before: {name}" if f"before: {name}" in found else ""
        rows.append(row(name, values, "ms", old, found.get(old)))
    return rows


def test_rows(log: Path) -> list[tuple]:
    """The total that pytest printed last into the log of a `make test`."""
    times = re.findall(r" in (\d+\.\d+)s", log.read_text(encoding="utf-8"))
    return [row("pytest of make test", [float(times[-1])], "s")]


def show(title: str, rows: list[tuple]) -> None:
    widths = [max(len(line[i]) for line in [HEADER, *rows]) for i in range(len(HEADER))]
    print(f"\n{title}")
    for line in [HEADER, *rows]:
        left = line[0].ljust(widths[0])
        print("  ".join([left, *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="fresh processes of each kind")
    parser.add_argument("--no-build", action="store_true", help="leave the cold builds out")
    parser.add_argument("--before", type=Path, help="another working copy, for the checker")
    parser.add_argument("--test-log", type=Path, help="what `make test` printed")
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, OMP_NUM_THREADS=1 in children")
    show("Opening the library (fresh processes, torch imported)", load_rows(chosen.rounds))
    show("Calls from Python, one thread", call_rows(max(3, chosen.rounds // 3)))
    show("Tensors, against the CPU in the same process", tensor_rows(max(3, chosen.rounds // 3)))
    show("Made of a log of so many commands", log_rows(max(3, chosen.rounds // 3)))
    show("The explorer of so many commands", page_rows(max(1, chosen.rounds // 3)))
    rows = hazard_rows(max(3, chosen.rounds // 3), chosen.before)
    show("The happens-before checker, and others, on a log of 10^5 commands", rows)
    if not chosen.no_build:
        show("A cold build", build_rows(max(1, chosen.rounds // 3)))
    if chosen.test_log:
        show("Totals", test_rows(chosen.test_log))


if __name__ == "__main__":
    main()
