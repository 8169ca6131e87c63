"""The happens-before checker on long logs: its time is to be linear in their length."""

from functools import partial
from pathlib import Path

from .processes import ROOT, alternate, run

# Kernels with two reads and a write on four streams, a wait every tenth line, a synchronization
# every thousandth. One access in a hundred is a race, and every hundredth wait is needless.
CODE = """
import json, random, time
import torch
import mtia_lab

mtia_lab.load()
draws = random.Random(0)
streams = [torch.Stream("mtia") for _ in range(4)]
tensors = [[torch.ones(256, device="mtia") for _ in range(50)] for _ in streams]

def tensor(own):
    return draws.choice(tensors[own if draws.random() > 0.01 else draws.randrange(4)])

def read_log(count):
    torch.mtia.synchronize()
    with mtia_lab.record(host=True) as log:
        for line in range(count):
            own, other = draws.randrange(4), draws.randrange(4)
            with streams[own]:
                torch.add(tensor(own), tensor(own), out=tensor(own))
            if line % 10 == 0:
                streams[other].wait_event(streams[own].record_event())
            if line % 1000 == 0:
                streams[own].wait_stream(streams[own])
                torch.mtia.synchronize()
        torch.mtia.synchronize()
        begin = time.process_time()
    return log, time.process_time() - begin

def seconds(make):
    begin = time.process_time()
    make()
    return time.process_time() - begin

small, _ = read_log(8_300)
log, reading = read_log(83_000)
report = mtia_lab.find_hazards(log)
assert 99_000 < len(log.commands) < 101_000 and report and report.hints
print(json.dumps({
    "reading the log": reading,
    "find_hazards of 10^4": min(seconds(lambda: mtia_lab.find_hazards(small)) for _ in range(3)),
    "find_hazards": min(seconds(lambda: mtia_lab.find_hazards(log)) for _ in range(3)),
    "summary": seconds(lambda: mtia_lab.summary(log)),
    "draw.timeline": seconds(lambda: mtia_lab.draw.timeline(log)),
}))
"""


def checker(rounds: int, **others: Path) -> dict[str, list[float]]:
    """Seconds of the processor, for logs of 10^4 and of 10^5 commands.

    Args:
        rounds: fresh processes of each contestant.
        others: other working copies to measure in turn, by name.
    """
    folders = {"": ROOT} | others
    return alternate({name: partial(run, CODE, folder) for name, folder in folders.items()}, rounds)
