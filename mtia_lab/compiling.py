"""Turn sources into a library: one process, plain path names, readable errors.

`torch.utils.cpp_extension` does the work (flags, ninja file, linking). Some habits of its shape
what is here. It does not quote torch's library folder for the linker, so everything is named
through symbolic links in a folder with a plain name, torch itself included. The compiler is not:
many look at the name they are called by. It takes one word for it, so "ccache g++" needs a script.
It gives no -O flag. It waits for ever for a `lock` file that a killed build left, so it only ever
builds in a new folder.
"""

import contextlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from . import toolchain
from .cache import LIBRARY
from .errors import CompileError, LibraryBroken
from .progress import Progress

NAME = LIBRARY.removesuffix(".so")

_PLAIN = re.compile(r"[\w@%+=,./-]+", re.ASCII)
_STEP = re.compile(r"\[(\d+)/(\d+)\] ")
_FOLDER = "_folder.cpp"  # what the unit for a folder's sources is called
_NINJA = re.compile(r"\[\d+/\d+\] |FAILED:|ninja: ")
_UNIT = re.compile(r" -c (\S+)")
_ERROR = re.compile(r"error:|undefined reference|cannot find |ld: ")
_CONTEXT = re.compile(r"In file included from|\s+from |.*: In |.*: At global scope")
_SHOWN = 30  # lines of a compiler's message


@dataclass
class Links:
    """Plain names for paths that may hold spaces, quotes or any other letter."""

    folder: Path
    shown: dict[str, str] = field(default_factory=dict)

    def to(self, target: str | Path, label: str, shown: str | Path | None = None) -> str:
        """Return a plain path that leads to `target`, in messages named `shown` or `target`."""
        link = self.folder / f"{label}{len(self.shown)}"
        link.symlink_to(os.path.abspath(target))
        self.shown[str(link)] = str(shown or target)
        return str(link)

    def calling(self, command: toolchain.Command) -> str:
        """Return a plain path that calls `command`, in messages named as the reader does."""
        words = shlex.join(command)
        if _PLAIN.fullmatch(words):
            return words
        script = self.folder / "command"
        text = f'#!/bin/sh\nexec {words} "$@"\n'
        script.write_text(text, encoding="utf-8", errors="surrogateescape")
        script.chmod(0o700)
        self.shown[str(script)] = words
        return str(script)

    def restore(self, text: str) -> str:
        """Put the real paths back into a compiler's message."""
        for link, path in self.shown.items():
            text = text.replace(link, path)
        return text


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
    """Compile and link `files`.

    Args:
        files: relative name -> content, headers included.
        origin: where they came from, for messages.
        private: an empty folder that no other process knows.
        flags: for the compiler and the linker.
        include_paths: further folders to search for headers, in order.
        progress: told about each translation unit.
        verbose: show each command and all the compiler says.

    Returns:
        the library, somewhere in `private`.

    Raises:
        NoCompiler, NoNinja, CompilerTooOld, CompilerBroken, CompilerKilled, CompileError,
            LibraryBroken: as their names say.
        OSError: `private` cannot be written to.
    """
    compiler, ninja = toolchain.find_compiler(), toolchain.find_ninja()
    units = _write(files, private / "src")
    (private / "out").mkdir()
    with _links(private) as links:
        source = links.to(private / "src", "src", shown=origin)
        load = {
            "name": NAME,
            "sources": [f"{source}/{unit}" for unit in units],
            # The map keeps this build's folder out of the library, so that equal builds are equal.
            "extra_cflags": [*flags, f"-ffile-prefix-map={source}/="],
            "extra_ldflags": list(flags),
            "extra_include_paths": [source, *(links.to(p, "include") for p in include_paths)],
            "build_directory": links.to(private / "out", "out"),
        }
        code, log = _run(
            json.dumps({"path": _search_path(links), "load": load}),
            _environment(links.calling(compiler), ninja),
            progress or Progress(),
            verbose,
        )
        log = links.restore(log)
    library = private / "out" / LIBRARY
    if code:
        _explain(log + "\nKilled" * (code == -signal.SIGKILL), compiler)
    return library


def _write(files: dict[str, bytes], folder: Path) -> list[str]:
    """Write `files` and return the names of the units to compile.

    A file at the root is a unit. The sources of a folder below it are one unit together: they
    include the same headers, and reading those is nearly all of the compiler's work.
    """
    units: dict[str, str] = {}  # unit -> the includes it consists of
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if path.suffix == ".cpp":
            unit = "_".join(path.relative_to(folder).parts[:-1]) + _FOLDER if "/" in name else name
            units[unit] = units.get(unit, "") + f'#include "{name}"\n'
    for unit, includes in units.items():
        if unit.endswith(_FOLDER):
            (folder / unit).write_text(includes)
    return list(units)


