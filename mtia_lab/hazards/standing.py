"""The events that a program holds at some moment: what a fix may wait for without a new one."""

import re

from ..log.records import Call, Command

_DESTROYED = re.compile(r"event (\d+)")


class StandingEvents:
    """Of each event the newest recording, as long as the program can still wait for it."""

    def __init__(self) -> None:
        self._newest: dict[int, Command] = {}  # by event

    def add_command(self, command: Command, caller: Call | None) -> None:
        """A command was enqueued; ``caller`` is the call that it belongs to."""
        if command.type == "record" and command.event is not None:
            self._newest.pop(command.event, None)
            if caller is not None and caller.name == "record" and caller.site == command.site:
                self._newest[command.event] = command

    def add_call(self, call: Call) -> None:
        """A call returned: the events that ``wait_stream`` makes are gone at once."""
        if call.name == "destroyEvent" and (gone := _DESTROYED.fullmatch(call.args)):
            self._newest.pop(int(gone[1]), None)

    def after(self, command: int, where: tuple[int, int]) -> Command | None:
        """The first recording on a stream that stands for a command of it."""
        later = [
            record
            for record in self._newest.values()
            if (record.device, record.stream) == where and record.id > command and record.site
        ]
        return min(later, key=lambda record: record.id, default=None)
