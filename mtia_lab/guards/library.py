"""From the C++ of a cell to a library: one unit, found again by its fingerprint.

The unit includes nothing but the guard's interface, so it compiles in a second or two, and in a
quarter of that where the interface was compiled before.
"""

import contextlib
import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .. import build
from ..cache import Build, Cache
from ..compiler import Compilation, Refused
from ..folders import default_folder
from . import header

HERE = Path(__file__).parent
PART, LIBRARY = "guards", "guard.so"  # of the cache
KEEP = 64  # cells' libraries; each is about 100 KB
_SOURCE = "unit.cpp"
CELL = "cell"  # what the compiler calls the reader's file

# Not optimized, which saves a third of the time. And a method that lacks `override` or `return`
# compiles, and then does something else than it says.
_MORE_FLAGS = (
    "-O0",
    "-Werror=suggest-override",
    "-Werror=overloaded-virtual",
    "-Werror=return-type",
    *(["-Wl,-z,defs"] if sys.platform == "linux" else []),  # a function without a body
)
_UNIT = """\
#include "forwarding.h"
{includes}
namespace mtia_lab_cell {{
using namespace c10;
struct Guard final : mtia_lab::ForwardingGuard {{
using ForwardingGuard::ForwardingGuard;
#line 1 "{cell}"
{body}
#line 1 "after the cell"
}};
}}  // namespace mtia_lab_cell
extern "C" const mtia_lab::Impl* make_guard(const mtia_lab::Impl& real) {{
  return new mtia_lab_cell::Guard(real);
}}
"""
_INCLUDE = re.compile(r"[ \t]*#[ \t]*include\b.*")


@dataclass(frozen=True)
class Libraries:
    """What a process needs to check a guard: the reader's library, and the probes.

    Args:
        guard: of the cell.
        probes: how the checks reach the guard.
        cached: whether nothing was compiled.
    """

    guard: Path
    probes: Path
    cached: bool


def libraries(cell: str) -> Libraries:
    """Return the libraries for a cell, compiling what is not in the cache.

    Raises:
        Refused: the cell does not compile.
        NoCompiler, NoNinja, CompilerTooOld, CompilerBroken, CompilerKilled: as their names say.
        CacheUnusable: no folder can hold the libraries.
    """
    sources = {"guard": unit(cell), "probes": (HERE / "probes.cpp").read_text(encoding="utf-8")}
    first = Cache(default_folder(), PART, LIBRARY)
    return build.in_some_cache(lambda cache: _libraries(sources, cache), first)


def unit(cell: str) -> str:
    """Return the translation unit around a cell. Its includes move out of the class."""
    lines = cell.splitlines()
    includes = []
    for number, line in enumerate(lines, 1):
        if _INCLUDE.fullmatch(line):
            includes += [f'#line {number} "{CELL}"', line]
            lines[number - 1] = ""
    return _UNIT.format(includes="\n".join(includes), body="\n".join(lines), cell=CELL)


def _libraries(sources: dict[str, str], cache: Cache) -> Libraries:
    included = header.content()
    recipes = {
        name: build.Recipe.of(HERE, {_SOURCE: text.encode(), **included}, flags=_MORE_FLAGS)
        for name, text in sources.items()
    }
    found = {name: b for name, recipe in recipes.items() if (b := build.find(recipe, cache))}
    missing = [name for name in recipes if name not in found]
    with contextlib.ExitStack() as stack:
        compiled = _compiled_header(included, stack) if missing else None
        # All start before the first is waited for: they compile side by side.
        begun = {name: _Begun(stack, recipes[name], cache, compiled) for name in missing}
        for name in reversed(missing):  # the probes are kept also if the cell is refused
            found[name] = begun[name].publish()
        for library in found.values():  # used now: not to be pruned
            if (held := library.hold()) is not None:
                stack.callback(os.close, held)
        if missing:
            cache.prune(KEEP)
    return Libraries(found["guard"].library, found["probes"].library, not missing)


def _compiled_header(included: dict[str, bytes], stack: contextlib.ExitStack) -> Path | None:
    """Return the interface, compiled, which lasts as long as the stack; None if it cannot be."""
    recipe = build.Recipe.of(HERE, included, flags=_MORE_FLAGS)
    try:
        found = header.precompiled(recipe, Cache(default_folder(), header.PART, header.LIBRARY))
    except (OSError, Refused):  # no room for it, or what each unit will be refused for as well
        return None
    if found and (held := found.hold()) is not None:
        stack.callback(os.close, held)
    return found and found.library


class _Begun:
    """One compilation, and the folder it works in."""

    def __init__(
        self,
        stack: contextlib.ExitStack,
        recipe: build.Recipe,
        cache: Cache,
        compiled_header: Path | None,
    ):
        self._recipe, self._cache = recipe, cache
        cache.discard(recipe.name)  # what cannot be replaced is known before the work is done
        self._folder = stack.enter_context(cache.private_folder())
        if compiled_header:
            (self._folder / "src").mkdir()
            (self._folder / "src" / header.LIBRARY).symlink_to(compiled_header)
        self._started = time.perf_counter()
        compilation = Compilation(recipe.files, self._folder, LIBRARY, flags=recipe.flags)
        self._compilation = stack.enter_context(compilation)

    def publish(self) -> Build:
        library = self._compilation.finish()
        facts = self._recipe.facts(time.perf_counter() - self._started)
        return self._cache.publish(self._recipe.name, self._folder, library, facts)
