"""The state at a time, worked out from a log in the most straightforward way."""

import random

from drawings import call, some_heap, some_log

from mtia_lab.log.log import Log
from mtia_lab.log.records import Call
from mtia_lab.log.units import nanoseconds as ns


def mixed(seed):
    """A log with everything: commands, calls that return states, and memory."""
    draws = random.Random(seed)
    records = list(some_log(seed, 50)) + some_heap(seed, 50).memory
    for k, record in enumerate(records):
        if isinstance(record, Call):
            state = tuple(draws.randrange(3) for _ in range(3))
            fields = {"thread": record.thread, "id": record.id}
            records[k] = call(record.name, state, **fields, **times(record))
    return Log(records, {0: (0, 0, 0)})


def times(record):
    return {"begin": record.begin, "end": record.end, "waits": record.waits}


def told_by(log, time):
    """The state at a time in ns, worked out anew from the times in the log: there is no order
    within one time."""
    calls = [record for record in log if isinstance(record, Call)]
    commands = log.commands
    return {
        "threads": {t: thread_at(log, calls, t, time) for t in (0, 1)},
        "streams": {
            key: queue_at([c for c in commands if (c.device, c.stream) == key], time)
            for key in sorted({(c.device, c.stream) for c in commands})
        },
        "events": {e: event_at(log, e, time) for e in sorted({c.event for c in commands} - {None})},
        "blocks": blocks_at(log, time),
    }


def thread_at(log, calls, thread, time):
    mine = [c for c in calls if c.thread == thread]
    returned = sorted((c for c in mine if ns(c.end) <= time), key=lambda c: ns(c.end))
    state = returned[-1].state if returned else log.initial_state.get(thread)
    inside = [c for c in mine if ns(c.begin) <= time < ns(c.end)]
    waits = any(ns(since) <= time < ns(until) for c in inside for since, until in c.waits)
    if state is None and not inside:
        return None
    return state or (), log.index(inside[-1]) if inside else -1, waits


def queue_at(commands, time):
    running = [c.id for c in commands if ns(c.start) <= time < ns(c.finish)]
    return (
        sum(ns(c.finish) <= time for c in commands),
        running[0] if running else None,
        tuple(c.id for c in commands if ns(c.enqueue) <= time < ns(c.start)),
    )


def event_at(log, event, time):
    mine = [c for c in log.commands if c.event == event and ns(c.enqueue) <= time]
    recorded = [c for c in mine if c.type == "record"]
    waiting = [log.index(c) for c in mine if c.type == "wait" and time < ns(c.finish)]
    if not mine:
        return None
    newest = max(recorded, key=lambda c: c.version)
    return newest.version, ns(newest.finish) <= time, (len(waiting), *waiting)


def blocks_at(log, time):
    live = []
    for record in log.memory:
        if ns(record.time) <= time and record.action == "alloc":
            live.append((record.address, record.bytes, record.stream))
        elif ns(record.time) <= time and record.action == "free":
            live = [block for block in live if block[0] != record.address]
    return sorted(live)


def as_told(model, moment):
    """A state of the model in the same words."""
    state = model.state(moment)
    blocks = [model.blocks[k] for k in state.pop("blocks")]
    del state["memory"]
    return state | {"blocks": sorted((b.address, b.bytes, b.stream) for b in blocks)}
