"""Which earlier uses of memory a new one races with."""

from collections.abc import Sequence

from .memory_map import MemoryMap, Piece, Use, gaps, overlap
from .order import Order

_LAYOUTS = 16  # so many uses with gaps are remembered of each piece; of more, the newest


def add_use(memory: MemoryMap, use: Use, order: Order) -> list[Use]:
    """Note a use, and give the earlier ones that it races with, the newest first.

    A use is forgotten as soon as a later write comes after it, since whatever races with the one
    then races with the other. What is left is small: one write and a read of each stream, until
    streams race. So all is linear in the number of uses and of the pieces that they touch.
    """
    stream, _, _, (_, start, size, tensor), is_write, block = use
    end, has_gaps, racing = start + size, gaps(tensor) is not None, []
    if has_gaps and block is not None:  # else every column would cut the memory anew
        start, end = block.address, block.address + block.bytes
    pieces = memory.cover(start, end)
    for piece in pieces:
        unordered = _unordered(piece.writes, stream, order)
        if is_write and piece.reads:
            unordered = [*unordered, *_unordered(piece.reads, stream, order)]
        if has_gaps:
            _keep_newest(piece.writes if is_write else piece.reads, use)
        elif is_write:
            _overwrite(piece, use, unordered)
        else:
            piece.reads[stream] = use
        if unordered:
            racing += unordered
    if is_write and len(pieces) > 1 and all(piece.is_only(use) for piece in pieces):
        memory.unite(start, end)
    return _once(racing, use) if racing else racing


def _unordered(uses: dict[object, Use], stream: int, order: Order) -> Sequence[Use]:
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
    if len(piece.writes) > 1 or use.stream not in piece.writes:
        piece.writes = {}
    piece.writes[use.stream] = use
    for other in unordered:
        kept = piece.writes if other.is_write else piece.reads
        kept[_key(other)] = other


def _keep_newest(uses: dict[object, Use], use: Use) -> None:
    key = _key(use)
    uses.pop(key, None)
    uses[key] = use
    if len(uses) > _LAYOUTS:
        layouts = [key for key in uses if isinstance(key, tuple)]
        if len(layouts) > _LAYOUTS:
            del uses[layouts[0]]


def _key(use: Use) -> object:
    if gaps(use.access.tensor) is None:
        return use.stream
    return use.stream, use.access.address, use.access.tensor


def host_races(memory: MemoryMap, use: Use) -> list[Use]:
    """What uses the same pinned memory as the host, in ways that do not agree; the newest first."""
    start, end = use.access.address, use.access.address + use.access.bytes
    pieces = memory.touching(start, end)
    return _once([other for p in pieces for other in p.conflicting(use.is_write)], use)


def _once(racing: list[Use], use: Use) -> list[Use]:
    """What really has a byte in common; a command that used several pieces, only once."""
    found = {(o.id, o.is_write): o for o in racing if overlap(o.access, use.access)}
    return [found[key] for key in sorted(found, reverse=True)]
