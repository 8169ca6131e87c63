"""PyTorch's own checker for CUDA, told the same: both find the same first race, or none.

Its event handler is plain Python. It knows whole tensors by their address, and forgets what it knew
of memory that is freed; after a race it may lose sight of others. So what both can see is: is there
a race, and which command is the first to be in one.
"""

from functools import cache

import torch
from hazard_logs import steps, to_access, to_log
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.cuda._sanitizer import EventHandler

from mtia_lab.hazards.checker import Checker
from mtia_lab.records import Call, Command, Memory

TENSORS = [to_access(8 * k, (8,)) for k in range(4)]
tensors = st.lists(st.sampled_from(TENSORS), max_size=2)
work = st.tuples(st.just("work"), st.integers(0, 3), tensors, tensors)
programs = st.lists(work | steps.filter(lambda step: step[0] not in ("work", "draw")), max_size=30)


def first_race_of_pytorch(log):
    """The id of the first command in whose launch PyTorch's handler sees a race."""
    handler, commands = EventHandler(), {c.id: c for c in log.commands}
    for record in log:
        if isinstance(record, Command) and record.type == "record":
            handler._handle_event_record(record.id, name(record))
        elif isinstance(record, Command) and record.type == "wait":
            handler._handle_event_wait(record.after[0], name(record))
        elif isinstance(record, Command):
            reads, writes = ({a[:2] for a in uses} for uses in (record.reads, record.writes))
            aliases = {address: [] for address in reads | writes}
            given = (name(record), reads - writes, writes, writes, record.name, aliases)
            if handler._handle_kernel_launch(*given):
                return record.id
        elif isinstance(record, Memory) and record.action == "free":
            handler._handle_memory_deallocation((record.device, record.address))
        elif isinstance(record, Call):
            for known in record.synchronized:
                synchronize(handler, known, commands)
    return None


def name(command):
    return command.device, command.stream


def synchronize(handler, known, commands):
    if known.stream is None:
        handler._handle_device_synchronization()
    elif known.command in commands and commands[known.command].type == "record":
        handler._handle_event_synchronization(known.command)
    else:
        handler._handle_stream_synchronization((known.device, known.stream))


def first_race_of_ours(log):
    """The id of the first command that races, memory that was given away aside."""
    seconds = []

    def note(checker, race):
        if race.first.allocation is race.second.allocation:
            seconds.append(race.second.id)

    Checker(log, note)
    return min(seconds, default=None)


@settings(max_examples=100, deadline=None)
@given(programs)
def test_both_see_the_same_first_race(program):
    log = to_log(program)
    assert first_race_of_ours(log) == first_race_of_pytorch(log)


ACTIONS = {
    "add": lambda x, y: x.add_(y),
    "new": lambda x, y: torch.sub(x, y).relu(),
    "out": lambda x, y: torch.mul(y, y, out=x),
    "fill": lambda x, y: x.fill_(2),
    "sort": lambda x, y: y.sort(),
    "cat": lambda x, y: torch.cat([x, y]),
    "host": lambda x, y: y.sum().item(),
}


@cache
def side_streams():
    return [torch.Stream("mtia"), torch.Stream("mtia")]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*ACTIONS, "wait", "event", "stream", "device"]),
            st.integers(0, 2),
            st.integers(0, 2),
            st.integers(0, 2),
        ),
        max_size=25,
    )
)
def test_both_see_the_same_in_what_the_device_did(lab, program):
    torch.mtia.synchronize()
    streams = [torch.mtia.default_stream(0), *side_streams()]
    values = [torch.ones(256, device="mtia") for _ in range(3)]
    results = []
    with lab.record() as log:
        for what, stream, target, source in program:
            if what == "wait":
                streams[stream].wait_stream(streams[source])
            elif what == "event":
                streams[stream].record_event().synchronize()
            elif what == "stream":
                streams[stream].synchronize()
            elif what == "device":
                torch.mtia.synchronize()
            else:
                with streams[stream]:
                    results.append(ACTIONS[what](values[target], values[source]))
    assert first_race_of_ours(log) == first_race_of_pytorch(log)
    torch.mtia.synchronize()
