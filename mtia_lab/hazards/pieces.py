"""The memory of one device, cut where uses begin and end."""

from bisect import bisect_left, bisect_right

from .order import Clock
from .use import Use


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
