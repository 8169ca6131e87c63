"""One clause of the portable contract: a sentence, what it rests on, a hint, and a program."""

from collections.abc import Callable
from dataclasses import dataclass

from .backend import Backend
from .basis import Basis

KEPT, BROKEN, NOT_REACHED = "kept", "broken", "not reached"  # what comes of a clause
Program = Callable[[Backend], None]


@dataclass(frozen=True)
class Clause:
    """A sentence of the contract, and the program that holds any backend against it.

    Args:
        key: its subject, a dot, and a word: "event.again".
        sentence: what is promised.
        basis: what it rests on. What rests on advice, a backend may do in another way.
        hint: where a backend that breaks it goes wrong, as a rule.
        program: raises `Broken` if the promise is not kept, `NotReached` if it cannot be seen here.
        covers: the clauses of the guard's contract (guards/contract/) whose breach it can see.
        alone: whether it needs a process in which nothing has used the device yet.
    """

    key: str
    sentence: str
    basis: Basis
    hint: str
    program: Program
    covers: tuple[str, ...] = ()
    alone: bool = False

    @property
    def must(self) -> bool:
        """Whether PyTorch says so or relies on it; else CUDA does so, and others may differ."""
        return self.basis.kind != "advice"


CLAUSES: list[Clause] = []


def clause(
    key: str, sentence: str, basis: Basis, hint: str, covers: str = "", alone: bool = False
) -> Callable[[Program], Clause]:
    """Make a clause of a program, and put it into the list; `covers` are keys between commas."""

    def made(program: Program) -> Clause:
        covered = tuple(covers.split(", ")) if covers else ()
        found = Clause(key, sentence, basis, hint, program, covered, alone)
        CLAUSES.append(found)
        return found

    return made
