"""Compile C++ against torch: the one place that knows how to call the compiler.

Whatever is compiled, the device, a cell's guard, or a test's own library, goes through a ninja file
that is written here. What the shell and the compiler are given lies in two small scripts beside it,
so that paths may hold spaces, quotes and any other letter, and the compiler may be several words.
"""

import errno
import os
import re
import shlex
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Self

from .cache import LIBRARY
from .errors import CompileError, CompilerBroken, CompilerKilled, CompilerTooOld, LibraryBroken
from .progress import Progress
from .toolchain import Command, find_compiler, find_ninja

STANDARD = "c++20"  # the one that torch's headers need
# Headers that came with the standard, so that a compiler which merely takes the flag fails too.
_PROBE = "#include <concepts>\n#include <span>\ntemplate <std::integral T> T f(T t);\n"
_OLD_PROBE = "#include <vector>\nint main() { return 0; }\n"  # any compiler that works takes it
_SAID = 10  # lines of a compiler that does not work

# What compilers, linkers, shells and ninja say when one of them was killed or got no memory, and
# what they say when it is the source that is wrong, which may hold the same words.
_KILLED = re.compile(
    r"^.*(\bKilled\b|signal 9\b|code=137|out of memory|memory exhausted"
    r"|Cannot allocate memory|bad_alloc).*$",
    re.IGNORECASE | re.MULTILINE,
)
_MISTAKE = re.compile(r":\d+: (fatal )?error: |undefined |cannot find |multiple definition")


@cache
def compiler_version(compiler: Command) -> str:
    """Return the first line of `compiler --version`."""
    result = _run([*compiler, "--version"])
    return (result.stdout or result.stderr).strip().partition("\n")[0] or "unknown version"


def check_standard(compiler: Command) -> None:
    """Check that `compiler` really implements the C++ standard that is needed.

    Raises:
        CompilerTooOld: it does not, though it works.
        CompilerBroken, CompilerKilled: as their names say.
    """
    if (said := _refusal([*compiler, f"-std={STANDARD}"], _PROBE)) is None:
        return
    _check_killed(compiler, said)
    if (said := _refusal([*compiler], _OLD_PROBE)) is not None:
        _check_killed(compiler, said)
        raise broken(compiler, said)
    raise CompilerTooOld(
        f"The simulated device cannot be built: {shlex.join(compiler)} does not know {STANDARD}.",
        f"this torch's headers need {STANDARD}; the compiler is {compiler_version(compiler)!r}.",
        "install a newer one (g++ 11 or clang 14 will do) and name it in the environment variable "
        "CXX.",
    )


def check_failure(compiler: Command, said: str) -> None:
    """Check that what was compiled is to blame for a failure, by what the tools `said`.

    Raises:
        OSError: the disk is full.
        CompilerTooOld, CompilerBroken, CompilerKilled: as their names say.
    """
    check_space(said)
    if not _MISTAKE.search(said):
        _check_killed(compiler, said)
    check_standard(compiler)


def check_space(said: str) -> None:
    """Raise the OSError for a full disk if that is why the tools failed, by what they `said`."""
    for code in (errno.ENOSPC, errno.EDQUOT):
        if os.strerror(code) in said:
            raise OSError(code, os.strerror(code))


def _check_killed(compiler: Command, said: str) -> None:
    if killed := _KILLED.search(said):
        raise CompilerKilled(
            "The simulated device cannot be built: the compiler was killed.",
            f"{killed[0].strip()!r}. The system does so when memory runs out, and each compiler "
            "takes about 1 GB.",
            "close other programs, or let fewer compilers run at a time (set the environment "
            "variable MAX_JOBS to 1), then load again.",
        )


