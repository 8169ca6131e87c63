"""Hold the contract kit against backends that are wrong in one place: `make contract-faults`.

    python tools/contract_faults.py [NAME...]

The wrong backends are those that the notebooks and `%%guard` are held against: the devices with a
fault of fault_list*.py, and the guards of tests/support/guard_faults.py. The kit is told nothing
but "mtia": it knows neither virtual time nor the log. Which clauses each one breaks is written to
docs/contract-faults.json, and counted in docs/contract-faults.md. Both are of one version of device
and kit: a run that was broken off goes on, and one of another version begins anew. With names, only
these are tried, and nothing is written. What breaks no clause, and has no reason in UNSEEN, fails
the command.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from fault_workshop import FAULTS, SOURCES, Workshop
from guard_faults import FAULTS as GUARDS
from guard_faults import SOURCE
from notebook_files import ROOT

from mtia_lab.contract import CLAUSES, check, inside
from mtia_lab.contract.clause import BROKEN
from mtia_lab.errors import ContractNotTried
from mtia_lab.guards import library
from mtia_lab.isolated import Result, Server

DATA, PAGE = ROOT / "docs" / "contract-faults.json", ROOT / "docs" / "contract-faults.md"
DEVICES, GUARD = {fault.name: fault for fault in FAULTS}, "guard: "
ABOUT = {name: fault.about for name, fault in DEVICES.items()} | {GUARD + n: "" for n in GUARDS}
SHOWN = 3  # clauses of a row
AT_A_TIME, SECONDS = 4, 600.0  # backends; each hangs in two clauses at most

_NULL = "c10::Event asks no guard about an event that was never recorded"
_DEFAULT = "nothing in PyTorch asks a guard for the default stream; hooks are asked, or nobody"
_PRIORITY = "PyTorch keeps no priority of a stream and asks nobody for it; to a device it is a hint"
_ENGINES = "how many engines copy, and which, is the device's own affair; the values are the same"
UNSEEN = {
    "guard-new-stream-priority": _PRIORITY,
    "forged-stream-accepted": "an id may be a pointer that another library made, as on CUDA: no "
    "program can ask about one that nobody made without risking its process",
    "streams-not-concurrent": "a device may run one kernel at a time, as this one does unless it "
    "is configured otherwise",
    "aten-no-rule": "an operator may be composed of others; the values are the same",
    "aten-plans-forgotten": "it is slower, and nothing else",
    "copy-one-engine": _ENGINES,
    "copy-no-engine": _ENGINES,
    "guard: getNewStream forgets the priority": _PRIORITY,
    "guard: getDefaultStream is current": _DEFAULT,
    "guard: getDefaultStream sets the device": _DEFAULT,
    "guard: block wants a recorded event": _NULL,
    "guard: queryEvent wants a recorded event": _NULL,
    "guard: synchronizeEvent wants a recorded event": _NULL,
}

# Installs a wrong guard in the place of the lab's, in the process that tries clauses.
SETUP = """
import os
os.environ["MUTATIONS"] = {fault!r}
from mtia_lab.guards.probes import Probes
Probes({probes!r}).install({guard!r}, os.open(os.devnull, os.O_WRONLY))
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="default: all")
    options = parser.parse_args(arguments)
    if unknown := {*options.names} - ABOUT.keys():
        parser.error(f"no fault is called {' or '.join(sorted(unknown))}")
    data = {"of": version(), "broken": {}} if options.names else begun()
    wanted = [name for name in options.names or ABOUT if name not in data["broken"]]
    with tempfile.TemporaryDirectory(prefix="mtia-lab-contract-") as scratch:
        for number, (name, broken) in enumerate(held(Path(scratch), wanted), 1):
            data["broken"][name] = broken
            verdict = "red " if broken else "MISS"
            said = " ".join(broken) or UNSEEN.get(name, "")
            print(f"{number}/{len(wanted)} {verdict} {name:49}{said}", flush=True)
            if not options.names:
                DATA.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
                PAGE.write_text(page(data), encoding="utf-8")
    missed = [name for name, broken in data["broken"].items() if not broken and name not in UNSEEN]
    for name in missed:
        print(f"  missed: {name} ({ABOUT[name]})")
    return 1 if missed else 0


