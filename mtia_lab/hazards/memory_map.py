"""The memory of one device, cut where uses begin and end, with who used each piece last.

Whether two tensors in one piece have a byte in common is worked out from their strides: columns of
one matrix lie between one another.
"""

import re
from bisect import bisect_left, bisect_right
from functools import lru_cache
from typing import NamedTuple

import numpy

from ..log.records import Access, Command, Host
from .allocations import Allocation
from .order import Clock


class Use(NamedTuple):
    """An access to memory, by a command or by the host.

    Attributes:
        stream: the number that the order gives the stream; -1 for the host.
        id: the command's; for the host, of the newest command there was.
        command: who uses it.
        access: what is used.
        is_write: whether it is changed.
        allocation: what it was allocated for, if that is in the log.
    """

    stream: int
    id: int
    command: Command | Host
    access: Access
    is_write: bool
    allocation: Allocation | None


class Piece:
    """Some memory that has been used alike: the last writes and reads of it, by stream.

    Where a use leaves bytes out, as a column of a matrix does, it is kept by its layout as well.
    """

    __slots__ = ("end", "reads", "writes")

    def __init__(self, end: int) -> None:
        self.end = end
        self.writes: dict[object, Use] = {}
        self.reads: dict[object, Use] = {}

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
    """The pieces of one device's memory that were ever used. They do not overlap."""

    def __init__(self) -> None:
        self._pieces: dict[int, Piece] = {}  # by where they begin
        self._starts: list[int] = []  # sorted

    def cover(self, start: int, end: int) -> list[Piece]:
        """The pieces from ``start`` to ``end``, new ones where there were none."""
        piece = self._pieces.get(start)
        if piece is not None and piece.end == end:
            return [piece]
        found = []
        for begin in self._cut_out(start, end):
            if start < begin:
                found.append(self._add(start, begin))
            found.append(self._pieces[begin])
            start = found[-1].end
        if start < end:
            found.append(self._add(start, end))
        return found

    def within(self, start: int, end: int) -> list[Piece]:
        """The pieces there are from ``start`` to ``end``."""
        return [self._pieces[begin] for begin in self._cut_out(start, end)]

    def touching(self, start: int, end: int) -> list[Piece]:
        """The pieces of which some part lies from ``start`` to ``end``; nothing is cut."""
        first = max(bisect_right(self._starts, start) - 1, 0)
        begins = self._starts[first : bisect_left(self._starts, end)]
        return [self._pieces[begin] for begin in begins if self._pieces[begin].end > start]

    def unite(self, start: int, end: int) -> None:
        """Make one piece of those from ``start`` to ``end``, which must be alike."""
        for begin in self._cut_out(start, end)[1:]:
            del self._pieces[begin]
        first, last = bisect_right(self._starts, start), bisect_left(self._starts, end)
        del self._starts[first:last]
        self._pieces[start].end = end

    def forget(self, start: int, end: int) -> None:
        """Drop all there is from ``start`` to ``end``."""
        for begin in self._cut_out(start, end):
            del self._pieces[begin]
        del self._starts[bisect_left(self._starts, start) : bisect_left(self._starts, end)]

    def _add(self, start: int, end: int) -> Piece:
        piece = self._pieces[start] = Piece(end)
        self._starts.insert(bisect_left(self._starts, start), start)
        return piece

    def _cut_out(self, start: int, end: int) -> list[int]:
        """Cut at both ends; where the pieces in between begin."""
        self._cut(start)
        self._cut(end)
        return self._starts[bisect_left(self._starts, start) : bisect_left(self._starts, end)]

    def _cut(self, at: int) -> None:
        index = bisect_left(self._starts, at) - 1
        piece = self._pieces[self._starts[index]] if index >= 0 else None
        if piece is not None and piece.end > at:
            rest = self._pieces[at] = piece.copy()
            rest.end, piece.end = piece.end, at
            self._starts.insert(index + 1, at)


_STRIDED = re.compile(r".*\[(.*)\] strides \[(.*)\]")
_WORK = 100_000  # steps of the search; numpy's own measure


@lru_cache(maxsize=4096)
def gaps(tensor: str) -> tuple | None:
    """(sizes, strides) of a tensor that leaves out bytes between its first and last; else None.

    Args:
        tensor: an access's description of it.
    """
    given = _STRIDED.fullmatch(tensor)
    if given is None:
        return None
    sizes, strides = (tuple(map(int, numbers.split(","))) for numbers in given.groups())
    dense = 1
    for stride, size in sorted(zip(strides, sizes, strict=True)):
        if size > 1 and stride > dense:
            return sizes, strides
        if stride == dense:
            dense *= size
    return None


def overlap(one: Access, other: Access) -> bool:
    """Whether two accesses have a byte in common. If it is too hard to say, they may."""
    if one.device != other.device:
        return False
    if gaps(one.tensor) is None and gaps(other.tensor) is None:
        begin = max(one.address, other.address)
        return begin < min(one.address + one.bytes, other.address + other.bytes)
    try:
        return numpy.shares_memory(_array(one), _array(other), max_work=_WORK)
    except numpy.exceptions.TooHardError:
        return True


class _Elements:
    """What numpy asks of memory: where the elements are. Nobody looks at them."""

    def __init__(self, address: int, item: int, sizes: tuple, strides: tuple) -> None:
        self.__array_interface__ = {
            "version": 3,
            "data": (4096 + address, True),
            "typestr": f"|V{item}",
            "shape": sizes,
            "strides": tuple(item * stride for stride in strides),
        }


def _array(access: Access) -> numpy.ndarray:
    sizes, strides = gaps(access.tensor) or ((access.bytes,), (1,))
    reach = sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True)) + 1
    return numpy.asarray(_Elements(access.address, access.bytes // reach, sizes, strides))
