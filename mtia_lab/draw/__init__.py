"""Pictures of what the runtime did. Every one is a pure function of a log or of measured facts.

Each function returns a `Picture`: SVG for the eye, the same in ASCII for everything else.
Nothing in here imports torch.
"""

from .backward import backward
from .calls import calls
from .clauses import clauses
from .devices import devices
from .filmstrip import filmstrip
from .hazard import hazard, hazards
from .ladder import ladder, ladder_of
from .leaks import leaks
from .memory import memory
from .processes import processes
from .route import route
from .svg import Picture
from .threads import threads
from .timeline import timeline
from .wiring import wiring

__all__ = [
    "Picture",
    "backward",
    "calls",
    "clauses",
    "devices",
    "filmstrip",
    "hazard",
    "hazards",
    "ladder",
    "ladder_of",
    "leaks",
    "memory",
    "processes",
    "route",
    "threads",
    "timeline",
    "wiring",
]
