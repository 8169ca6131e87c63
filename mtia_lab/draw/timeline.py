"""The timeline: what the host and every stream did, on the axis of virtual time."""

from collections.abc import Iterable
from typing import Unpack

from ..errors import WrongValue
from ..log.arguments import a_log, a_time, some_findings
from ..log.critical import CriticalPath, critical_path
from ..log.log import Anytime, Log
from ..log.replay import last_ns
from ..log.units import microseconds
from . import palette
from .aggregate import aggregate
from .critical import draw_path, path_text
from .lanes import (
    LEFT,
    MEASURED,
    RIGHT,
    VIRTUAL,
    Finding,
    Layout,
    Scale,
    Window,
    lay_out,
    opening,
)
from .lanes_svg import draw_missing, kinds_in, legend, list_missing, paint
from .lanes_text import missing_lines, missing_text, to_text
from .svg import MARGIN, Canvas, Picture


def timeline(
    log: Log,
    findings: Iterable[Finding] | None = None,
    *,
    since: float | None = None,
    until: float | None = None,
    critical: bool = False,
    title: str | None = None,
    **wanted: Unpack[Anytime],
) -> Picture:
    """Lanes for the host threads and for each stream; bars are calls, kernels and copies.

    Flags are event recordings, and an arrow leads from a recording to each wait for it. Where the
    host waited for the device, or a wait held its stream back, the lane is hatched. Where several
    commands stand in a stream's queue, a strip below it shows how many. Times are microseconds of
    virtual time since the recording began. A name that finds no room is in the ASCII form only.

    More than 300 commands are not drawn one by one: the height in a lane then is the share of time
    it was busy. `since` and `until` show a part, which may be short enough for every command.

    Args:
        log: what `mtia_lab.record()` yielded.
        findings: what `mtia_lab.find_hazards(log)` or `mtia_lab.sanitizer()` found: the order
            that is missing becomes a red edge between the two bars.
        since, until: from when to when, in virtual µs; None for the beginning and the end.
        critical: draw `mtia_lab.summary(log).critical_path`, below the bars that are on it.
        title: the message of the picture, which stands above it; None for what it is.
        wanted: only a part, as `log.filter` takes it: `draw.timeline(log, stream=1)`.

    Raises:
        ValueError: `until` does not come after `since`, or nothing can be filtered by that.
        TypeError: one of them is no number, or the log is none, or the findings are none.
    """
    log, given = a_log(timeline, log, wanted), some_findings(timeline, findings)
    hazards = [found for found in given if found.severity == "hazard" and found.first]
    window = _window(log, since, until)
    clock = MEASURED if log.unknown else VIRTUAL
    title = title or f"Timeline in {clock}"
    scale = Scale(window.end, LEFT, RIGHT, window.begin, clock)
    path = critical_path(log) if critical else CriticalPath()
    c = Canvas()
    if not window.readable:
        return aggregate(c, window, scale, hazards, title, path)
    y = c.heading(title, "Left to right: microseconds since the recording began")
    layout = lay_out(window, scale, y)
    y = paint(c, layout, y)
    draw_path(c, scale, layout.lanes, path)
    draw_missing(c, scale, layout.lanes, hazards)
    y = _paint_opening(c, layout, y)
    if layout.lanes:
        kinds = [*kinds_in(layout), *(["missing"] if hazards else [])]
        kinds += ["critical"] if path else []
        before = "before window" if window.zoomed else "before"
        y = c.legend(y + 46, legend(before if kind == "before" else kind for kind in kinds))
    else:
        c.text(MARGIN, y - 4, "nothing was enqueued", color=palette.MUTED)
    missing = missing_lines(hazards)
    y = list_missing(c, y, missing)
    words = [*path_text(path), *missing_text(missing)]
    return Picture(to_text(title, layout, words), c.svg(y + MARGIN))


def _paint_opening(c: Canvas, layout: Layout, y: float) -> float:
    """Below the lanes, what a fast host did first; returns where that ends, but for its axis."""
    inset = opening(layout, y + 62)
    if inset is None:
        return y
    span = microseconds(inset.scale.span)
    c.text(LEFT, y + 56, f"enlarged: the first {span} \u00b5s of the host", size=12, bold=True)
    return paint(c, inset, y + 62)


def _window(log: Log, since: float | None, until: float | None) -> Window:
    """What there is from one time to another."""
    last = max(1.0, last_ns(log.commands, log.calls) / 1000)
    begin = max(0.0, a_time("since", since, 0.0))
    end = a_time("until", until, max(last, begin + 1.0))
    if end <= begin:
        raise WrongValue(
            f"the window from {begin:g} to {end:g} us is empty: `since` has to come "
            f"before `until`; this log ends at {last:g} us"
        )
    return Window(log, begin, end, since is not None or until is not None)
