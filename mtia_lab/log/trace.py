"""A log as trace events, the format of chrome://tracing that Perfetto reads as well.

The format is described in Google's "Trace Event Format" (2016). A process here is the host or a
device, a thread of it a host thread or a stream. Where that leaves something open, this is for
Perfetto's importer. Both ends of an arrow are at the slice or instant that began last on their
threads, so each thread's events are made in their order, and sorting by time keeps it. An arrow
points to what begins later. No two threads have the same number, in any process.
"""

import json
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Unpack

from .arguments import a_log, of_type
from .files import target, write
from .log import Log, Part
from .records import PINNED, WORK, Access, Call, Command
from .replay import SIGNS, launches, ready_times

HOST = 1  # the process of the host; device d is process d + 2
FIRST = 1001  # the number of the first thread, above those of all processes
Event = dict[str, Any]  # as JSON has it
Threads = dict[tuple[int, int], int]  # (process, host thread or stream) -> the number of its thread
Launched = dict[int, list[int]]  # a call's id -> those of the commands that it enqueued
Where = tuple[int, int]  # process, thread
Piece = tuple[int, int, Call, list[int] | None]  # begin, end, call, what it launched
_VERBS = {"record": "record ", "wait": "wait for "}


def trace_events(log: Log) -> Iterator[tuple[int, Event]]:
    """Every call and command of a log, each as (time in ns, event), the names of all first.

    They are not in order of time yet. Sort them so that equal times stay as they are.
    """
    threads, launched = _threads(log), launches(log)
    for events in (
        _names(log, threads),
        _calls(log, launched, threads),
        _commands(log, launched, threads),
        _counters(log),
    ):
        yield from _timed(events)


def _timed(events: Iterable[Event]) -> Iterator[tuple[int, Event]]:
    for event in events:
        time = event["ts"]
        event["ts"] = _us(time)
        yield time, event


def _us(ns: int) -> float:
    """Nanoseconds in µs, such that a reader that cuts off below a nanosecond has them exactly."""
    time = ns / 1000
    return time if int(time * 1000) == ns else math.nextafter(time, math.inf)


def _threads(log: Log) -> Threads:
    """A number for each (process, host thread or stream), unlike that of any other."""
    hosts = {(HOST, record.thread) for record in log if isinstance(record, Call)}
    streams = {(command.device + 2, command.stream) for command in log.commands}
    return {key: number for number, key in enumerate(sorted(hosts | streams), FIRST)}


def _names(log: Log, threads: Threads) -> Iterator[Event]:
    """What processes and threads are called, and their order."""
    processes = {process for process, _ in threads} | {m.device + 2 for m in log.memory}
    for process in sorted(processes):
        name = "host" if process == HOST else f"mtia:{process - 2}"
        yield from _named("process", name, process, {"pid": process, "tid": process})
    for (process, key), number in threads.items():
        name = f"thread {key}" if process == HOST else f"stream {key}"
        yield from _named("thread", name, key, {"pid": process, "tid": number})


def _named(what: str, name: str, order: int, where: Event) -> list[Event]:
    at = {"ph": "M", "ts": 0, **where}
    return [
        {"name": f"{what}_name", **at, "args": {"name": name}},
        {"name": f"{what}_sort_index", **at, "args": {"sort_index": order}},
    ]


def _slice(name: str, category: str, begin: int, end: int, where: Where, args: Event) -> Event:
    """A complete event; `where` is (process, thread)."""
    fields = {"name": name, "cat": category, "ph": "X", "ts": begin, "dur": _us(end - begin)}
    return fields | {"pid": where[0], "tid": where[1], "args": args}


def _flow(phase: str, name: str, number: int, time: int, where: Where) -> Event:
    """One end of an arrow: "s" where it starts, "f" where it ends, in the slice open there."""
    ends = {"bp": "e"} if phase == "f" else {}
    fields = {"name": name, "cat": "flow", "ph": phase, "id": number, "ts": time, **ends}
    return fields | {"pid": where[0], "tid": where[1]}


# --- the host ---------------------------------------------------------------------------------


def _calls(log: Log, launched: Launched, threads: Threads) -> Iterator[Event]:
    """Calls, the waits in them, and where the arrows to their commands start."""
    by_thread: dict[int, list[Piece]] = {}
    for call in log.calls:
        mine = launched.get(call.id, [])
        if call.end_ns == call.begin_ns and not mine and call.error is None:
            continue  # a viewer stacks what happens at one moment, and takes only so much of it
        by_thread.setdefault(call.thread, []).extend(_parts(call, mine))
    for thread, parts in by_thread.items():
        # An outer call is logged after those within it, but has to come first.
        parts.sort(key=lambda part: (part[0], part[1] > part[0], -part[1]))
        where = (HOST, threads[HOST, thread])
        for part in parts:
            yield from _of_call(part, where)


def _parts(call: Call, launched: list[int]) -> Iterator[Piece]:
    """`(begin, end, call, launched)` of a call and of each wait in it, where launched is None."""
    yield call.begin_ns, call.end_ns, call, launched
    for since, until in call.waits_ns:
        yield since, until, call, None


def _of_call(part: Piece, where: Where) -> Iterator[Event]:
    begin, end, call, launched = part
    if launched is None:
        yield _slice("blocked", "blocked", begin, end, where, {"in": call.name})
        return
    args = {"args": call.args, "result": call.result, "error": call.error, "line": call.site}
    args = {key: value for key, value in args.items() if value is not None}
    yield _slice(call.name, call.door, begin, end, where, args)
    for k in launched:
        yield _flow("s", "launch", 2 * k, begin, where)


# --- the device -------------------------------------------------------------------------------