def broken(compiler: Command, said: str) -> CompilerBroken:
    """Return the error for a compiler that does not work at all, from what it `said`."""
    lines = said.strip().splitlines()[:_SAID] or ["it fails without a word."]
    return CompilerBroken(
        f"The simulated device cannot be built: {shlex.join(compiler)} does not work.",
        "\n".join(lines),
        "install its missing parts, or name another compiler in the environment variable CXX.",
    )


def plain_environment() -> dict[str, str]:
    """This process's environment, with messages in English and ASCII."""
    return {**os.environ, "LC_ALL": "C"}


def _refusal(compiler: list[str], program: str) -> str | None:
    """Return what the compiler says against a program; None if it takes it."""
    result = _run([*compiler, "-fsyntax-only", "-x", "c++", "-"], program)
    if not result.returncode:
        return None
    killed = "\nKilled" if result.returncode == -signal.SIGKILL else ""
    return result.stdout + result.stderr + killed


def _run(command: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
    env = plain_environment()
    try:
        return subprocess.run(
            command,
            input=text,
            env=env,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:  # no program, or nothing more can be started
        return subprocess.CompletedProcess(command, 127, "", f"{command[0]}: {error.strerror}")


# Compiling

_STEP = re.compile(r"\[(\d+)/\d+\] ")
_NINJA = re.compile(r"\[\d+/\d+\] |FAILED:|ninja: ")
_ERROR = re.compile(r"error:|undefined reference|cannot find |ld: ")
_CONTEXT = re.compile(r"In file included from|\s+from |.*: In |.*: At global scope")
_PLACE = re.compile(r"(?<![\w./-])(?:[\w.-]+/)*[\w.-]+(?=:[\d ])", re.ASCII)
_SHOWN = 30  # lines of a compiler's message

# Runs a command, and ends it with all that it started when its standard input is closed.
_WATCHED = """exec 3<&0
{ read -r _ <&3; kill -TERM 0; } >/dev/null 2>&1 &
"$@" </dev/null 3<&-
status=$?
kill $!
exit $status"""
# Ninja starts in the folder of the sources: so no message and no library names that folder.
_RULES = """\
builddir = ../out
rule compile
  command = sh ../compile $in $out
  description = $in
  depfile = $out.d
  deps = gcc
rule link
  command = sh ../link $out $in
  description = link
"""


class Refused(Exception):
    """The compiler or the linker refused the sources; `args[0]` is what they said first."""


class Compilation:
    """One library that is being compiled and linked, side by side with what else goes on.

    Each `.cpp` at the root of the files is a unit, and says itself what else it includes. Leaving
    the `with` block ends what still runs, and so does the end of this process.

    Args:
        files: relative name -> content, headers included.
        private: a folder that nothing else uses. Only what has changed is compiled there again.
        library: what the library will be called; or a header of the files and ".gch", to compile
            that header and nothing else.
        flags: for the compiler and the linker.
        include_paths: further folders to search for headers, in order.
        verbose: let the output hold each command.

    Raises:
        NoCompiler, NoNinja: as their names say.
        OSError: `private` cannot be written to.
    """

    def __init__(
        self,
        files: dict[str, bytes],
        private: Path,
        library: str,
        *,
        flags: tuple[str, ...] = (),
        include_paths: tuple[str, ...] = (),
        verbose: bool = False,
    ):
        self._library, self._compiler = private / "out" / library, find_compiler()
        ninja = find_ninja()
        units = [name for name in files if "/" not in name and name.endswith(".cpp")]
        all_flags = (*flags, "-I.", *(f"-I{path}" for path in include_paths))
        texts = {
            "compile": _compile_script(self._compiler, all_flags, verbose),
            "link": _link_script(self._compiler, flags, verbose),
            "build.ninja": _ninja_file(units, library),
        }
        for name, content in files.items():
            _write(private / "src" / name, content)
        for name, text in texts.items():
            _write(private / name, text.encode(errors="surrogateescape"))
        environment = {**plain_environment(), "NINJA_STATUS": "[%f/%t] "}
        environment.pop("LD_PRELOAD", None)  # meant for this process: sanitizers break shells
        environment.pop("CLICOLOR_FORCE", None)  # a notebook's kernel sets it: ninja is to be read
        jobs = ["-j", most] if (most := os.environ.get("MAX_JOBS", "")).isdecimal() else []
        process = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHED, "sh", ninja, "-f", "../build.ninja", *jobs],
            cwd=private / "src",
            env=environment,
            stdin=subprocess.PIPE,  # held open: see _WATCHED
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        assert process.stdin and process.stdout  # for there are pipes
        self._process, self._held, self._output = process, process.stdin, process.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self._held.close()
        self._output.close()
        self._process.wait()

    def finish(self, say: Callable[[str], None] = lambda line: None) -> Path:
        """Return the library once it is there.

        Args:
            say: called with each line of output as it comes.

        Raises:
            Refused: the sources are to blame.
            CompilerTooOld, CompilerBroken, CompilerKilled: as their names say.
            OSError: the disk is full.
        """
        lines = []
        for line in self._output:
            lines.append(line.rstrip("\n"))
            say(lines[-1])
        if code := self._process.wait():
            if code in (-signal.SIGKILL, 128 + signal.SIGKILL):
                lines.append("Killed")
            check_failure(self._compiler, "\n".join(lines))
            raise Refused(_first_block(lines))
        return self._library


def compile_library(
    files: dict[str, bytes],
    origin: Path,
    private: Path,
    *,
    flags: tuple[str, ...] = (),
    include_paths: tuple[str, ...] = (),
    progress: Progress | None = None,
    verbose: bool = False,
) -> Path:
    """Compile and link the device, and try to open it.

    Args:
        files: relative name -> content, headers included.
        origin: where they came from, for messages.
        private: an empty folder that no other process knows.
        flags: for the compiler and the linker.
        include_paths: further folders to search for headers, in order.
        progress: shows each translation unit.
        verbose: show each command and all the compiler says.

    Returns:
        the library, somewhere in `private`.

    Raises:
        NoCompiler, NoNinja, CompilerTooOld, CompilerBroken, CompilerKilled, CompileError,
            LibraryBroken: as their names say.
        OSError: `private` cannot be written to.
    """
    with Compilation(
        files, private, LIBRARY, flags=flags, include_paths=include_paths, verbose=verbose
    ) as compilation:
        try:
            library = compilation.finish(_Steps(progress or Progress(), verbose))
        except Refused as refusal:
            raise CompileError(
                "The simulated device cannot be built: the compiler stopped with an error.",
                first_error(_in_folder(origin, files, refusal.args[0])),
                "fix the source if you changed it, then load again; `python -m mtia_lab build "
                "--verbose` shows the whole command and everything the compiler says.",
            ) from None
    _check_opens(library)
    return library


class _Steps:
    """Shows each step, and when the first one is done, about how long the others will take."""

    # What is left of the device's build when its first unit is done, in times that this one took:
    # `python -m benchmarks` prints it.
    REST = 0.5

    def __init__(self, progress: Progress, verbose: bool):
        self._progress, self._verbose = progress, verbose
        self._started = time.perf_counter()

    def __call__(self, line: str) -> None:
        if self._verbose:
            self._progress.say(line)
        elif step := _STEP.match(line):
            rest = self.REST * (time.perf_counter() - self._started)
            more = f" (about {rest:.0f} s more)" if step[1] == "1" else ""
            self._progress.say(f"  {line}{more}")


def _write(path: Path, content: bytes) -> None:
    """Make `path` hold `content`; if it does already, it stays as old as it is."""
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _ninja_file(units: list[str], library: str) -> str:
    def path(name: str) -> str:
        return re.sub(r"[$ :]", r"$\g<0>", name)

    if library.endswith(".gch"):
        return _RULES + f"build ../out/{library}: compile {library.removesuffix('.gch')}\n"
    objects = {unit: f"../out/{unit}.o" for unit in units}
    steps = [f"build {path(o)}: compile {path(unit)}\n" for unit, o in objects.items()]
    steps += [f"build {path(f'../out/{library}')}: link {' '.join(map(path, objects.values()))}\n"]
    return _RULES + "".join(steps)


def _compile_script(compiler: Command, flags: Iterable[str], verbose: bool) -> str:
    import torch

    include = _torch_folder() / "include"
    against = [
        f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}",
        *("-isystem", str(include), "-isystem", str(include / "torch/csrc/api/include")),
        *("-isystem", sysconfig.get_path("include")),
    ]
    command = [*compiler, "-c", "-fPIC", f"-std={STANDARD}", *flags, *against]
    return _script(f'{shlex.join(command)} "$1" -o "$2" -MMD -MF "$2.d"', verbose)


