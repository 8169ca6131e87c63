"""The interactive explorer: the log of a program, to be gone through moment by moment."""

import html
from collections.abc import Iterable
from typing import Unpack

from ..draw.timeline import timeline
from ..hazards import Finding, Report, find_hazards
from ..log.arguments import a_log, some_findings
from ..log.log import MEMORY, Anytime, Log
from ..progress import Progress, choose
from .knobs import knobs
from .page import Page
from .window import no_collection, window

MOST = 150_000  # records: about what opens within three seconds
QUICK = 30_000  # records, of which nothing is said while they are read
MOST_STORED = 4_000_000  # characters: a page is stored with its notebook

__all__ = ["explore", "knobs"]


def explore(
    log: Log,
    findings: Iterable[Finding] | None = None,
    *,
    since: float | None = None,
    until: float | None = None,
    **wanted: Unpack[Anytime],
) -> Page:
    """Go through a log moment by moment, in JupyterLab: a slider, the queues, memory, values.

    It opens at the first hazard; without one at the first wait that holds a stream back, or the
    first commands that run at once. Play it, drag the slider through virtual time, or step from
    change to change with the arrow keys; below the lanes stands what is true at that moment: what
    each stream runs and holds, which events are recorded and what waits, the current device and
    streams of each host thread, which memory is in use and what it holds (from a log of
    `record(values=True)`). Choose a bar to go there, and to see the line that it comes from. It
    needs no kernel, so it works in a stored notebook and in exported HTML too. Where no page can
    run it, as in a notebook that is not trusted, what is shown is the timeline.

    Args:
        log: what `mtia_lab.record()` yielded.
        findings: what `mtia_lab.find_hazards(log)` found, marked in red. None lets the explorer
            look itself; `()` shows none.
        since, until: from when to when, in virtual µs; None for the beginning and the end.
        wanted: only a part, as `log.filter` takes it: `explore(log, stream=1)`. Hazards are looked
            for in the whole.

    Returns:
        What a notebook shows as the explorer, and a terminal as the timeline; `.save("run.html")`
        writes a page of its own, which needs neither kernel nor network. Of a log of more than
        150,000 records, or one that would take more than 4 MB in the notebook, it is the part
        around the first hazard, or else the beginning, with a sentence that says which part.

    Raises:
        TypeError: that is no log, those are no findings, or no times.
        ValueError: `until` does not come after `since`, or nothing can be filtered by that.
    """
    whole, log = a_log(explore, log), a_log(explore, log, wanted)
    if findings is not None and not isinstance(findings, Report):
        findings = some_findings(explore, findings)
    progress = choose() if len(whole) > QUICK else Progress()
    with no_collection():
        progress.say(f"looking for hazards in {len(whole):,} records")
        if findings is None:
            findings = () if MEMORY in whole.unknown else find_hazards(whole)
        hints = findings.hints if isinstance(findings, Report) else ()
        progress.say("making the page")
        part = window(log, (*findings, *hints), since, until, MOST, MOST_STORED)
        progress.say("drawing the timeline")
        picture = timeline(log, findings, since=part.since, until=part.until)
    progress.done()
    how = "In JupyterLab, mtia_lab.explore(log) lets you go through it." if part.page else ""
    text = "\n\n".join(words for words in (picture.text, part.words, how) if words)
    beside = f"<p>{html.escape(part.words)}</p>" if part.words else ""
    return Page(text, picture.svg, beside + part.page)
