"""What a log says about one device's memory: blocks and segments, step by step."""

import string
from dataclasses import dataclass, field, replace
from itertools import accumulate
from operator import itemgetter

from ..log.units import size
from .log import Log
from .records import Memory
from .units import count

STEPS = 400  # of a longer log those around its peak are shown
SPANS = 600
_SIGNS = {"alloc": 1, "free": -1}
LETTERS = string.ascii_lowercase + string.ascii_uppercase


@dataclass
class Step:
    """One column of the picture: something that happened, and how much there was after it."""

    action: str
    time: float
    site: str | None
    what: str
    allocated: int = 0
    reserved: int = 0


@dataclass
class Span:
    """Addresses with a meaning over some steps: ``[address, top)`` from ``begin`` to ``end``.

    ``kind`` is "segment", "block", or what became of a freed block: "rests" while a stream named by
    ``record_stream`` may still use it, "poisoned" until it is allocated again.
    """

    kind: str
    address: int
    bytes: int
    stream: int
    begin: int
    end: int | None = None
    name: str = ""
    site: str | None = None
    users: set = field(default_factory=set)
    until: float | None = None  # of "rests": when the last of its users is done

    @property
    def top(self) -> int:
        """The first address above it."""
        return self.address + self.bytes

    def meets(self, other: "Span") -> bool:
        """Whether they have an address in common."""
        return self.address < other.top and other.address < self.top


class Heap:
    """The memory of one device during a log, or as a snapshot shows it.

    Attributes:
        steps: the columns, in order; of a long log those around the most that was allocated.
        spans: segments, blocks and what became of them, the largest and longest of many.
        left_out: what there is besides, and how to see it; "" if that is all.
    """

    def __init__(self, source: Log, device: int) -> None:
        source, before, after = _around_the_peak(source, device)
        self.steps: list[Step] = []
        self.spans: list[Span] = []
        self._open: dict = {}  # ("segment" or "block", address) -> span
        self._waiting: list[Span] = []  # freed, and not known to be settled or used again
        self._finish: dict = {}  # stream -> when all that it has been given is done
        self._totals = {"segment": 0, "block": 0}  # bytes
        self._blocks = 0
        self._freed: Span | None = None  # the block that the last record freed
        initial = [record for record in source.initial_memory if record.device == device]
        if initial or not len(source):
            self.steps.append(Step("start", 0.0, None, "start"))
        for record in initial:
            self._add("segment" if record.action == "segment_alloc" else "block", record, 0)
        self._count()
        for record in source:
            if getattr(record, "owner", getattr(record, "device", None)) == device:
                self._read(record)
        if not self.steps:  # a slice may end between a segment and its block
            self.steps.append(Step("start", 0.0, None, "start"))
            self._count()
        for span in self.spans:
            span.end = len(self.steps) if span.end is None else span.end
        self.left_out = _left_out(before, after, self._trim())

    def of(self, kind: str) -> list:
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

    def boundaries(self) -> list:
        """Every address at which something begins or ends, from the lowest up."""
        spans = [span for span in self.spans if span.kind in ("segment", "block")]
        return sorted({edge for span in spans for edge in (span.address, span.top)})

    def reuses(self) -> list:
        """``(earlier, later)``: blocks, the later one at addresses that the earlier one had."""
        pairs, seen = [], []
        for block in self.of("block"):
            before = [old for old in seen if old.meets(block)]
            if before:
                pairs.append((max(before, key=lambda old: old.end), block))
            seen.append(block)
        return pairs

    def _read(self, record) -> None:
        freed, self._freed = self._freed, None
        if hasattr(record, "finish"):  # a command
            last = max(self._finish.get(record.stream, 0.0), record.finish)
            self._finish[record.stream] = last
            if record.name == "poison" and freed is not None:
                self._leave(freed, "poisoned", None)
            return
        now = len(self.steps)
        self._settle(record.time, now)
        if record.action == "segment_alloc":  # part of the step of the block it is for
            self._add("segment", record, now)
            return
        last = self.steps[-1] if self.steps else None
        if record.action == "segment_free" and last and last.action == "segment_free":
            now -= 1  # several are returned at once
        else:
            self.steps.append(Step(record.action, record.time, record.site, _what(record)))
        self._apply(record, now)
        self._count()

    def _apply(self, record, now: int) -> None:
        if record.action == "alloc":
            self._add("block", record, now)
            self.steps[now].what = f"alloc {self.spans[-1].name}: {size(record.bytes)}"
        elif record.action == "segment_free":
            self._close("segment", record, now)
        elif record.action == "free":
            block = self._freed = self._close("block", record, now)
            self.steps[now].what = f"free {block.name}: {size(record.bytes)}"
            if block.users:
                until = max(self._finish.get(user, 0.0) for user in block.users)
                if until > record.time:
                    self._leave(block, "rests", until)
        elif record.action == "record_stream":
            block = self._open.get(("block", record.address))
            if block is not None:
                if record.stream != block.stream:
                    block.users.add(record.stream)
                self.steps[now].what = f"record_stream {block.name}: stream {record.stream}"

    def _add(self, kind: str, record, now: int) -> None:
        place = record.address, record.bytes, record.stream
        span = Span(kind, *place, now, site=record.site)
        if kind == "block":
            span.name, self._blocks = block_name(self._blocks), self._blocks + 1
            self._fill_holes(span, now)
        self._open[kind, record.address] = span
        self._totals[kind] += record.bytes
        self.spans.append(span)

    def _fill_holes(self, block: Span, now: int) -> None:
        """A new block ends what was left of earlier ones at its addresses, and only there."""
        for hole in [hole for hole in self._waiting if hole.meets(block)]:
            hole.end = now
            self._waiting.remove(hole)
            for low, high in ((hole.address, block.address), (block.top, hole.top)):
                if low < high:
                    rest = replace(hole, address=low, bytes=high - low, begin=now, end=None)
                    self._waiting.append(rest)
                    self.spans.append(rest)

    def _close(self, kind: str, record, now: int) -> Span:
        if (kind, record.address) not in self._open:  # from before the log, which does not say so
            self._add(kind, record, 0)
        span = self._open.pop((kind, record.address))
        span.end = now
        self._totals[kind] -= span.bytes
        return span

    def _leave(self, block: Span, kind: str, until: float | None) -> None:
        place = block.address, block.bytes, block.stream
        hole = Span(kind, *place, block.end, name=block.name, users=block.users, until=until)
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


