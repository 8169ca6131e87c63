"""The happens-before checker: is a program right under every schedule, or was it only lucky?

`order` says what comes before what, `memory_map` who used each byte last and who races for it;
`checker` goes through a log once and holds one against the other, as if each race had its fix.
`explain` puts what it found in words, `hints` and `events` find what else is amiss, and
`report` shows it all. Nothing in here but `sanitizer` imports torch.
"""

from .finding import Finding, Side
from .report import Report, find_hazards

__all__ = ["Finding", "Report", "Side", "find_hazards"]
