"""Fresh processes, alternated: what drifts on the machine then hits all contestants alike."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(code: str, folder: Path = ROOT, **environment: str) -> dict[str, float]:
    """The numbers that `code` prints as JSON in its last line, run in a process of its own.

    Args:
        code: what to run.
        folder: the working copy whose package it imports.
        environment: variables to set besides.
    """
    surroundings = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder)} | environment
    surroundings["PYTHONDONTWRITEBYTECODE"] = ""  # else what is imported is compiled every time
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | surroundings,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"a measurement failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def alternate(contestants: dict[str, Callable[[], dict]], rounds: int) -> dict[str, list[float]]:
    """All the numbers of each contestant, by "contestant: number"; one of each in every round."""
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, measure in contestants.items():
            for what, value in measure().items():
                found.setdefault(": ".join(filter(None, (name, what))), []).append(value)
    return found
