"""The same program gives the same log, byte for byte, in every process."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mtia_lab

PROGRAM = Path(__file__).with_name("everything.py")
PROCESSES = 10


def output(seed: int) -> bytes:
    """What the program prints, in a process whose hashes are seeded by `seed`."""
    package = Path(mtia_lab.__file__).parent.parent
    environment = os.environ | {"PYTHONHASHSEED": str(seed), "PYTHONPATH": str(package)}
    done = subprocess.run(
        [sys.executable, str(PROGRAM)], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_ten_processes_give_one_log():
    mtia_lab.load()  # so that no process builds
    with ThreadPoolExecutor(2) as pool:
        logs = list(pool.map(output, range(1, PROCESSES + 1)))
    assert len(logs[0].splitlines()) > 1_000
    assert b"random:11" not in logs[0] and b"made to fail" in logs[0]
    assert logs == [logs[0]] * PROCESSES
