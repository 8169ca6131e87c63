"""Stream and event calls on the lab, against the same calls on a bare guard.

Each runs in processes of its own, since a process has one MTIA backend and `torch.Stream` speaks
to one accelerator. Numbers are microseconds a call, the best of many loops, each shorter than a
time slice: so other work on the machine falls between them.
"""

import tempfile
from functools import partial
from pathlib import Path

from mtia_lab import build
from mtia_lab.compiler import Compilation

from .processes import alternate, run

CALLS = """
import gc, json, timeit
import torch
{load}
here, there = torch.Stream("mtia:0"), torch.Stream("mtia:1")
event, other = torch.Event(), torch.Event()
other.record(there)

def with_stream():
    with here:
        pass

def with_stream_there():
    with there:
        pass

def with_mtia_stream():
    with torch.mtia.stream(here):
        pass

calls = {{
    "with stream": with_stream,
    "with stream of another device": with_stream_there,
    "with torch.mtia.stream": with_mtia_stream,
    "event.record": event.record,
    "stream.wait_event": lambda: here.wait_event(other),
    "event.query": other.query,
    "torch.mtia.current_device": torch.mtia.current_device,
    {more}
}}
found = {{}}
gc.disable()
for name, call in calls.items():
    {recording}
        call()
        found[name] = min(timeit.repeat(call, number={number}, repeat=60)) / {number} * 1e6
print(json.dumps(found))
"""
LOOPS = 100
LAB = "import mtia_lab; mtia_lab.load()"
LAUNCH = '"mtia_lab.launch": lambda: mtia_lab.launch("k", us=1),'
QUIET = CALLS.format(load=LAB, more=LAUNCH, recording="if True:", number=LOOPS)
RECORDING = CALLS.format(load=LAB, more=LAUNCH, recording="with mtia_lab.record():", number=LOOPS)


def bare_calls(library: Path) -> str:
    load = f"torch.ops.load_library({str(library)!r})"
    return CALLS.format(load=load, more="", recording="if True:", number=LOOPS)


def build_bare_guard(folder: Path) -> Path:
    """Compile the bare guard with the flags the lab is compiled with."""
    source = Path(__file__).parent / "bare_guard.cpp"
    files = {source.name: source.read_bytes()}
    with Compilation(files, folder, "bare_guard.so", flags=build.FLAGS) as compilation:
        return compilation.finish()


def calls(rounds: int) -> dict[str, list[float]]:
    """Microseconds of each call: "bare", "lab", and "recording" (the lab, while recording)."""
    with tempfile.TemporaryDirectory() as folder:
        library = build_bare_guard(Path(folder))
        contestants = {
            "bare": partial(run, bare_calls(library)),
            "lab": partial(run, QUIET),
            "recording": partial(run, RECORDING),
        }
        return alternate(contestants, rounds)
