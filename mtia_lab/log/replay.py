"""What follows from a log: when streams were ready, what calls enqueued, the lives of blocks."""

import string
import sys
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from operator import attrgetter, itemgetter
from typing import Any

from .log import Log
from .records import BACKWARD, POISON, Call, Command, Memory
from .units import count, size

STEPS = 400  # of a longer log those around its peak are shown
SPANS = 600
FOREVER = sys.maxsize  # as when something ends: it is there to the end of the log
SIGNS = {"alloc": 1, "free": -1}
LETTERS = string.ascii_lowercase + string.ascii_uppercase


def ready_times(commands: Iterable[Command]) -> dict[int, int]:
    """When the stream of each command was ready for it, in ns, by the command's id.

    It had been given the command then, and had done all that it was given before.

    Args:
        commands: in enqueue order.
    """
    ready: dict[int, int] = {}
    free: dict[tuple[int, int], int] = {}
    for command in commands:
        stream = command.device, command.stream
        ready[command.id] = max(free.get(stream, 0), min(command.enqueue_ns, command.start_ns))
        free[stream] = command.finish_ns
    return ready


def last_ns(commands: Iterable[Command], calls: Iterable[Call]) -> int:
    """When the last of these is over."""
    finish = max(map(attrgetter("finish_ns"), commands), default=0)
    return max(finish, max(map(attrgetter("end_ns"), calls), default=0))


def launches(log: Log) -> dict[int, list[int]]:
    """What each call in the log enqueued: the ids of its commands, by the id of the call."""
    found: dict[int | None, list[int]] = {}
    for command in log.commands:
        found.setdefault(command.call, []).append(command.id)
    return {call.id: found[call.id] for call in log.calls if call.id in found}


@dataclass
class Step:
    """One column of the picture: something that happened, and how much there was after it."""

    action: str
    time: float
    site: str | None
    what: str
    allocated: int = 0
    reserved: int = 0


@dataclass(slots=True, eq=False)
class Span:
    """Addresses with a meaning for some time: a segment, a block, or a block after it was freed.

    Time is counted in what suits the caller: in steps, in moments or in commands.

    Attributes:
        kind: "segment", "block", or of what was a block "rests" while a stream that
            `record_stream` named may still use it, "poisoned" until it is allocated again.
        device, address, bytes: where it is.
        stream: the stream that the allocator keeps it for.
        begin, end: from when until when, FOREVER as long as it is there.
        site: the line that allocated it.
        number, name: of a block, its place among all, and its letter on its device.
        users: the streams that `record_stream` named, each as (when, (device, stream)).
        void: the line of a `record_stream` that named its own stream, which keeps nothing.
        freed_site: the line that freed it.
        cause: without a line, who allocated it or when, in words.
        until: of "rests", when the last of its users is done.
    """

    kind: str
    device: int
    address: int
    bytes: int
    stream: int
    begin: int
    site: str | None = None
    number: int = -1
    name: str = ""
    end: int = FOREVER
    users: list[tuple[int, tuple[int, int]]] = field(default_factory=list)
    void: str | None = None
    freed_site: str | None = None
    cause: str = "before the recording"
    until: float | None = None

    @property
    def top(self) -> int:
        """The first address above it."""
        return self.address + self.bytes

    def meets(self, other: "Span") -> bool:
        """Whether they have an address in common."""
        return self.address < other.top and other.address < self.top

    def ends_between(self, earlier: int, later: int) -> bool:
        """Whether it ended at or after the one moment and before the other."""
        return earlier <= self.end < later

    def lives(self, now: int) -> bool:
        """Whether it is there at some time."""
        return self.begin <= now < self.end


