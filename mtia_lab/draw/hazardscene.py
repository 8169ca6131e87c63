"""The part of a timeline that a finding is about: lanes, bars, the edges there are and are not."""

from ..log.units import microseconds
from . import palette, svg
from .axis import draw_stream_name
from .lanes import BAR, FONT, is_copy, is_flag, is_mark
from .missing import draw_cross, draw_edge
from .stretch import Stretch
from .svg import MARGIN, WIDTH, Canvas
from .text import text_width

LEFT, RIGHT = 170, WIDTH - MARGIN - 14
LANE, ABOVE = 64, 26  # height of a lane, and of what is above its bars


class Scene:
    """The items to draw, by lane, and where they are from left to right.

    Args:
        finding: what to show.
        left, right: the room there is.
    """

    def __init__(self, finding: object, left: float = LEFT, right: float = RIGHT) -> None:
        self.sides = [side for side in (finding.first, finding.second) if side is not None]
        self.numbers = {side.command: k for k, side in enumerate(self.sides, 1)}
        self.is_hint = finding.severity == "hint"
        self.hue = palette.GOOD if self.is_hint else palette.FAULT
        self.commands = finding.scene
        known = {command.id for command in self.commands}
        self.others = [side for side in self.sides if side.command not in known]  # no commands
        keys = {side.where for side in self.sides} | {lane_of(item) for item in self.commands}
        self.lanes = sorted(keys, key=lambda key: (key is not None, key or ()))  # the host first
        spans = [(item.start, item.finish) for item in (*self.commands, *self.others)]
        named = [(side.start, side.finish) for side in self.sides]
        self.scale = Stretch(spans, left, right, named)

    def number(self, command: object) -> int | None:
        """Which side a command is, if it is one."""
        return self.numbers.get(command.id)

    @property
    def is_missing(self) -> bool:
        """Whether there is an order missing between the two sides."""
        return len(self.sides) == 2 and all(side.access is not None for side in self.sides)

    def has(self, is_kind: object) -> bool:
        """Whether there is a command of some kind."""
        return any(map(is_kind, self.commands))


def lane_of(command: object) -> tuple:
    """The stream of a command."""
    return command.device, command.stream


def draw_scene(c: Canvas, scene: Scene, y: float) -> float:
    """Draw it below ``y``; returns the baseline for a line of text below it."""
    tops = {key: y + LANE * k + ABOVE for k, key in enumerate(scene.lanes)}
    bottom = y + LANE * len(scene.lanes)
    for key, top in tops.items():
        c.rect(LEFT, top, RIGHT - LEFT, BAR, fill=palette.PANEL, radius=0)
        if key is None:
            c.text(MARGIN, top + 19, "host", size=12, bold=True)
        else:
            draw_stream_name(c, top, key)
    _draw_waits(c, scene, tops)
    for command in scene.commands:
        _draw_command(c, scene, command, tops[lane_of(command)])
    for side in scene.others:
        _draw_other(c, scene, side, tops[side.where])
    if scene.is_missing:
        _draw_missing(c, scene, tops)
    _draw_times(c, scene, bottom)
    return bottom + 42


def _span(scene: Scene, item: object) -> tuple:
    left = scene.scale.x(item.start)
    return left, max(scene.scale.x(item.finish) - left, 3.0)


def _draw_command(c: Canvas, scene: Scene, command: object, top: float) -> None:
    x, width = _span(scene, command)
    number = scene.number(command)
    edge = palette.INK if number is None else scene.hue.strong
    if is_flag(command):
        c.line([(x, top - 14), (x, top + BAR)], stroke=edge, width=1.6)
        c.rect(x, top - 14, 18, 10, fill=edge, radius=0, tip=command.name)
    elif is_mark(command):
        y = top + BAR / 2
        points = [(x - 6, y), (x, y - 8), (x + 6, y), (x, y + 8)]
        c.polygon(points, fill=palette.WHITE, stroke=edge, width=1.8, tip=command.name)
    else:
        hue = palette.COPY if is_copy(command) else palette.stream_hue(command.stream)
        look = {"fill": hue.strong if is_copy(command) else hue.pale, "stroke": hue.strong}
        if number is not None:
            look |= {"stroke": edge, "width": 2.6}
        c.rect(x, top, width, BAR, radius=4, tip=command.name, **look)
        name = command.name if number is None else f"{number}. {command.name}"
        color = palette.WHITE if is_copy(command) else palette.INK
        style = {"size": FONT, "anchor": "middle", "color": color, "bold": number is not None}
        c.text(x + width / 2, top + 18, name, fit=max(width - 6, 0), **style)


