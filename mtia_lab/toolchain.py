"""The tools a build needs: a C++ compiler and ninja. Found without starting either."""

import contextlib
import os
import shutil
import subprocess
from functools import cache

from .errors import CompilerTooOld, NoCompiler, NoNinja

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


def compiler_path() -> str | None:
    """Return the compiler's full path, or None: $CXX if set, else c++, g++ or clang++."""
    chosen = os.environ.get("CXX", "").strip()
    candidates = (chosen,) if chosen else _COMPILERS
    return next((path for name in candidates if (path := shutil.which(name))), None)


def compiler_identity() -> str:
    """Return what changes when the compiler changes, without starting it; "" if there is none."""
    if (path := compiler_path()) is None:
        return ""
    path = os.path.realpath(path)
    found = os.stat(path)
    return f"{path} {found.st_size} {found.st_mtime_ns}"


def find_compiler() -> str:
    """Return the compiler's full path.

    Raises:
        NoCompiler: there is none.
    """
    if path := compiler_path():
        return path
    if chosen := os.environ.get("CXX", "").strip():
        why = f"the environment variable CXX says {chosen!r}, which is not a program on the PATH."
        todo = "unset CXX, or set it to the path of one C++ compiler, without arguments."
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
        return path
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
def compiler_version(compiler: str) -> str:
    """Return the first line of `compiler --version`."""
    result = _run([compiler, "--version"])
    return (result.stdout or result.stderr).strip().partition("\n")[0] or "unknown version"


def standard_needed() -> str:
    """Return the C++ standard that the headers of the installed torch need."""
    return "c++20" if torch_release() >= (2, 12) else "c++17"


def torch_release() -> tuple[int, int]:
    """Return torch's major and minor version."""
    import torch

    major, minor = torch.__version__.split(".")[:2]
    return int(major), int(minor)


def check_standard(compiler: str) -> None:
    """Try whether `compiler` really implements the C++ standard that is needed.

    Raises:
        CompilerTooOld: it does not.
    """
    standard = standard_needed()
    command = [compiler, f"-std={standard}", "-fsyntax-only", "-x", "c++", "-"]
    if _run(command, text=_PROBES[standard]).returncode:
        raise CompilerTooOld(
            f"The simulated device cannot be built: {compiler} does not know {standard}.",
            f"this torch's headers need {standard}; the compiler is "
            f"{compiler_version(compiler)!r}.",
            "install a newer one (g++ 11 or clang 14 will do) and name it in the environment "
            "variable CXX.",
        )


def plain_environment() -> dict[str, str]:
    """This process's environment, with messages in English and ASCII."""
    return {**os.environ, "LC_ALL": "C"}


def _run(command: list[str], text: str = "") -> subprocess.CompletedProcess:
    env = plain_environment()
    return subprocess.run(command, input=text, env=env, capture_output=True, text=True, check=False)
