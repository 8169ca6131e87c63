"""Memory as the log tells of it: blocks and segments with the moments between which they live."""

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..draw.heap import block_name
from ..records import PINNED, Access, Memory
from .rows import Row

FOREVER = -1  # as the moment at which something ends: it is there to the end of the log


@dataclass
class Span:
    """Addresses of one device that are in use from moment `born` until moment `died`.

    Attributes:
        name: of a block, the letter that `draw.memory` has for it; of a segment, nothing.
        users: the streams that `record_stream` named, each as (moment, stream).
    """

    name: str
    device: int
    address: int
    bytes: int
    stream: int
    site: str | None
    born: int
    died: int = FOREVER
    users: list = field(default_factory=list)

    def lives(self, moment: int) -> bool:
        """Whether it is in use at a moment."""
        return self.born <= moment and (self.died == FOREVER or moment < self.died)


class Blocks:
    """All blocks and segments of a log, found by address while the moments are gone through."""

    def __init__(self, initial: Sequence[Memory]) -> None:
        self.blocks: list[Span] = []
        self.segments: list[Span] = []
        self._live: dict = {}  # (device, address) -> position in blocks
        self._starts: dict = {}  # device -> addresses at which a live block starts, sorted
        self._reserved: dict = {}  # (device, address) -> segment
        self._counts: dict = {}  # device -> blocks so far
        for record in initial:
            self.apply(0, record)

    def apply(self, number: int, record: Memory) -> int:
        """A record happens at a moment; gives the position of the block it is about, or -1."""
        place = record.owner, record.address
        if record.action == "segment_alloc":
            self._reserve(number, record)
        elif record.action == "segment_free":
            if place not in self._reserved:  # from before the log, which does not say so
                self._reserve(0, record)
            self._reserved.pop(place).died = number
        elif record.action == "alloc":
            return self._add(number, record)
        elif record.action == "free":
            block = self._live[place] if place in self._live else self._add(0, record)
            self.blocks[block].died = number
            del self._live[place]
            self._starts[record.device].remove(record.address)
            return block
        elif record.action == "record_stream":
            block = self._live.get(place, -1)
            if block >= 0 and record.stream != self.blocks[block].stream:
                self.blocks[block].users.append((number, record.stream))
            return block
        return -1

    def at(self, device: int, address: int) -> int:
        """The position of the block that holds an address now, or -1."""
        starts = self._starts.get(device, [])
        place = bisect_right(starts, address)
        if not place:
            return -1
        block = self._live[device, starts[place - 1]]
        return block if address < starts[place - 1] + self.blocks[block].bytes else -1

    def find(self, number: int, access: Access) -> int:
        """The block that an access is in at a moment, or -1.

        Of pinned memory the log may tell nothing but who uses it: then that is the block.
        """
        block = self.at(access.device, access.address)
        if block < 0 and access.device == PINNED:
            place = access.address, access.bytes
            block = self._add(number, Memory("alloc", PINNED, 0, *place, 0.0, 0, None))
        return block

    def totals(self) -> dict[int, Row]:
        """Of each device: (bytes allocated, bytes reserved)."""
        changes: dict = {}
        for column, spans in enumerate((self.blocks, self.segments)):
            for span in spans:
                ends = [(span.born, span.bytes), (span.died, -span.bytes)]
                for moment, bytes in ends if span.died != FOREVER else ends[:1]:
                    change = changes.setdefault(span.device, {}).setdefault(moment, [0, 0])
                    change[column] += bytes
        rows: dict = {}
        for device, by_moment in sorted(changes.items()):
            row, total = rows.setdefault(device, Row()), (0, 0)
            for moment, (allocated, reserved) in sorted(by_moment.items()):
                total = total[0] + allocated, total[1] + reserved
                row.set(moment, total)
        return rows

    def _add(self, number: int, record: Memory) -> int:
        count = self._counts.get(record.device, 0)
        self._counts[record.device] = count + 1
        self.blocks.append(self._span(number, record, block_name(count)))
        self._live[record.device, record.address] = len(self.blocks) - 1
        insort(self._starts.setdefault(record.device, []), record.address)
        return len(self.blocks) - 1

    def _reserve(self, number: int, record: Memory) -> None:
        self.segments.append(self._span(number, record, ""))
        self._reserved[record.device, record.address] = self.segments[-1]

    @staticmethod
    def _span(number: int, record: Memory, name: str) -> Span:
        place = record.device, record.address, record.bytes, record.stream
        return Span(name, *place, record.site, number)
