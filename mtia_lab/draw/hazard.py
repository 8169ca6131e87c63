"""A finding of the happens-before checker: the lanes concerned, both sides, the missing edge."""

from . import ascii, palette, swatch
from .canvas import MARGIN, WIDTH, Canvas
from .lanes import FONT, is_copy, is_flag, is_mark, microseconds
from .measure import text_width, wrap
from .picture import Picture
from .stateview import draw_stream
from .stretch import Stretch

LEFT, RIGHT = 170, WIDTH - MARGIN - 14
LANE, BAR = 66, 28  # height of a lane, and of a bar in it
MOST = 4  # so many findings are drawn; of more, the rest is told
NAME = 12
CHART = ascii.COLUMNS - NAME - 2


def hazard(finding: object) -> Picture:
    """The streams of one finding, with what else they did around its two sides.

    From left to right is virtual time, stretched where little happens to give every name its
    room. The red arrow is the order that is missing: the second side should wait for the first.

    Args:
        finding: one item of a report, or one of its hints.
    """
    c = Canvas()
    y = _draw(c, finding, 14, 1)
    return Picture(ascii.page(_tell(finding, 1)), c.svg(y + MARGIN))


def hazards(report: object) -> Picture:
    """All that a report found, the first few drawn.

    Args:
        report: what ``mtia_lab.sanitizer()`` or ``mtia_lab.find_hazards()`` gave.
    """
    found = [*report, *report.hints]
    c = Canvas()
    y = c.heading(report.headline) - 16
    text = [report.headline]
    for number, finding in enumerate(found, 1):
        text += ["", *_tell(finding, number)]
        if number <= MOST:
            c.line([(MARGIN, y + 4), (WIDTH - MARGIN, y + 4)], stroke=palette.LINE)
            y = _draw(c, finding, y + 4, number)
    if len(found) > MOST:
        more = f"and {len(found) - MOST} more, which the text form tells"
        c.text(MARGIN, y + 18, more, color=palette.MUTED)
        y += 18
    return Picture(ascii.page(text), c.svg(y + MARGIN))


class _Scene:
    """The items to draw, by lane, and where they are from left to right."""

    def __init__(self, finding: object, left: float, right: float) -> None:
        self.sides = [side for side in (finding.first, finding.second) if side is not None]
        self.number = {s.command: k for k, s in enumerate(self.sides, 1) if s.command is not None}
        self.is_hint = finding.severity == "hint"
        self.commands = finding.scene
        keys = {side.where for side in self.sides} | {_lane(item) for item in self.commands}
        self.lanes = sorted(keys, key=lambda key: (key is not None, key or ()))  # the host first
        known = {command.id for command in self.commands}
        self.others = [side for side in self.sides if side.command not in known]  # no command
        spans = [(item.start, item.finish) for item in [*self.commands, *self.others]]
        self.scale = Stretch(spans, left, right)


def _lane(command: object) -> tuple:
    return command.device, command.stream


def _draw(c: Canvas, finding: object, top: float, number: int) -> float:
    """One finding below ``top``; returns where it ends."""
    hue = palette.GOOD if finding.severity == "hint" else palette.FAULT
    word = finding.severity.upper()
    width = text_width(word, 11, bold=True) + 16
    c.rect(MARGIN, top + 16, width, 20, fill=hue.pale, stroke=hue.strong, radius=4)
    c.text(MARGIN + 8, top + 30, word, size=11, bold=True, color=hue.strong)
    often = f", {finding.count} times" if finding.count > 1 else ""
    room = RIGHT - MARGIN - width - 10
    c.text(MARGIN + width + 10, top + 31, f"{number}. {finding.kind}{often}", bold=True, fit=room)
    y = _words(c, finding.why, top + 52, palette.MUTED)
    scene = _Scene(finding, LEFT, RIGHT)
    if scene.lanes:
        y = _draw_scene(c, scene, y)
    for side_number, side in enumerate(scene.sides, 1):
        y = _words(c, f"{side_number}. {side!r}", y, palette.INK)
    for line in finding.memory:
        y = _words(c, f"memory: {line}", y, palette.MUTED)
    legend = f"  ({finding.legend})" if finding.legend else ""
    y = _words(c, f"fix: {finding.fix}{legend}", y, palette.GOOD.strong, bold=True)
    return y - 8


