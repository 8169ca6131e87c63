"""Build the extension once and find it again: fingerprint -> folder in the cache.

The fingerprint covers all that decides what the compiler produces. A warm load computes it, which
costs reading some small files, and opens the library: it starts no process and imports nothing
that torch has not imported.
"""

import hashlib
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypedDict, TypeVar, Unpack

from . import toolchain
from .cache import KEEP, LOCK_TIMEOUT, Build, Cache, Facts
from .errors import CacheUnusable, CacheWarning, SourcesMissing, warn
from .folders import default_folder

if TYPE_CHECKING:
    from .progress import Progress

T = TypeVar("T")

# -O2 takes a quarter longer to compile and makes no call of the device quicker; -Og makes an
# operator half as slow again. Some of PyTorch's headers mean other things without NDEBUG: they must
# mean what they meant when PyTorch itself was compiled.
FLAGS = ("-O1", "-DNDEBUG")
_DEVICE_FLAGS = ("-DMTIA_SPLIT",)  # see cpp_extensions/mtia_extension.cpp
_SUFFIXES = (".cpp", ".h", ".hpp")


def source_root() -> Path:
    """Return the folder of the C++ sources: in the package if installed, beside it in a checkout.

    `MTIA_LAB_SOURCES` overrides it, to try a changed copy.

    Raises:
        SourcesMissing: there is none.
    """
    package = Path(__file__).parent
    candidates = [package / "cpp_extensions", package.parent / "cpp_extensions"]
    if chosen := os.environ.get("MTIA_LAB_SOURCES"):
        candidates = [Path(chosen).absolute()]
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise SourcesMissing(
        "The C++ sources of the simulated device are missing.",
        f"there is no folder {' or '.join(map(str, candidates))}.",
        "install the package again, or unset MTIA_LAB_SOURCES if you set it.",
    )


@dataclass(frozen=True)
class Recipe:
    """All that decides what the compiler produces.

    Args:
        origin: the folder the sources were read from.
        files: relative name -> content; read once, so what is hashed is what is compiled.
        flags: for compiler and linker.
        include_paths: further folders to search for headers.
        torch: version and build of torch.
        compiler: which compiler, see `toolchain.compiler_identity`; "" if there is none.
    """

    origin: Path
    files: dict[str, bytes]
    flags: tuple[str, ...]
    include_paths: tuple[str, ...]
    torch: str
    compiler: str

    @classmethod
    def now(cls, extra_include_paths: Iterable[str | os.PathLike[str]] = ()) -> Self:
        """Return the recipe for this checkout, this torch, this compiler."""
        origin = source_root()
        return cls.of(origin, _read(origin), extra_include_paths, _DEVICE_FLAGS)

    @classmethod
    def of(
        cls,
        origin: Path,
        files: dict[str, bytes],
        extra_include_paths: Iterable[str | os.PathLike[str]] = (),
        flags: tuple[str, ...] = (),
    ) -> Self:
        """Return the recipe for other sources; the flags of all come first, then `flags`."""
        return cls(
            origin=origin,
            files=files,
            flags=(*FLAGS, *os.environ.get("MTIA_LAB_CXXFLAGS", "").split(), *flags),
            include_paths=tuple(os.path.abspath(os.fspath(p)) for p in extra_include_paths),
            torch=_torch_build(),
            compiler=toolchain.compiler_identity(),
        )

    @cached_property
    def prefix(self) -> str:
        """The fingerprint of all but the compiler."""
        parts = [sys.implementation.cache_tag, sys.platform, platform.machine(), self.torch]
        parts += [*self.flags, *(f"{path}\n{_stamp(path)}" for path in self.include_paths)]
        digest = hashlib.sha256()
        for name, content in [*(("", part.encode()) for part in parts), *self.files.items()]:
            digest.update(f"{len(name)} {len(content)} {name}".encode(errors="surrogateescape"))
            digest.update(content)
        return digest.hexdigest()[:16]

    @cached_property
    def name(self) -> str:
        """The whole fingerprint."""
        return f"{self.prefix}-{hashlib.sha256(self.compiler.encode()).hexdigest()[:8]}"

    def facts(self, seconds: float) -> Facts:
        """Return what is noted of a build that took so long."""
        from . import compiler

        return {
            "torch": self.torch.partition(" ")[0],
            "compiler": compiler.compiler_version(toolchain.find_compiler()),
            "seconds": round(seconds, 1),
        }


def _read(root: str | Path, prefix: str = "") -> dict[str, bytes]:
    """Return the sources below `root`, in an order that depends on their names only."""
    files: dict[str, bytes] = {}
    for entry in sorted(os.scandir(str(root)), key=lambda entry: entry.name):
        if entry.is_dir():
            files |= _read(entry.path, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_SUFFIXES):
            with open(entry.path, "rb", buffering=0) as file:
                files[prefix + entry.name] = file.read()
    return files


def _torch_build() -> str:
    import torch

    version = torch.version
    abi = torch.compiled_with_cxx11_abi()
    return f"{torch.__version__} {version.git_version} {version.cuda} {version.hip} abi={abi}"