def _around_the_peak(log: Log, device: int) -> tuple:
    """The part of a log to show: ``(log, where it begins, where it ends)``, None if that is all."""
    actions = [k for k, r in enumerate(log) if isinstance(r, Memory) and r.owner == device]
    if len(actions) <= STEPS:
        return log, None, None
    totals = accumulate(_SIGNS.get(log[k].action, 0) * log[k].bytes for k in actions)
    peak = max(enumerate(totals), key=itemgetter(1))[0]
    first = min(max(peak - STEPS // 2, 0), len(actions) - STEPS)
    begin, end = actions[first], actions[first + STEPS - 1] + 1
    return log[begin:end], begin, end


def _left_out(begin: int | None, end: int | None, blocks: int) -> str:
    parts = []
    if begin is not None:
        parts.append(f"the log around its peak, log[{begin}:{end}]: draw any part of it so")
    if blocks:
        parts.append(f"{count(blocks, 'smaller block')} left out: log.memory has all")
    return "; ".join(parts)


def of_snapshot(snapshot: dict) -> Log:
    """What ``torch.mtia.snapshot()`` says, as if it had just been allocated; addresses from 0."""
    records = []
    lowest: dict = {}
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
    return Memory(action, device, stream, address, size, 0.0, 0, None)


def block_name(number: int) -> str:
    """a, b, ... z, A, ... Z, a1, b1, ..."""
    turn, letter = divmod(number, len(LETTERS))
    return LETTERS[letter] + (str(turn) if turn else "")


def _what(record) -> str:
    words = {"oom": f"out of memory: {size(record.bytes)} asked"}
    return words.get(record.action, "cached segments returned")
