"""The happens-before checker: is a program right under every schedule, or was it only lucky?

``order`` says what comes before what, ``memory_map`` who used every byte last, ``races`` holds
one against the other, and ``checker`` goes through a log once. ``explain``, ``hints`` and
``misused_events`` say it in words. Nothing in here but ``sanitizer`` imports torch.
"""

from .finding import Finding, Side
from .report import Report, find_hazards

__all__ = ["Finding", "Report", "Side", "find_hazards"]