class Blocks:
    """The lives of blocks and segments, followed through the records of a log.

    Attributes:
        blocks, segments: all there have been, in the order in which they were allocated.
    """

    def __init__(self, initial: Iterable[Memory] = ()) -> None:
        self.blocks: list[Span] = []
        self.segments: list[Span] = []
        self._newest: dict[int, dict[int, Span]] = {}  # of each device, by address
        self._starts: dict[int, list[int]] = {}  # of each device, these addresses, sorted
        self._reserved: dict[tuple[int, int], Span] = {}
        self._counts: Counter[int] = Counter()  # of each device, its blocks
        for record in initial:
            span = self.apply(record, 0)
            if span is not None and record.time:  # a slice begins later than the recording
                span.cause = "before this part of the log"

    def apply(self, record: Memory, now: int) -> Span | None:
        """What happened to memory; gives the span that it happened to, None if it is unknown.

        What is given back, and was not allocated in the log, was there before.
        """
        if record.address is None or record.owner is None:
            return None
        place = record.owner, record.address
        if record.action == "alloc":
            return self.add(record, now)
        if record.action == "segment_alloc":
            return self._reserve(record, place, now)
        if record.action == "segment_free":
            segment = self._reserved.get(place) or self._reserve(record, place, 0)
            del self._reserved[place]
            segment.end = now
            return segment
        block = self.at(*place)
        known = block is not None and block.end == FOREVER
        if record.action == "free":
            block = block if block is not None and known else self.add(record, 0)
            block.end, block.freed_site = now, record.site
            return block
        return self.use(block, record, now) if block is not None and known else None

    def add(self, record: Memory, now: int) -> Span:
        """A block is there; what was there before is gone."""
        device, start = record.owner, record.address
        assert device is not None and start is not None
        stream = 0 if record.action == "record_stream" else record.stream
        span = Span("block", device, start, record.bytes, stream, now)
        span.site = record.site if record.action == "alloc" else None
        span.number, span.name = len(self.blocks), block_name(self._counts[device])
        self._counts[device] += 1
        self.blocks.append(span)
        blocks = self._newest.setdefault(device, {})
        starts = self._starts.setdefault(device, [])
        first, last = bisect_left(starts, start), bisect_left(starts, span.top)
        if first and blocks[starts[first - 1]].top > start:
            first -= 1
        if starts[first:last] != [start]:
            for gone in starts[first:last]:
                del blocks[gone]
            starts[first:last] = [start]
        blocks[start] = span
        return span

    @staticmethod
    def use(block: Span, record: Memory, now: int) -> Span:
        """`record_stream`: another stream uses a block."""
        user = record.device, record.stream
        if user == (block.device, block.stream):
            block.void = record.site
        else:
            block.users.append((now, user))
        return block

    def at(self, device: int, address: int) -> Span | None:
        """The newest block that an address is in. A freed one stays until its place is taken."""
        blocks = self._newest.get(device)
        if blocks is None:
            return None
        block = blocks.get(address)
        if block is not None:
            return block
        starts = self._starts[device]
        index = bisect_right(starts, address) - 1
        block = blocks[starts[index]] if index >= 0 else None
        return block if block is not None and address < block.top else None

    def _reserve(self, record: Memory, place: tuple[int, int], now: int) -> Span:
        span = Span("segment", *place, record.bytes, record.stream, now, site=record.site)
        self._reserved[place] = span
        self.segments.append(span)
        return span


