"""From a race to a finding: what it is called, why it is one, and what mends it."""

from collections.abc import Callable

from ..log.records import PINNED, Host
from . import fixes
from .allocations import Allocation
from .checker import Checker, Race
from .finding import HOST_READ, HOST_WRITE, RAW, REUSE, WAR, WAW, Finding, Side, place
from .memory_map import Use

_KINDS = {(True, False): RAW, (False, True): WAR, (True, True): WAW}  # whether each writes

Pair = tuple[tuple[int, int] | None, tuple[int, int]]  # who is to wait, the host if None; for whom


def mended(checker: Checker, race: Race, waits_for_all: Callable[[Pair], bool]) -> Finding | None:
    """What is wrong, after telling the checker of the fix; None if another fix mends this too.

    Args:
        checker: which found it.
        race: what it found.
        waits_for_all: whether one is to wait for all that another has been given, and not only for
            what the race is about.
    """
    first, second = race
    order = checker.order
    on_host = isinstance(second.command, Host)
    if not on_host and order.is_before(first.id, first.stream, second.stream):
        return None
    block = first.allocation
    if block is not None and block.is_gone_between(first.id, second.id + on_host):
        if block.device == PINNED:
            checker.synchronized(first.stream, block.freed_after)
            return _reused(race, block)
        if block.stream != order.streams[first.stream]:
            checker.recorded(block, first.stream)
            return _reused(race, block)
    until, fix = _least(checker, race)
    pair, (_, awaited) = pair_of(race, checker), _end_of(first, checker)
    is_collective = first.id in checker.called_on and first.id not in checker.waited_for
    whole = waits_for_all(pair) and first.command.thread == second.command.thread
    if whole and not is_collective:
        until, fix = None, fixes.wait(*pair, second.command.site)
    if on_host:
        checker.synchronized(first.stream, until)
        return _host(race, fix)
    order.wait_for(second.stream, awaited, until)
    return _race(race, fix, "" if is_collective else fixes.legend(*pair))


def pair_of(race: Race, checker: Checker) -> Pair:
    """Who is to wait for whom; of a collective, the stream from which it is called."""
    first, second = race
    streams, (_, awaited) = checker.order.streams, _end_of(first, checker)
    if isinstance(second.command, Host):
        return None, streams[awaited]
    return streams[checker.called_on.get(second.id, second.stream)], streams[awaited]


def _end_of(use: Use, checker: Checker) -> tuple[int, int]:
    """What to wait for, and its stream; of a collective that was waited for, who did that."""
    return checker.waited_for.get(use.id, (use.id, use.stream))


def _least(checker: Checker, race: Race) -> tuple[int | None, str]:
    """Up to which command to wait, all if None, and how: for no more than is needed.

    What another host thread enqueues may come later in another run. Only an event of that thread's
    own stands for it, recorded before the two threads meet.
    """
    first, second = race
    waiting, awaited = pair_of(race, checker)
    site, line = second.command.site, first.command.site
    if first.id in checker.called_on and first.id not in checker.waited_for:
        return first.id, fixes.finish(first.command.name, line, site)
    id, stream = _end_of(first, checker)
    standing = checker.events.after(id, awaited)
    if standing is not None:
        return standing.id, fixes.wait_event(waiting, standing.site, site)
    meet = site is not None and first.command.thread != second.command.thread
    end = checker.end_of_line(first._replace(id=id, stream=stream))
    if line is None or (end is None and not meet):
        return None, fixes.wait(waiting, awaited, site)
    return end, fixes.new_event_after(waiting, awaited, line, site, meet=meet)


def side(use: Use) -> Side:
    """An access as the one side of a finding."""
    command, action = use.command, "writes" if use.is_write else "reads"
    given = {"tensor": use.access.tensor, "access": use.access}
    if isinstance(command, Host):
        return Side(command.name, action, None, command.time, command.time, command.site, **given)
    return Side.of(command, action, **given)


def _race(race: Race, fix: str, legend: str) -> Finding:
    first, second = map(side, race)
    why = f"nothing lets {place(second.where)} wait for {place(first.where)}"
    kind = _KINDS[race.first.is_write, race.second.is_write]
    old, new = race.first.allocation, race.second.allocation
    if old is not new and old is not None and new is not None:
        kind = REUSE
        why = f"the memory was freed and allocated anew on {place(new.stream)}, and " + why
    return Finding(kind, why, first, second, fix, legend, _memory(race))


def _reused(race: Race, block: Allocation) -> Finding:
    first, second = map(side, race)
    why = f"its memory was freed and given away while {place(first.where)} might still use it"
    fix = fixes.record_stream(first.where, block.freed_site, block.void)
    if block.device == PINNED:  # of which the host's allocator was not told
        fix = fixes.wait(None, first.where, block.freed_site)
    return Finding(REUSE, why, first, second, fix, fixes.legend(first.where), _memory(race))


def _host(race: Race, fix: str) -> Finding:
    first, second = map(side, race)
    kind = HOST_WRITE if race.second.is_write else HOST_READ
    why = f"the host does not wait for {place(first.where)} before"
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
