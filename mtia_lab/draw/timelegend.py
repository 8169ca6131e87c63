"""The legend of a timeline: what the marks that occur in it mean."""

from . import palette, svg
from .arrows import chains, launches, releases
from .lanes import is_copy, is_flag, is_mark, waits_of
from .svg import Canvas


def legend(lanes: list, window: object, findings: list) -> list:
    """``(swatch, words)`` for ``Canvas.legend``."""
    items = [item for lane in lanes for item in lane.items]
    commands = [item for lane in lanes if not lane.host for item in lane.items]
    known = {command.id for command in commands}
    waits = [item for item in items if is_mark(item)]
    legend = []
    if any(lane.host for lane in lanes):
        legend.append((svg.box(palette.PLAIN.pale, palette.PLAIN.strong), "host call"))
    if any(item.type == "kernel" for item in commands):
        hue = palette.stream_hue(1)
        legend.append((svg.box(hue.pale, hue.strong), "kernel, in its stream's color"))
    if any(map(is_copy, items)):
        legend.append((svg.box(palette.COPY.strong, palette.COPY.strong), "copy"))
    if launches(lanes):
        legend.append((svg.wire(palette.LINE), "from its launch"))
    if any(map(is_flag, items)):
        legend.append((svg.flag, "event recorded (event, version)"))
    if waits:
        legend += [
            (svg.diamond, "wait"),
            (svg.arrow(palette.INK), "from the recording waited for"),
        ]
    if chains(lanes):
        legend.append((svg.arrow(palette.INK, dash="3 3"), "next draw on one generator"))
    if any(source not in known for wait in waits for source in wait.after):
        words = "recorded before this window" if window.zoomed else "recorded before this log"
        legend.append((svg.arrow(palette.INK, dash="3 3"), words))
    if window.held or any(map(waits_of, items)):
        legend.append((svg.hatched(palette.WHITE, palette.FAINT), "waits (hatched)"))
    if releases(lanes):
        legend.append((svg.wire(palette.MUTED, dash="2 3"), "what the host waited for"))
    if any(lane.queue for lane in lanes):
        legend.append((queue_swatch, "kernels and copies that wait in the queue"))
    if findings:
        fault = palette.FAULT.strong
        legend.append((svg.arrow(fault, dash="6 4"), "the order that is missing"))
    return legend


def queue_swatch(c: Canvas, x: float, y: float) -> None:
    """The strip below a stream."""
    hue = palette.stream_hue(1)
    steps = [(1, 14), (1, 9), (7, 9), (7, 2), (17, 2), (17, 9), (23, 9), (23, 14)]
    c.polygon([(x + a, y + b) for a, b in steps], fill=hue.pale, stroke=hue.strong, width=1)
