"""A finding of the happens-before checker: the lanes concerned, both sides, the missing edge."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from ..log.arguments import REPORT, wrong
from ..log.records import Command
from ..log.units import microseconds, stream_name
from . import lanes_svg, lanes_text, palette, text
from .lanes import (
    BAR,
    FONT,
    LEFT,
    RIGHT,
    Finding,
    Key,
    Lane,
    Placed,
    Side,
    is_mark,
    place,
    stream_of,
)
from .svg import MARGIN, WIDTH, Canvas, Look, Picture, Style
from .text import text_width, wrap

MOST = 4  # so many findings of a report are drawn
LISTED = 20  # and so many are in the text form; the rest is counted
LANE, ABOVE = 64, 26  # height of a lane, and of what is above its bars
NAME = 10  # columns of the ASCII form
CHART = text.COLUMNS - NAME - 5


@runtime_checkable
class Report(Protocol):
    """What was found in a log, as `mtia_lab.find_hazards` reports it."""

    @property
    def headline(self) -> str: ...
    @property
    def hints(self) -> Sequence[Finding]: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Finding]: ...


def hazard(finding: Finding) -> Picture:
    """The streams of one finding, with what else they did around its two sides.

    From left to right is virtual time, but not in proportion: what takes no time needs room for its
    name, too. The red arrow is the order that is missing: the second side should wait for the
    first.

    Args:
        finding: one item of a report, or one of its hints.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(finding, Finding):
        raise wrong(hazard, "a finding, such as mtia_lab.find_hazards(log)[0]", finding)
    c, scene = Canvas(), Scene(finding)
    y = _draw(c, scene, 4, "")
    y = c.legend(y + 4, lanes_svg.legend(_kinds([scene])))
    return Picture(text.page(_lines(finding, "")), c.svg(y + MARGIN))


