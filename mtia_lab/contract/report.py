"""What came of the contract: for a terminal, a notebook, and a file that CI reads."""

import html
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from ..errors import UnknownName
from ..log.files import target, write
from ..log.units import count
from .basis import RELEASE
from .clause import BROKEN, KEPT, NOT_REACHED, Clause


def junit_file(file: str | Path) -> Path:
    """Where to write JUnit's XML, if name and folder will do; raises as `write_junit` does."""
    return target(file, "what CI reads", (".xml",))


@dataclass(frozen=True)
class Outcome:
    """What came of one clause.

    Attributes:
        clause: which.
        status: "kept", "broken" or "not reached".
        seen: what was expected and seen instead; of a clause not reached, why it was not.
    """

    clause: Clause
    status: str
    seen: str = ""

    @property
    def failed(self) -> bool:
        """Whether it is broken, and a backend has to keep it."""
        return self.status == BROKEN and self.clause.must

    @property
    def verdict(self) -> str:
        """The status, or "differs" where a backend may do otherwise."""
        return "differs" if self.status == BROKEN and not self.failed else self.status

    def __str__(self) -> str:
        lines = [f"{self.verdict:12}{self.clause.key:34}{self.clause.sentence}"]
        if self.status != KEPT:
            lines += [f"{'':12}{self.seen}"]
        if self.status == BROKEN:
            file = f" ({self.clause.basis.file}, {RELEASE})" if self.clause.basis.file else ""
            who = self.clause.basis.who or str(self.clause.basis)
            lines += [f"{'':12}from {who}{file}", f"{'':12}hint: {self.clause.hint}"]
        return "\n".join(lines)


@dataclass(frozen=True, repr=False)
class ContractReport:
    """What came of each clause. It shows itself.

    Attributes:
        device: the type of device.
        outcomes: of every clause that was asked for, in order.
    """

    device: str
    outcomes: tuple[Outcome, ...]

    @property
    def broken(self) -> tuple[str, ...]:
        """The keys of the clauses that are broken and have to be kept, in order."""
        return tuple(each.clause.key for each in self.outcomes if each.failed)

    @property
    def not_reached(self) -> tuple[str, ...]:
        """The keys of the clauses that could not be tried, in order."""
        return tuple(o.clause.key for o in self.outcomes if o.status == NOT_REACHED)

    def __bool__(self) -> bool:
        return not self.broken

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self.outcomes)

    def __len__(self) -> int:
        return len(self.outcomes)

    def __getitem__(self, key: str) -> Outcome:
        for outcome in self.outcomes:
            if outcome.clause.key == key:
                return outcome
        raise UnknownName(f"no clause called {key!r} was tried on {self.device}")

    def __repr__(self) -> str:
        return "\n".join([self._headline(), "", *map(str, self.outcomes)])

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

    def _headline(self) -> str:
        verdicts = [outcome.verdict for outcome in self.outcomes]
        said = [
            f"{verdicts.count(verdict)} {verdict}"
            for verdict in (KEPT, BROKEN, "differs", NOT_REACHED)
            if verdict in verdicts
        ]
        clauses = count(len(verdicts), "clause")
        return f"PyTorch's contract on {self.device}: {clauses}: {', '.join(said)}"

    def write_junit(self, file: str | Path) -> None:
        """Write it as JUnit's XML: a clause is a test, one that is not reached is skipped.

        Args:
            file: whose name ends in ".xml".

        Raises:
            TypeError, ValueError, FileNotFoundError: it is no path, its name ends otherwise, or its
                folder is not there.
        """
        path = junit_file(file)
        suite = ElementTree.Element(
            "testsuite",
            name=f"contract on {self.device}",
            tests=str(len(self)),
            failures=str(len(self.broken)),
            skipped=str(sum(o.verdict in ("differs", NOT_REACHED) for o in self.outcomes)),
        )
        for outcome in self.outcomes:
            case = ElementTree.SubElement(
                suite, "testcase", classname=f"contract.{self.device}", name=outcome.clause.key
            )
            if outcome.failed:
                ElementTree.SubElement(case, "failure", message=outcome.seen).text = str(outcome)
            elif outcome.status != KEPT:
                message = f"{outcome.verdict}: {outcome.seen}"
                ElementTree.SubElement(case, "skipped", message=message)
        ElementTree.indent(suite)
        write(path, [ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)])
