"""An exhibit: a published bug as a short program, and what each way to look at it sees."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType

from ..log.arguments import of_type
from ..programs.orders import Every
from ..programs.trials import Trial, trial
from . import exhibits, unmodified
from .cuda_sanitizer import first_race

Program = Callable[[str, bool], list[float]]
SCHEDULES = ("modelled", "latest", "every")  # under which values are looked at


@dataclass(frozen=True)
class Exhibit:
    """A bug that shipped.

    Attributes:
        name: its module's.
        title: what was wrong, in a sentence.
        report: where to read of it, as "owner/repository#number".
        saw: what users saw.
        fix: what was merged.
        unmodified: whether the code that is wrong is the project's own, as installed here; else it
            is a port, reduced to a few lines of ours.
        needs: the package that it takes, as "name==release"; "" if none.
        program: takes the type of a device and whether to mend it; returns values.
        source: the module's text.
    """

    name: str
    title: str
    report: str
    saw: str
    fix: str
    unmodified: bool
    needs: str
    program: Program = field(repr=False)
    source: str = field(repr=False)

    def broken(self, device: str = "mtia") -> list[float]:
        """The bug: what the program returns on a device."""
        return self.program(device, False)

    def mended(self, device: str = "mtia") -> list[float]:
        """The program after the fix."""
        return self.program(device, True)


@dataclass(frozen=True)
class Seen:
    """What each way to look at an exhibit sees.

    Attributes:
        exhibit: the exhibit.
        kinds: the kinds of hazard that our sanitizer reports, in the order of their names.
        cuda: whether the event handler of PyTorch's sanitizer for CUDA, told the same, objects.
        wrong: by schedule, whether the value is not that of the mended program.
        silent: whether the sanitizer says nothing of the mended program, and all schedules agree.
    """

    exhibit: Exhibit
    kinds: tuple[str, ...]
    cuda: bool
    wrong: Mapping[str, bool]
    silent: bool


def look(exhibit: Exhibit) -> Seen:
    """Run an exhibit, broken and mended, and say what each way to look at it sees.

    Raises:
        TypeError: it is no exhibit.
        Whatever the program raises.
    """
    of_type(look, "one of museum.collection()", exhibit, Exhibit)
    mended = [trial(exhibit.mended, schedule=name) for name in ("blocking", "modelled", "latest")]
    right = mended[0].value
    runs: dict[str, Trial | Every] = {
        name: trial(exhibit.broken, schedule=name) for name in SCHEDULES
    }
    report = runs["modelled"].report
    return Seen(
        exhibit,
        tuple(sorted({finding.kind for finding in report})),
        first_race(report.log) is not None,
        {name: _is_wrong(run, right) for name, run in runs.items()},
        all(not run.report and run.value == right for run in mended),
    )


def _is_wrong(run: Trial | Every, right: list[float]) -> bool:
    return run.other is not None if isinstance(run, Every) else bool(run.value != right)


@cache
def collection() -> tuple[Exhibit, ...]:
    """All exhibits, the unmodified ones first."""
    return tuple(
        _exhibit(package, path) for package in (unmodified, exhibits) for path in _files(package)
    )


def _files(package: ModuleType) -> list[Path]:
    (folder,) = package.__path__
    return sorted(path for path in Path(folder).glob("*.py") if path.stem != "__init__")


def _exhibit(package: ModuleType, path: Path) -> Exhibit:
    """Run a module as if the reader had written it, so that reports name its lines."""
    source = path.read_text(encoding="utf-8")
    module = ModuleType(f"{package.__name__}.{path.stem}")
    module.__package__ = package.__name__
    exec(compile(source, path.name, "exec"), module.__dict__)
    return Exhibit(
        path.stem,
        (module.__doc__ or "").partition("\n")[0],
        module.REPORT,
        module.SAW,
        module.FIX,
        package is unmodified,
        getattr(module, "NEEDS", ""),
        module.program,
        source,
    )
