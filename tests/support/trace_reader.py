"""A strict reader of trace files: the format's rules, then what Perfetto's importer makes of them.

The rules are those of Google's "Trace Event Format" (2016). What Perfetto does was read from its
sources (src/trace_processor/importers: json_trace_parser_impl, slice_tracker, flow_tracker) and is
written anew here. Its trace processor itself is a binary that its package downloads when it runs.
"""

import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path

REQUIRED = {
    "X": {"name", "cat", "ts", "dur", "pid", "tid", "args"},
    "i": {"name", "cat", "ts", "s", "pid", "tid", "args"},
    "s": {"name", "cat", "id", "ts", "pid", "tid"},
    "f": {"name", "cat", "id", "ts", "pid", "tid", "bp"},
    "C": {"name", "ts", "pid", "tid", "args"},
    "M": {"name", "ts", "pid", "tid", "args"},
}
METADATA = {
    "process_name": ("name", str),
    "thread_name": ("name", str),
    "process_sort_index": ("sort_index", int),
    "thread_sort_index": ("sort_index", int),
}
DEEPEST = 512


@dataclass(eq=False)
class Slice:
    """A slice or an instant, in whole nanoseconds, with how deep it is drawn."""

    event: dict
    begin: int
    end: int
    depth: int

    @property
    def name(self):
        return self.event["name"]

    @property
    def args(self):
        return self.event["args"]


@dataclass
class Trace:
    """What a viewer shows: slices by (process, thread), arrows, counters, names."""

    slices: dict = field(default_factory=dict)
    arrows: list = field(default_factory=list)
    counters: dict = field(default_factory=dict)
    processes: dict = field(default_factory=dict)
    threads: dict = field(default_factory=dict)

    def of(self, process, thread):
        """The slices of a thread, both by name."""
        keys = [
            k for k, n in self.threads.items() if n == thread and self.processes[k[0]] == process
        ]
        return self.slices.get(keys[0], []) if keys else []


def read(path):
    """The trace in a file.

    Raises:
        AssertionError: it breaks a rule, or Perfetto would drop or misread something.
    """
    raw = Path(path).read_bytes()
    text = gzip.decompress(raw) if str(path).endswith(".gz") else raw
    whole = json.loads(text.decode("ascii"), parse_constant=_refuse)
    # Some versions of Perfetto take displayTimeUnit for the unit of ts.
    assert set(whole) == {"otherData", "traceEvents"}
    for event in whole["traceEvents"]:
        check_fields(event)
    return assemble(whole["traceEvents"])


def _refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def check_fields(event):
    """The fields that the format asks for, of the types it asks for, and no others."""
    assert event["ph"] in REQUIRED and set(event) == REQUIRED[event["ph"]] | {"ph"}, event
    assert isinstance(event["name"], str) and event["name"]
    assert isinstance(event.get("cat", ""), str) and event.get("cat", "-")
    for key in ("ts", "dur"):
        time = event.get(key, 0)
        assert isinstance(time, int | float) and not isinstance(time, bool) and time >= 0, event
    for key in ("pid", "tid", "id"):
        number = event.get(key, 0)
        assert type(number) is int and 0 <= number < 2**32, event
    if event["ph"] == "i":
        assert event["s"] == "t"
    if event["ph"] == "f":
        assert event["bp"] == "e"
    if event["ph"] == "C":
        assert event["args"] and all(type(value) is int for value in event["args"].values())
    if event["ph"] == "M":
        key, kind = METADATA[event["name"]]
        assert type(event["args"][key]) is kind and set(event["args"]) == {key}


def ns(time):
    """Times are cut off below a nanosecond."""
    return int(time * 1000)


def assemble(events):
    """What a viewer makes of the events, in order of time, of equal ones in their order."""
    trace, stacks, starts, ended = Trace(), {}, {}, set()
    times = [ns(event["ts"]) for event in events]
    assert times == sorted(times)
    for event, time in zip(events, times, strict=True):
        where = (event["pid"], event["tid"])
        stack = stacks.setdefault(where, [])
        match event["ph"]:
            case "M":
                _name(trace, event, where)
            case "C":
                (value,) = event["args"].values()
                series = trace.counters.setdefault((event["pid"], event["name"]), [])
                assert not series or series[-1][1] != value, f"tells nothing new: {event}"
                series.append((time, value))
            case "X" | "i":
                _begin(stack, event, time)
                trace.slices.setdefault(where, []).append(stack[-1])
            case "s":
                assert stack and stack[-1].begin <= time <= stack[-1].end, f"no slice: {event}"
                key = event["id"], event["cat"], event["name"]
                assert key not in starts, f"starts twice: {event}"
                starts[key] = stack[-1]
            case "f":
                assert stack and stack[-1].begin <= time <= stack[-1].end, f"no slice: {event}"
                key = event["id"], event["cat"], event["name"]
                assert key in starts, f"ends before it starts: {event}"
                assert key not in ended, f"ends twice: {event}"
                assert starts[key].begin <= stack[-1].begin, f"would point backwards: {event}"
                ended.add(key)
                trace.arrows.append((event["name"], starts[key], stack[-1]))
    assert ended == set(starts), "an arrow without an end"
    _check_names(trace)
    return trace


def _begin(stack, event, time):
    """Close what has ended; refuse what overlaps in part."""
    took = ns(event["dur"]) if event["ph"] == "X" else 0
    while stack:
        top = stack[-1]
        together = top.end == time and not (top.begin == top.end and took == 0)
        if not (top.end < time or together):
            break
        stack.pop()
    for outer in stack:
        assert time + took <= outer.end, f"{event} overlaps {outer.event} in part"
    assert len(stack) < DEEPEST, "too deep"
    stack.append(Slice(event, time, time + took, len(stack)))


def _name(trace, event, where):
    if event["name"] == "process_name":
        assert where[0] not in trace.processes
        trace.processes[where[0]] = event["args"]["name"]
    elif event["name"] == "thread_name":
        # Threads are named by their number alone, so it must be the only one.
        assert where[1] not in {tid for _, tid in trace.threads}
        trace.threads[where] = event["args"]["name"]


def _check_names(trace):
    assert set(trace.slices) <= set(trace.threads), "a thread without a name"
    assert {pid for pid, _ in trace.threads} | {pid for pid, _ in trace.counters} <= set(
        trace.processes
    )
    names = [(trace.processes[pid], name) for (pid, _), name in trace.threads.items()]
    assert len(set(names)) == len(names)
    assert not {tid for _, tid in trace.threads} & set(trace.processes)
