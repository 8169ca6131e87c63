"""The happens-before checker on long logs: its time is to be linear in their length."""

from .processes import alternate, run

# Kernels with two reads and a write on four streams, a wait every tenth command, a synchronization
# every thousandth: nothing is in a race, so that every access is looked at once.
CODE = """
import json, random, time
from mtia_lab.hazards import find_hazards
from mtia_lab.log.log import Log
from mtia_lab.log.records import Access, Call, Command, Known, Memory

TENSORS, STREAMS, BYTES = 200, 4, 4096

def log_of(count):
    draws, records = random.Random(0), []
    for id in range(1, count + 1):
        stream, site = draws.randrange(STREAMS), f"train.py:{draws.randrange(50)}"
        call = Call("guard", "block", "", None, None, 0, id, id, (0, 0, 0), site)
        given = (0, stream, id, id, id + 1, 0)
        if id % 10 == 9:
            records += [call, Command(id, "record", "event", *given, id, 1, (), site)]
        elif id % 10 == 0:
            records += [call, Command(id, "wait", "event", *given, id - 1, 1, (id - 1,), site)]
        else:
            own = [draws.randrange(TENSORS // STREAMS) * STREAMS + stream for _ in range(3)]
            uses = tuple(Access(0, BYTES * k, BYTES, "float32[1024]") for k in own)
            records += [call, Command(id, "kernel", "mul", *given, None, None, (), site,
                                      uses[:2], uses[2:])]
        if id % 1000 == 0:
            known = (Known(0, None, id, id),)
            records.append(Call("hooks", "deviceSynchronize", "0", None, None, 0, id, id, (0, 0, 0),
                                site, (), known))
    blocks = [Memory("alloc", 0, 0, BYTES * k, BYTES, 0.0, 0, None) for k in range(TENSORS)]
    return Log(records, {}, blocks)

def seconds(log):
    begin = time.process_time()
    assert not find_hazards(log)
    return time.process_time() - begin

logs = {"10^4": log_of(10_000), "10^5": log_of(100_000)}
print(json.dumps({name: min(seconds(log) for _ in range(3)) for name, log in logs.items()}))
"""


def checker(rounds: int) -> dict[str, list[float]]:
    """Seconds of the processor for `find_hazards` on logs of 10^4 and of 10^5 commands."""
    return alternate({"": lambda: run(CODE)}, rounds)
