"""From a race to a finding: what it is called, why it is one, and what mends it."""

from ..records import PINNED, Host
from . import fixes
from .allocations import Allocation
from .checker import Checker, Race
from .finding import HOST_READ, HOST_WRITE, RAW, REUSE, WAR, WAW, Finding, Side, place
from .use import Use

_KINDS = {(True, False): RAW, (False, True): WAR, (True, True): WAW}  # whether each writes


def mended(checker: Checker, race: Race) -> Finding | None:
    """What is wrong, after telling the checker of the fix; None if another fix mends this too."""
    first, second = race
    order = checker.order
    if isinstance(second.command, Host):
        checker.synchronized(first.stream)
        return _host(race)
    if order.is_before(first.id, first.stream, second.stream):
        return None
    block = first.allocation
    if (
        block is not None
        and block.is_gone_between(first.id, second.id)
        and block.stream != order.streams[first.stream]
    ):
        checker.recorded(block, first.stream)
        return _reused(race, block)
    order.wait_stream(second.stream, first.stream)
    return _race(race)


def side(use: Use) -> Side:
    """An access as the one side of a finding."""
    command, action = use.command, "writes" if use.is_write else "reads"
    given = {"tensor": use.access.tensor, "access": use.access}
    if isinstance(command, Host):
        return Side(command.name, action, None, command.time, command.time, command.site, **given)
    return Side.of(command, action, **given)


def _race(race: Race) -> Finding:
    first, second = map(side, race)
    why = f"nothing lets {place(second.where)} wait for {place(first.where)}"
    kind = _KINDS[race.first.is_write, race.second.is_write]
    old, new = race.first.allocation, race.second.allocation
    if old is not new and old is not None and new is not None:
        kind = REUSE
        why = f"the memory was freed and allocated anew on {place(new.stream)}, and " + why
    fix = fixes.wait(second.where, first.where, second.site)
    legend = fixes.legend(second.where, first.where)
    return Finding(kind, why, first, second, fix, legend, _memory(race))


def _reused(race: Race, block: Allocation) -> Finding:
    first, second = map(side, race)
    why = f"its memory was freed and given away while {place(first.where)} might still use it"
    fix = fixes.record_stream(first.where, block.freed_site)
    return Finding(REUSE, why, first, second, fix, fixes.legend(first.where), _memory(race))


def _host(race: Race) -> Finding:
    first, second = map(side, race)
    kind = HOST_WRITE if race.second.is_write else HOST_READ
    why = f"the host does not wait for {place(first.where)} before"
    fix = fixes.synchronize(first.where, second.site)
    return Finding(kind, why, first, second, fix, fixes.legend(first.where), _memory(race))


def _memory(race: Race) -> tuple[str, ...]:
    """Where the memory came from, and where it went."""
    old, new = race.first.allocation, race.second.allocation
    if old is new or old is None or new is None:
        return tuple(_life("allocated", block) for block in (new or old,) if block is not None)
    return _life("first allocated", old), _life("then allocated", new)


def _life(verb: str, block: Allocation) -> str:
    where = "in pinned memory" if block.device == PINNED else f"on {place(block.stream)}"
    freed = f", freed at line {block.freed_site}" if block.freed and block.freed_site else ""
    line = f"at line {block.site}" if block.site else block.cause
    return f"{block.bytes:,} bytes {verb} {where} {line}{freed}"
