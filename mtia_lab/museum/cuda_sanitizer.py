"""What PyTorch's sanitizer for CUDA says of a log: its handler of events is told the same.

It is plain Python. It knows whole tensors by their address, forgets what it knew of memory that is
freed, and looks at no access of the host. After a race it may lose sight of others, so the first is
what counts.
"""

from collections.abc import Mapping
from typing import Any

from torch.cuda._sanitizer import EventHandler

from ..log.log import Log
from ..log.records import Call, Command, Known, Memory


def first_race(log: Log) -> int | None:
    """The id of the first command in whose launch PyTorch's handler sees a race, or None."""
    handler: Any = EventHandler()  # what it takes for a stream or an address need not be a number
    commands = {command.id: command for command in log.commands}
    waits: list[Known] = []  # of a blocking copy: its call is logged before its command
    for record in log:
        if isinstance(record, Command):
            if _races(handler, record):
                return record.id
            for known in [known for known in waits if known.command == record.id]:
                _synchronize(handler, known, commands)
                waits.remove(known)
        elif isinstance(record, Memory) and record.action == "free":
            handler._handle_memory_deallocation((record.device, record.address))
        elif isinstance(record, Call):
            for known in record.synchronized:
                if record.id == getattr(commands.get(known.command), "call", None):
                    waits.append(known)
                else:
                    _synchronize(handler, known, commands)
    return None


def _races(handler: Any, command: Command) -> bool:
    """Tell the handler of a command; whether it objects."""
    where = command.device, command.stream
    if command.type == "record":
        handler._handle_event_record(command.id, where)
    elif command.type == "wait":
        for event in command.after:
            handler._handle_event_wait(event, where)
    else:
        reads, writes = (
            {access[:2] for access in uses if access.device >= 0}
            for uses in (command.reads, command.writes)
        )
        aliases: dict[Any, list[str]] = {address: [] for address in reads | writes}
        given = (where, reads - writes, writes, writes, command.name, aliases)
        return bool(handler._handle_kernel_launch(*given))
    return False


def _synchronize(handler: Any, known: Known, commands: Mapping[int, Command]) -> None:
    where, command = (known.device, known.stream), commands.get(known.command)
    if known.stream is None:
        handler._handle_device_synchronization()
    elif command and command.type == "record" and (command.device, command.stream) == where:
        handler._handle_event_synchronization(known.command)
    else:
        handler._handle_stream_synchronization(where)
