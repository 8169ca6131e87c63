"""A hazard in words: what it is called, why it is one, and what fixes it."""

from dataclasses import replace

from ..log.lines import written
from ..log.records import PINNED, Command, Host
from ..log.replay import Span
from .checker import Hazard
from .finding import HOST_READ, HOST_WRITE, RAW, REUSE, WAR, WAW, Finding, Side, place
from .memory_map import Use
from .names import Names

_KINDS = {(True, False): RAW, (False, True): WAR, (True, True): WAW}  # whether each writes


def explain(hazard: Hazard, names: Names) -> Finding:
    """The finding that a hazard is, in the words of the reader's program."""
    race, fix = hazard.race, hazard.fix
    first, second = map(_side, race)
    here, there = place(first.where), place(second.where)
    kind = _KINDS[race.first.is_write, race.second.is_write]
    why = f"nothing lets {there} wait for {here}"
    if hazard.freed is not None:
        used = f"the memory that {first.name} {first.action}"
        kind, why = REUSE, f"{used} was freed and given away while {here} might still use it"
    elif isinstance(race.second.command, Host):
        kind = HOST_WRITE if race.second.is_write else HOST_READ
        why = f"nothing makes the host wait for {here} before it {second.action}"
    elif len(race.blocks) == 2:
        kind = REUSE
        where = place(_home(race.blocks[1]))
        why = f"the memory was freed and allocated anew on {where}, and {why}"
    memory = tuple(map(_life, _VERBS[len(hazard.memory)], hazard.memory))
    assert isinstance(race.first.command, Command)  # the host is never the first
    words, legend = fix.words((race.first.command, race.second.command), names)
    found = Finding(kind, why, first, second, words, legend, memory)
    return found.times(hazard.count)


def _side(use: Use) -> Side:
    command, action = use.command, "writes" if use.is_write else "reads"
    if isinstance(command, Command):
        return replace(Side.of(command, action, use.access), backward=use.backward)
    when, tensor = command.time, use.access.tensor
    return Side(command.name, action, None, when, when, command.site, tensor, access=use.access)


_VERBS = ((), ("allocated",), ("first allocated", "then allocated"))


def _life(verb: str, block: Span) -> str:
    """Where memory came from, and where it went."""
    where = "in pinned memory" if block.device == PINNED else f"on {place(_home(block))}"
    freed = f", freed at line {written(block.freed_site)}" if block.freed_site else ""
    line = f"at line {written(block.site)}" if block.site else block.cause
    return f"{block.bytes:,} bytes {verb} {where} {line}{freed}"


def _home(block: Span) -> tuple[int, int]:
    return block.device, block.stream
