"""The outcome of checking a reader's guard, clause by clause."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..contract.clause import BROKEN, KEPT, NOT_REACHED
from ..draw import Picture, clauses
from ..errors import UnknownName
from .contract.clause import Clause
from .diagnostics import Diagnostic, Oversight, overrides


@dataclass(frozen=True)
class Outcome:
    """The outcome of one clause.

    Attributes:
        clause: which.
        status: "kept", "broken" or "not reached".
        expected: what it promises to be seen.
        seen: what was seen; of a clause not reached, why it was not.
        calls: the guard's methods that were called, each once, in order of their first call.
        raised: whether what was seen is an exception, or how the process ended.
    """

    clause: Clause
    status: str
    expected: str = ""
    seen: str = ""
    calls: tuple[str, ...] = ()
    raised: bool = False

    def __repr__(self) -> str:
        if self.status == KEPT:
            return f"{self.clause.key} kept: {self.clause.sentence}"
        fault = f"expected {self.expected}; saw {self.seen}" if self.expected else self.seen
        about = f"{self.clause.sentence} ({self.clause.basis}; {fault})"
        return f"{self.clause.key} {self.status}: {about}"


@dataclass(frozen=True, repr=False)
class GuardReport:
    """The outcome of each clause; a notebook shows it as a picture.

    Attributes:
        source: the C++ that was checked.
        outcomes: of every clause, in order; none if the C++ was not checked.
        errors: why it was not: the compiler's, or that it overrides nothing.
        printed: what the guard's methods wrote to standard output.
        started: whether there was any C++ to check.
        cached: whether it had been compiled before.
    """

    source: str
    outcomes: tuple[Outcome, ...] = ()
    errors: tuple[Diagnostic, ...] = ()
    printed: str = ""
    started: bool = True
    cached: bool = field(default=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether every clause is kept."""
        return bool(self.outcomes) and not self.broken and not self.not_reached

    def __bool__(self) -> bool:
        return self.ok

    @property
    def overrides(self) -> tuple[str, ...]:
        """The methods that the source overrides, each once, in order."""
        return overrides(self.source)

    @property
    def broken(self) -> tuple[str, ...]:
        """The keys of the clauses that are broken, in order."""
        return tuple(o.clause.key for o in self.outcomes if o.status == BROKEN)

    @property
    def not_reached(self) -> tuple[str, ...]:
        """The keys of the clauses that could not be checked, in order."""
        return tuple(o.clause.key for o in self.outcomes if o.status == NOT_REACHED)

    def __getitem__(self, key: str) -> Outcome:
        for outcome in self.outcomes:
            if outcome.clause.key == key:
                return outcome
        raise UnknownName(
            f"no clause is called {key!r}; they are {', '.join(o.clause.key for o in self)}"
        )

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self.outcomes)

    def __len__(self) -> int:
        return len(self.outcomes)

    def __repr__(self) -> str:
        if not self.started:
            return "nothing to try yet: replace the ... by overrides of the guard's methods"
        if self.errors:
            passed = isinstance(self.errors[0], Oversight)
            lines = [f"The cell {'was not tried' if passed else 'does not compile'}."]
            lines += [f"  {line}" for error in self.errors for line in str(error).splitlines()]
            return "\n".join(lines)
        return repr(self.picture())

    def picture(self) -> Picture:
        """The clauses by method, and what broke."""
        return clauses(self.outcomes, self.printed)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        if not self.outcomes:
            return {"text/plain": repr(self)}
        return self.picture()._repr_mimebundle_(include, exclude)