def begun() -> dict[str, Any]:
    """What a run of this version has found so far."""
    data = json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else {}
    return data if data.get("of") == version() else {"of": version(), "broken": {}}


def version() -> str:
    """The fingerprint of the sources of the device, the wrong guards, the faults and the kit."""
    kit = sorted(Path(check.__file__).parent.glob("*.py"))
    digest = hashlib.sha256(SOURCE.encode() + repr(FAULTS).encode())
    for path in [*sorted(SOURCES.rglob("*.*")), *kit]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def held(scratch: Path, wanted: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Each wrong backend, and the clauses that it breaks."""
    workshop = Workshop(scratch)
    sound = workshop.build(None)  # of the sources as they are now, for wrong guards
    found = library.libraries(SOURCE)
    paths = {"guard": str(found.guard), "probes": str(found.probes)}
    servers: SimpleQueue[Server] = SimpleQueue()

    def tried(name: str) -> list[str]:
        setup, environment = "", sound
        if name in DEVICES:
            environment = workshop.build(DEVICES[name])
        else:
            file = scratch / f"{wanted.index(name)}.py"
            file.write_text(SETUP.format(fault=name.removeprefix(GUARD), **paths))
            setup = str(file)
        server = servers.get()
        try:
            outcomes = check._outcomes(Wrong(server, environment), "mtia", setup, CLAUSES, SECONDS)
            return [key for key, outcome in outcomes if outcome.status == BROKEN]
        except ContractNotTried:  # the lab itself refuses to load it
            return ["load()"]
        finally:
            servers.put(server)

    with ExitStack() as stack, ThreadPoolExecutor(AT_A_TIME) as threads:
        for _ in range(AT_A_TIME):
            servers.put(stack.enter_context(Server(f"import {inside.__name__}", timeout=SECONDS)))
        yield from zip(wanted, threads.map(tried, wanted), strict=True)


class Wrong:
    """A server whose processes set an environment before they load the device."""

    def __init__(self, server: Server, environment: dict[str, str]):
        self.server, self.environment = server, environment

    def run_each(
        self, snippets: dict[str, str], *, timeout: float, devices: int
    ) -> dict[str, Result]:
        load = f"import os, mtia_lab; os.environ.update({self.environment!r})\n"
        load += f"mtia_lab.load(devices={devices})\n"
        codes = {name: load + code for name, code in snippets.items()}
        return self.server.run_each(codes, timeout=timeout)


def page(data: dict[str, Any]) -> str:
    """The page that says which clauses see what."""
    head = ["#", "what is wrong", "clauses that see it", "why no portable clause sees it"]
    rows = [head, ["---"] * len(head)]
    for number, (name, about) in enumerate(ABOUT.items(), 1):
        broken = data["broken"].get(name)
        wrong = f"`{name}`: {about}" if about else name
        why = "" if broken else UNSEEN.get(name, "**not known**")
        if broken is None:
            why = "*not tried in this pass yet*"
        rows.append([str(number), wrong, listed(broken or ()), why])
    devices = [data["broken"].get(name) for name in DEVICES]
    guards = [data["broken"].get(GUARD + name) for name in GUARDS]
    counts = [counted(kind) for kind in (devices, guards)]
    return "\n".join(
        [
            "# What the contract kit sees",
            "",
            "Backends that are wrong in one place, each held against all clauses of the kit, which",
            f'is told nothing but "mtia": {counts[0]} wrong devices and {counts[1]} wrong guards',
            "break a clause. `make contract-faults` writes this page, in one pass over one version",
            f"(`{data['of']}`) of both; `contract-faults.json` names all clauses of a row.",
            "",
            *("| " + " | ".join(row) + " |" for row in rows),
            "",
        ]
    )


def counted(broken: list[list[str] | None]) -> str:
    """How many of those that were tried break a clause, and how many there are."""
    tried = [keys for keys in broken if keys is not None]
    rest = f" (of {len(broken)})" if len(tried) < len(broken) else ""
    return f"{sum(map(bool, tried))} of {len(tried)}{rest}"


def listed(keys: Iterable[str]) -> str:
    """The first keys of clauses, and how many more there are."""
    first = [f"`{key}`" for key in keys]
    more = f" and {len(first) - SHOWN} more" if len(first) > SHOWN else ""
    return ", ".join(first[:SHOWN]) + more


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
