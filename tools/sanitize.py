"""Build sim/ and its driver without PyTorch and run them: under the sanitizers, or plainly.

    python tools/sanitize.py            address, undefined behavior, threads
    python tools/sanitize.py --plain    no sanitizer, a few seconds

No include path of torch is given, so that an #include of torch, c10 or ATen in sim/ fails here.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mtia_lab.toolchain import find_compiler

HERE = Path(__file__).resolve().parents[1] / "tests" / "cpp"
SIM = HERE.parent.parent / "cpp_extensions" / "sim"
FLAGS = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-pthread", f"-I{SIM}"]
# Each build: its flags and what to run it with.
PLAIN = {"plain": (["-O0"], [[], ["threads"]])}
SANITIZED = {
    "address and undefined behavior": (
        ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
        [[], ["threads"]],
    ),
    "threads": (["-O1", "-g", "-fsanitize=thread"], [["threads"]]),
}


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def build(flags: list[str], folder: Path) -> Path:
    """Compile the simulator, as one unit, and the driver into `folder`; returns the driver."""
    compiler = find_compiler()
    parts = sorted(path.relative_to(SIM) for path in SIM.rglob("*.cpp"))
    whole = folder / "sim.cpp"  # as in the device, and in a fifth of the time
    whole.write_text("".join(f'#include "{part}"\n' for part in parts), encoding="utf-8")

    def compile_one(source: Path) -> str:
        target = folder / f"{source.stem}.o"
        run([*compiler, *FLAGS, *flags, "-c", str(source), "-o", str(target)])
        return str(target)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, [whole, *sorted(HERE.glob("*.cpp"))]))
    driver = folder / "driver"
    run([*compiler, *FLAGS, *flags, *objects, "-o", str(driver)])
    return driver


def main(builds: dict) -> None:
    for name, (flags, arguments) in builds.items():
        with tempfile.TemporaryDirectory() as folder:
            driver = build(flags, Path(folder))
            for extra in arguments:
                run([str(driver), *extra])
        print(f"clean: {name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plain", action="store_true", help="no sanitizer")
    sys.exit(main(PLAIN if parser.parse_args().plain else SANITIZED))
