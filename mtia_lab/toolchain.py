"""The tools that compile, found without starting them: the compiler, ninja, and torch's headers."""

import contextlib
import os
import shutil

from .errors import NoCompiler, NoNinja

Command = tuple[str, ...]  # a program's full path, and the words that come before all others

_COMPILERS = ("c++", "g++", "clang++")
_INSTALL_COMPILER = (
    "install one (Debian, Ubuntu: `sudo apt-get install g++`; Fedora: `sudo dnf install gcc-c++`; "
    "macOS: `xcode-select --install`), or name one in the environment variable CXX."
)


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
    import shlex  # a warm load needs it only if $CXX is several words

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
    options = "\n".join(command[1:])
    return f"{options} {programs}"


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
    # A kernel started from outside its virtual environment does not have its scripts on the PATH.
    import sysconfig

    folders = [sysconfig.get_path("scripts")]
    with contextlib.suppress(ImportError):
        import ninja

        folders.append(ninja.BIN_DIR)
    if path := shutil.which("ninja", path=os.pathsep.join(folders)):
        return path
    raise NoNinja(
        "The simulated device cannot be built: ninja was not found.",
        "it is neither on the PATH nor installed in this Python environment.",
        "`python -m pip install ninja` in this environment, then load again.",
    )


def torch_release() -> tuple[int, int]:
    """Return torch's major and minor version."""
    import torch

    major, minor = torch.__version__.split(".")[:2]
    return int(major), int(minor)