@contextlib.contextmanager
def _links(private: Path) -> Iterator[Links]:
    """Yield links in `private` if its own name is plain, else in a temporary folder."""
    temporary = Path(tempfile.gettempdir())
    candidates = [private, temporary, Path("/tmp"), Path("/var/tmp")]
    usable = (p for p in candidates if _PLAIN.fullmatch(str(p)) and os.access(p, os.W_OK))
    folder = Path(tempfile.mkdtemp(prefix="mtia_lab-", dir=next(usable, temporary)))
    try:
        yield Links(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _search_path(links: Links) -> list[str]:
    """Return this process's module search path with a plain name for the folder of torch."""
    home = os.path.dirname(os.path.dirname(importlib.util.find_spec("torch").origin))
    plain = links.to(home, "site")
    path = [os.path.abspath(entry) for entry in sys.path]
    return [plain if entry == home else entry for entry in path] if home in path else [plain, *path]


def _environment(compiler: str, ninja: str) -> dict[str, str]:
    return {
        **os.environ,
        "CXX": compiler,
        # At its end: what the compiler calls by name must be what the reader's shell finds.
        "PATH": os.pathsep.join([os.environ.get("PATH", os.defpath), os.path.dirname(ninja)]),
        "NINJA_STATUS": "[%f/%t] ",
        "TORCH_DONT_CHECK_COMPILER_ABI": "1",  # it judges by the name, and a script has none
        "TORCH_NO_COMPILER_WRAPPER": "1",  # else it calls ccache, which nobody asked for
        "LC_ALL": "C",  # the messages are searched for the English words
        "TORCH_DEVICE_BACKEND_AUTOLOAD": "0",  # no other backend in the process that opens ours
    }


def _run(job: str, env: dict[str, str], progress: Progress, verbose: bool) -> tuple[int, str]:
    """Run the compiling process; returns its exit status and all it said."""
    script = Path(__file__).with_name("_compile_child.py")
    # No site module: the job brings the whole search path, and a .pth file in a folder with a
    # difficult name cannot be read where the compiler is to speak English.
    command = [sys.executable, "-I", "-S", "-X", "utf8", str(script), job]
    lines = []
    with subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.PIPE,  # held open: the process stops when this end closes
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    ) as process:
        for line in process.stdout:
            lines.append(line)
            if verbose:
                progress.say(line.rstrip())
            elif step := _STEP.match(line):
                unit = _UNIT.search(line)
                name = os.path.basename(unit[1]).replace(_FOLDER, "/*.cpp") if unit else "link"
                progress.say(f"  {step[0]}{name}")
        code = process.wait()
    return code, "".join(lines)


def _explain(log: str, compiler: toolchain.Command) -> NoReturn:
    """Raise the exception that says why the build ended as `log` tells."""
    toolchain.check_space(log)
    if "\nOSError: " in log:  # from opening it, which the compiling process does last
        raise LibraryBroken(
            "The simulated device was built but cannot be opened.",
            next(line for line in log.splitlines() if line.startswith("OSError: ")),
            "see `python -m mtia_lab doctor`, and `python -m mtia_lab build --verbose` for the "
            "linker's command.",
        )
    toolchain.check_failure(compiler, log)
    raise CompileError(
        "The simulated device cannot be built: the compiler stopped with an error.",
        first_error(log),
        "mend the source if you changed it, then load again; `python -m mtia_lab build --verbose` "
        "shows the whole command and everything the compiler says.",
    )


def first_error(log: str) -> str:
    """Return the first error in ninja's output as the compiler wrote it, with what follows it."""
    lines = log.splitlines()
    failed = next((i for i, line in enumerate(lines) if line.startswith("FAILED:")), None)
    if failed is None:  # not a compiler's error: the last line says what cpp_extension met
        return "\n".join(lines[-1:])
    block = lines[failed + 2 :]  # after ninja's word and the command
    end = next((i for i, line in enumerate(block) if _NINJA.match(line)), len(block))
    block = [line for line in block[:end] if f"{_FOLDER}:" not in line]  # no reader's file
    start = next((i for i, line in enumerate(block) if _ERROR.search(line)), 0)
    while start and _CONTEXT.match(block[start - 1]):
        start -= 1
    shown = block[start : start + _SHOWN]
    left = len(block) - start - len(shown)
    return "\n".join(shown + [f"... and {left} lines more"] * (left > 0))
