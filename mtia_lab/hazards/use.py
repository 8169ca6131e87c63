"""A use of memory, and the earlier ones that it races with."""

from typing import NamedTuple

from ..records import Access, Command, Host
from .allocations import Allocation


class Use(NamedTuple):
    """An access to memory, by a command or by the host.

    Attributes:
        stream: the number that the order gives the stream; -1 for the host.
        id: the command's; for the host, of the newest command there was.
        command: who uses it.
        access: what is used.
        is_write: whether it is changed.
        allocation: what it was allocated for, if that is in the log.
    """

    stream: int
    id: int
    command: Command | Host
    access: Access
    is_write: bool
    allocation: Allocation | None
