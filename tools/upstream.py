"""Run PyTorch's own device-generic tests on the simulated device: `make upstream PYTORCH=...`.

    python tools/upstream.py CHECKOUT [FILE...] [--limit SECONDS] [--failures]
    python tools/upstream.py --table

CHECKOUT is a checkout of PyTorch, or as much of one as its folder test/; that of the installed
release fits best, and nothing of it is kept here or changed. FILE are files of test/, FILES by
default: of one with tests made for the device these, of another one all. Each runs twice in
processes of its own, on the CPU and, by TORCH_TEST_DEVICES, on `mtia`; a test that kills its
process, or hangs, is noted, and the rest goes on in another one. What fails
on `mtia` and not on the CPU is written to docs/upstream/FILE.json with what it said and why, and
counted in docs/upstream.md; what is skipped on `mtia` alone, by what it said.

What a run notes is kept in .upstream: one that was interrupted goes on where it stopped, and the
CPU's is not repeated. `--failures` runs what failed on `mtia` last time once more, and nothing
else; `--table` runs nothing, and gives what failed the reasons of upstream_reasons.py once more.
The exit status is 1 if a failure is left that is ours, or that no reason is known for.
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections import Counter
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from upstream_reasons import ASSUMES, OURS, REASONS, REFUSES
from upstream_run import WHOLE, NotWhole, Outcomes, outcomes, run

ROOT = Path(__file__).resolve().parents[1]
DATA, TABLE = ROOT / "docs" / "upstream", ROOT / "docs" / "upstream.md"
NOTED = ROOT / ".upstream"
PRECISION = ROOT / "docs" / "precision.json"
OF_FSDP = (
    *("init", "state", "extensions", "autograd", "mixed_precision", "state_dict", "frozen"),
    *("comm", "grad_scaler", "ignore_params", "clip_grad_norm_"),
)
FILES = (
    *("test_accelerator", "test_indexing", "test_sort_and_select", "test_view_ops", "test_dlpack"),
    *("test_type_promotion", "test_shape_ops", "test_scatter_gather_ops", "test_optim"),
    *("test_numpy_interop", "test_segment_reductions", "test_autograd", "test_dataloader"),
    *("test_serialization", "test_masked", "test_tensor_creation_ops", "test_spectral_ops"),
    *("test_torch", "test_nn", "test_reductions", "test_linalg", "test_foreach"),
    *("test_native_mha", "dynamo/test_streams", "test_complex", "nn/test_dropout"),
    *("nn/test_embedding", "nn/test_multihead_attention", "nn/test_convolution"),
    *("nn/test_pooling", "test_binary_ufuncs"),
    "distributed/test_multi_threaded_pg",
    "distributed/_composable/test_replicate_mixed_precision",
    "distributed/_composable/test_replicate_training",
    *(f"distributed/_composable/fsdp/test_fully_shard_{name}" for name in OF_FSDP),
)
# They compile the file cpp_extensions/mtia_extension.cpp beside them, and run without the lab.
OF_THE_EXTENSION = ("test_cpp_extensions_mtia_backend", "test_cpp_extensions_stream_and_event")
BAD = ("failed", "died")
CLASSES = (ASSUMES, REFUSES, OURS)


def main(arguments: list[str]) -> int:
    """Run the files, write data and table; return the exit status."""
    options = parsed(arguments)
    for name in () if options.table else options.files:
        path = options.checkout.resolve() / "test" / f"{name}.py"
        if not path.exists():
            print(f"{name}: this checkout has none", flush=True)
            continue
        try:
            found = compared(*both(path, name, options))
        except NotWhole as error:
            print(error, flush=True)
            continue
        found |= {"tests": version(options.checkout), "torch": installed()}
        write(name, found)
        print(f"{name}: {found['counts']}", flush=True)
    write_table()
    left = [
        f"{name}: {test}: {row['said']}"
        for name, data in stored().items()
        for row in data["only on mtia"]
        if row["class"] not in (ASSUMES, REFUSES)
        for test in row["tests"]
    ]
    print(*left, sep="\n")
    return int(bool(left))


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Return the options that a command line gives."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, nargs="?")
    parser.add_argument("files", nargs="*", default=FILES + OF_THE_EXTENSION, metavar="FILE")
    parser.add_argument("--limit", type=float, default=600, help="seconds that a test may take")
    parser.add_argument("--failures", action="store_true", help="only what failed last time")
    parser.add_argument("--table", action="store_true", help="run nothing, write the table")
    options = parser.parse_args(arguments)
    if not options.table and not (options.checkout and (options.checkout / "test").is_dir()):
        parser.error(f"{options.checkout} is no checkout of PyTorch: it has no folder test")
    options.files = [name.removesuffix(".py") for name in options.files]
    return options


def version(checkout: Path) -> str:
    """Return the release that a checkout says it is."""
    file = checkout / "version.txt"
    return file.read_text().strip().removesuffix("a0") if file.exists() else "unknown"


def installed() -> str:
    """Return the release of torch that is installed, without its build."""
    return version_of("torch").partition("+")[0]


def both(path: Path, name: str, options: argparse.Namespace) -> tuple[Outcomes, Outcomes]:
    """Run a file for the CPU and for `mtia`, or as much of it as is asked for and not yet known."""
    folder = NOTED / f"{version(options.checkout)}-on-{installed()}"
    cpu, mtia = (folder / f"{name}.{device}.jsonl" for device in ("cpu", "mtia"))
    if mtia.exists() and WHOLE in (known := outcomes(mtia)):
        again = {test for test, row in known.items() if row[0] in BAD or test == WHOLE}
        lines = mtia.read_text().splitlines(keepends=True) if options.failures else []
        mtia.write_text("".join(line for line in lines if json.loads(line)[0] not in again))
    if name in OF_THE_EXTENSION:
        with tempfile.TemporaryDirectory() as beside:
            shutil.copy(path, beside)
            (Path(beside) / "cpp_extensions").symlink_to(ROOT / "cpp_extensions")
            return {}, run(Path(beside, path.name), "", options.limit, mtia)
    on_mtia = run(path, "mtia", options.limit, mtia)
    return run(path, "cpu", options.limit, cpu), on_mtia


def compared(cpu: Outcomes, mtia: Outcomes) -> dict[str, Any]:
    """Return counts, and what fails, or is skipped, on `mtia` and not on the CPU."""
    beside = {plain(name, "cpu"): row[0] for name, row in cpu.items()}
    only = {
        name: said
        for name, (outcome, said) in mtia.items()
        if outcome in BAD and beside.get(plain(name, "mtia")) not in BAD
    }
    skips = Counter(
        said
        for name, (outcome, said) in mtia.items()
        if outcome == "skipped" and beside.get(plain(name, "mtia"), "skipped") != "skipped"
    )
    counts = {
        device: dict(Counter(outcome for outcome, _ in outcomes.values()))
        for device, outcomes in (("cpu", cpu), ("mtia", mtia))
    }
    return {"counts": counts, "only on mtia": reasoned(only), "skipped only on mtia": skips}


def plain(name: str, device: str) -> str:
    """Return a test's name without the device that its class was made for."""
    made, _, test = name.partition("::")
    if not made.endswith(device.upper()):
        return name
    before, _, after = test.rpartition(f"_{device}")
    return f"{made.removesuffix(device.upper())}::{before}{after}"