def hazards(report: Report) -> Picture:
    """All that a report found, the first few of it drawn.

    Args:
        report: what `mtia_lab.sanitizer()` or `mtia_lab.find_hazards()` gave.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(report, Report):
        raise wrong(hazards, REPORT, report)
    found = [*report, *report.hints]
    c, lines = Canvas(), [report.headline]
    y = c.heading(report.headline) - 12
    for number, finding in enumerate(found[:LISTED], 1):
        lines += ["", *_lines(finding, f"{number}. ")]
    scenes = [Scene(finding) for finding in found[:MOST]]
    for number, scene in enumerate(scenes, 1):
        c.line([(MARGIN, y), (WIDTH - MARGIN, y)], stroke=palette.LINE)
        y = _draw(c, scene, y, f"{number}. ")
    if scenes:
        y = c.legend(y + 4, lanes_svg.legend(_kinds(scenes)))
    if (more := len(found) - LISTED) > 0:
        hidden = len(report) - LISTED
        rest = f"report[{LISTED}:]" if hidden > 0 else f"report.hints[{-hidden}:]"
        lines += ["", f"... and {more:,} more, the first of them in {rest}"]
    if (more := len(found) - MOST) > 0:
        words = f"and {more:,} more: print(report) has them"
        c.text(MARGIN, y + 24, words, color=palette.MUTED)
        y += 24
    return Picture(text.page(lines), c.svg(y + MARGIN))


# --- What there is to draw ------------------------------------------------------------------------


class Stretch:
    """Maps times onto positions from `left` to `right`: in order, but not in proportion.

    Args:
        spans: `(start, finish)` of what is to be seen. Between two neighboring times of these,
            positions are in proportion; how much room such a stretch gets depends little on how
            long it lasts.
        left, right: the room there is.
        wide: those of the spans that need more room than others.
    """

    def __init__(
        self,
        spans: Sequence[tuple[float, float]],
        left: float,
        right: float,
        wide: Sequence[tuple[float, float]] = (),
    ) -> None:
        self.times = sorted({time for span in spans for time in span}) or [0.0]
        gaps = [b - a for a, b in zip(self.times, self.times[1:], strict=False)]
        middle = sorted(gaps)[len(gaps) // 2] if gaps else 1.0
        weights = []
        for start, gap in zip(self.times, gaps, strict=False):
            busy = any(a <= start < b for a, b in spans)
            named = any(a <= start < b for a, b in wide)
            room = 3.0 if named else 1.6 if busy else 1.0
            weights.append(room * min(max(gap / middle, 0.7), 2.0))
        margin = (right - left) * 0.04
        unit = (right - left - 2 * margin) / (sum(weights) or 1.0)
        self.places = [left + margin]
        for weight in weights:
            self.places.append(self.places[-1] + weight * unit)

    def x(self, time: float) -> float:
        """The position of a time."""
        k = min(max(bisect_right(self.times, time) - 1, 0), len(self.times) - 1)
        if k == len(self.times) - 1:
            return self.places[k]
        share = max(time - self.times[k], 0.0) / (self.times[k + 1] - self.times[k])
        return self.places[k] + share * (self.places[k + 1] - self.places[k])


class Scene:
    """The items to draw, by lane, and where they are from left to right.

    Args:
        finding: what to show.
        left, right: the room there is.
    """

    def __init__(self, finding: Finding, left: float = LEFT, right: float = RIGHT) -> None:
        self.finding = finding
        self.sides = [side for side in (finding.first, finding.second) if side is not None]
        self.numbers = {side.command: k for k, side in enumerate(self.sides, 1)}
        self.is_hint = finding.severity == "hint"
        self.hue = palette.GOOD if self.is_hint else palette.FAULT
        self.commands = finding.scene
        known = {command.id for command in self.commands}
        self.others = [side for side in self.sides if side.command not in known]  # no commands
        keys = {side.where for side in self.sides} | {stream_of(item) for item in self.commands}
        self.keys = sorted(keys, key=lambda key: (key is not None, key or ()))  # the host first
        spans = [(item.start, item.finish) for item in self.commands]
        spans += [(side.start, side.finish) for side in self.others]
        self.axis = Stretch(spans, left, right, [(side.start, side.finish) for side in self.sides])

    @property
    def is_missing(self) -> bool:
        """Whether there is an order missing between the two sides."""
        return len(self.sides) == 2 and all(side.access is not None for side in self.sides)

    def of(self, key: Key) -> list[Command]:
        """The commands of a lane."""
        return [command for command in self.commands if stream_of(command) == key]

    def lanes(self, y: float) -> dict[Key, Lane]:
        """The lanes from `y` down."""
        return {key: Lane(key, y + LANE * k + ABOVE) for k, key in enumerate(self.keys)}


def _kinds(scenes: Sequence[Scene]) -> list[str]:
    """What the legend is about."""
    types = {command.type for scene in scenes for command in scene.commands}
    kinds = {
        "side": not all(scene.is_hint for scene in scenes),
        "missing": any(scene.is_missing for scene in scenes),
        "hint": any(scene.is_hint for scene in scenes),
        "flag": "record" in types,
        "wait for one": "wait" in types,
    }
    return [kind for kind, used in kinds.items() if used]


# --- One finding ----------------------------------------------------------------------------------


def _draw(c: Canvas, scene: Scene, top: float, number: str) -> float:
    """One finding below `top`; returns where it ends."""
    hue, finding = scene.hue, scene.finding
    word = finding.severity.upper()
    width = text_width(word, 12, bold=True) + 16
    c.rect(MARGIN, top + 16, width, 20, fill=hue.pale, stroke=hue.strong, radius=4)
    c.text(MARGIN + 8, top + 30, word, size=12, bold=True, color=hue.strong)
    often = f", {finding.count} times" if finding.count > 1 else ""
    left = MARGIN + width + 10
    c.text(left, top + 31, f"{number}{finding.kind}{often}", bold=True, fit=RIGHT - left)
    y = _words(c, finding.why, top + 54, palette.MUTED)
    y = _draw_scene(c, scene, y - 14)
    for k, side in enumerate(scene.sides, 1):
        y = _words(c, f"{k}. {side!r}", y, palette.INK)
    for line in finding.memory:
        y = _words(c, f"memory: {line}", y, palette.MUTED)
    names = f"  ({finding.legend})" if finding.legend else ""
    return _words(c, f"fix: {finding.fix}{names}", y, palette.GOOD.strong, bold=True)


def _words(c: Canvas, words: str, y: float, color: str, *, bold: bool = False) -> float:
    for line in wrap(words, RIGHT - MARGIN, 12, bold=bold):
        c.text(MARGIN, y, line, size=12, color=color, bold=bold)
        y += 18
    return y


def _draw_scene(c: Canvas, scene: Scene, y: float) -> float:
    """The lanes below `y`; returns the baseline for a line of text below them."""
    lanes = scene.lanes(y)
    for lane in lanes.values():
        lanes_svg.draw_track(c, lane)
    _draw_ties(c, scene, lanes)
    for command, bar in zip(scene.commands, place(scene.commands, scene.axis, 3.0), strict=True):
        _draw_command(c, scene, command, bar, lanes[stream_of(command)])
    for side in scene.others:
        _draw_other(c, scene, side, lanes[side.where].bar)
    if scene.is_missing:
        _draw_missing(c, scene, lanes)
    bottom = y + LANE * len(lanes)
    _draw_times(c, scene, bottom)
    return bottom + 42


def _draw_command(c: Canvas, scene: Scene, item: Command, bar: Placed, lane: Lane) -> None:
    x, top = bar.left, lane.bar
    number = scene.numbers.get(item.id)
    edge = palette.INK if number is None else scene.hue.strong
    if item.type == "record":
        c.line([(x, top - 14), (x, top + BAR)], stroke=edge, width=1.6)
        c.rect(x, top - 14, 18, 10, fill=edge, radius=0, tip=item.name)
    elif item.type == "wait":
        lanes_svg.draw_diamond(c, x, lane.middle, item.name, stroke=edge)
    else:
        hue, dark = lanes_svg.hue_of(item), item.type == "copy"
        look: Look = {"fill": hue.strong if dark else hue.pale, "stroke": hue.strong, "radius": 4}
        style: Style = {"size": FONT, "anchor": "middle", "fit": max(bar.width - 6, 0)}
        style["color"] = palette.WHITE if dark else palette.INK
        if number is not None:
            look |= {"stroke": edge, "width": 2.6}
            style["bold"] = True
        c.rect(x, top, bar.width, BAR, tip=item.name, **look)
        name = item.name if number is None else f"{number}. {item.name}"
        c.text(bar.middle, top + 18, name, **style)


def _draw_other(c: Canvas, scene: Scene, side: Side, top: float) -> None:
    """What the host did, or a call that failed: a stroke, since it is no command."""
    x = scene.axis.x(side.start)
    c.line([(x, top), (x, top + BAR)], stroke=scene.hue.strong, width=3)
    words = f"{scene.sides.index(side) + 1}. {side.name}"
    if x < (LEFT + RIGHT) / 2:
        c.text(x + 6, top + 18, words, size=FONT, bold=True, fit=RIGHT - x - 10)
    else:
        room = x - LEFT - 10
        c.text(x - 6, top + 18, words, size=FONT, bold=True, fit=room, anchor="end")


def _draw_ties(c: Canvas, scene: Scene, lanes: dict[Key, Lane]) -> None:
    """The order there is: arrows from recordings to the waits for them."""
    known = {command.id: command for command in scene.commands}
    for target in scene.commands:
        for source in (known[k] for k in target.after if k in known):
            here, there = lanes[stream_of(source)].bar, lanes[stream_of(target)].bar
            if here != there:
                ys = (here + BAR, there + 4) if here < there else (here, there + BAR - 4)
                xs = scene.axis.x(source.finish), scene.axis.x(target.start)
                c.arrow(list(zip(xs, ys, strict=True)), stroke=palette.INK)


def _draw_missing(c: Canvas, scene: Scene, lanes: dict[Key, Lane]) -> None:
    """The edge that is not there, from the first side's bar to the second's, crossed out."""
    first, second = scene.sides
    x1 = scene.axis.x(first.finish) - (6 if first.finish > first.start else 0)
    x2 = scene.axis.x(second.start) + (6 if second.finish > second.start else 0)
    (a, b), (d, e) = lanes_svg.draw_edge(
        c, (x1, lanes[first.where].bar), (x2, lanes[second.where].bar)
    )
    lanes_svg.draw_cross(c, (a + d) / 2, (b + e) / 2)


def _draw_times(c: Canvas, scene: Scene, bottom: float) -> None:
    """The times of the two sides, as far as there is room."""
    c.text(MARGIN, bottom + 12, "virtual time, \u00b5s", size=FONT, color=palette.MUTED)
    taken = LEFT - 30.0
    for time in sorted({time for side in scene.sides for time in (side.start, side.finish)}):
        x, label = scene.axis.x(time), microseconds(time)
        half = text_width(label, FONT) / 2
        if x - half > taken + 6:
            c.line([(x, bottom - 6), (x, bottom - 1)], stroke=palette.MUTED)
            c.text(x, bottom + 12, label, size=FONT, color=palette.MUTED, anchor="middle")
            taken = x + half


# --- The same in ASCII ----------------------------------------------------------------------------


def _lines(finding: Finding, number: str) -> list[str]:
    """A finding, its lanes and its details; `number` is put before the first line."""
    scene = Scene(finding, 0, CHART - 1)
    head = f"{finding.severity} {number}{finding.kind}: {finding.why}"
    lanes = [_lane(scene, key) for key in scene.keys]
    return [*text.paragraph(head, "     "), *lanes, *map(text.plain, finding.details())]


def _lane(scene: Scene, key: Key) -> str:
    cells = ["."] * CHART
    for command in sorted(scene.of(key), key=is_mark):
        first = round(scene.axis.x(command.start))
        if is_mark(command):
            cells[first] = "R" if command.type == "record" else "W"
            continue
        last = max(round(scene.axis.x(command.finish)) - 1, first + 2)
        number = scene.numbers.get(command.id)
        name = command.name if number is None else f"{number} {command.name}"
        cells[first : last + 1] = lanes_text.bar(name, last + 1 - first, "=")
    for side in (side for side in scene.others if side.where == key):
        cells[round(scene.axis.x(side.start))] = str(scene.sides.index(side) + 1)
    name = stream_name(*key) if isinstance(key, tuple) else "host"
    return f"  {lanes_text.row(name, cells[:CHART], NAME)}"
