"""Memory as the log has it: blocks and segments with the moments between which they live.

What a block holds is who wrote it last and, where the log has its bytes, the numbers that they are.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

from ..log.records import PINNED, Access, Call, Command, Host, Memory, Record, Value
from ..log.replay import FOREVER, Backwards, Blocks
from .moments import APPEAR, ENQUEUE, FINISH, HAPPEN, Moment, Row

USED = "not known; record(host=True) says it"  # of pinned memory that only its uses tell of
Totals = tuple[int, int]  # bytes allocated, bytes reserved
Writes = list[tuple[Access, bytes]]  # and the first bytes that were left there, if known


def find(blocks: Blocks, moment: int, access: Access) -> int:
    """The number of the block that an access is in at a moment, or -1.

    Of pinned memory the log may have nothing but its uses: then that is the block.
    """
    block = blocks.at(access.device, access.address)
    if block is not None and block.end == FOREVER:
        return block.number
    if access.device != PINNED:
        return -1
    place = access.address, access.bytes
    block = blocks.add(Memory("alloc", PINNED, 0, *place, 0, 0, None), moment)
    block.cause = USED
    return block.number


def totals(blocks: Blocks) -> dict[int, Row[Totals]]:
    """Of each device: (bytes allocated, bytes reserved)."""
    changes: dict[int, dict[int, list[int]]] = {}
    for column, spans in enumerate((blocks.blocks, blocks.segments)):
        for span in spans:
            by_moment = changes.setdefault(span.device, {})
            by_moment.setdefault(span.begin, [0, 0])[column] += span.bytes
            if span.end != FOREVER:
                by_moment.setdefault(span.end, [0, 0])[column] -= span.bytes
    rows: dict[int, Row[Totals]] = {}
    for device, by_moment in sorted(changes.items()):
        row, allocated, reserved = rows.setdefault(device, Row()), 0, 0
        for moment, (more, room) in sorted(by_moment.items()):
            allocated, reserved = allocated + more, reserved + room
            row.set(moment, (allocated, reserved))
    return rows


class Memories:
    """Blocks, what uses them, and what they hold.

    Args:
        records, moments: of the log.
        initial: what was in use before the first record.
        late: what `late_values` gives for the records.
        place: the id of a command -> its position.

    Attributes:
        blocks: all there ever are.
        accesses: position of a command -> its accesses, each as (block, access, whether it
            writes); the block is its number, or -1 if the log has none.
        about: position of a memory record -> the number of its block, or -1.
        values: what blocks hold.
    """

    def __init__(
        self,
        records: Sequence[Record],
        moments: Sequence[Moment],
        initial: Sequence[Memory],
        late: dict[int, int],
        place: dict[int, int],
    ) -> None:
        self.blocks = Blocks(initial)
        self.accesses: dict[int, list[tuple[int, Access, bool]]] = {}
        self.about: dict[int, int] = {}
        self.values = Values()
        effects, causes = _effects(records, late, place), _causes(records)
        for number, (_, position, verb) in enumerate(moments):
            record = records[position] if position >= 0 else None
            if verb == ENQUEUE and isinstance(record, Command):
                self._use(number, position, record)
            elif verb == HAPPEN and isinstance(record, Memory):
                block = self.blocks.apply(record, number)
                self.about[position] = -1 if block is None else block.number
                if block is not None and position in causes:
                    block.cause = causes[position]
            elif verb in (FINISH, APPEAR, HAPPEN) and position in effects:
                writer, writes = effects[position]
                self.values.write(number, writer, writes, self.blocks)

    def _use(self, number: int, position: int, command: Command) -> None:
        used = [(a, False) for a in command.reads] + [(a, True) for a in command.writes]
        if used:
            blocks = self.blocks
            self.accesses[position] = [(find(blocks, number, a), a, w) for a, w in used]


def _causes(records: Sequence[Record]) -> dict[int, str]:
    """Who allocated where no line of the reader's ran, in words: by position of the record."""
    causes: dict[int, str] = {}
    backwards = Backwards()
    for position, record in enumerate(records):
        if isinstance(record, Call):
            backwards.add_call(record)
        elif isinstance(record, Memory) and record.action == "alloc" and record.site is None:
            causes[position] = backwards.cause(record.thread)
    return causes


def _effects(
    records: Sequence[Record], late: dict[int, int], place: dict[int, int]
) -> dict[int, tuple[int, Writes]]:
    """What changes memory: position of a record -> (position of the writer, what it writes).

    Without recorded values, a command writes unknown ones when it finishes.
    """
    values: dict[int, Writes] = {}
    for record in records:
        if isinstance(record, Value):
            values.setdefault(record.command, []).append((record.access, record.data))
    delayed = set(late.values())
    effects: dict[int, tuple[int, Writes]] = {}
    for position, record in enumerate(records):
        if isinstance(record, Command):
            unknown = [] if values else [(access, b"") for access in record.writes]
            writes = values.get(record.id, unknown)
            if writes and record.id not in delayed:
                effects[position] = position, writes
        elif isinstance(record, Host):
            effects[position] = position, [(access, b"") for access in record.writes]
        elif isinstance(record, Value) and position in late:
            effects[position] = place.get(record.command, position), values[record.command]
    return effects


