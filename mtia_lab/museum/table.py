"""The table of the museum: of each exhibit, who sees it. It is measured, never written down."""

import html
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import ExhibitMissing
from ..log.table import Table
from .exhibit import SCHEDULES, Seen, collection, look


@dataclass(frozen=True, repr=False)
class MuseumTable:
    """What each way to look at the exhibits sees. It shows itself, unmodified code and ports apart.

    Attributes:
        seen: what was seen of each exhibit.
        absent: why others could not be looked at.
    """

    seen: tuple[Seen, ...]
    absent: tuple[str, ...] = ()

    def counts(self, unmodified: bool) -> dict[str, int]:
        """How many exhibits there are, and how many of them each way to look sees."""
        rows = [seen for seen in self.seen if seen.exhibit.unmodified == unmodified]
        ways: dict[str, Callable[[Seen], bool]] = {
            "exhibits": lambda seen: True,
            "the sanitizer": lambda seen: bool(seen.kinds),
            "CUDA's handler": lambda seen: seen.cuda,
        }
        found = {name: sum(map(way, rows)) for name, way in ways.items()}
        return found | {name: sum(seen.wrong[name] for seen in rows) for name in SCHEDULES}

    def __repr__(self) -> str:
        parts = [line for whole in (True, False) for line in (*self._part(whole).lines(), "")]
        return "\n".join([self._headline(), "", *parts, *self.absent]).rstrip()

    def _repr_html_(self) -> str:
        parts = [self._part(whole).html() for whole in (True, False)]
        lines = [f"<p>{html.escape(line)}</p>" for line in (self._headline(), *self.absent)]
        return "".join([lines[0], *parts, *lines[1:]])

    def _headline(self) -> str:
        both = [self.counts(whole) for whole in (True, False)]
        found, all_ = (sum(count[name] for count in both) for name in ("the sanitizer", "exhibits"))
        silent = sum(seen.silent for seen in self.seen)
        return (
            f"The sanitizer finds {found} of {all_}, and has nothing to say of {silent} of "
            f"{all_} after the fix."
        )

    def _part(self, unmodified: bool) -> Table:
        rows = [
            [
                seen.exhibit.report,
                "; ".join(seen.kinds) or "nothing",
                "a race" if seen.cuda else "nothing",
                *("wrong" if seen.wrong[name] else "right" for name in SCHEDULES),
            ]
            for seen in self.seen
            if seen.exhibit.unmodified == unmodified
        ]
        counts = self.counts(unmodified)
        total = ["seen in", *(f"{counts[name]} of {len(rows)}" for name in list(counts)[1:])]
        head = ["unmodified" if unmodified else "port", *list(counts)[1:]]
        return Table(head, [*rows, total], names=len(head))


def table(opt_in: bool = False) -> MuseumTable:
    """Look at all exhibits, and say who sees them. This takes some seconds.

    Args:
        opt_in: also at those that take a package of another project's; `absent` says which are
            missing.

    Raises:
        RuntimeError: kernels failed that nobody had waited for.
    """
    seen, absent = [], []
    for exhibit in collection():
        if opt_in or not exhibit.needs:
            try:
                seen.append(look(exhibit))
            except ExhibitMissing as missing:
                absent.append(f"{exhibit.report} is not here: {missing.why}")
    return MuseumTable(tuple(seen), tuple(absent))