class Heap:
    """The memory of one device during a log, or as a snapshot shows it.

    Attributes:
        steps: the columns, in order; of a long log those around the most that was allocated.
        spans: segments, blocks and freed blocks, the largest and longest of many.
        left_out: what there is besides, and how to see it; "" if that is all.
    """

    def __init__(self, source: Log, device: int) -> None:
        source, before, after = _around_the_peak(source, device)
        self.steps: list[Step] = []
        self.spans: list[Span] = []
        self._lives = Blocks()
        self._waiting: list[Span] = []  # freed, and not known to be settled or used again
        self._finish: dict[tuple[int, int], float] = {}  # of each stream, when it is done
        self._totals = {"segment": 0, "block": 0}  # bytes
        self._freed: Span | None = None  # the block that the last record freed
        initial = [record for record in source.initial_memory if record.device == device]
        if initial or not len(source):
            self.steps.append(Step("start", 0.0, None, "start"))
        for memory in initial:
            self._follow(memory, 0)
        self._count()
        for record in source:
            if isinstance(record, Command) and record.device == device:
                self._on_command(record)
            elif isinstance(record, Memory) and record.owner == device:
                self._on_memory(record)
        if not self.steps:  # a slice may end between a segment and its block
            self.steps.append(Step("start", 0.0, None, "start"))
            self._count()
        for span in self.spans:
            span.end = min(span.end, len(self.steps))
        self.left_out = _left_out(before, after, self._trim())

    def of(self, kind: str) -> list[Span]:
        """The spans of a kind that can be seen, in order of their first step."""
        return [span for span in self.spans if span.kind == kind and span.end > span.begin]

    def _trim(self) -> int:
        """Keep the largest and longest of too many spans; returns how many blocks that leaves out.

        Segments are kept first, so that what is on them stands somewhere.
        """
        if len(self.spans) <= SPANS:
            return 0
        sizes = [(s.kind != "segment", -s.bytes * (s.end - s.begin)) for s in self.spans]
        kept = sorted(sorted(range(len(sizes)), key=sizes.__getitem__)[:SPANS])
        blocks = len(self.of("block"))
        self.spans = [self.spans[k] for k in kept]
        return blocks - len(self.of("block"))

    @cached_property
    def boundaries(self) -> list[int]:
        """Every address at which something begins or ends, from the lowest up."""
        spans = [span for span in self.spans if span.kind in ("segment", "block")]
        return sorted({edge for span in spans for edge in (span.address, span.top)})

    @cached_property
    def reuses(self) -> list[tuple[Span, Span]]:
        """`(earlier, later)`: blocks, the later one at addresses that the earlier one had."""
        pairs: list[tuple[Span, Span]] = []
        seen: list[Span] = []
        for block in self.of("block"):
            before = [old for old in seen if old.meets(block)]
            if before:
                pairs.append((max(before, key=lambda old: old.end), block))
            seen.append(block)
        return pairs

    def _on_command(self, command: Command) -> None:
        stream = command.device, command.stream
        self._finish[stream] = max(self._finish.get(stream, 0.0), command.finish)
        if command.marker == POISON and self._freed is not None:
            self._leave(self._freed, "poisoned", None)
        self._freed = None

    def _on_memory(self, record: Memory) -> None:
        self._freed = None
        now = len(self.steps)
        self._settle(record.time, now)
        if record.action == "segment_alloc":  # part of the step of the block it is for
            self._follow(record, now)
            return
        last = self.steps[-1] if self.steps else None
        if record.action == "segment_free" and last and last.action == "segment_free":
            now -= 1  # several are returned at once
        else:
            self.steps.append(Step(record.action, record.time, record.site, _what(record)))
        span = self._follow(record, now)
        if span is not None and span.kind == "block":
            words = {"record_stream": f"stream {record.stream}"}.get(record.action)
            self.steps[now].what = f"{record.action} {span.name}: {words or size(record.bytes)}"
        if span is not None and record.action == "free":
            self._freed = span
            until = max((self._finish.get(user, 0.0) for _, user in span.users), default=0.0)
            if until > record.time:
                self._leave(span, "rests", until)
        self._count()

    def _follow(self, record: Memory, now: int) -> Span | None:
        """What happened to memory, with the spans that it adds and the bytes that it changes."""
        segments, blocks = len(self._lives.segments), len(self._lives.blocks)
        span = self._lives.apply(record, now)
        for new in (*self._lives.segments[segments:], *self._lives.blocks[blocks:]):
            if new.kind == "block":
                self._fill_holes(new, new.begin)
            self.spans.append(new)
            self._totals[new.kind] += new.bytes
        if span is not None and span.end != FOREVER:
            self._totals[span.kind] -= span.bytes
        return span

    def _fill_holes(self, block: Span, now: int) -> None:
        """A new block ends what was left of earlier ones at its addresses, and only there."""
        for hole in [hole for hole in self._waiting if hole.meets(block)]:
            hole.end = now
            self._waiting.remove(hole)
            for low, high in ((hole.address, block.address), (block.top, hole.top)):
                if low < high:
                    rest = replace(hole, address=low, bytes=high - low, begin=now, end=FOREVER)
                    self._waiting.append(rest)
                    self.spans.append(rest)

    def _leave(self, block: Span, kind: str, until: float | None) -> None:
        hole = replace(block, kind=kind, begin=block.end, end=FOREVER, until=until)
        self._waiting.append(hole)
        self.spans.append(hole)

    def _settle(self, time: float, now: int) -> None:
        for hole in [h for h in self._waiting if h.until is not None and h.until <= time]:
            hole.end = now
            self._waiting.remove(hole)

    def _count(self) -> None:
        """Note what is allocated and reserved after the last step."""
        if self.steps:
            step = self.steps[-1]
            step.allocated, step.reserved = self._totals["block"], self._totals["segment"]


