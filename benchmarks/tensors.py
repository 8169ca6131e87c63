"""Operators on the device against the same operators on the CPU, side by side in one process.

One thread each (OMP_NUM_THREADS=1). Numbers are microseconds; the two sides alternate, so what else
runs on the machine hits both.
"""

from .processes import alternate, run

SETUP = """
import json, os, resource, time
import mtia_lab; mtia_lab.load()
import torch
torch.set_num_threads(1)

def each(call, count):
    begin = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - begin) / count * 1e6

def finish():
    torch.mtia.synchronize()

def protected(measure, *args):
    mtia_lab.configure(protect=True)
    found = measure(*args)
    mtia_lab.configure(protect=False)
    return found
"""

# A queue holds 1,024 commands: with a long kernel in front, 900 more are enqueued and none runs.
SMALL = (
    SETUP
    + """
here, there = torch.ones(8), torch.ones(8, device="mtia")

def enqueue():
    finish()
    mtia_lab.launch("in front", us=1e8)
    found = each(lambda: there + 1, 900)
    finish()
    return found

def execute():
    finish()
    begin = time.perf_counter()
    for _ in range(900):
        there + 1
    finish()
    return (time.perf_counter() - begin) / 900 * 1e6

contestants = {
    "x + 1, CPU": lambda: each(lambda: here + 1, 900),
    "x + 1, enqueued": enqueue,
    "x + 1, enqueued and run": execute,
    "x + 1, enqueued and run, protected": lambda: protected(execute),
    "empty(8), CPU": lambda: each(lambda: torch.empty(8), 900),
    "empty(8), device": lambda: each(lambda: torch.empty(8, device="mtia"), 900),
}
found = {}
for _ in range(40):
    for name, measure in contestants.items():
        found.setdefault(name, []).append(measure())
print(json.dumps({name: sorted(values)[len(values) // 2] for name, values in found.items()}))
"""
)

# 64-256-256-10, batch 64, Adam: what the references of other backends were measured with.
TRAINING = (
    SETUP
    + """
from torch import nn

def trainer(device, decay=1):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(),
                          nn.Linear(256, 10)).to(device)
    optimizer = torch.optim.Adam(model.parameters())
    inputs, labels = torch.randn(64, 64).to(device), torch.randint(0, 10, (64,)).to(device)
    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
        optimizer.param_groups[0]["lr"] *= decay
    return step

def steps(step):
    begin = time.perf_counter()
    for _ in range(10):
        step()
    finish()
    return (time.perf_counter() - begin) / 10 * 1e6

contestants = {
    "MLP step, CPU": trainer("cpu"),
    "MLP step, device": trainer("mtia"),
    "MLP step, rate changes, CPU": trainer("cpu", 0.999),
    "MLP step, rate changes, device": trainer("mtia", 0.999),
}
found = {}
for step in contestants.values():
    steps(step)
contestants = {name: lambda step=step: steps(step) for name, step in contestants.items()}
contestants["MLP step, protected, device"] = lambda: protected(contestants["MLP step, device"])
for _ in range(30):
    for name, step in contestants.items():
        found.setdefault(name, []).append(step())
print(json.dumps({name: sorted(values)[len(values) // 2] for name, values in found.items()}))
"""
)

# Without one synchronization: queues are bounded, so memory is. A thousand streams cost the same.
SCALE = (
    SETUP
    + """
there = torch.ones(8, device="mtia")

def run(count, streams):
    streams = [torch.Stream("mtia") for _ in range(streams)]
    begin, done = time.perf_counter(), 0
    while done < count:
        for stream in streams:
            with stream:
                for _ in range(10):
                    there + 1
            done += 10
    spent = (time.perf_counter() - begin) / done * 1e6
    finish()
    return spent

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

run(20_000, 1)
before = resident()
found = {"op of 10^3": run(1_000, 1), "op of 10^6": run(1_000_000, 1)}
found["MiB grown by 10^6 ops"] = resident() - before
found["op on 1 stream"] = run(100_000, 1)
found["op on 1,000 streams"] = run(100_000, 1_000)
print(json.dumps(found))
"""
)


def small(rounds: int) -> dict[str, list[float]]:
    """Microseconds of `x + 1` and `empty(8)` on eight floats."""
    return alternate({"": lambda: run(SMALL)}, rounds)


def training(rounds: int) -> dict[str, list[float]]:
    """Microseconds of a training step of a small MLP, at one learning rate and at changing ones."""
    return alternate({"": lambda: run(TRAINING)}, rounds)


def scale(rounds: int) -> dict[str, list[float]]:
    """Microseconds of an operation in long runs and on many streams, and MiB of growth."""
    return alternate({"": lambda: run(SCALE)}, rounds)
