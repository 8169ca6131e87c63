"""One clause of the contract: what is done, and what must be seen then."""

from dataclasses import dataclass

from ...contract.basis import HEADER, Basis


@dataclass(frozen=True)
class Clause:
    """A sentence of the contract, and the Python that checks it; runner.py says with which names.

    Args:
        key: the method that owes it, a dot, and a word: "exchangeDevice.returns".
        sentence: what is promised.
        look: the expression that shows whether the promise is kept.
        expected: an expression for what it must give.
        given: what is set up first. If that raises, the clause is not reached.
        do: what is done then, with the guard's method in it, if `look` alone will not do.
        basis: what it rests on.
    """

    key: str
    sentence: str
    look: str
    expected: str
    given: str = ""
    do: str = ""
    basis: Basis = HEADER

    @property
    def method(self) -> str:
        """Who owes it: a method of the guard, or one of PyTorch's users of the guard."""
        return self.key.rpartition(".")[0]

    @property
    def code(self) -> str:
        """All that is run; the last line gives what is seen."""
        return "\n".join(filter(None, [self.given, self.do, self.look]))
