"""The sanitizer over PyTorch's own stream tests: `python tools/precision.py CHECKOUT`.

CHECKOUT is a checkout of PyTorch, or as much of one as its folder test/. The tests of SUITES that
work with streams are run with the sanitizer, each by itself. What names another device is made to
name this one, word for word, in a copy; what does not pass then is not counted. (Tests of
UNTIL_COMPILED are looked at until they compile.) Of a test that counts, each finding is either true
(the test relies on what nothing orders) or the sanitizer's fault. docs/precision.json holds what
was found, and docs/precision.md counts it. The exit status is 1 if a finding is in no line of TRUE.
"""

import argparse
import ast
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch

import mtia_lab
from mtia_lab.museum.slow import work

COMPILES = "it compiles here"
ROOT = Path(__file__).resolve().parents[1]
DATA, PAGE = ROOT / "docs" / "precision.json", ROOT / "docs" / "precision.md"
SUITES = {  # file of test/ -> which of its tests
    "test_accelerator.py": "",
    "test_cuda.py": r"^test_.*(stream|event)(?!.*(graph|green|trace))",
    "dynamo/test_streams.py": "",
    "inductor/test_user_streams.py": "",
}
# Inductor compiles for CUDA, with Triton; what these tests compare with runs before it does.
UNTIL_COMPILED = ("test_user_streams.py",)
# Words of another device -> the same of this one, in this order.
WORDS = {
    r"torch\.cuda\b": "torch.mtia",
    r"\bcuda:": "mtia:",
    r"([\"'])cuda\1": r"\1mtia\1",
    r"\.cuda\(\)": ".to('mtia')",
    r"@requires_cuda\b": "",
    r"(?<=SM90OrLater, )TEST_CUDA\n": "TEST_CUDA\nTEST_CUDA = True\n",
}
# What stands before tests that are taken out of a file which imports much that is not here.
HEADER = """
import contextlib, gc, io, sys, threading, time, unittest
from itertools import product
import torch
from torch.testing._internal.common_cuda import *
from torch.testing._internal.common_device_type import *
from torch.testing._internal.common_utils import *
TEST_CUDA = TEST_MULTIGPU = True
get_cycles_per_ms = lambda: 1.0


class TestStreams(TestCase):
"""
# A test -> why what the sanitizer finds in it is true.
NOT_ORDERED = "a side stream reads what the default one fills, and nothing orders the two"
RACY = """
    bidirectional_stream_sync codegen_structure_parallel_matmuls
    codegen_structure_single_stream codegen_structure_three_stream_pipeline
    combo_kernel_fusion_within_same_stream compile_preserves_stream_semantics
    compile_with_user_stream_context event_record_on_stream fusion_within_same_stream
    multiple_events_multiple_streams multiple_stream_contexts nested_stream_contexts
    no_buffer_reuse_across_streams no_fusion_across_streams
    no_fusion_simple_dependency_across_streams parallel_streams_join
    stream_record_wait_event_not_dropped stream_reuse_across_iterations
    stream_synchronize_not_dropped stream_wait_stream_not_dropped three_streams_pipeline
"""
PUBLISHED = NOT_ORDERED + "; PyTorch found it flaky, and mended it later in #"
TRUE: dict[str, str] = {
    **{f"TestUserStreamCompile::test_{name}": NOT_ORDERED for name in RACY.split()},
    "TestGenericStreamCompile::test_generic_stream_multiple": NOT_ORDERED,
    "TestUserStreamCompile::test_stream_context_with_data_dependency": PUBLISHED + "183711",
    "TestUserStreamCompile::test_cross_stream_stride_copy": PUBLISHED + "197562",
    "TestGenericStreamCompile::test_generic_event_record_on_stream": PUBLISHED + "197562",
    "TestGenericStreamCompile::test_generic_stream_basic": PUBLISHED + "197562",
    "TestUserStreamCompile::test_raw_stream_name_does_not_clobber_user_stream_on_cuda_1": "its "
    "events are recorded on device 0, which is current, and all its work is on device 1",
    "TestStreams::test_del_same_stream_no_sync_dealloc": "a stream reads what the default "
    "one fills, and nothing orders the two",
    "TestStreams::test_streaming_backwards_multiple_streams": "the model returns what one stream "
    "adds, and `.sum()` reads it on another, which nothing orders; nobody looks at that value",
}


