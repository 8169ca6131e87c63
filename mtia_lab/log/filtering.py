"""Part of a log: `log.filter(stream=(0, 1), since=20)`."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from ..errors import WrongArgument, WrongValue
from .arguments import a_time
from .log import Log, Part
from .records import Call, Command, Memory, Record, Value

Place = tuple[int, int]  # a device, and a stream of it
Test = Callable[[Record], bool]
KINDS = ("call", "command", "kernel", "copy", "record", "wait", "memory", "host", "value")


def filtered(log: Log, wanted: Part) -> Log:
    """What `log.filter` does."""
    if unknown := [key for key in wanted if key not in Part.__annotations__]:
        raise WrongArgument(
            f"unexpected keyword argument {unknown[0]!r}; a log is filtered by "
            f"{', '.join(Part.__annotations__)}"
        )
    places = Places(log)
    makers: dict[str, Callable[[Any], Test]] = {
        "stream": places.on_stream,
        "device": places.on_device,
        "thread": _by_thread,
        "line": _at_line,
        "name": lambda name: lambda record: any(fnmatchcase(n, name) for n in places.names(record)),
        "kind": _of_kind,
        "range": partial(_in_range, log),
    }
    chosen = {key: value for key, value in wanted.items() if key in makers and value is not None}
    tests = [_any_of(makers[key], value, key) for key, value in chosen.items()]
    begin = a_time("since", wanted.get("since"), -math.inf) * 1000
    end = a_time("until", wanted.get("until"), math.inf) * 1000
    inside = [k for k, record in enumerate(log) if _meets(record, begin, end)]
    part = log[inside[0] :] if inside else log[len(log) :]  # knows what was before its first record
    offset = inside[0] if inside else 0

    def passes(record: Record) -> bool:
        return all(test(record) for test in tests)

    return Log(
        [record for k in inside if passes(record := part[k - offset])],
        part.initial_state,
        [record for record in part.initial_memory if "range" not in chosen and passes(record)],
        log.unknown,
        log.ranges,
    )


class Places:
    """Where the records of a log belong, also those that do not say so themselves."""

    def __init__(self, log: Log) -> None:
        self._commands = {command.id: command for command in log.commands}
        self._by_call: defaultdict[int, set[Place]] = defaultdict(set)
        outer = {call.id: call.call for call in log.calls}
        for command in self._commands.values():
            call = command.call
            while call is not None:
                self._by_call[call].add((command.device, command.stream))
                call = outer.get(call)

    def of(self, record: Record) -> set[Place]:
        """Its streams: of a call, the one it was given and those that it enqueued on."""
        if isinstance(record, Call):
            given = set() if record.stream is None else {record.stream}
            return given | self._by_call.get(record.id, set())
        if isinstance(record, Value):
            command = self._commands.get(record.command)
            return self.of(command) if command else set()
        return {(record.device, record.stream)} if isinstance(record, Command | Memory) else set()

    def names(self, record: Record) -> list[str]:
        """What it is called: of a call also with its door, of memory the action."""
        if isinstance(record, Call):
            return [record.name, record.method]
        if isinstance(record, Value):
            command = self._commands.get(record.command)
            return [command.name] if command else []
        return [record.action if isinstance(record, Memory) else record.name]

    def on_stream(self, stream: Any) -> Test:
        """The test for a stream: its id on any device, (device, id), or a torch.Stream."""
        place = getattr(stream, "device_index", None), getattr(stream, "stream_id", None)
        device, number = stream if isinstance(stream, tuple) and len(stream) == 2 else place
        if device is None:
            _whole("stream", stream)
            return lambda record: any(id == stream for _, id in self.of(record))
        wanted = _whole("stream", device), _whole("stream", number)
        return lambda record: wanted in self.of(record)

    def on_device(self, device: Any) -> Test:
        """The test for a device: its index, or a torch.device."""
        index = getattr(device, "index", device)
        wanted = _whole("device", index if isinstance(index, int) else device)
        return lambda record: any(found == wanted for found, _ in self.of(record))


def _any_of(maker: Callable[[Any], Test], value: Any, key: str) -> Test:
    """The test for a value, or for a list or set of values of which one has to do."""
    if key in ("line", "name", "kind", "range"):
        for word in _several(value):
            if not isinstance(word, str):
                raise WrongArgument(f"{key} is {word!r}, but has to be text, or a list of texts")
    tests = [maker(one) for one in _several(value)]
    return lambda record: any(test(record) for test in tests)


def _several(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | set | frozenset) else [value]


def _by_thread(thread: int) -> Test:
    wanted = _whole("thread", thread)
    return lambda record: record.thread == wanted


def _at_line(line: str) -> Test:
    """At that line, or at any of a file or a cell."""
    return lambda record: (
        record.site is not None and (record.site == line or record.site.startswith(f"{line}:"))
    )


def _of_kind(kind: str) -> Test:
    if kind not in KINDS:
        raise WrongValue(f"{kind!r} is no kind of record; there are {', '.join(KINDS)}")
    return lambda record: kind in (type(record).__name__.lower(), getattr(record, "type", None))


def _in_range(log: Log, name: str) -> Test:
    mine = [each for each in log.ranges if fnmatchcase(each.name, name)]
    if not mine:
        names = ", ".join(dict.fromkeys(each.name for each in log.ranges))
        raise WrongValue(
            f"this log has no range called {name!r}; "
            + (f"it has {names}" if names else "`torch.profiler.record_function` makes one")
        )
    alone = bool(log.unknown)  # such as which threads are autograd's
    return lambda record: any(each.holds(record, alone) for each in mine)


def _whole(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        words = {
            "stream": "an id, (device, id), or a torch.Stream",
            "device": "an index, or a torch.device that has one",
            "thread": "the logical number of a thread",
        }[key]
        raise WrongArgument(f"{key} is {value!r}, but has to be {words}; or a list of these")
    return value


def _meets(record: Record, begin: float, end: float) -> bool:
    """Whether any moment of it lies between; of a command, from when it was enqueued on."""
    if isinstance(record, Call):
        return record.end_ns >= begin and record.begin_ns <= end
    if isinstance(record, Command):
        return record.finish_ns >= begin and record.enqueue_ns <= end
    return begin <= record.time_ns <= end
