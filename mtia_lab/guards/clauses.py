"""The whole contract, in the order in which it is tried."""

from .clauses_state import DEVICES, STREAMS
from .clauses_users import AUTOGRAD, CONTEXTS, SCOPES
from .clauses_work import EVENTS, MEMORY, STREAM_WORK

CLAUSES = (*DEVICES, *STREAMS, *STREAM_WORK, *EVENTS, *MEMORY, *CONTEXTS, *SCOPES, *AUTOGRAD)
BY_KEY = {clause.key: clause for clause in CLAUSES}
assert len(BY_KEY) == len(CLAUSES)