def main(arguments: list[str]) -> int:
    """Run the suites, write data and page; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("suites", nargs="*", help="default: all")
    options = parser.parse_args(arguments)
    if unknown := {*options.suites} - SUITES.keys():
        parser.error(f"no suite is called {' or '.join(sorted(unknown))}: {', '.join(SUITES)}")
    found = json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else {}
    for name in options.suites or SUITES:
        found[name] = run(options.checkout / "test" / name, SUITES[name])
        counts = [sum(map(bool, found[name].values())), len(found[name])]
        print(f"{name}: findings in {counts[0]} of {counts[1]} tests", flush=True)
    DATA.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")
    return 1 if unjudged(found) else 0


def run(file: Path, which: str) -> dict[str, list[str]]:
    """Run tests of a file: those that pass, and what the sanitizer finds in each."""
    with tempfile.TemporaryDirectory() as folder:
        copy, out = Path(folder, file.name), Path(folder, "found.json")
        text = file.read_text(encoding="utf-8")
        copy.write_text(renamed(extracted(text, which) if which else text), encoding="utf-8")
        command = [sys.executable, __file__, "--inside", str(copy), str(out)]
        environment = os.environ | {
            "PYTHONPATH": f"{file.parent}:{os.environ.get('PYTHONPATH', '')}"
        }
        subprocess.run(command, check=False, env=environment)
        return json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}


def extracted(text: str, which: str) -> str:
    """The tests of a file whose names are such, and what its classes have for them."""
    methods = [
        method
        for part in ast.parse(text).body
        if isinstance(part, ast.ClassDef)
        for method in part.body
        if isinstance(method, ast.FunctionDef)
        if re.search(which, method.name) or method.name.startswith("_")
    ]
    bodies = [textwrap.indent(ast.unparse(method), "    ") for method in methods]
    return HEADER + "\n\n".join(bodies)


def renamed(text: str) -> str:
    """A file of tests, for this device."""
    for words, instead in WORDS.items():
        text = re.sub(words, instead, text)
    return text


def unjudged(found: dict[str, dict[str, list[str]]]) -> list[str]:
    """The tests with findings that nobody has judged."""
    return [t for tests in found.values() for t, said in tests.items() if said and t not in TRUE]


def page(found: dict[str, dict[str, list[str]]]) -> str:
    """The page that counts findings."""
    whys: dict[str, list[str]] = {}
    for test, why in sorted(TRUE.items()):
        whys.setdefault(why, []).append(f"`{test.rpartition(':')[2]}`")
    rows = [["file", "tests", "with findings", "of them true", "false, or not judged"]]
    rows.append(["---"] * len(rows[0]))
    for name, tests in found.items():
        loud = [test for test, said in tests.items() if said]
        true = sum(test in TRUE for test in loud)
        rows.append([name, *map(str, (len(tests), len(loud), true, len(loud) - true))])
    return "\n".join(
        [
            "# The sanitizer over PyTorch's own stream tests",
            "",
            "What passes should give no finding. `python tools/precision.py CHECKOUT` writes this",
            "page; `precision.json` says what was found in each test. Those of inductor are looked",
            "at until they compile, for which Triton knows no such device.",
            "",
            *("| " + " | ".join(row) + " |" for row in rows),
            "",
            *(f"- {why}: {', '.join(tests)}" for why, tests in sorted(whys.items())),
            *([""] if TRUE else []),
        ]
    )


class Sanitized:
    """A plugin of pytest's that runs each test with the sanitizer, and notes what passes."""

    def __init__(self, out: Path):
        self.out = out
        self.found: dict[str, list[str]] = {}
        self.said: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Any:
        """Run a test, with the sanitizer."""
        try:
            with mtia_lab.sanitizer() as report:
                return (yield)
        finally:
            self.said = [str(finding) for finding in report]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what was found in a test that passes, or that came as far as it is looked at."""
        counts = report.outcome == "passed" or COMPILES in str(report.longrepr)
        if report.when == "call" and counts:
            self.found[report.nodeid.partition("::")[2]] = self.said
            self.out.write_text(json.dumps(self.found), encoding="utf-8")


def floats(given: torch.Size | list[float]) -> torch.Tensor:
    """What torch.cuda.FloatTensor makes there."""
    if isinstance(given, torch.Size):
        return torch.empty(given, device="mtia")
    return torch.tensor(given, dtype=torch.float32, device="mtia")


def compiles(*_: Any, **__: Any) -> None:
    """In place of torch.compile: the test is over."""
    pytest.skip(COMPILES)


def inside(file: str, out: str) -> int:
    """Run a copy's tests in this process, with the device loaded before anything asks for one."""
    mtia_lab.load(devices=2)
    torch.mtia.FloatTensor = floats  # type: ignore[attr-defined]
    torch.mtia._sleep = lambda cycles: work("mtia")  # type: ignore[attr-defined]
    if Path(file).name in UNTIL_COMPILED:
        torch.compile = compiles  # type: ignore[assignment]
    flags = ["-q", "-p", "no:cacheprovider", "--noconftest", "--tb=line", "-c", os.devnull]
    return int(pytest.main([file, *flags], plugins=[Sanitized(Path(out))]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        sys.exit(inside(*sys.argv[2:]))
    sys.exit(main(sys.argv[1:]))
