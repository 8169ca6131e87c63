"""Hold a reader's guard against PyTorch's contract: `try_guard`, and the cell magic `%%guard`.

contract/      the contract, clause by clause: what is done, what must be seen
runner.py      tries them, in a process that has the reader's guard in the place of the lab's
probes.py      calls the virtuals that Python cannot reach, through probes.cpp
trial.py       starts such processes, and says what became of each clause
library.py     from the reader's C++ to a library
diagnostics.py errors with the reader's own lines, and what compiles and cannot be meant
report.py      what `try_guard` returns
magic.py       `%%guard`
"""

from .diagnostics import CompileError
from .report import GuardReport, Outcome
from .trial import try_guard

__all__ = ["CompileError", "GuardReport", "Outcome", "try_guard"]
