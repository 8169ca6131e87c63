"""The interactive explorer: the log of a program, to be gone through moment by moment."""

from collections.abc import Iterable

from ..draw.timeline import timeline
from ..hazards import Finding, Report, find_hazards
from ..log.arguments import a_log, some_findings
from ..log.log import Log
from .knobs import knobs
from .model import Model
from .page import EXPLORER, Page, script
from .payload import payload

MOST = 500_000  # records: about what a page holds without an effort
MOST_STORED = 4_000_000  # characters: a page is stored with its notebook

__all__ = ["explore", "knobs"]


def explore(log: Log, findings: Iterable[Finding] | None = None) -> Page:
    """Go through a log moment by moment, in JupyterLab: a slider, the queues, memory, values.

    Drag the slider through virtual time, or step from change to change with the arrow keys; below
    the lanes stands what is true at that moment: what each stream runs and holds, which events are
    recorded and what waits, the current device and streams of each host thread, which memory is in
    use and what it holds (from a log of `record(values=True)`). Choose a bar to see the line that
    it comes from. It needs no kernel, so it works in a stored notebook and in exported HTML too.
    Where no page can run it, as in a notebook that is not trusted, what is shown is the timeline.

    Args:
        log: what `mtia_lab.record()` yielded.
        findings: what `mtia_lab.find_hazards(log)` found, marked in red. None lets the explorer
            look itself; `()` shows none.

    Returns:
        What a notebook shows as the explorer, and a terminal as the timeline; `.save("run.html")`
        writes a page of its own, which needs neither kernel nor network. Of a log of more than
        500,000 records, or one that would take more than 4 MB in the notebook, it is the timeline
        everywhere, with a sentence that says why.

    Raises:
        TypeError: that is no log, or those are no findings.
    """
    log = a_log(explore, log)
    if findings is not None and not isinstance(findings, Report):
        findings = some_findings(explore, findings)
    page = ""
    if len(log) <= MOST:
        findings = find_hazards(log) if findings is None else findings
        hints = findings.hints if isinstance(findings, Report) else ()
        page = script(EXPLORER, payload(Model(log), (*findings, *hints)))
    if 0 < len(page) <= MOST_STORED:
        why = "In JupyterLab, mtia_lab.explore(log) lets you go through it."
    else:
        why = f"This log has {len(log):,} records, too many to go through one by one."
        page = f"<p>{why}</p>"
    picture = timeline(log, findings)
    return Page(f"{picture.text}\n\n{why}", picture.svg, page)
