"""The memory of one device, cut where uses begin and end: who used each piece last, and who races.

Whether two tensors in one piece have a byte in common is worked out from their strides: columns of
one matrix lie between one another.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy

from ..log.records import Access, Command, Host
from ..log.replay import Span
from .order import Clock, Order

_LAYOUTS = 16  # so many uses with gaps are remembered of each piece; of more, the newest


@dataclass(slots=True, eq=False)
class Use:
    """An access to memory, by a command or by the host.

    Attributes:
        stream: the number that the order gives the stream; -1 for the host.
        id: the command's; for the host, of the newest command there was.
        command: who uses it.
        access: what is used.
        is_write: whether it is changed.
        block: the block that it is in, if that is in the log.
        backward: the line whose backward it is part of, if it has none of its own.
        caller: the host thread that called that backward.
    """

    stream: int
    id: int
    command: Command | Host
    access: Access
    is_write: bool
    block: Span | None
    backward: str | None = None
    caller: int | None = None

    @property
    def thread(self) -> int:
        """The host thread whose program does it."""
        return self.command.thread if self.caller is None else self.caller

    @property
    def line(self) -> str | None:
        """The line that it comes from."""
        return self.command.site or self.backward


class Piece:
    """Some memory that has been used alike: the last writes and reads of it, by stream.

    Where a use leaves bytes out, as a column of a matrix does, it is kept by its layout as well.
    """

    __slots__ = ("end", "reads", "writes")

    def __init__(self, end: int) -> None:
        self.end = end
        self.writes: dict[Hashable, Use] = {}
        self.reads: dict[Hashable, Use] = {}

    def copy(self) -> "Piece":
        """The same for another part of the memory."""
        made = Piece(self.end)
        made.writes, made.reads = self.writes.copy(), self.reads.copy()
        return made

    def conflicting(self, is_write: bool) -> list[Use]:
        """The uses that a read or a write may not be made at the same time with."""
        return [*self.writes.values(), *(self.reads.values() if is_write else ())]

    def drop(self, clock: Clock) -> None:
        """Forget the uses up to the given command of each stream."""
        for uses in (self.writes, self.reads):
            for key in [k for k, use in uses.items() if use.id <= clock.get(use.stream, -1)]:
                del uses[key]

    def is_only(self, use: Use) -> bool:
        """Whether this one write is all there is to know."""
        return not self.reads and len(self.writes) == 1 and self.writes.get(use.stream) is use


class MemoryMap:
    """The pieces of one device's memory that were ever used. They do not overlap.

    Attributes:
        pieces: by where they begin.
    """

    def __init__(self) -> None:
        self.pieces: dict[int, Piece] = {}
        self._starts: list[int] = []  # sorted

    def cover(self, start: int, end: int) -> list[Piece]:
        """The pieces from `start` to `end`, new ones where there were none."""
        piece = self.pieces.get(start)
        if piece is not None and piece.end == end:
            return [piece]
        found = []
        for begin in self._cut_out(start, end):
            if start < begin:
                found.append(self._add(start, begin))
            found.append(self.pieces[begin])
            start = found[-1].end
        if start < end:
            found.append(self._add(start, end))
        return found

    def within(self, start: int, end: int) -> list[Piece]:
        """The pieces there are from `start` to `end`."""
        return [self.pieces[begin] for begin in self._cut_out(start, end)]

    def touching(self, start: int, end: int) -> list[Piece]:
        """The pieces of which some part lies from `start` to `end`; nothing is cut."""
        first = max(bisect_right(self._starts, start) - 1, 0)
        begins = self._starts[first : bisect_left(self._starts, end)]
        return [self.pieces[begin] for begin in begins if self.pieces[begin].end > start]

    def unite(self, start: int, end: int) -> None:
        """Make one piece of those from `start` to `end`, which must be alike."""
        for begin in self._cut_out(start, end)[1:]:
            del self.pieces[begin]
        first, last = bisect_right(self._starts, start), bisect_left(self._starts, end)
        del self._starts[first:last]
        self.pieces[start].end = end

    def forget(self, start: int, end: int) -> None:
        """Drop all there is from `start` to `end`."""
        for begin in self._cut_out(start, end):
            del self.pieces[begin]
        del self._starts[bisect_left(self._starts, start) : bisect_left(self._starts, end)]

    def _add(self, start: int, end: int) -> Piece:
        piece = self.pieces[start] = Piece(end)
        self._starts.insert(bisect_left(self._starts, start), start)
        return piece

    def _cut_out(self, start: int, end: int) -> list[int]:
        """Cut at both ends; where the pieces in between begin."""
        self._cut(start)
        self._cut(end)
        return self._starts[bisect_left(self._starts, start) : bisect_left(self._starts, end)]

    def _cut(self, at: int) -> None:
        index = bisect_left(self._starts, at) - 1
        piece = self.pieces[self._starts[index]] if index >= 0 else None
        if piece is not None and piece.end > at:
            rest = self.pieces[at] = piece.copy()
            rest.end, piece.end = piece.end, at
            self._starts.insert(index + 1, at)


def add_use(memory: MemoryMap, use: Use, order: Order) -> Sequence[Use]:
    """Note a use, and give the earlier ones that it races with, the newest first.

    A use is forgotten as soon as a later write comes after it, since whatever races with the one
    then races with the other. What is left is small: one write and a read of each stream, until
    streams race. So all is linear in the number of uses and of the pieces that they touch.
    """
    access = use.access
    piece = memory.pieces.get(access.address)
    if piece is None or piece.end != access.address + access.bytes or has_gaps(access):
        return _add_to_pieces(memory, use, order)
    stream, writes, reads = use.stream, piece.writes, piece.reads  # most often, all was used alike
    racing = () if len(writes) == 1 and stream in writes else _unordered(writes, stream, order)
    if not use.is_write:
        reads[stream] = use
    else:
        if reads:
            racing = [*racing, *_unordered(reads, stream, order)]
        _overwrite(piece, use, racing)
    return _once(racing, use) if racing else ()


def _add_to_pieces(memory: MemoryMap, use: Use, order: Order) -> Sequence[Use]:
    """The same for any number of pieces, and for what leaves out bytes of them."""
    stream, access, is_write, block = use.stream, use.access, use.is_write, use.block
    start, end = access.address, access.address + access.bytes
    gaps = has_gaps(access)
    racing: list[Use] = []
    if gaps and block is not None:  # else every column would cut the memory anew
        start, end = block.address, block.top
    pieces = memory.cover(start, end)
    for piece in pieces:
        unordered = _unordered(piece.writes, stream, order)
        if is_write and piece.reads:
            unordered = [*unordered, *_unordered(piece.reads, stream, order)]
        if gaps:
            _keep_newest(piece.writes if is_write else piece.reads, use)
        elif is_write:
            _overwrite(piece, use, unordered)
        else:
            piece.reads[stream] = use
        racing += unordered
    if is_write and len(pieces) > 1 and all(piece.is_only(use) for piece in pieces):
        memory.unite(start, end)
    return _once(racing, use) if racing else racing


def _unordered(uses: dict[Hashable, Use], stream: int, order: Order) -> Sequence[Use]:
    """Those that nothing puts before what the stream does now."""
    if not uses or (len(uses) == 1 and stream in uses):
        return ()
    finished, clock, found = order.finished, order.clocks[stream], []
    for use in uses.values():
        other = use.stream
        if other != stream and use.id > finished[other] and use.id > clock.get(other, -1):
            found.append(use)
    return found


def _overwrite(piece: Piece, use: Use, unordered: Sequence[Use]) -> None:
    """A write of the whole piece stands for all that comes before it."""
    if piece.reads:
        piece.reads = {}
    writes = piece.writes
    if writes and (len(writes) > 1 or use.stream not in writes):
        writes = piece.writes = {}
    writes[use.stream] = use
    for other in unordered:
        kept = piece.writes if other.is_write else piece.reads
        kept[_key(other)] = other


def _keep_newest(uses: dict[Hashable, Use], use: Use) -> None:
    key = _key(use)
    uses.pop(key, None)
    uses[key] = use
    if len(uses) > _LAYOUTS:
        layouts = [key for key in uses if isinstance(key, tuple)]
        if len(layouts) > _LAYOUTS:
            del uses[layouts[0]]


def _key(use: Use) -> Hashable:
    return (use.stream, *use.access[1:]) if has_gaps(use.access) else use.stream


def host_races(memory: MemoryMap, use: Use) -> list[Use]:
    """What uses the same pinned memory as the host, in ways that do not agree; the newest first."""
    start, end = use.access.address, use.access.address + use.access.bytes
    pieces = memory.touching(start, end)
    return _once([other for p in pieces for other in p.conflicting(use.is_write)], use)


def _once(racing: Iterable[Use], use: Use) -> list[Use]:
    """What really has a byte in common; a command that used several pieces, only once."""
    found = {(o.id, o.is_write): o for o in racing if overlap(o.access, use.access)}
    return [found[key] for key in sorted(found, reverse=True)]


Numbers = tuple[int, ...]
_WORK: Any = 100_000  # steps of the search; numpy's own measure


@lru_cache(maxsize=4096)
def _leave_out(sizes: Numbers, strides: Numbers) -> bool:
    """Whether there are bytes between the first and the last element that belong to none."""
    dense = 1
    for stride, size in sorted(zip(strides, sizes, strict=True)):
        if size > 1 and stride > dense:
            return True
        if stride == dense:
            dense *= size
    return False


def has_gaps(access: Access) -> bool:
    """Whether an access leaves out bytes between its first and its last."""
    return access.strides is not None and _leave_out(access.sizes, access.strides)


def overlap(one: Access, other: Access) -> bool:
    """Whether two accesses have a byte in common. If it is too hard to say, they may."""
    if one.device != other.device:
        return False
    if not has_gaps(one) and not has_gaps(other):
        begin = max(one.address, other.address)
        return begin < min(one.address + one.bytes, other.address + other.bytes)
    try:
        return bool(numpy.shares_memory(_array(one), _array(other), max_work=_WORK))
    except numpy.exceptions.TooHardError:
        return True


class _Elements:
    """What numpy asks of memory: where the elements are. They are not read."""

    def __init__(self, address: int, item: int, sizes: Numbers, strides: Numbers) -> None:
        self.__array_interface__ = {
            "version": 3,
            "data": (4096 + address, True),
            "typestr": f"|V{item}",
            "shape": sizes,
            "strides": tuple(item * stride for stride in strides),
        }


def _array(access: Access) -> "numpy.ndarray[Any, Any]":
    elements = _Elements(access.address, 1, (access.bytes,), (1,))
    if access.strides is not None:
        elements = _Elements(access.address, access.itemsize, access.sizes, access.strides)
    array: numpy.ndarray[Any, Any] = numpy.asarray(elements)
    return array