def _around_the_peak(log: Log, device: int) -> tuple[Log, int | None, int | None]:
    """The part of a log to show: `(log, where it begins, where it ends)`, None if that is all."""
    actions = [(k, r) for k, r in enumerate(log) if isinstance(r, Memory) and r.owner == device]
    if len(actions) <= STEPS:
        return log, None, None
    totals = accumulate(SIGNS.get(record.action, 0) * record.bytes for _, record in actions)
    peak = max(enumerate(totals), key=itemgetter(1))[0]
    first = min(max(peak - STEPS // 2, 0), len(actions) - STEPS)
    begin, end = actions[first][0], actions[first + STEPS - 1][0] + 1
    return log[begin:end], begin, end


def _left_out(begin: int | None, end: int | None, blocks: int) -> str:
    parts = []
    if begin is not None:
        parts.append(f"the log around its peak, log[{begin}:{end}]: draw any part of it so")
    if blocks:
        parts.append(f"{count(blocks, 'smaller block')} left out: log.memory has all")
    return "; ".join(parts)


def of_snapshot(snapshot: dict[str, Any]) -> Log:
    """What `torch.mtia.snapshot()` says, as if it had just been allocated; addresses from 0."""
    records = []
    lowest: dict[int, int] = {}
    for segment in sorted(snapshot["segments"], key=lambda segment: segment["address"]):
        device, stream = segment["device"], segment["stream"]
        base = lowest.setdefault(device, segment["address"])
        place = device, segment["address"] - base, segment["total_size"], stream
        records.append(_record("segment_alloc", *place))
        for block in segment["blocks"]:
            if block["state"] == "active_allocated":
                place = device, block["address"] - base, block["size"], stream
                records.append(_record("alloc", *place))
    return Log(initial_memory=records)


def _record(action: str, device: int, address: int, size: int, stream: int) -> Memory:
    return Memory(action, device, stream, address, size, 0, 0, None)


def block_name(number: int) -> str:
    """a, b, ... z, A, ... Z, a1, b1, ..."""
    turn, letter = divmod(number, len(LETTERS))
    return LETTERS[letter] + (str(turn) if turn else "")


def _what(record: Memory) -> str:
    words = {"oom": f"out of memory: {size(record.bytes)} asked"}
    return words.get(record.action, "cached segments returned")


class Backwards:
    """The lines that host threads are in backward of, while a log is read.

    A thread that calls backward asks the backend which devices are in use, which the log marks, and
    then waits until autograd's threads are done: until its next call at another line, it may still
    be in it. No line of the reader's runs on autograd's threads.

    Attributes:
        lines: by thread.
    """

    def __init__(self) -> None:
        self.lines: dict[int, str] = {}

    def add_call(self, call: Call) -> None:
        """The next call in the log."""
        if call.marker == BACKWARD and call.site is not None:
            self.lines[call.thread] = call.site
        elif self.lines and call.site != self.lines.get(call.thread):
            self.lines.pop(call.thread, None)

    def caller(self) -> int | None:
        """The thread that is in backward, if it is one and no more."""
        return next(iter(self.lines)) if len(self.lines) == 1 else None

    def line(self) -> str | None:
        """The line of the backward that is going on, if it can be no other."""
        lines = set(self.lines.values())
        return lines.pop() if len(lines) == 1 else None

    def cause(self, thread: int) -> str:
        """Who made a thread do something where no line of the reader's runs, in words."""
        lines = set(self.lines.values())
        if len(lines) == 1:
            return f"by backward of line {lines.pop()}"
        return "by autograd's thread" if lines else f"by host thread {thread}, at no line of yours"