def _commands(log: Log, launched: Launched, threads: Threads) -> Iterator[Event]:
    """Kernels, copies, recordings and waits, and the arrows between them, stream by stream."""
    commands = log.commands
    by_calls = {k for ids in launched.values() for k in ids}
    known = {command.id for command in commands}
    followers: dict[int, list[int]] = {}
    for command in commands:
        for source in known.intersection(command.after):
            followers.setdefault(source, []).append(command.id)
    ready = ready_times(commands)
    for command in commands:
        where = (command.device + 2, threads[command.device + 2, command.stream])
        start, finish, since = command.start_ns, command.finish_ns, ready[command.id]
        if command.type == "wait" and start > since:
            yield _slice(f"held by {command.name}", "held", since, start, where, {})
        yield _of_command(command, start, finish, where)
        if command.id in by_calls:
            yield _flow("f", "launch", 2 * command.id, start, where)
        if not known.isdisjoint(command.after):
            yield _flow("f", "after", 2 * command.id + 1, start, where)
        for follower in followers.get(command.id, ()):
            yield _flow("s", "after", 2 * follower + 1, finish, where)


def _of_command(command: Command, start: int, finish: int, where: Where) -> Event:
    """A slice for a kernel or a copy, an instant for a recording or a wait."""
    name = _VERBS.get(command.type, "") + command.name
    args: Event = {"command": command.id, "enqueued_us": command.enqueue, "line": command.site}
    if command.event is not None:
        args |= {"event": command.event, "version": command.version}
    if command.after:
        args["after"] = list(command.after)
    if command.reads or command.writes:
        args["reads"] = [_memory(access) for access in command.reads]
        args["writes"] = [_memory(access) for access in command.writes]
    if command.type in _VERBS:
        fields = {"name": name, "cat": command.type, "ph": "i", "s": "t", "ts": finish}
        return fields | {"pid": where[0], "tid": where[1], "args": args}
    return _slice(name, command.type, start, finish, where, args)


def _memory(access: Access) -> str:
    whose = "pinned memory" if access.device == PINNED else f"mtia:{access.device}"
    tensor = f"{access.tensor}, " if access.tensor else ""
    return f"{tensor}{access.bytes} bytes from {access.address} in {whose}"


# --- counters ---------------------------------------------------------------------------------


def _counters(log: Log) -> Iterator[Event]:
    """How many kernels and copies wait in the queues, and how much memory is used, by device."""
    values: dict[tuple[int, str], int] = {}
    at: dict[
        tuple[int, str, int], int
    ] = {}  # (device, name, time) -> the value after all that happened then
    for time, change, device, name in sorted(_changes(log), key=lambda change: change[0]):
        values[device, name] = values.get((device, name), 0) + change
        at[device, name, time] = values[device, name]
    shown = dict.fromkeys(values)
    for (device, name, time), value in at.items():
        if value != shown[device, name]:
            shown[device, name] = value
            where = {"pid": device + 2, "tid": device + 2}
            yield {"name": name, "ph": "C", "ts": time, **where, "args": {"value": value}}


def _changes(log: Log) -> Iterator[tuple[int, int, int, str]]:
    """`(time, by how much, device, name of the counter)`."""
    for command in log.commands:
        if command.type in WORK:
            yield command.enqueue_ns, 1, command.device, "commands in queues"
            yield command.start_ns, -1, command.device, "commands in queues"
    for memory in [*log.initial_memory, *log.memory]:
        kind = "reserved bytes" if memory.action.startswith("segment_") else "allocated bytes"
        sign = SIGNS.get(memory.action.removeprefix("segment_"), 0)
        if sign:
            yield memory.time_ns, sign * memory.bytes, memory.device, kind


_CHUNK = 10_000  # events that are written at a time


def write_trace(log: Log, path: str | os.PathLike[str], **wanted: Unpack[Part]) -> Path:
    """Write what happened as a trace that https://ui.perfetto.dev shows, or chrome://tracing.

    The host and every device are processes, with a track for each thread and each stream: calls and
    how long they were blocked, kernels, copies, event recordings and waits. Arrows lead from calls
    to what they enqueued and from recordings to the waits for them. Counters show the commands that
    stand in queues and the memory in use. A microsecond in the trace is one of virtual time, 0 is
    where the recording began. Calls that took no time, enqueued nothing and did not fail are left
    out. The same log gives the same bytes.

    Args:
        log: what `mtia_lab.record()` yielded.
        path: the file, whose name ends in ".json", or in ".json.gz" to be compressed. If there is
            one already it is replaced, once the new one is complete.
        wanted: only a part, as `log.filter` takes it.

    Returns:
        the path.

    Raises:
        ValueError: the name ends otherwise.
        OSError: the file cannot be written.
        TypeError: that is no log, or no path.
    """
    log = a_log(write_trace, log, wanted)
    of_type(write_trace, 'after the log a path, such as "run.json"', path, str, os.PathLike)
    place = target(path, "a trace", (".json", ".json.gz"))
    return write(place, _text(log), compressed=place.suffix == ".gz")


def _text(log: Log) -> Iterator[bytes]:
    """The file, piece by piece; one event a line, by time."""
    encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
    lines = [(time, encode(event)) for time, event in trace_events(log)]
    lines.sort(key=lambda line: line[0])
    about = {"otherData": {"clock": "virtual time of MTIA Lab"}}
    yield json.dumps(about)[:-1].encode() + b', "traceEvents": [\n'
    for k in range(0, len(lines), _CHUNK):
        separator = ",\n" if k else ""
        yield (separator + ",\n".join(line for _, line in lines[k : k + _CHUNK])).encode()
    yield b"\n]}\n"
