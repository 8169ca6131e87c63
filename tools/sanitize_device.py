"""Build the whole device with sanitizers and run tests on it: what a sanitizer reports fails.

    python tools/sanitize_device.py [address] [threads] [--pytest ARGUMENT...]

Only the device's code, with what it includes of PyTorch's headers, is compiled for a sanitizer;
Python and PyTorch are as they are. So the sanitizer's library must be in the process first, and
what it sees of the others is what they ask of the C library: memory, locks, threads. Reports go to
files, since most of the tests' work is done in processes of their own. Those count that name the
device's library: the sweeps also call PyTorch's CPU kernels with arguments that these crash on.
Undefined behavior has no file; it ends its process, and so fails the test. First of all some
planted faults must be found. The builds, some minutes each, are kept in `.sanitized`, which `make
clean` deletes.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mtia_lab.cache import LIBRARY

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "tests" / "cpp"
CACHE = ROOT / ".sanitized"
TESTS = (
    "test_sweeps.py", "test_threads.py", "test_pinned.py", "test_interrupts.py", "test_memory.py",
    "test_memory_history.py", "test_memory_limits.py", "test_memory_model.py", "test_graphs.py",
    "test_failing_kernels.py", "test_exit.py", "test_protection.py", "test_distributed.py",
)  # fmt: skip
FLAGS = "-O1 -g1 -fno-omit-frame-pointer"  # lines, but no variables: the build takes long enough
# Each line of a stack with the library it is in.
STACK = "stack_trace_format='    #%n %p %F %L (%m)'"
CALL = """
from mtia_lab import isolated
result = isolated.run("import ctypes; ctypes.CDLL({library!r}).{function}(1)")
print(result.stderr)
"""


@dataclass(frozen=True)
class Sanitizer:
    """How code is compiled for a sanitizer, and run.

    flags: for the compiler and the linker.
    runtimes: its libraries, which must be in a process before all others.
    options: what each of these is told, by the environment variable that it reads.
    planted: the functions of planted.cpp that it reports.
    """

    flags: str
    runtimes: tuple[str, ...]
    options: dict[str, str]
    planted: tuple[str, ...]

    def environment(self, reports: Path) -> dict[str, str]:
        """The variables for a process that runs what is compiled so, and for its children.

        reports: a folder for what it finds.
        """
        compiler = os.environ.get("CXX", "g++")
        runtimes = (_output([compiler, f"-print-file-name={name}"]) for name in self.runtimes)
        options = {name: f"{told}:{STACK}" for name, told in self.options.items()}
        first = next(iter(options))
        options[first] += f":log_path={reports}/report"
        return {
            **os.environ,
            **options,
            "LD_PRELOAD": " ".join(runtimes),
            "MTIA_LAB_CXXFLAGS": f"{FLAGS} {self.flags}",
            "MTIA_LAB_CACHE": str(CACHE),
            "PYTHONPATH": str(ROOT),
        }


SANITIZERS = {
    # Python keeps much of what it has until its end. A test that asks for more memory than there
    # is wants to see the answer.
    "address": Sanitizer(
        "-fsanitize=address,undefined -fno-sanitize-recover=all",
        ("libasan.so", "libubsan.so"),
        {
            "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
            "UBSAN_OPTIONS": "print_stacktrace=1",
        },
        ("use_after_free", "overflow"),
    ),
    # The locks of Python and PyTorch are seen; their accesses are not, and neither are their
    # atomics. Forked processes start threads. Exit codes stay what the tests expect.
    "threads": Sanitizer(
        "-fsanitize=thread",
        ("libtsan.so",),
        {"TSAN_OPTIONS": "ignore_noninstrumented_modules=1:die_after_fork=0:exitcode=0"},
        ("data_race",),
    ),
}


def check(name: str, arguments: list[str]) -> bool:
    """Run the tests under one sanitizer; return whether they pass and it reports nothing."""
    with _environment(SANITIZERS[name]) as (environment, folder):
        for function in SANITIZERS[name].planted:
            if not _finds(function, environment, folder):
                print(f"{name}: the planted fault {function} is not reported")
                return False
        _python(environment, "-m", "mtia_lab", "build").check_returncode()
        tests = arguments or [str(path) for test in TESTS for path in (ROOT / "tests").rglob(test)]
        run = _python(environment, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
        reports = _reports(folder, LIBRARY)
    for report in reports.values():
        print(report)
    said = f"{len(reports)} reports" if reports else "no report"
    print(f"{name}, the device: {said}, tests {'failed' if run.returncode else 'passed'}")
    return not reports and not run.returncode


@contextlib.contextmanager
def _environment(sanitizer: Sanitizer) -> Iterator[tuple[dict[str, str], Path]]:
    """Yield a sanitizer's environment and the folder of its reports."""
    with tempfile.TemporaryDirectory() as reports:
        yield sanitizer.environment(Path(reports)), Path(reports)


def _finds(function: str, environment: dict[str, str], folder: Path) -> bool:
    """Whether a fault is reported from a process that a test would start; its report is dropped."""
    with tempfile.TemporaryDirectory() as built:
        library = f"{built}/planted.so"
        flags = [*environment["MTIA_LAB_CXXFLAGS"].split(), "-shared", "-fPIC", "-pthread"]
        source = str(HERE / "planted" / "planted.cpp")
        _output([os.environ.get("CXX", "g++"), *flags, source, "-o", library])
        call = CALL.format(library=library, function=function)
        said = _python(environment, "-c", call, capture_output=True, text=True).stdout
    found = function in said + "".join(_reports(folder, "planted.so").values())
    for file in folder.iterdir():
        file.unlink()
    return found


def _reports(folder: Path, library: str) -> dict[str, str]:
    """Of the reports in which a library is named, the first of each kind: its summary -> text."""
    first: dict[str, str] = {}
    for file in sorted(folder.iterdir()):
        text = file.read_text(errors="replace")
        for report in re.findall(r"(?:ERROR|WARNING): .*?^SUMMARY: [^\n]*", text, re.M | re.S):
            if library in report:
                first.setdefault(report.rpartition("SUMMARY: ")[2], report)
    return first


def _python(environment: dict[str, str], *arguments: str, **how) -> subprocess.CompletedProcess:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False, **how)


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {[*SANITIZERS]}; else all")
    parser.add_argument("--pytest", nargs=argparse.REMAINDER, default=[], help="its arguments")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(SANITIZERS):
        parser.error(f"no such sanitizer: {', '.join(sorted(unknown))}")
    passed = [check(name, chosen.pytest) for name in chosen.names or SANITIZERS]
    sys.exit(not all(passed))
