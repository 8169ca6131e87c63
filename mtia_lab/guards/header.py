"""The header that every cell includes, compiled once before: cells then take a quarter of the time.

GCC takes what it finds beside a header under the header's name and ".gch", if it is of the same
flags and version, and the header itself else. Clang does not look for such a file.
"""

from pathlib import Path

from .. import build, progress
from ..cache import Build, Cache
from ..compiler import Compilation, compiler_version
from ..toolchain import find_compiler

HEADER = "forwarding.h"
PART, LIBRARY = "headers", f"{HEADER}.gch"  # of the cache
KEEP = 2  # each is about 90 MB


def content() -> dict[str, bytes]:
    """Return the file by its name."""
    return {HEADER: Path(__file__).with_name(HEADER).read_bytes()}


def precompiled(recipe: build.Recipe, cache: Cache) -> Build | None:
    """Return the compiled header for a recipe, making it first; None where the compiler is clang.

    Raises:
        Refused: the header does not compile.
        OSError: the cache cannot hold it.
    """
    if "clang" in compiler_version(find_compiler()):
        return None
    return build.find(recipe, cache) or _make(recipe, cache)


def _make(recipe: build.Recipe, cache: Cache) -> Build:
    def compile(private: Path) -> Path:
        with Compilation(recipe.files, private, LIBRARY, flags=recipe.flags) as compilation:
            return compilation.finish()

    says = (
        "What all guards include is compiled, once: some 5 s.",
        "Another process compiles what all guards include; waiting for it.",
    )
    return build.once(recipe, cache, compile, progress.choose(), says, keep=KEEP)