def _words(c: Canvas, text: str, y: float, color: str, *, bold: bool = False) -> float:
    for line in wrap(text, RIGHT - MARGIN, 12, bold=bold):
        c.text(MARGIN, y, line, size=12, color=color, bold=bold)
        y += 18
    return y


def _draw_scene(c: Canvas, scene: _Scene, y: float) -> float:
    """The lanes with their bars, and what joins them; returns the y for the next line of text."""
    tops = {key: y + LANE * k for k, key in enumerate(scene.lanes)}
    bottom = y + LANE * len(scene.lanes)
    for key, top in tops.items():
        c.rect(LEFT, top + 22, RIGHT - LEFT, BAR, fill=palette.PANEL, radius=0)
        if key is None:
            c.text(MARGIN, top + 41, "host", size=12, bold=True)
        else:
            c.text(MARGIN, top + 40, f"mtia:{key[0]}", size=12, mono=True, fit=58)
            draw_stream(c, MARGIN + 58, top + 27, 76, key[1])
    for command in scene.commands:
        _draw_command(c, scene, command, tops[_lane(command)])
    for side in scene.others:
        _draw_other(c, scene, side, tops[side.where])
    _draw_waits(c, scene, tops)
    ends = [_end(scene, tops, side, k) for k, side in enumerate(scene.sides)]
    if len(ends) == 2 and not scene.is_hint:
        _missing(c, *ends)
    for time in sorted({t for side in scene.sides for t in (side.start, side.finish)}):
        x = scale_x = scene.scale.x(time)
        c.line([(scale_x, bottom), (x, bottom + 5)], stroke=palette.MUTED)
    _draw_times(c, scene, bottom)
    return c.legend(bottom + 34, _legend(scene)) + 24


def _draw_times(c: Canvas, scene: _Scene, bottom: float) -> None:
    """The times of the two sides, as far as there is room."""
    c.text(MARGIN, bottom + 18, "virtual time, \u00b5s", size=FONT, color=palette.MUTED)
    taken = LEFT - 30.0
    for time in sorted({t for side in scene.sides for t in (side.start, side.finish)}):
        x, label = scene.scale.x(time), microseconds(time)
        half = text_width(label, FONT) / 2
        if x - half > taken + 6:
            c.text(x, bottom + 18, label, size=FONT, color=palette.MUTED, anchor="middle")
            taken = x + half


def _bar(scene: _Scene, item: object) -> tuple:
    left = scene.scale.x(item.start)
    return left, max(scene.scale.x(item.finish) - left, 3.0)


def _draw_command(c: Canvas, scene: _Scene, command: object, top: float) -> None:
    x, width = _bar(scene, command)
    mine = scene.number.get(command.id)
    hue = palette.COPY if is_copy(command) else palette.stream_hue(command.stream)
    edge = hue.strong if mine is None or scene.is_hint else palette.FAULT.strong
    if is_flag(command):
        c.line([(x, top + 8), (x, top + 22 + BAR)], stroke=palette.INK, width=1.6)
        c.rect(x, top + 8, 18, 10, fill=palette.INK, radius=0, tip=command.name)
    elif is_mark(command):
        y = top + 22 + BAR / 2
        points = [(x - 6, y), (x, y - 8), (x + 6, y), (x, y + 8)]
        c.polygon(points, fill=palette.WHITE, stroke=palette.INK, width=1.8, tip=command.name)
    else:
        thick = 1.2 if mine is None else 2.6
        look = {"fill": hue.strong if is_copy(command) else hue.pale, "stroke": edge}
        c.rect(x, top + 22, width, BAR, width=thick, radius=4, tip=command.name, **look)
        name = command.name if mine is None else f"{mine}. {command.name}"
        color = palette.WHITE if is_copy(command) else palette.INK
        style = {"size": FONT, "anchor": "middle", "color": color, "bold": mine is not None}
        c.text(x + width / 2, top + 40, name, fit=max(width - 6, 0), **style)


def _draw_other(c: Canvas, scene: _Scene, side: object, top: float) -> None:
    """What the host did, or a call that failed: a mark, not a command."""
    x = scene.scale.x(side.start)
    number = scene.sides.index(side) + 1
    color = palette.INK if scene.is_hint else palette.FAULT.strong
    c.line([(x, top + 22), (x, top + 22 + BAR)], stroke=color, width=3)
    words = f"{number}. {side.name}"
    room = text_width(words, FONT, bold=True)
    left = x - room - 6 if x + room + 8 > RIGHT else x + 6
    c.text(left, top + 40, words, size=FONT, bold=True)


