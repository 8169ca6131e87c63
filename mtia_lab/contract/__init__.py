"""The contract kit: hold any accelerator's backend against what PyTorch expects of one.

    python -m mtia_lab contract cuda
    pytest --pyargs mtia_lab.contract --device=cuda

current.py, streams.py, events.py, memory.py, users.py, futures.py   clauses, each a program
clause.py, basis.py   what a clause is, and what it rests on
backend.py    the backend, and what the clauses say of it
check.py      starts processes, and reads the outcome of each clause
inside.py     tries the clauses in such a process
report.py     what `hold` returns
test_contract.py   the clauses as tests, for pytest

guards/ holds a guard written in C++ against more clauses, by this lab's clock and log. Here nothing
needs the simulated device; it is one backend among others.
"""

from . import current, events, futures, memory, streams, users
from .check import hold
from .clause import CLAUSES, Clause
from .report import ContractReport, Outcome

__all__ = ["CLAUSES", "Clause", "ContractReport", "Outcome", "hold"]

_MODULES = current, streams, events, memory, users, futures  # each puts its clauses into the list
