"""The part of a log that shows what a finding is about."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..records import Command
from .finding import Finding

AROUND = 2  # commands before and after each side, in its own stream


def add_scenes(findings: Iterable[Finding], commands: list[Command]) -> Iterator[Finding]:
    """Each finding with the commands of its streams that lie near its sides.

    Args:
        findings: what was found.
        commands: all there are, in the order of their ids.
    """
    findings = list(findings)
    if findings:
        lanes: dict[tuple[int, int], list[Command]] = {}
        for command in commands:
            lanes.setdefault((command.device, command.stream), []).append(command)
        ids = {where: [command.id for command in lane] for where, lane in lanes.items()}
    for finding in findings:
        chosen: dict[int, Command] = {}
        for side in (finding.first, finding.second):
            if side is not None and side.command is not None:
                lane, k = lanes[side.where], bisect_left(ids[side.where], side.command)
                near = lane[max(k - AROUND, 0) : k + AROUND + 1]
                chosen |= {command.id: command for command in near}
        yield replace(finding, scene=tuple(chosen[id] for id in sorted(chosen)))