def _link_script(compiler: Command, flags: Iterable[str], verbose: bool) -> str:
    against = ["-L", str(_torch_folder() / "lib"), "-lc10", "-ltorch_cpu", "-ltorch_python"]
    if sys.platform == "darwin":  # what the interpreter brings is looked for when it is opened
        against += ["-undefined", "dynamic_lookup"]
    command, rest = shlex.join([*compiler, "-shared"]), shlex.join([*against, *flags])
    return "out=$1\nshift\n" + _script(f'{command} "$@" -o "$out" {rest}', verbose)


def _script(command: str, verbose: bool) -> str:
    return f"set -x\nexec {command}\n" if verbose else f"exec {command}\n"


def _torch_folder() -> Path:
    import torch

    return Path(torch.__file__).absolute().parent


_OPEN = """
import ctypes, sys
of_torch, ours = sys.argv[1:]
try:
    ctypes.CDLL(of_torch)
except OSError:
    sys.exit()  # torch brings what this needs; nothing can be said here
ctypes.CDLL(ours)
"""


def _check_opens(library: Path) -> None:
    """Open `library` in a process of its own, beside torch's own libraries alone.

    Raises:
        LibraryBroken: it cannot be opened.
    """
    suffix = "dylib" if sys.platform == "darwin" else "so"
    of_torch = _torch_folder() / "lib" / f"libtorch_python.{suffix}"
    result = _run([sys.executable, "-I", "-S", "-c", _OPEN, str(of_torch), str(library)])
    if result.returncode:
        raise LibraryBroken(
            "The simulated device was built but cannot be opened.",
            (result.stderr.strip().splitlines() or [f"status {result.returncode}"])[-1],
            "see `python -m mtia_lab doctor`, and `python -m mtia_lab build --verbose` for the "
            "linker's command.",
        )


def _first_block(lines: list[str]) -> str:
    """What the compiler or the linker said when the first step failed, without ninja's words."""
    failed = next((i for i, line in enumerate(lines) if line.startswith("FAILED:")), None)
    if failed is None:  # ninja itself stopped
        return "\n".join(lines[-1:])
    block = lines[failed + 2 :]  # after ninja's word and the command
    end = next((i for i, line in enumerate(block) if _NINJA.match(line)), len(block))
    return "\n".join(block[:end])


def first_error(said: str) -> str:
    """Return the first error in what a compiler said, with what follows it."""
    block = said.splitlines()
    start = next((i for i, line in enumerate(block) if _ERROR.search(line)), 0)
    while start and _CONTEXT.match(block[start - 1]):
        start -= 1
    shown = block[start : start + _SHOWN]
    left = len(block) - start - len(shown)
    return "\n".join([*shown, f"... and {left} lines more"] if left else shown)


def _in_folder(origin: Path, files: dict[str, bytes], said: str) -> str:
    """Put the folder the sources came from before their names in a message."""

    def full(match: re.Match[str]) -> str:
        name = os.path.normpath(match[0])
        return str(origin / name) if name in files else match[0]

    return _PLACE.sub(full, said)
