"""What a cold build costs, against one file that only includes <torch/library.h>, compiled at -O2.

Reading PyTorch's headers is what everybody pays who extends it in C++, so the ratio says the same
on every machine. Processor time is that of all processes that a build starts, the linker included.
"""

from .processes import alternate, run

BUILD = """
import json, resource, subprocess, tempfile, time
from pathlib import Path
from mtia_lab import build, compiler, progress
from mtia_lab.cache import Cache

class Steps(progress.Progress):
    def __init__(self):
        self.begin, self.first = time.perf_counter(), 0.0

    def say(self, text):
        if text.strip().startswith("[1/"):
            self.first = time.perf_counter() - self.begin

def cost(act):
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    act()
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

with tempfile.TemporaryDirectory() as folder:
    source = {"base.cpp": b"#include <torch/library.h>\\n"}
    with compiler.Compilation(source, Path(folder), "base.so", flags=("-O2",)) as compilation:
        compilation.finish()
    command = ["sh", "../compile", "base.cpp", "base.o"]
    base = cost(lambda: subprocess.run(command, cwd=f"{folder}/src", check=True))
    steps, cache = Steps(), Cache(Path(folder, "cache"))
    device = cost(lambda: build.make(build.Recipe.now(), cache, progress=steps))
print(json.dumps({
    "base, processor": base[1], "base, wall": base[0],
    "device, processor": device[1], "device, wall": device[0],
    "after the first unit, in its times": device[0] / steps.first - 1,
}))
"""


def builds(rounds: int) -> dict[str, list[float]]:
    """Seconds of the processor and of the clock, and the ratio that a build's estimate rests on."""
    return alternate({"": lambda: run(BUILD)}, rounds)