def reasoned(failures: dict[str, str]) -> list[dict[str, Any]]:
    """Return failures by what they said, with class and why: the first reason that fits."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for name, said in failures.items():
        fit = (reason for reason in REASONS if re.search(reason[0], f"{name}: {said}"))
        _, kind, why = next(fit, ("", "", ""))
        rows.setdefault((kind, why, said), []).append(name)
    keys = ("class", "why", "said")
    return [dict(zip(keys, key, strict=True)) | {"tests": rows[key]} for key in sorted(rows)]


def stored() -> dict[str, dict[str, Any]]:
    """Return the data of all files, by their names."""
    return {
        str(path.relative_to(DATA).with_suffix("")): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(DATA.rglob("*.json"))
    }


def write(name: str, data: dict[str, Any]) -> None:
    """Write what came of a file."""
    path = DATA / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def write_table() -> None:
    """Give all failures the reasons that are known by now, and write the table of all files."""
    for name, data in stored().items():
        rows = data["only on mtia"]
        said = {test: row["said"] for row in rows for test in row["tests"]}
        write(name, data | {"only on mtia": reasoned(said)})
    TABLE.write_text(table(stored()), encoding="utf-8")


def table(data: dict[str, dict[str, Any]]) -> str:
    """Return the page that says what came of PyTorch's own tests."""
    head = ["file", "CPU: passed, failed, skipped", "`mtia`: passed, failed, skipped, died"]
    rows = [[*head, "only on `mtia`", *CLASSES, "unknown"]]
    rows.append(["---"] * len(rows[0]))
    whys: Counter[tuple[str, str]] = Counter()
    skips: Counter[str] = Counter()
    for name, file in data.items():
        cpu = counted(file["counts"]["cpu"], ("passed", "failed", "skipped"))
        mtia = counted(file["counts"]["mtia"], ("passed", "failed", "skipped", "died"))
        kinds: Counter[str] = Counter()
        for row in file["only on mtia"]:
            kinds[row["class"]] += len(row["tests"])
            whys[row["class"], row["why"]] += len(row["tests"])
        by_class = (str(kinds[kind]) for kind in (*CLASSES, ""))
        skips.update(file.get("skipped only on mtia", {}))
        rows.append([name, cpu or "-", mtia, str(sum(kinds.values())), *by_class])
    lines = [f"- *{kind}*: {why} ({count})" for (kind, why), count in sorted(whys.items()) if why]
    releases = {(file["tests"], file["torch"]) for file in data.values()}
    streams = len(json.loads(PRECISION.read_text(encoding="utf-8"))["dynamo/test_streams.py"])
    which = ", ".join(f"{tests} on torch {torch}" for tests, torch in sorted(releases))
    return "\n".join(
        [
            "# PyTorch's own tests",
            "",
            f"Tests of PyTorch {which}, for the CPU, and for `mtia` with the simulated device",
            "loaded. `make upstream PYTORCH=<checkout>` writes this page. The files in the folder",
            "`upstream` name each test that fails on `mtia` and does not fail on the CPU, with",
            "what it said and why. Of a file with tests made for a device, these are run, but not",
            "those that hold gigabytes of tensors. The MTIA extension's tests run once, unchanged,",
            "beside our `cpp_extensions`, which they compile and load themselves. Tests with",
            "several ranks have these in threads or in processes; where they know other devices by",
            "name, they are given `mtia`. What dynamo/test_streams asks of CUDA is skipped; with",
            f"`mtia` in its place, {streams} of its tests pass: see [precision.md](precision.md).",
            "",
            *("| " + " | ".join(row) + " |" for row in rows),
            "",
            *lines,
            "",
            "Skipped on `mtia`, run on the CPU, by what the test says:",
            "",
            *(f"- {said} ({count})" for said, count in skips.most_common()),
            "",
        ]
    )


def counted(counts: dict[str, int], outcomes: tuple[str, ...]) -> str:
    """Return counts for a cell of the table; "" if there are none."""
    return ", ".join(str(counts.get(outcome, 0)) for outcome in outcomes) if counts else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
