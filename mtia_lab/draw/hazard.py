"""A finding of the happens-before checker: the lanes concerned, both sides, the missing edge."""

from ..log.arguments import REPORT, wrong
from . import palette, text
from .hazardscene import RIGHT, Scene, draw_scene, legend
from .hazardtext import tell
from .svg import MARGIN, WIDTH, Canvas, Picture
from .text import text_width, wrap

MOST = 4  # so many findings of a report are drawn; of more, the text form tells
TOLD = 20  # and of so many; the rest is counted


def hazard(finding: object) -> Picture:
    """The streams of one finding, with what else they did around its two sides.

    From left to right is virtual time, but not in proportion: what takes no time needs room for its
    name, too. The red arrow is the order that is missing: the second side should wait for the
    first.

    Args:
        finding: one item of a report, or one of its hints.

    Raises:
        TypeError: it is none.
    """
    if not hasattr(finding, "scene"):
        raise wrong(hazard, "a finding, such as mtia_lab.find_hazards(log)[0]", finding)
    c, scene = Canvas(), Scene(finding)
    y = _draw(c, finding, scene, 4, "")
    y = c.legend(y + 4, legend([scene]))
    return Picture(text.page(tell(finding, "")), c.svg(y + MARGIN))


def hazards(report: object) -> Picture:
    """All that a report found, the first few of it drawn.

    Args:
        report: what ``mtia_lab.sanitizer()`` or ``mtia_lab.find_hazards()`` gave.

    Raises:
        TypeError: it is none.
    """
    if not hasattr(report, "hints"):
        raise wrong(hazards, REPORT, report)
    found = [*report, *report.hints]
    c, lines, scenes = Canvas(), [report.headline], []
    y = c.heading(report.headline) - 12
    for number, finding in enumerate(found[:TOLD], 1):
        lines += ["", *tell(finding, f"{number}. ")]
        if number <= MOST:
            scenes.append(Scene(finding))
            c.line([(MARGIN, y), (WIDTH - MARGIN, y)], stroke=palette.LINE)
            y = _draw(c, finding, scenes[-1], y, f"{number}. ")
    if scenes:
        y = c.legend(y + 4, legend(scenes))
    if len(found) > TOLD:
        rest = f"report[{TOLD}:]" if len(report) > TOLD else f"report.hints[{TOLD - len(report)}:]"
        lines += ["", f"... and {len(found) - TOLD:,} more, the first of them in {rest}"]
    if len(found) > MOST:
        more = f"and {len(found) - MOST:,} more: print(report) tells of them"
        c.text(MARGIN, y + 24, more, color=palette.MUTED)
        y += 24
    return Picture(text.page(lines), c.svg(y + MARGIN))


def _draw(c: Canvas, finding: object, scene: Scene, top: float, number: str) -> float:
    """One finding below ``top``; returns where it ends."""
    hue = scene.hue
    word = finding.severity.upper()
    width = text_width(word, 11, bold=True) + 16
    c.rect(MARGIN, top + 16, width, 20, fill=hue.pale, stroke=hue.strong, radius=4)
    c.text(MARGIN + 8, top + 30, word, size=11, bold=True, color=hue.strong)
    often = f", {finding.count} times" if finding.count > 1 else ""
    left = MARGIN + width + 10
    c.text(left, top + 31, f"{number}{finding.kind}{often}", bold=True, fit=RIGHT - left)
    y = _words(c, finding.why, top + 54, palette.MUTED)
    y = draw_scene(c, scene, y - 14)
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
