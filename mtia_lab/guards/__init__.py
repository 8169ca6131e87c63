"""Check a reader's guard against PyTorch's contract: `try_guard`, and the cell magic `%%guard`.

contract/      the contract, clause by clause: what is done, what must be seen
runner.py      checks them, in a process that has the reader's guard in the place of the lab's
probes.py      calls the virtuals that Python cannot reach, through probes.cpp
check.py       starts such processes, and reads the outcome of each clause
library.py     from the reader's C++ to a library
diagnostics.py errors with the reader's own lines, and what compiles and cannot be meant
report.py      what `try_guard` returns
magic.py       `%%guard`
"""

from .check import try_guard
from .diagnostics import Diagnostic
from .report import GuardReport, Outcome

__all__ = ["Diagnostic", "GuardReport", "Outcome", "try_guard"]
