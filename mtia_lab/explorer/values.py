"""What blocks of memory hold: who wrote them last, and what, where the log has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..records import Access
from .blocks import Blocks
from .numbers import numbers
from .rows import Row


class Content(NamedTuple):
    """What is in a block: the tensor written last, its first numbers or None, who wrote it."""

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
        self.rows: dict[int, Row] = {}  # position of a block -> its contents
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
            block = memory.find(moment, access)
            if block < 0:
                continue
            seen = self._update(self._seen.setdefault(block, []), access, data)
            whole = max(seen, key=lambda one: one.access.bytes, default=None)
            tensor = whole.access.tensor if whole else access.tensor
            text = numbers(tensor, bytes(whole.data)) if whole else None
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
