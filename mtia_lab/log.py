"""The log: every call PyTorch made into the backend, every command the device was given."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from .records import PINNED, Call, Command, Host, Memory, Record, Value


class Log(Sequence[Record]):
    """The records of one recording, in the order in which they happened.

    Args:
        records: what happened.
        initial_state: the state of each thread that is known from before the first record, by its
            number, as (device, stream on 0, stream on 1, …).
        initial_memory: what was reserved and allocated before the first record, as if it had been
            at time 0.
    """

    def __init__(
        self,
        records: Sequence[Record] = (),
        initial_state: dict[int, tuple[int, ...]] | None = None,
        initial_memory: Sequence[Memory] = (),
    ) -> None:
        self._records = list(records)
        self.initial_memory = list(initial_memory)
        self.initial_state = dict(initial_state or {})

    def __getitem__(self, index):
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    @property
    def calls(self) -> list[Call]:
        """The calls into the backend."""
        return [record for record in self if isinstance(record, Call)]

    @property
    def commands(self) -> list[Command]:
        """The commands given to the device, in enqueue order."""
        commands = [record for record in self if isinstance(record, Command)]
        return sorted(commands, key=lambda command: command.id)

    @property
    def memory(self) -> list[Memory]:
        """What happened to the memory of devices, in order."""
        return [m for m in self if isinstance(m, Memory) and m.device != PINNED]

    @property
    def pinned(self) -> list[Memory]:
        """What happened to pinned memory, in order; only `record(host=True)` asks for it."""
        return [m for m in self if isinstance(m, Memory) and m.device == PINNED]

    @property
    def hosts(self) -> list[Host]:
        """What operators of the host did with pinned memory; only `record(host=True)` asks."""
        return [record for record in self if isinstance(record, Host)]

    @property
    def values(self) -> list[Value]:
        """What commands left in memory, as it happened; only `record(values=True)` asks for it."""
        return [record for record in self if isinstance(record, Value)]

    @property
    def threads(self) -> list[int]:
        """The logical numbers of the host threads that took part, in order of appearance."""
        return list(dict.fromkeys(record.thread for record in self))

    def to_json(self) -> str:
        """One JSON object a line: the same program gives the same text in every process."""
        return "".join(
            json.dumps({"kind": type(record).__name__.lower()} | asdict(record), default=bytes.hex)
            + "\n"
            for record in self
        )

    def __repr__(self) -> str:
        counts = [f"{len(self.calls)} calls", f"{len(self.commands)} commands"]
        if self.memory:
            counts.append(f"{len(self.memory)} actions on memory")
        count = f"Log of {', '.join(counts[:-1])} and {counts[-1]}"
        if not len(self):
            return count
        several = len(self.threads) > 1
        header = ["us", *(["thread"] if several else []), "line", "what"]
        rows = [header] + [self._row(record, several) for record in self]
        widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
        lines = ["  ".join([*map(_pad, row, widths), row[-1]]).rstrip() for row in rows]
        return "\n".join([count, *lines])

    @staticmethod
    def _row(record: Record, several: bool) -> list[str]:
        what = repr(record) if isinstance(record, Call) else f"  | {record!r}"
        thread = [str(record.thread)] if several else []
        return [f"{_when(record):g}", *thread, record.site or "", what]


def _when(record: Record) -> float:
    if isinstance(record, Call):
        return record.begin
    return record.enqueue if isinstance(record, Command) else record.time


def _pad(text: str, width: int) -> str:
    return text.ljust(width)
