"""What is made of a long log: CPU seconds for pictures, tables and files, which grow linearly."""

from functools import partial

from .processes import alternate, run

SIZES = (10_000, 100_000)
PROGRAM = """
import json, os, tempfile, time
import torch
import mtia_lab

mtia_lab.load()
streams = [torch.Stream(f"mtia:{{k % 2}}") for k in range(6)]
with mtia_lab.record() as log:
    for k in range({size} // 4):
        with streams[k % 6]:
            mtia_lab.launch(f"kernel_{{k % 20}}", us=k % 7)
            mtia_lab.launch("another", us=1)
            event = streams[k % 6].record_event()
        streams[(k + 1) % 6].wait_event(event)
    torch.mtia.synchronize()
assert {size} <= len(log.commands) <= {size} + 8
kept = []
with mtia_lab.record() as allocating:
    for k in range({size} // 2):  # each fills a tensor, and half of them stay
        kept.append(torch.ones(64 * (1 + k % 50), device="mtia"))
        torch.ones(32 * (1 + k % 90), device="mtia")
folder = tempfile.TemporaryDirectory()
making = {{
    "draw.timeline": lambda: mtia_lab.draw.timeline(log),
    "draw.memory": lambda: mtia_lab.draw.memory(allocating),
    "summary": lambda: repr(mtia_lab.summary(log)),
    "write_trace": lambda: mtia_lab.write_trace(log, f"{{folder.name}}/trace.json"),
    "write_trace, compressed": lambda: mtia_lab.write_trace(log, f"{{folder.name}}/t.json.gz"),
}}
found = {{}}
for name, make in making.items():
    begin = time.process_time()
    make()
    found[f"{{name}} of {size:,}"] = time.process_time() - begin
print(json.dumps(found))
"""


def logs(rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each, by "what of size", for a log of 10^4 commands and one of 10^5."""
    found: dict[str, list[float]] = {}
    for size in SIZES:
        found |= alternate({"": partial(run, PROGRAM.format(size=size))}, rounds)
    return found