def _draw_waits(c: Canvas, scene: _Scene, tops: dict) -> None:
    """The order there is: arrows from recordings to the waits for them."""
    known = {command.id: command for command in scene.commands}
    for command in scene.commands:
        for source in (known[k] for k in command.after if k in known):
            x1, x2 = scene.scale.x(source.finish), scene.scale.x(command.start)
            y1, y2 = tops[_lane(source)] + 22 + BAR, tops[_lane(command)] + 22
            if y2 < y1:
                y1, y2 = tops[_lane(source)] + 22, tops[_lane(command)] + 22 + BAR
            if _lane(source) != _lane(command):
                c.arrow([(x1, y1), (x2, y2)], stroke=palette.INK)


def _end(scene: _Scene, tops: dict, side: object, k: int) -> tuple:
    """Where the missing edge touches a side: the end of the first, the beginning of the second."""
    x = scene.scale.x(side.start if k else side.finish)
    return x, tops[side.where] + 22


def _missing(c: Canvas, first: tuple, second: tuple) -> None:
    """The edge that is not there, from the one bar to the other."""
    (x1, y1), (x2, y2) = first, second
    if y1 == y2:
        points = [(x1, y1), (x1, y1 - 12), (x2, y2 - 12), (x2, y2)]
    elif y1 < y2:
        points = [(x1, y1 + BAR), (x2, y2)]
    else:
        points = [(x1, y1), (x2, y2 + BAR)]
    c.line(points, stroke=palette.WHITE, width=5)
    c.arrow(points, stroke=palette.FAULT.strong, width=2.4, dash="6 4")
    (xa, ya), (xb, yb) = points[-2:] if len(points) == 2 else points[1:3]
    x, y = (xa + xb) / 2, (ya + yb) / 2
    for slope in (-5, 5):  # a cross: this is what is missing
        c.line([(x - 5, y - slope), (x + 5, y + slope)], stroke=palette.FAULT.strong, width=2.4)


def _flag(c: Canvas, x: float, y: float) -> None:
    c.line([(x + 3, y), (x + 3, y + 15)], stroke=palette.INK, width=1.6)
    c.rect(x + 3, y, 18, 9, fill=palette.INK, radius=0)


def _legend(scene: _Scene) -> list:
    fault = palette.FAULT.strong
    items = []
    if not scene.is_hint:
        items += [(swatch.box(palette.WHITE, fault, width=2.6), "the two sides")]
        if len(scene.sides) == 2:
            items.append((swatch.arrow(fault, dash="6 4"), "the order that is missing"))
    if any(map(is_flag, scene.commands)):
        items.append((_flag, "event recorded"))
    if any(map(is_mark, scene.commands)):
        items.append((swatch.arrow(palette.INK), "to the wait for it"))
    return [*items, (lambda c, x, y: None, "time is stretched where little happens")]


# --- in ASCII ---------------------------------------------------------------------------------


def _tell(finding: object, number: int) -> list:
    scene = _Scene(finding, 0, CHART - 1)
    head, *rest = finding.lines()
    lines = [f"{finding.severity} {number}: {head}"]
    for key in scene.lanes:
        name = "host" if key is None else f"mtia:{key[0]}/{key[1]}"
        lines.append(f"  {name:<{NAME - 2}} |{_chart(scene, key)}")
    return lines + rest


def _chart(scene: _Scene, key: tuple | None) -> str:
    cells = ["."] * CHART
    for command in (item for item in scene.commands if _lane(item) == key):
        first = round(scene.scale.x(command.start))
        if is_flag(command) or is_mark(command):
            cells[first] = "R" if is_flag(command) else "W"
            continue
        last = max(round(scene.scale.x(command.finish)) - 1, first + 2)
        mine = scene.number.get(command.id)
        name = command.name if mine is None else f"{mine} {command.name}"
        body = f"[{ascii.cut(name, last - first - 1):=^{last - first - 1}}]"
        cells[first : first + len(body)] = body
    for side in (side for side in scene.others if side.where == key):
        at = round(scene.scale.x(side.start))
        cells[at] = str(scene.sides.index(side) + 1)
    return "".join(cells[:CHART])
