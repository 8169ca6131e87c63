"""Hold the contract kit against backends that are wrong in one place: `make contract-faults`.

    python tools/contract_faults.py [--guards] [NAME...]

The wrong backends are those that the notebooks and `%%guard` are held against: the faults of
fault_list*.py, each planted in a copy of the C++ sources and built, which takes minutes; and the
guards of tests/support/guard_faults.py, all in one library. The kit is told nothing but "mtia": it
knows neither virtual time nor the log. What it misses, no program that names no device could see,
or it is allowed to a backend; the last lines name it.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import faults
from guard_faults import FAULTS as GUARDS
from guard_faults import SOURCE

from mtia_lab.contract import hold
from mtia_lab.errors import ContractNotTried
from mtia_lab.guards import library

Held = tuple[str, str, list[tuple[str, str]]]  # a name, what is wrong, and each clause's status

# Installs a wrong guard in the place of the lab's, in the process that tries clauses.
SETUP = """
import os
os.environ["MUTATIONS"] = {fault!r}
from mtia_lab.guards.probes import Probes
Probes({probes!r}).install({guard!r}, os.open(os.devnull, os.O_WRONLY))
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--guards", action="store_true", help="only the wrong guards: no builds")
    parser.add_argument("names", nargs="*", help="default: all")
    options = parser.parse_args(arguments)
    if unknown := {*options.names} - {*GUARDS} - {fault.name for fault in faults.FAULTS}:
        parser.error(f"no fault is called {' or '.join(sorted(unknown))}")
    devices = [] if options.guards else faults.FAULTS
    devices = [fault for fault in devices if not options.names or fault.name in options.names]
    guards = [name for name in GUARDS if not options.names or name in options.names]
    with tempfile.TemporaryDirectory(prefix="mtia-lab-contract-") as scratch:
        missed = report("devices", held_devices(Path(scratch), devices)) if devices else []
        missed += report("guards", held_guards(Path(scratch), guards)) if guards else []
    for line in missed:
        print(f"  missed: {line}")
    return 0


def held_devices(scratch: Path, wanted: list) -> Iterator[Held]:
    """Each wrong device: its name, what is wrong, and what came of the contract."""
    if wanted:
        built = faults.one_ahead(faults.Workshop(scratch).build, wanted)
        for fault, environment in zip(wanted, built, strict=True):
            with environ(environment):
                try:
                    held = [(each.clause.key, each.status) for each in hold("mtia")]
                except ContractNotTried:  # the lab itself refuses to load it
                    held = [("load()", "broken")]
            yield fault.name, fault.about, held


def held_guards(scratch: Path, wanted: list) -> Iterator[Held]:
    """Each wrong guard, likewise; its name says what is wrong."""
    found = library.libraries(SOURCE) if wanted else None
    for name in wanted:
        setup = scratch / "setup.py"
        paths = {"guard": str(found.guard), "probes": str(found.probes)}
        setup.write_text(SETUP.format(fault=name, **paths), encoding="utf-8")
        held = hold("mtia", setup=setup)
        yield name, "", [(each.clause.key, each.status) for each in held]


def report(what: str, held: Iterator[Held]) -> list[str]:
    """Print a line for each as its outcome comes; return the ones that break no clause."""
    missed, number = [], 0
    for name, about, outcome in held:
        number += 1
        broken = [key for key, status in outcome if status == "broken"]
        print(f"{'red ' if broken else 'MISS'} {name:48}{' '.join(broken)}", flush=True)
        if not broken:
            missed.append(f"{name} ({about})" if about else name)
    print(f"{number - len(missed)} of {number} wrong {what} break a clause of the kit")
    return missed


@contextmanager
def environ(values: dict[str, str]) -> Iterator[None]:
    """The environment with more in it, for a block."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
