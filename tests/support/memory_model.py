"""What the device's allocator should do, written for clarity alone: blocks are lists, searched.

A stream is named by its position in the test's list of streams. Work is a count of commands for
each stream: under the schedule "latest" it is done when, and only when, somebody waits for it.
"""

from dataclasses import dataclass, field

from memory import MIB


class OutOfMemory(Exception):
    pass


@dataclass
class Block:
    start: int
    size: int
    state: str = "inactive"
    users: set[int] = field(default_factory=set)
    until: dict[int, int] = field(default_factory=dict)  # stream -> commands that must be done


@dataclass
class Segment:
    start: int
    size: int
    stream: int
    small: bool
    blocks: list[Block]

    def merge(self) -> None:
        merged = self.blocks[:1]
        for block in self.blocks[1:]:
            if merged[-1].state == block.state == "inactive":
                merged[-1].size += block.size
            else:
                merged.append(block)
        self.blocks = merged


def up(size: int, to: int) -> int:
    return -(-size // to) * to


class Memory:
    """The memory of one device.

    Args:
        capacity: bytes.
        streams: how many streams there are.
        own: which of them are the device's.
    """

    def __init__(self, capacity: int, streams: int, own: set[int]):
        self.capacity, self.own = capacity, own
        self.segments: list[Segment] = []
        self.given = [0] * streams  # commands enqueued
        self.done = [0] * streams
        self.retries = self.failures = 0

    @property
    def blocks(self) -> list[Block]:
        return [block for segment in self.segments for block in segment.blocks]

    def total(self, *states: str) -> int:
        return sum(block.size for block in self.blocks if block.state in states)

    @property
    def reserved(self) -> int:
        return sum(segment.size for segment in self.segments)

    def launch(self, stream: int) -> None:
        self.given[stream] += 1

    def synchronize(self, streams: set[int]) -> None:
        for stream in streams:
            self.done[stream] = self.given[stream]

    def settle(self) -> None:
        for segment in self.segments:
            for block in segment.blocks:
                waits = block.state == "active_pending_free"
                if waits and all(self.done[s] >= count for s, count in block.until.items()):
                    block.state = "inactive"
            segment.merge()

    def allocate(self, stream: int, size: int) -> int:
        """The address of a new block, or OutOfMemory."""
        self.settle()
        block = self._cached(stream, size) or self._from_new_segment(stream, size)
        if block is None:
            self.retries += 1
            self.empty_cache()
            block = self._cached(stream, size) or self._from_new_segment(stream, size)
        if block is None:
            self.failures += 1
            raise OutOfMemory
        return block.start

    def _cached(self, stream: int, size: int) -> Block | None:
        size = up(size, 512)
        fits = [
            (block.size, block.start, block, segment)
            for segment in self.segments
            for block in segment.blocks
            if (segment.stream, segment.small) == (stream, size <= MIB)
            and block.state == "inactive"
            and block.size >= size
        ]
        return self._cut(*min(fits, key=lambda fit: fit[:2])[2:], size) if fits else None

    def _from_new_segment(self, stream: int, size: int) -> Block | None:
        size = up(size, 512)
        usual = 2 * MIB if size <= MIB else 20 * MIB if size < 10 * MIB else up(size, 2 * MIB)
        for wanted in (usual, up(size, 2 * MIB)):
            if self.reserved + wanted <= self.capacity:
                start = self._hole(wanted)
                block = Block(start, wanted)
                segment = Segment(start, wanted, stream, size <= MIB, [block])
                self.segments.append(segment)
                self.segments.sort(key=lambda s: s.start)
                return self._cut(block, segment, size)
        return None

    def _hole(self, size: int) -> int:
        start = 0
        for segment in self.segments:
            if segment.start - start >= size:
                break
            start = segment.start + segment.size
        return start

    def _cut(self, block: Block, segment: Segment, size: int) -> Block:
        rest = block.size - size
        if rest > MIB or (segment.small and rest):
            at = segment.blocks.index(block)
            segment.blocks.insert(at + 1, Block(block.start + size, rest))
            block.size = size
        block.state = "active_allocated"
        return block

    def use(self, start: int, stream: int) -> None:
        """A stream uses the block: record_stream."""
        next(block for block in self.blocks if block.start == start).users.add(stream)

    def free(self, start: int) -> None:
        for segment in self.segments:
            for block in segment.blocks:
                if block.start == start:
                    users = block.users - {segment.stream}
                    block.until = {user: self.given[user] for user in users}
                    block.users = set()
                    block.state = "active_pending_free" if users else "inactive"
            segment.merge()

    def empty_cache(self) -> None:
        if self.segments:
            self.synchronize(self.own)
            for block in self.blocks:
                for stream, count in block.until.items():
                    self.done[stream] = max(self.done[stream], count)
            self.settle()
            self.segments = [
                s for s in self.segments if len(s.blocks) > 1 or s.blocks[0].state != "inactive"
            ]
