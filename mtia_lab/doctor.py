"""`python -m mtia_lab doctor`: everything the simulated device needs, one verdict a line."""

import os
import platform
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata

import torch

from . import build, compiler, toolchain
from .cache import Build, Cache
from .errors import MTIALabError
from .load import PIN, check_platform, check_process, check_torch

_LEAST_SPACE = 200e6  # bytes; a build takes about 30 MB while it runs


@dataclass(frozen=True)
class CheckResult:
    """One line of the table: what was looked at, how it is, what was found, what to do."""

    item: str
    verdict: str  # "ok", "warn" or "FAIL"
    fact: str
    todo: str = ""


class _Remark(Exception):
    """Raised by a check for what works but should be looked at."""

    def __init__(self, fact: str, todo: str):
        super().__init__(fact)
        self.fact, self.todo = fact, todo


def report(verbose: bool = False) -> int:
    """Print the table; returns 1 if anything fails, else 0.

    Args:
        verbose: say also why a thing fails, in full.
    """
    results = list(examine(verbose))
    width = max(len(result.item) for result in results)
    for result in results:
        print(f"{result.item:{width}}  {result.verdict:4}  {result.fact}")
        if result.todo:
            print(f"{'':{width}}        -> {result.todo}")
    failed = sum(result.verdict == "FAIL" for result in results)
    warned = sum(result.verdict == "warn" for result in results)
    well = f"Nothing fails; {warned} to look at (warn)." if warned else "All is well."
    print(f"\n{failed} of {len(results)} fail." if failed else f"\n{well}")
    return 1 if failed else 0


def examine(verbose: bool = False) -> Iterator[CheckResult]:
    """Yield the result of each check."""
    for item, check in CHECKS.items():
        try:
            yield CheckResult(item, "ok", check())
        except _Remark as remark:
            yield CheckResult(item, "warn", remark.fact, remark.todo)
        except MTIALabError as error:
            fact = f"{error.what} {error.why}" if verbose else error.what
            yield CheckResult(item, "FAIL", fact, error.todo)


def _look(check: Callable[[], str | None], todo: str) -> None:
    """Make what a check of `load()` would warn of a remark."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        remark = check()
    if remark:
        raise _Remark(remark, todo)


def _python() -> str:
    return f"{platform.python_version()}, {sys.executable}"


def _platform() -> str:
    _look(check_platform, "if a build fails, try Linux on x86-64 or arm64.")
    return f"{platform.system()} {platform.machine()}"


def _torch() -> str:
    _look(check_torch, f"if something fails, try `python -m pip install torch=={PIN}`.")
    cuda = torch.version.cuda
    return f"{torch.__version__}, {f'built for CUDA {cuda}' if cuda else 'built for CPU'}"


def _compiler() -> str:
    found = toolchain.find_compiler()
    compiler.check_standard(found)
    return f"{compiler.compiler_version(found)}, {found}"


def _ninja() -> str:
    return toolchain.find_ninja()


def _notebooks() -> str:
    names = ("jupyterlab", "ipykernel", "nbval")
    found = {name: _version(name) for name in names}
    if missing := [name for name, version in found.items() if not version]:
        install = f"`{os.path.basename(sys.executable)} -m pip install {' '.join(missing)}`"
        raise _Remark(f"not installed: {', '.join(missing)}", f"{install} to use the notebooks.")
    return ", ".join(f"{name} {version}" for name, version in found.items())


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _sources() -> str:
    recipe = build.Recipe.now()
    return f"{len(recipe.files)} files, {recipe.origin}"


def _used() -> tuple[Cache, Build | None, list[str]]:
    """Return the cache that `load()` uses now, what it finds there, and what it warns of."""
    recipe = build.Recipe.now()

    def look(cache: Cache) -> tuple[Cache, Build | None]:
        if (found := build.find(recipe, cache)) is None:
            with cache.private_folder():  # it would build here
                pass
        return cache, found

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        return *build.in_some_cache(look), [str(warning.message) for warning in said]


def _cache() -> str:
    cache, _, said = _used()
    free = shutil.disk_usage(cache.folder).free
    if said:
        raise _Remark(" ".join(said), "or leave it so: load() warns of this too, and works.")
    fact = f"{len(cache.builds())} builds, {free / 1e9:.1f} GB free, {cache.folder}"
    if free < _LEAST_SPACE:
        raise _Remark(fact, "free some space, or set MTIA_LAB_CACHE to a folder with more.")
    return fact


def _process() -> str:
    check_process()
    other = torch._C._get_privateuse1_backend_name()
    if other != "privateuseone":
        raise _Remark(
            f"the backend {other!r} (PrivateUse1) is registered when torch is imported",
            f"torch.accelerator will mean {other!r}; TORCH_DEVICE_BACKEND_AUTOLOAD=0 prevents it.",
        )
    return "no other backend is registered when torch is imported"


def _build() -> str:
    if (found := _used()[1]) is None:
        raise _Remark("not built yet", "the first load does it, or `python -m mtia_lab build`.")
    return f"built in {found.facts['seconds']} s by {found.facts['compiler']}, {found.library}"


def _device() -> str:
    """Load in a new process, as a notebook does."""
    if _used()[1] is None:
        raise _Remark("not tried, because it is not built yet", "build, then ask again.")
    program = "import mtia_lab; print(repr(mtia_lab.load()))"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise MTIALabError(
            "The simulated device does not load in a new process.",
            result.stderr.strip() or f"the process ended with status {result.returncode}.",
            "`python -m mtia_lab doctor --verbose` shows all it said; "
            "`python -m mtia_lab clean` and a new build may help.",
        )
    return result.stdout.strip()


CHECKS: dict[str, Callable[[], str]] = {
    "Python": _python,
    "platform": _platform,
    "torch": _torch,
    "compiler": _compiler,
    "ninja": _ninja,
    "notebooks": _notebooks,
    "sources": _sources,
    "cache": _cache,
    "process": _process,
    "build": _build,
    "device": _device,
}
