"""Which allocation an address belongs to, from the log's records of allocations and frees."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..log.records import Memory


@dataclass(slots=True, eq=False)
class Allocation:
    """One life of a block of memory.

    Attributes:
        device, address, bytes: where it is.
        stream: the stream that the allocator keeps it for, as (device, stream).
        site: the reader's line that allocated it.
        cause: without a line, who allocated it or when, in words.
        recorded: the streams that `record_stream` named.
        void: the line of a `record_stream` that named its own stream, for which nothing is kept.
        freed: whether it was freed, and then, at which line and after which command.
    """

    device: int
    address: int
    bytes: int
    stream: tuple[int, int]
    site: str | None
    recorded: list[tuple[int, int]] = field(default_factory=list)
    freed: bool = False
    freed_site: str | None = None
    freed_after: int = 0
    cause: str = "before the recording"
    void: str | None = None

    def is_gone_between(self, earlier: int, later: int) -> bool:
        """Whether it was freed after the one command and before the other."""
        return self.freed and earlier <= self.freed_after < later


class Allocations:
    """The newest allocation of each block. One that was freed stays until its place is taken."""

    def __init__(self, known: Iterable[Memory] = ()) -> None:
        self._blocks: dict[int, dict[int, Allocation]] = {}  # by device, by address
        self._starts: dict[int, list[int]] = {}  # sorted
        for record in known:
            if record.action == "alloc":
                self.add(record)
                if record.time:  # a slice begins later than the recording
                    self.at(record.device, record.address).cause = "before this part of the log"

    def add(self, record: Memory) -> Allocation:
        """A block was allocated; what was there before is gone."""
        blocks = self._blocks.setdefault(record.owner, {})
        starts = self._starts.setdefault(record.owner, [])
        end = record.address + record.bytes
        first = bisect_left(starts, record.address)
        if first and blocks[starts[first - 1]].bytes > record.address - starts[first - 1]:
            first -= 1
        last = bisect_left(starts, end)
        if starts[first:last] != [record.address]:
            for start in starts[first:last]:
                del blocks[start]
            starts[first:last] = [record.address]
        known = record.action == "alloc"
        where = (record.owner, record.stream if known else 0)
        site = record.site if known else None
        place = record.address, record.bytes
        block = blocks[record.address] = Allocation(record.owner, *place, where, site)
        return block

    def at(self, device: int, address: int) -> Allocation | None:
        """The allocation that an address is in."""
        blocks = self._blocks.get(device)
        if blocks is None:
            return None
        block = blocks.get(address)
        if block is not None:
            return block
        starts = self._starts[device]
        index = bisect_right(starts, address) - 1
        block = blocks[starts[index]] if index >= 0 else None
        return block if block and address < block.address + block.bytes else None
