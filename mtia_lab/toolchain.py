"""The tools a build needs: a C++ compiler and ninja. Found without starting either."""

import contextlib
import errno
import os
import re
import shlex
import shutil
import signal
import subprocess
from functools import cache

from .errors import CompilerBroken, CompilerKilled, CompilerTooOld, NoCompiler, NoNinja

Command = tuple[str, ...]  # a program's full path, and the words that come before all others

_COMPILERS = ("c++", "g++", "clang++")
_INSTALL_COMPILER = (
    "install one (Debian, Ubuntu: `sudo apt-get install g++`; Fedora: `sudo dnf install gcc-c++`; "
    "macOS: `xcode-select --install`), or name one in the environment variable CXX."
)

# Headers that came with the standard, so that a compiler which merely takes the flag fails too.
_PROBES = {
    "c++17": "#include <filesystem>\n#include <optional>\nint main() {}\n",
    "c++20": "#include <concepts>\n#include <span>\ntemplate <std::integral T> T f(T t);\n",
}
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


def compiler_command() -> Command | None:
    """Return how to call the compiler, or None: $CXX if set, else c++, g++ or clang++.

    $CXX may be a path, with any letters in it, or what a shell would take: "ccache g++".
    """
    if not (chosen := os.environ.get("CXX", "").strip()):
        found = (shutil.which(name) for name in _COMPILERS)
        return next(((os.path.abspath(path),) for path in found if path), None)
    for words in ([chosen], _split(chosen)):
        if words and (path := shutil.which(os.path.expanduser(words[0]))):
            return os.path.abspath(path), *words[1:]
    return None


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quotation without an end
        return []


def compiler_identity() -> str:
    """Return what changes when the compiler changes, without starting it; "" if there is none.

    What is called may look for another program of the same name, further down the PATH, as ccache
    does when it is called g++: so all of that name count.
    """
    if (command := compiler_command()) is None:
        return ""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    programs: dict[str, str] = {}
    for word in command:
        further = [os.path.join(folder, os.path.basename(word)) for folder in folders]
        for path in [word, *further] if os.path.isabs(word) else further:
            if os.path.isfile(path) and os.access(path, os.X_OK):
                path = os.path.realpath(path)
                found = os.stat(path)
                programs[path] = f"{found.st_size} {found.st_mtime_ns}"
    return f"{shlex.join(command[1:])} {programs}"


def find_compiler() -> Command:
    """Return how to call the compiler.

    Raises:
        NoCompiler: there is none.
    """
    if command := compiler_command():
        return command
    if chosen := os.environ.get("CXX", "").strip():
        why = f"the environment variable CXX says {chosen!r}, which is not a program on the PATH."
        todo = "unset CXX, or set it to a C++ compiler, such as g++, /path/to/g++ or 'ccache g++'."
    else:
        why = f"none of {', '.join(_COMPILERS)} is on the PATH."
        todo = _INSTALL_COMPILER
    raise NoCompiler("The simulated device cannot be built: there is no C++ compiler.", why, todo)


def find_ninja() -> str:
    """Return ninja's full path: the one on the PATH, else the one of the `ninja` package.

    Raises:
        NoNinja: there is none.
    """
    if path := shutil.which("ninja"):
        return os.path.abspath(path)
    import sysconfig

    # A kernel started from outside its virtual environment does not have its scripts on the PATH.
    folders = [sysconfig.get_path("scripts")]
    with contextlib.suppress(ImportError):
        import ninja

        folders.append(ninja.BIN_DIR)
    if path := shutil.which("ninja", path=os.pathsep.join(folders)):
        return path
    raise NoNinja(
        "The simulated device cannot be built: ninja was not found.",
        "torch.utils.cpp_extension builds with ninja, which is neither on the PATH nor installed "
        "in this Python environment.",
        "`python -m pip install ninja` in this environment, then load again.",
    )


@cache
def compiler_version(compiler: Command) -> str:
    """Return the first line of `compiler --version`."""
    result = _run([*compiler, "--version"])
    return (result.stdout or result.stderr).strip().partition("\n")[0] or "unknown version"


def standard_needed() -> str:
    """Return the C++ standard that the headers of the installed torch need."""
    return "c++20" if torch_release() >= (2, 12) else "c++17"


def torch_release() -> tuple[int, int]:
    """Return torch's major and minor version."""
    import torch

    major, minor = torch.__version__.split(".")[:2]
    return int(major), int(minor)


def check_standard(compiler: Command) -> None:
    """Try whether `compiler` really implements the C++ standard that is needed.

    Raises:
        CompilerTooOld: it does not, though it works.
        CompilerBroken, CompilerKilled: as their names say.
    """
    standard = standard_needed()
    if (said := _refusal([*compiler, f"-std={standard}"], _PROBES[standard])) is None:
        return
    _check_killed(compiler, said)
    if (said := _refusal([*compiler], _OLD_PROBE)) is not None:
        _check_killed(compiler, said)
        raise broken(compiler, said)
    raise CompilerTooOld(
        f"The simulated device cannot be built: {shlex.join(compiler)} does not know {standard}.",
        f"this torch's headers need {standard}; the compiler is {compiler_version(compiler)!r}.",
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
    return result.stdout + result.stderr + "\nKilled" * (result.returncode == -signal.SIGKILL)


def _run(command: list[str], text: str = "") -> subprocess.CompletedProcess:
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
