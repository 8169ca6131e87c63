"""Who owns "current": a box of runtime state for each host thread."""

from collections.abc import Mapping, Sequence
from itertools import islice

from ..log.arguments import LOG, wrong
from ..log.log import Log
from . import palette, svg, text
from .stateview import State, as_tuple, differing, draw_state, state_height, state_text
from .svg import MARGIN, WIDTH, Canvas, Picture, Style

Panel = Log | Mapping[str, Sequence[int]]
Stage = dict[str, State]  # a name of a thread -> its state, or the parts of it that changed

TITLE = "Current device and streams of each host thread"
BOX = 174
GAP = 16
PER_ROW = 4
MOST = 40


def threads(states: Panel | None = None, /, *, title: str = TITLE, **panels: Panel) -> Picture:
    """A box for each host thread, with its current device and each device's current stream.

    Of more than 40 threads of a panel the first are drawn.

    Args:
        states: a log (each thread as its last call left it), or a mapping from a thread's name to
            its state (`mtia_lab.state()` or a tuple).
        panels: instead, several of them by name, in the order of time, such as `before=` and
            `after=`; what changed since the panel before is outlined.
        title: the message of the picture, which stands above it.

    Raises:
        TypeError: something given is no log, mapping or state.
    """
    given = {"": states} if states is not None else {}
    given.update((name.replace("_", " "), panel) for name, panel in panels.items())
    whole = {name: _states(panel) for name, panel in given.items()}
    stages = [(name, dict(islice(stage.items(), MOST))) for name, stage in whole.items()]
    more = {name: _more(stage) for name, stage in whole.items()}
    c = Canvas()
    y = c.heading(title, "What each thread would use if it launched now")
    lines = [title, ""]
    previous: Stage = {}
    x, bottom = float(MARGIN), y
    for name, stage in stages:
        changes: Stage = {
            thread: differing(previous[thread], state) if thread in previous else ()
            for thread, state in stage.items()
        }
        columns = min(max(len(stage), 1), PER_ROW)
        width = columns * (BOX + GAP) + GAP
        if x > MARGIN and x + width > WIDTH - MARGIN:
            x, y = float(MARGIN), bottom + GAP
        bottom = max(bottom, _draw_stage(c, x, y, width, name, stage, changes))
        if more[name]:
            c.text(x + GAP, bottom + 18, more[name], size=12, color=palette.MUTED)
            bottom += 24
        x += width + GAP
        lines += [*_stage_text(name, stage, changes), *filter(None, [more[name]])]
        previous |= stage
    items: list[svg.Entry] = [(svg.pointer, "current device")]
    lines.append("> current device")
    if len(stages) > 1:
        items.append((svg.box(palette.WHITE, palette.INK, width=2.2), "changed (thick outline)"))
        lines.append("* changed")
    y = c.legend(bottom + 18, items)
    return Picture(text.page(lines), c.svg(y + MARGIN))


def _more(stage: Stage) -> str:
    hidden = len(stage) - MOST
    return f"... {hidden:,} more: threads({{name: state}}) draws some" if hidden > 0 else ""


def _states(panel: Panel) -> Stage:
    if isinstance(panel, Log):
        panel = panel[:]
        found = {f"thread {t}": as_tuple(s) for t, s in panel.initial_state.items()}
        found |= {f"thread {call.thread}": as_tuple(call.state) for call in panel.calls}
        return dict(sorted(found.items(), key=lambda item: int(item[0].split()[1])))
    if isinstance(panel, Mapping):
        return {str(name): as_tuple(state) for name, state in panel.items()}
    takes = f"{LOG}, or a mapping from names to states"
    raise wrong(threads, takes, panel, 'try threads({"main": mtia_lab.state()})')


def _draw_stage(
    c: Canvas, x: float, y: float, width: float, name: str, stage: Stage, changes: Stage
) -> float:
    """One panel with its boxes, at most `PER_ROW` in a row; returns the y of its bottom."""
    height = max((state_height(state) for state in stage.values()), default=0) + 74
    rows = -(-len(stage) // PER_ROW) or 1
    head = 34 if name else GAP
    bottom = y + head + rows * (height + GAP)
    c.rect(x, y, width, bottom - y, fill=palette.PANEL, stroke=palette.LINE, radius=12)
    if name:
        c.text(x + GAP, y + 23, name, size=14, bold=True, fit=width - 2 * GAP)
    for k, (thread, state) in enumerate(stage.items()):
        left = x + GAP + (BOX + GAP) * (k % PER_ROW)
        top = y + head + (height + GAP) * (k // PER_ROW)
        middle = left + BOX / 2
        c.rect(left, top, BOX, height, fill=palette.WHITE, stroke=palette.MUTED, radius=10)
        c.text(middle, top + 23, thread, size=13.5, bold=True, anchor="middle", fit=BOX - 20)
        c.line([(left + 12, top + 33), (left + BOX - 12, top + 33)], stroke=palette.LINE, width=1)
        draw_state(c, left + 10, top + 40, BOX - 20, state, changed=changes[thread])
        style: Style = {"size": 12.5, "mono": True, "color": palette.MUTED}
        placed: Style = {**style, "anchor": "middle", "fit": BOX - 20}
        c.text(middle, top + height - 12, state_text(state), **placed)
    return bottom


def _stage_text(name: str, stage: Stage, changes: Stage) -> list[str]:
    boxes = []
    for thread, state in stage.items():
        rows = [thread, state_text(state)]
        for device, stream in enumerate(state[1:]):
            pointer = ">" if device == state[0] else " "
            mark = " *" if 1 + device in changes[thread] else ""
            moved = " *" if device == state[0] and 0 in changes[thread] else "  "
            rows.append(f"{pointer} mtia:{device}{moved} stream {stream}{mark}")
        boxes.append(text.frame([text.cut(row, 26) for row in rows]))
    out = [text.cut(name, text.COLUMNS)] if name else []
    for first in range(0, len(boxes), 3):
        out += text.beside(boxes[first : first + 3])
    return [*out, ""]