def _stamp(folder: str) -> str:
    """Return what changes when a file below `folder` changes."""
    stamps = []
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            found = os.lstat(os.path.join(parent, name))
            stamps.append(f"{name} {found.st_size} {found.st_mtime_ns}")
    return "\n".join(stamps)


def find(recipe: Recipe, cache: Cache) -> Build | None:
    """Return the finished build for `recipe`, or None. Starts nothing, changes nothing.

    Where the compiler is gone since, any compiler's build of the same sources serves.
    """
    if build := cache.find(recipe.name):
        return build
    return None if recipe.compiler else cache.find_any(recipe.prefix)


class How(TypedDict, total=False):
    """How to build; `make` says what each means."""

    progress: "Progress | None"
    verbose: bool
    lock_timeout: float


def ensure(recipe: Recipe, cache: Cache | None = None, **how: Unpack[How]) -> Build:
    """Return the build for `recipe`, making it first if it is not there.

    Args:
        recipe: what to build.
        cache: where; default: the user's cache folder, and a temporary folder if that is unusable.
        how: see `How`.

    Raises:
        CacheUnusable: no folder can hold the build.
        MTIALabError: whatever `compiler.compile_library` raises.
    """
    return in_some_cache(lambda cache: find(recipe, cache) or make(recipe, cache, **how), cache)


def rebuild(recipe: Recipe, broken: Build, **how: Unpack[How]) -> Build:
    """Build `recipe` again where `broken` is, which cannot be opened; else as `ensure` does."""

    def build(cache: Cache) -> Build:
        again = cache.folder == broken.library.parent.parent
        return (not again and find(recipe, cache)) or make(recipe, cache, again=again, **how)

    return in_some_cache(build, Cache(broken.library.parent.parent))


def in_some_cache(act: Callable[[Cache], T], cache: Cache | None = None) -> T:
    """Return `act(cache)`; if that cache cannot be used, `act` of one in a temporary folder.

    Args:
        act: what to do; an `OSError` of it means that the cache cannot be used for it.
        cache: default: the one in the user's cache folder.

    Raises:
        CacheUnusable: neither can be used.
    """
    cache = cache or Cache(default_folder())
    try:
        return act(cache)
    except OSError as error:
        first = _reason(error)
    try:
        other = cache.elsewhere()
        warn(
            f"The cache folder {cache.root} cannot hold what the lab builds ({first}); "
            f"{other.root} serves instead. Set MTIA_LAB_CACHE to a folder of your own that you "
            "can write to.",
            CacheWarning,
        )
        return act(other)
    except OSError as error:
        raise CacheUnusable(
            "The simulated device cannot be built: no folder can hold it.",
            f"{cache.root}: {first}; the temporary folder: {_reason(error)}.",
            "free some space, or set MTIA_LAB_CACHE to a folder of your own that you can write to.",
        ) from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def make(
    recipe: Recipe,
    cache: Cache,
    *,
    progress: "Progress | None" = None,
    verbose: bool = False,
    lock_timeout: float = LOCK_TIMEOUT,
    again: bool = False,
) -> Build:
    """Build `recipe` into `cache`, unless another process did so meanwhile.

    Args:
        recipe: what to build.
        cache: where.
        progress: shows what happens; default: what suits a terminal or a notebook.
        verbose: show every command.
        lock_timeout: seconds to wait for another process's build before building here too.
        again: build even though one is there, because it cannot be opened.
    """
    from . import compiler  # not needed on the warm path, like all that follows
    from . import progress as shows

    toolchain.find_compiler()  # raises before waiting
    progress = progress or shows.choose()

    def compile(private: Path) -> Path:
        return compiler.compile_library(
            recipe.files,
            recipe.origin,
            private,
            flags=recipe.flags,
            include_paths=recipe.include_paths,
            progress=progress,
            verbose=verbose,
        )

    says = (
        "MTIA Lab builds its simulated device, once:",
        "Another process is building the simulated device; waiting for it.",
    )
    return once(recipe, cache, compile, progress, says, lock_timeout=lock_timeout, again=again)


def once(
    recipe: Recipe,
    cache: Cache,
    compile: Callable[[Path], Path],
    progress: "Progress",
    says: tuple[str, str],
    *,
    lock_timeout: float = LOCK_TIMEOUT,
    again: bool = False,
    keep: int = KEEP,
) -> Build:
    """Compile what `recipe` says into `cache`, unless another process did so meanwhile.

    Args:
        recipe: what is compiled.
        cache: where.
        compile: makes the file, somewhere in the folder that it is given.
        progress: shows what happens.
        says: what is shown when it begins, and when another process has begun.
        lock_timeout: seconds to wait for that process before building here too.
        again: compile even though a build is there.
        keep: how many builds stay in the cache after it.
    """
    begins, waits = says
    with (
        cache.lock(lock_timeout, lambda: progress.say(waits)),
        cache.private_folder() as private,
    ):
        if again or not (build := cache.find(recipe.name)):
            cache.discard(recipe.name)  # what cannot be replaced is known before the work is done
            progress.say(begins)
            started = time.perf_counter()
            file = compile(private)
            facts = recipe.facts(time.perf_counter() - started)
            build = cache.publish(recipe.name, private, file, facts)
            cache.prune(keep)
    progress.done()
    return build
