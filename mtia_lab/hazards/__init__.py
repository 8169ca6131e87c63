"""The happens-before checker: is a program right under every schedule, or was it only lucky?

``order`` says what is ordered, ``memory`` which accesses may still be raced with, ``checker`` goes
through a log once and holds one against the other, ``explain`` and ``hints`` say it in words.
Nothing in here but ``sanitizer`` imports torch.
"""

from .finding import Finding, Side
from .report import Report, find_hazards

__all__ = ["Finding", "Report", "Side", "find_hazards"]