def _draw_other(c: Canvas, scene: Scene, side: object, top: float) -> None:
    """What the host did, or a call that failed: a stroke, since it is no command."""
    x = scene.scale.x(side.start)
    c.line([(x, top), (x, top + BAR)], stroke=scene.hue.strong, width=3)
    words = f"{scene.sides.index(side) + 1}. {side.name}"
    style = {"size": FONT, "bold": True}
    if x < (LEFT + RIGHT) / 2:
        c.text(x + 6, top + 18, words, fit=RIGHT - x - 10, **style)
    else:
        c.text(x - 6, top + 18, words, fit=x - LEFT - 10, anchor="end", **style)


def _draw_waits(c: Canvas, scene: Scene, tops: dict) -> None:
    """The order there is: arrows from recordings to the waits for them."""
    known = {command.id: command for command in scene.commands}
    for command in scene.commands:
        for source in (known[k] for k in command.after if k in known):
            here, there = tops[lane_of(source)], tops[lane_of(command)]
            if here != there:
                x1, x2 = scene.scale.x(source.finish), scene.scale.x(command.start)
                y1, y2 = (here + BAR, there + 4) if here < there else (here, there + BAR - 4)
                c.arrow([(x1, y1), (x2, y2)], stroke=palette.INK)


def _draw_missing(c: Canvas, scene: Scene, tops: dict) -> None:
    """The edge that is not there, from the first side's bar to the second's, crossed out."""
    first, second = scene.sides
    x1 = scene.scale.x(first.finish) - (6 if first.finish > first.start else 0)
    x2 = scene.scale.x(second.start) + (6 if second.finish > second.start else 0)
    ends = draw_edge(c, (x1, tops[first.where]), (x2, tops[second.where]))
    draw_cross(c, *(sum(values) / 2 for values in zip(*ends, strict=True)))


def _draw_times(c: Canvas, scene: Scene, bottom: float) -> None:
    """The times of the two sides, as far as there is room."""
    c.text(MARGIN, bottom + 12, "virtual time, \u00b5s", size=FONT, color=palette.MUTED)
    taken = LEFT - 30.0
    for time in sorted({time for side in scene.sides for time in (side.start, side.finish)}):
        x, label = scene.scale.x(time), microseconds(time)
        half = text_width(label, FONT) / 2
        if x - half > taken + 6:
            c.line([(x, bottom - 6), (x, bottom - 1)], stroke=palette.MUTED)
            c.text(x, bottom + 12, label, size=FONT, color=palette.MUTED, anchor="middle")
            taken = x + half


def legend(scenes: list) -> list:
    """What the marks in some scenes mean."""
    fault, items = palette.FAULT.strong, []
    if any(not scene.is_hint for scene in scenes):
        items.append((svg.box(palette.WHITE, fault, width=2.6), "the two sides"))
    if any(scene.is_missing for scene in scenes):
        items.append((svg.arrow(fault, dash="6 4"), "the order that is missing"))
    if any(scene.is_hint for scene in scenes):
        good = palette.GOOD.strong
        items.append((svg.box(palette.WHITE, good, width=2.6), "what a hint is about"))
    if any(scene.has(is_flag) for scene in scenes):
        items.append((svg.flag, "event recorded"))
    if any(scene.has(is_mark) for scene in scenes):
        items.append((svg.diamond, "wait for an event"))
    return items
