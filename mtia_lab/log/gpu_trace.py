"""A trace that torch.profiler took of a real accelerator, as a log, as far as it tells.

What it tells: calls into the runtime, kernels and copies with their streams and which call enqueued
them, waits of streams and of the host, and the program's ranges. A wait of a stream is over once
what it waits for is done, as is a recording: when that was follows from the others. All else stays
unknown, and the log says so: nothing of it is guessed. The format is Kineto's, in its files
output_json.cpp and CuptiActivity.cpp: trace events of Chrome with categories and arguments.
"""

import gzip
import json
import os
import zlib
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..errors import UnreadableLog
from .arguments import of_type
from .log import BACKWARDS, CURRENT, ENGINES, MEMORY, Log
from .records import Call, Command, Known, Range, Record

UNKNOWN = (
    MEMORY,
    ENGINES,
    CURRENT,
    BACKWARDS,
    "lines of the program",
    "how its threads wait for one another",
    "recordings that no stream waits for",
)
CATEGORIES = {"kernel": "kernel", "gpu_memset": "kernel", "gpu_memcpy": "copy"}
CATEGORIES |= {"mtia_ccp_events": "kernel", "privateuse1_driver": "kernel"}
RUNTIMES = ("_runtime", "_driver")
DIRECTIONS = {"HtoD": "H2D", "DtoH": "D2H", "DtoD": "D2D", "PtoP": "peer"}
SYNCHRONIZATIONS = ("DeviceSynchronize", "StreamSynchronize", "EventSynchronize", "CtxSynchronize")
_ADVICE = "give a file that `torch.profiler`'s export_chrome_trace wrote, .json or .json.gz."
_DAMAGED = (  # also a time that is no number, or no finite one
    *(ValueError, TypeError, LookupError, AttributeError, RecursionError),
    *(ArithmeticError, EOFError, zlib.error),
)
Event = dict[str, Any]


def open_trace(path: str | os.PathLike[str]) -> Log:
    """Read a trace of `torch.profiler`, of a real GPU, as a log, as far as it tells.

    `draw.timeline`, `summary`, its critical path, `explore` and filters take it like any log; its
    `unknown` says what the trace does not tell. Times are of the wall clock then, and 0 is when the
    first of all began; a GPU is called as any device is here, "mtia:0" for the first. What waits
    are for is known where the profiler was told to look for them, by
    `_ExperimentalConfig(enable_cuda_sync_events=True)`, or where only one device has work.

    Args:
        path: what `export_chrome_trace` wrote: a name that ends in ".json" or ".json.gz".

    Raises:
        MTIALabError: there is no such file, or it is no such trace.
        TypeError: that is no path.
    """
    of_type(open_trace, "a path", path, str, os.PathLike)
    what = f"{Path(path)} cannot be opened as a trace."
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else open(path, "rb") as file:
            trace = json.loads(file.read(), parse_float=Decimal)
        events = trace["traceEvents"] if isinstance(trace, dict) else trace
        return _Trace([e for e in events if e.get("ph") == "X" and "dur" in e]).log()
    except OSError as error:
        raise UnreadableLog(what, f"{error.strerror or error}.", _ADVICE) from None
    except _DAMAGED as error:
        raise UnreadableLog(what, f"it is none, or damaged: {error!r}.", _ADVICE) from None


def _ns(microseconds: Any) -> int:
    return round(Decimal(microseconds) * 1000)


