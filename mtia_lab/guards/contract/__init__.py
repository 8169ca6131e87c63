"""The whole contract, in the order in which it is checked."""

from .current import DEVICES, STREAMS
from .users import AUTOGRAD, CONTEXTS, SCOPES
from .work import EVENTS, MEMORY, STREAM_WORK

CLAUSES = (*DEVICES, *STREAMS, *STREAM_WORK, *EVENTS, *MEMORY, *CONTEXTS, *SCOPES, *AUTOGRAD)
BY_KEY = {clause.key: clause for clause in CLAUSES}
assert len(BY_KEY) == len(CLAUSES)
