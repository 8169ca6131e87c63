"""Memory, followed through the moments: blocks come and go, commands use them, values change."""

from collections.abc import Sequence

from ..records import Command, Host, Memory, Value
from .blocks import Blocks
from .moments import APPEAR, ENQUEUE, FINISH, HAPPEN, Moment
from .values import Values


class Memories:
    """Blocks, who uses them, and what they hold.

    Args:
        records, moments: of the log.
        initial: what was in use before the first record.
        late: what `late_values` gives for the records.
        place: the id of a command -> its position.

    Attributes:
        blocks: all there ever are.
        accesses: position of a command -> its accesses, each as (block, access, whether it
            writes); the block is a position in `blocks.blocks`, or -1 if the log tells of none.
        about: position of a memory record -> the position of its block, or -1.
        values: what blocks hold.
    """

    def __init__(
        self,
        records: Sequence,
        moments: Sequence[Moment],
        initial: Sequence[Memory],
        late: dict[int, int],
        place: dict[int, int],
    ) -> None:
        self.blocks = Blocks(initial)
        self.accesses: dict = {}
        self.about: dict = {}
        self.values = Values()
        effects = _effects(records, late, place)
        for number, (_, position, verb) in enumerate(moments):
            if verb == ENQUEUE:
                self._use(number, position, records[position])
            elif verb == HAPPEN and isinstance(records[position], Memory):
                self.about[position] = self.blocks.apply(number, records[position])
            elif verb in (FINISH, APPEAR, HAPPEN) and position in effects:
                self.values.write(number, *effects[position], self.blocks)

    def _use(self, number: int, position: int, command: Command) -> None:
        used = [(a, False) for a in command.reads] + [(a, True) for a in command.writes]
        if used:
            find = self.blocks.find
            self.accesses[position] = [(find(number, a), a, writes) for a, writes in used]


def _effects(records: Sequence, late: dict, place: dict) -> dict:
    """What changes memory: position of a record -> (position of who writes, what it writes).

    Without recorded values, a command writes when it finishes, nobody knows what.
    """
    values: dict = {}
    for record in records:
        if isinstance(record, Value):
            values.setdefault(record.command, []).append((record.access, record.data))
    delayed = set(late.values())
    effects: dict = {}
    for position, record in enumerate(records):
        if isinstance(record, Command):
            unknown = [] if values else [(access, b"") for access in record.writes]
            writes = values.get(record.id, unknown)
            if writes and record.id not in delayed:
                effects[position] = position, writes
        elif isinstance(record, Host):
            effects[position] = position, [(access, b"") for access in record.writes]
        elif position in late:
            effects[position] = place.get(record.command, position), values[record.command]
    return effects