class _Trace:
    """The complete events of a trace, by what they are."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._calls: list[Event] = []
        self._work: list[Event] = []
        self._waits: dict[int, Event] = {}  # by correlation
        self._ranges: list[Event] = []
        for event in events:
            kind = str(event.get("cat", ""))
            if kind in CATEGORIES:
                self._work.append(event)
            elif kind.endswith(RUNTIMES):
                self._calls.append(event)
            elif kind == "cuda_sync":
                self._waits[_correlation(event)] = event
            elif kind == "user_annotation":
                self._ranges.append(event)
        for event in (known := [*self._calls, *self._work, *self._ranges]):
            begin, lasted = _ns(event["ts"]), _ns(event["dur"])
            if lasted < 0:
                raise ValueError(f"{event.get('name')} ends before it begins")
            event["times"] = begin, begin + lasted  # once: it takes its time
        self._origin = min((event["times"][0] for event in known), default=0)
        for events in (self._calls, self._work, self._ranges):
            events.sort(key=lambda event: (event["times"][0], -event["times"][1]))
        self._given: list[int] = []  # when, of each command
        self._only: int | None = None  # the device that has all the work, if it is one
        self._numbers: dict[Any, int] = {}  # of threads, in order of appearance
        for event in self._calls or self._ranges:
            self._numbers.setdefault((event["pid"], event["tid"]), len(self._numbers))
        self._by_correlation = {_correlation(e): k for k, e in enumerate(self._calls, 1)}

    def log(self) -> Log:
        """All of it, in the order in which it was enqueued."""
        commands = self._commands()
        calls = [self._call(k, event, commands) for k, event in enumerate(self._calls, 1)]
        records: list[tuple[int, int, Record]] = [(call.begin_ns, 0, call) for call in calls]
        records += [(command.enqueue_ns, command.id, command) for command in commands]
        records.sort(key=lambda record: record[:2])
        return Log([record for *_, record in records], {}, (), UNKNOWN, self._named(calls))

    def _times(self, event: Event) -> tuple[int, int]:
        begin, end = event["times"]
        return begin - self._origin, end - self._origin

    # --- the device -----------------------------------------------------------------------------

    def _commands(self) -> list[Command]:
        """Kernels and copies; and, where a stream waited for another, the recording and the wait.

        Those two take no time. On its stream each stands behind what was enqueued before it.
        """
        queues: defaultdict[tuple[int, int], list[Event]] = defaultdict(list)
        for event in self._work:
            queue = queues[_place(event)]
            if not queue or self._times(event)[1] > self._times(queue[-1])[1]:
                queue.append(event)  # else it is a detail of the one before
        devices = {device for device, _ in queues}
        self._only = devices.pop() if len(devices) == 1 else None
        marks = [*self._marks()]
        for place, event in marks:
            queues[place].append(event)
        order = self._in_order(queues)
        numbers = {id(event): k for k, (_, event) in enumerate(order, 1)}
        done: dict[int, int] = {}  # when each event is over
        free: dict[tuple[int, int], int] = {}
        commands = []
        for place, event in order:
            source = event.get("source")
            if "dur" in event:
                start, finish = self._times(event)
            else:
                awaited = done.get(id(source), 0) if source is not None else 0
                start = finish = max(event["enqueue"], free.get(place, 0), awaited)
            done[id(event)] = free[place] = finish
            commands.append(self._command(place, event, start, finish, numbers))
        return commands

    def _marks(self) -> Iterable[tuple[tuple[int, int], Event]]:
        """A recording and a wait for each wait of a stream whose recording is known."""
        recorded: dict[int, Event] = {}
        for correlation, wait in sorted(self._waits.items()):
            given = wait.get("args", {})
            if given.get("cuda_sync_kind") != "Stream Wait Event":
                continue
            record, source = given.get("wait_on_cuda_event_record_corr_id", -1), None
            device, event = given.get("device", wait["pid"]), given.get("wait_on_cuda_event_id")
            if record in self._by_correlation and given.get("wait_on_stream", -1) >= 0:
                source = recorded.get(record)
                if source is None:
                    source = recorded[record] = self._mark("record", record, event)
                    yield (device, given["wait_on_stream"]), source
            if correlation in self._by_correlation:
                yield (device, given["stream"]), self._mark("wait", correlation, event, source)

    def _mark(self, kind: str, correlation: int, event: int, source: Event | None = None) -> Event:
        call = self._calls[self._by_correlation[correlation] - 1]
        begin = self._times(call)[0]
        args = {"correlation": correlation}
        return {"mark": kind, "event": event, "enqueue": begin, "args": args, "source": source}

    def _in_order(
        self, queues: dict[tuple[int, int], list[Event]]
    ) -> list[tuple[tuple[int, int], Event]]:
        """All that streams were given, each stream's as it ran and a recording before its waits.

        What no call is known of was given with what its stream ran before it, or after that.
        """
        keyed = []
        for place, queue in queues.items():
            last = 0
            for event in (event for event in queue if "dur" in event):
                known = _correlation(event) in self._by_correlation
                last = max(last, self._enqueued(event)) if known else last
                keyed.append((last, False, place, event))
            for event in (event for event in queue if "mark" in event):
                keyed.append((self._enqueued(event), event["mark"] == "wait", place, event))
        keyed.sort(key=lambda item: item[:2])
        self._given = [key for key, *_ in keyed]
        return [(place, event) for _, _, place, event in keyed]

    def _enqueued(self, event: Event) -> int:
        """When its call began; if that is not in the trace, when it began itself."""
        if "enqueue" in event:
            return int(event["enqueue"])
        call = self._by_correlation.get(_correlation(event))
        begin = self._times(event)[0]
        return begin if call is None else min(begin, self._times(self._calls[call - 1])[0])

    def _command(
        self, place: tuple[int, int], event: Event, start: int, finish: int, ids: dict[int, int]
    ) -> Command:
        call = self._by_correlation.get(_correlation(event))
        where = self._calls[call - 1] if call is not None else None
        kind = event.get("mark") or CATEGORIES[event["cat"]]
        name = event["name"] if "dur" in event else f"event {event['event']}"
        words = [way for word, way in DIRECTIONS.items() if kind == "copy" and word in name]
        marked = "dur" not in event
        return Command(
            ids[id(event)],
            kind,
            name,
            *place,
            self._enqueued(event),
            start,
            finish,
            self._numbers[where["pid"], where["tid"]] if where else 0,
            event["event"] if marked else None,
            _correlation(event["source"] or event) if marked else None,
            (ids[id(event["source"])],) if event.get("source") else (),
            None,
            call=call,
            direction=words[0] if words else None,
        )

    # --- the host -------------------------------------------------------------------------------

    def _call(self, number: int, event: Event, commands: list[Command]) -> Call:
        begin, end = self._times(event)
        waits, known = self._waited(event, commands)
        return Call(
            str(event["cat"]),
            event["name"],
            "",
            None,
            None,
            self._numbers[event["pid"], event["tid"]],
            begin,
            end,
            (),
            None,
            waits_ns=waits,
            synchronized=known,
            id=number,
        )

    def _waited(
        self, event: Event, commands: list[Command]
    ) -> tuple[tuple[tuple[int, int], ...], tuple[Known, ...]]:
        """When the host stood still in a call, and what it knew then, if the trace tells."""
        if not event["name"].endswith(SYNCHRONIZATIONS):
            return (), ()
        begin, end = self._times(event)
        wait = self._waits.get(_correlation(event))
        if wait is not None:
            given = wait["args"]
        elif event["name"].endswith("DeviceSynchronize") and self._only is not None:
            given = {"device": self._only, "cuda_sync_kind": "Context Sync"}
        else:
            return ((begin, end),), ()
        before = begin
        device, stream = given.get("device"), given.get("stream", -1)
        kind = given.get("cuda_sync_kind", "")
        if kind.startswith("Event"):
            stream, record = given["wait_on_stream"], given["wait_on_cuda_event_record_corr_id"]
            place = self._by_correlation.get(record)
            if place is None or stream < 0:
                return ((begin, end),), ()
            begun = self._times(self._calls[place - 1])[0]
            before = begun + 1
        if kind.startswith("Context"):
            stream = None
        newest = bisect_left(self._given, before)
        earlier = (commands[k] for k in range(newest - 1, -1, -1))
        mine = (c for c in earlier if c.device == device and stream in (None, c.stream))
        if (last := next(mine, None)) is None:
            return ((begin, end),), ()
        return ((begin, end),), (Known(device, stream, last.id, commands[newest - 1].id),)

    def _named(self, calls: list[Call]) -> list[Range]:
        """The program's ranges, by the calls that began in them."""
        begins = [call.begin_ns for call in calls]
        found = []
        for event in self._ranges:
            thread = self._numbers.get((event["pid"], event["tid"]))
            if thread is not None:
                begin, end = self._times(event)
                first, last = bisect_right(begins, begin - 1) + 1, bisect_right(begins, end)
                found.append(Range(event["name"], thread, begin, end, first, last, None))
        return sorted(found, key=lambda each: each.end_ns)


def _place(event: Event) -> tuple[int, int]:
    given = event.get("args", {})
    return int(given.get("device", event["pid"])), int(given.get("stream", event["tid"]))


def _correlation(event: Event) -> int:
    return int(event.get("args", {}).get("correlation", -1))
