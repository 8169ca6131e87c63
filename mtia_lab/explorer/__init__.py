"""The interactive explorer: the log of a program, to be gone through moment by moment."""

from collections.abc import Iterable

from ..draw.picture import Picture
from ..draw.timeline import timeline
from ..log import Log

MOST = 500_000  # records: about what a page holds without an effort

__all__ = ["explore"]


def explore(log: Log, findings: Iterable | None = None):
    """Go through a log moment by moment, in JupyterLab: a slider, the queues, memory, values.

    Drag the slider through virtual time, or step from change to change with the arrow keys; below
    the lanes stands what is true at that moment: what each stream runs and holds, which events are
    recorded and who waits, the current device and streams of each host thread, which memory is in
    use and what it holds (from a log of ``record(values=True)``). Choose a bar to see the line that
    it comes from. Where no page can run it, what is shown is the timeline.

    Args:
        log: what ``mtia_lab.record()`` yielded.
        findings: what ``mtia_lab.find_hazards(log)`` found, marked in red. None lets the explorer
            look itself; ``()`` shows none.

    Returns:
        A widget; outside of Jupyter, without anywidget, or of a log of more than 500,000 records,
        the timeline as a picture, with a sentence that says why.
    """
    why = _hindrance(log)
    if why:
        picture = timeline(log, findings)
        return Picture(f"{picture.text}\n\n{why}", picture.svg)
    from .widget import Explorer

    return Explorer(log, find(log) if findings is None else findings)


def find(log: Log) -> Iterable:
    """What the happens-before checker finds in a log."""
    from ..hazards import find_hazards

    return find_hazards(log)


def _hindrance(log: Log) -> str | None:
    """Why it can only be the timeline, or None."""
    if len(log) > MOST:
        return f"This log has {len(log):,} records, too many to go through one by one."
    if not _in_jupyter():
        return "In JupyterLab, mtia_lab.explore(log) lets you go through it."
    try:
        import anywidget  # noqa: F401
    except ImportError as error:
        return f"To go through it, install anywidget ({error})."
    return None


def _in_jupyter() -> bool:
    """Whether there is a kernel, and so a page that may hold a widget."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None
