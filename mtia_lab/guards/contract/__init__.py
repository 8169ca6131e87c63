"""The whole contract, in the order in which it is checked: what others build on comes first."""

from .current import BYSTANDERS, DEVICES, STREAMS
from .users import AUTOGRAD, CONTEXTS, SCOPES
from .work import EVENTS, MEMORY, STREAM_WORK

CLAUSES = (
    *DEVICES,
    *STREAMS,
    *STREAM_WORK,
    *EVENTS,
    *MEMORY,
    *BYSTANDERS,
    *CONTEXTS,
    *SCOPES,
    *AUTOGRAD,
)
BY_KEY = {clause.key: clause for clause in CLAUSES}
assert len(BY_KEY) == len(CLAUSES)