class Content(NamedTuple):
    """What is in a block: the tensor written last, its first numbers or None, its writer."""

    tensor: str
    text: str | None
    writer: int  # the position of a record of the log


@dataclass
class _Seen:
    """Bytes that are known to be in memory, and as what they were written."""

    access: Access
    data: bytearray

    def meets(self, low: int, high: int) -> bool:
        """Whether some of the bytes that are known lie between two addresses."""
        first = self.access.address
        return max(low, first) < min(high, first + len(self.data))


class Values:
    """Follows memory through the moments: what each block holds, as a row of contents."""

    def __init__(self) -> None:
        self.rows: dict[int, Row[Content]] = {}  # position of a block -> its contents
        self._seen: dict[int, list[_Seen]] = {}

    def write(
        self, moment: int, position: int, writes: Sequence[tuple[Access, bytes]], memory: Blocks
    ) -> None:
        """A record writes memory at a moment.

        Args:
            moment: when it can be seen.
            position: of the record in the log.
            writes: what it wrote and the first bytes it left there; none, if that is not known.
            memory: the blocks as they are at the moment.
        """
        for access, data in writes:
            block = find(memory, moment, access)
            if block < 0:
                continue
            seen = self._update(self._seen.setdefault(block, []), access, data)
            whole = max(seen, key=lambda one: one.access.bytes, default=None)
            tensor = whole.access.tensor if whole else access.tensor
            text = numbers(whole.access, bytes(whole.data)) if whole else None
            self.rows.setdefault(block, Row()).set(moment, Content(tensor, text, position))

    def of_block(self, block: int, moment: int) -> Content | None:
        """What a block holds at a moment; None if nothing was seen to write it."""
        row = self.rows.get(block)
        return row.get(moment) if row else None

    @staticmethod
    def _update(seen: list[_Seen], access: Access, data: bytes) -> list[_Seen]:
        """Bring what is known up to date: new bytes replace old ones, the rest that was written
        over is forgotten."""
        low, known, high = access.address, access.address + len(data), access.address + access.bytes
        seen[:] = [
            one
            for one in seen
            if not one.meets(known, high)
            and (one.access.address, one.access.tensor) != (low, access.tensor)
        ]
        for one in seen:
            start = one.access.address
            first, last = max(low, start), min(known, start + len(one.data))
            if first < last:
                one.data[first - start : last - start] = data[first - low : last - low]
        if data:
            seen.append(_Seen(access, bytearray(data)))
        return seen


EDGE = 6  # so many entries of a dimension are shown
MOST = 24  # and so many in all

_FORMATS = {
    "bool": "?",
    "uint8": "B",
    "int8": "b",
    "uint16": "H",
    "int16": "h",
    "uint32": "I",
    "int32": "i",
    "uint64": "Q",
    "int64": "q",
    "float16": "e",
    "bfloat16": "2s",
    "float32": "f",
    "float64": "d",
    "complex64": "ff",
    "complex128": "dd",
}


def numbers(access: Access, data: bytes) -> str:
    """The first entries of a tensor, as nested lists; "…" stands for what is left out.

    Args:
        access: which tensor.
        data: the first bytes of its memory. Of an unknown dtype they are given in hexadecimal.
    """
    if access.dtype not in _FORMATS:
        return data[:16].hex(" ") + (" …" if len(data) > 16 else "")
    sizes = access.sizes
    strides = _contiguous(sizes) if access.strides is None else access.strides
    form, size = "<" + _FORMATS[access.dtype], access.itemsize

    def entry(offset: int) -> str | None:
        if (offset + 1) * size > len(data):
            return None
        return _text(struct.unpack_from(form, data, offset * size))

    return _nest(entry, sizes, strides, 0, [MOST])


def _nest(
    entry: Callable[[int], str | None],
    sizes: Sequence[int],
    strides: Sequence[int],
    offset: int,
    left: list[int],
) -> str:
    """One dimension after the other; `left` counts down the entries that may still be shown."""
    if not sizes:
        left[0] -= 1
        return (entry(offset) if left[0] >= 0 else None) or "…"
    parts: list[str] = []
    while len(parts) < sizes[0] and (not parts or parts[-1][-1] != "…"):
        part = "…"
        if len(parts) < EDGE:
            part = _nest(entry, sizes[1:], strides[1:], offset + len(parts) * strides[0], left)
        parts.append("…" if part.startswith(("[…", "[[…")) else part)
    return "[" + ", ".join(parts) + "]"


def _text(values: tuple[Any, ...]) -> str:
    if len(values) == 2:
        return f"{values[0]:.4g}{values[1]:+.4g}j"
    value = values[0]
    if isinstance(value, bytes):  # bfloat16 is the upper half of a float32
        value = struct.unpack("<f", b"\0\0" + value)[0]
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _contiguous(sizes: Sequence[int]) -> list[int]:
    return [prod(sizes[k + 1 :]) for k in range(len(sizes))]
