"""The film strip: the runtime state of a host thread, frame by frame, one frame a call."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Unpack

from ..errors import WrongValue
from ..log.arguments import a_log, needs, of_type, wrong
from ..log.log import CURRENT, Log, Part
from ..log.records import Call
from ..log.units import count
from . import palette, svg, text
from .stateview import State, differing, draw_state, part_name, state_height, state_text
from .svg import MARGIN, ROOM, Canvas, Picture, Style
from .text import text_width

TITLE = "Film strip: one frame for each call that sets something"
WIDE, NARROW = 162, 116  # widths of a column: the state changed, or it did not
LEADING = 14  # of the lines that name a call, above the film
EDGE = 16  # height of the perforated edges
MOST, FIRST, LAST = 80, 40, 20  # of more frames than that, so many at either end are drawn
DEVICES = 64
THREADS = 8  # those with most frames are drawn
Captions = Mapping[int, str] | Iterable[tuple[int, str]]

# Calls that exist to change the state; one that leaves it as it was is a frame all the same.
_SETTER = re.compile(r"(set|exchange)[A-Z]", re.IGNORECASE)


@dataclass(frozen=True)
class Frame:
    """One call and the state after it. `call` is None for the start and for an empty phase.

    `place` is the call's position in the log, or for a phase that of the next one.
    """

    thread: int
    call: Call | None
    state: State
    changed: tuple[int, ...] = ()
    phase: str = ""
    place: int = 0

    @property
    def words(self) -> tuple[str, str, str, str]:
        """Name, arguments, result, and door with the reader's line, of its call."""
        call = self.call
        if call is None:
            return "no call", "", "", ""
        result = "raised" if call.error is not None else f"-> {call.result}" if call.result else ""
        return call.name, call.args, result, ", ".join(filter(None, (call.door, call.site)))


Row = list[tuple[Frame, int]]  # each with its width


@dataclass
class Strip:
    """The frames of one host thread, the first being the state before."""

    thread: int
    frames: list[Frame]

    @property
    def leaked(self) -> tuple[int, ...]:
        """The parts of the state in which the last frame differs from the first."""
        return differing(self.frames[0].state, self.frames[-1].state)

    def verdict(self) -> str:
        """One sentence on what leaked."""
        first, last = self.frames[0].state, self.frames[-1].state
        if not self.leaked:
            return f"nothing leaked: it ends as it began, {state_text(last)}"
        parts = ", ".join(f"{part_name(k)} {first[k]} -> {last[k]}" for k in self.leaked)
        return f"leaked: {parts}"


def frames_of(
    log: Log, device_count: int, captions: Sequence[tuple[int, str]], whole: Log | None = None
) -> tuple[list[Frame], list[Strip]]:
    """`(columns, strips)`: the frames of all threads in the order of the log, and by thread.

    The start of each thread is not a column: it opens the thread's strip. Of a part of a log,
    places are those in the whole.
    """
    known, mine = log.initial_state, set(map(id, log))
    calls = [
        (place, call)
        for place, call in enumerate(log if whole is None else whole)
        if isinstance(call, Call) and id(call) in mine
    ]
    seen = sorted(set(known) | {call.thread for _, call in calls})
    sizes = [len(state) for state in (*(call.state for _, call in calls), *known.values())]
    blank = (0,) * max(sizes, default=1 + device_count)
    state = {thread: known.get(thread, blank) for thread in seen or [0]}
    strips = {thread: Strip(thread, [Frame(thread, None, s)]) for thread, s in state.items()}
    columns: list[Frame] = []
    pending = sorted(captions, key=lambda pair: pair[0])
    phase, used = "", True
    last_thread = min(strips)

    def add(thread: int, call: Call | None, after: State, place: int) -> None:
        frame = Frame(thread, call, after, differing(state[thread], after), phase, place)
        columns.append(frame)
        strips[thread].frames.append(frame)
        state[thread] = after

    for index, (place, call) in enumerate([*calls, (len(log), None)]):
        while pending and (pending[0][0] <= index or call is None):
            if not used:  # a phase in which nothing was called still gets its frame
                add(last_thread, None, state[last_thread], place)
            phase, used = pending.pop(0)[1], False
        if call and (_SETTER.search(call.name) or call.state != state[call.thread]):
            add(call.thread, call, call.state, place)
            used, last_thread = True, call.thread
    if not used:
        add(last_thread, None, state[last_thread], len(log))
    kept = {f.thread for f in columns} or {min(strips)}
    return columns, [strip for thread, strip in strips.items() if thread in kept]


def filmstrip(
    log: Log,
    *,
    device_count: int = 2,
    captions: Captions = (),
    title: str = TITLE,
    **wanted: Unpack[Part],
) -> Picture:
    """The state `(device, stream on 0, stream on 1, ...)` before the log and after each call.

    Calls that set something are frames even if nothing changed (a narrow one); a call that only
    reads is left out. The last frame is held against the first; what differs is marked "leaked".
    Of more than 80 frames the first 40 and the last 20 are drawn, with a line that says which part
    of the log has the others.

    Args:
        log: what `mtia_lab.record()` yielded. Each host thread in it gets its own strip.
        device_count: devices in a frame if the log is empty.
        captions: names of phases, each with the number of calls logged before it: note
            `(len(log.calls), "enter A")` while recording. A mapping or pairs; with pairs, a phase
            without any call is seen too.
        title: the message of the picture, which stands above it.
        wanted: only a part, as `log.filter` takes it: `draw.filmstrip(log, since=100, thread=0)`.

    Raises:
        TypeError: an argument is something else.
        ValueError: there is no room for so many devices, or nothing can be filtered by that.
    """
    whole, log = a_log(filmstrip, log), a_log(filmstrip, log, wanted)
    needs(filmstrip, log, CURRENT)
    of_type(filmstrip, "as device_count a number", device_count, int)
    if not 1 <= device_count <= DEVICES:
        raise WrongValue(f"a frame has room for 1 to {DEVICES} devices, not for {device_count}")
    phases = _within(_phases(captions), whole, log) if wanted else _phases(captions)
    columns, strips, rest = _busiest(*frames_of(log, device_count, phases, whole))
    c = Canvas()
    streams = [f"stream on mtia:{d}" for d in range(len(strips[0].frames[0].state) - 1)]
    state = ", ".join(["device", *streams])
    y = c.heading(title, f"({state}): the start, then the state after each call") + 6
    last, begins = {id(strip.frames[-1]) for strip in strips}, True
    for _, frames, more in _parts(columns):
        for row in _rows(frames, last, WIDE if begins else 0):
            y = _draw_row(c, y, row, strips, begins)
            begins = False
        y = _draw_note(c, y, more)
    y = _draw_note(c, y, rest)
    for strip in strips:
        y = _draw_verdict(c, y, strip, len(strips) > 1)
    items = [
        (svg.pointer, "current device"),
        (svg.box(palette.WHITE, palette.INK, width=2.4), "changed by this call (thick outline)"),
    ]
    if any(strip.leaked for strip in strips):
        items.append((svg.box(palette.WHITE, palette.FAULT.strong, width=2.4), "leaked (red)"))
    y = c.legend(y + 6, items)
    return Picture(_to_text(title, columns, strips, rest), c.svg(y + MARGIN))


def _phases(captions: Captions) -> list[tuple[int, str]]:
    """The captions as pairs of a number and a name."""
    pairs = captions.items() if isinstance(captions, Mapping) else captions
    try:
        return [(index + 0, str(name)) for index, name in pairs]
    except (TypeError, ValueError):
        takes = "as captions pairs of a number of calls and a name, or a mapping,"
        raise wrong(filmstrip, takes, captions) from None


def _within(phases: list[tuple[int, str]], whole: Log, part: Log) -> list[tuple[int, str]]:
    """The phases of a part: how many of its calls came before each of them."""
    mine = set(map(id, part.calls))
    kept = [0, *accumulate(id(call) in mine for call in whole.calls)]
    return [(kept[min(index, len(kept) - 1)], name) for index, name in phases]


def _busiest(columns: list[Frame], strips: list[Strip]) -> tuple[list[Frame], list[Strip], str]:
    """The columns and strips of the threads with most frames, and what is said of the others."""
    shown = sorted(strips, key=lambda strip: -len(strip.frames))[:THREADS]
    strips, hidden = [s for s in strips if s in shown], len(strips) - len(shown)
    threads = {strip.thread for strip in strips}
    more = f"... {count(hidden, 'more thread')}, with fewer frames: draw.threads(log) has all"
    return [c for c in columns if c.thread in threads], strips, more if hidden else ""


def _parts(columns: list[Frame]) -> list[tuple[int, list[Frame], str]]:
    """What is drawn, as `(number of the first frame, frames, what is said of those after it)`."""
    if len(columns) <= MOST:
        return [(1, columns, "")]
    hidden, last = columns[FIRST:-LAST], columns[-LAST:]
    where = f"log[{hidden[0].place}:{last[0].place}]"
    more = f"... {len(hidden):,} more frames: draw.filmstrip({where}) draws them"
    return [(1, columns[:FIRST], more), (len(columns) - LAST + 1, last, "")]


def _draw_note(c: Canvas, y: float, note: str) -> float:
    if not note:
        return y
    c.note(y + 8, note)
    return y + 24


def _rows(columns: Iterable[Frame], last: set[int], used: int) -> list[Row]:
    """The columns cut into rows that fit the card, each a list of `(frame, width)`.

    Of the first row so much is used already.
    """
    rows: list[Row] = [[]]
    for frame in columns:
        width = WIDE if frame.changed or id(frame) in last else NARROW
        if used + width > ROOM:
            rows.append([])
            used = 0
        rows[-1].append((frame, width))
        used += width
    return rows


def _draw_row(c: Canvas, y: float, row: Row, strips: list[Strip], begins: bool) -> float:
    left = MARGIN + (WIDE if begins else 0)
    if any(frame.phase for frame, _ in row):
        _draw_phases(c, left, y, row)
        y += 30
    for strip in strips:
        body = state_height(strip.frames[0].state) + 34
        labels = [len(_label(frame, w - 6)) for frame, w in row if frame.thread == strip.thread]
        top = y + LEADING * max([*labels, 2 if begins else 0]) + 10
        right = left + sum(width for _, width in row)
        _draw_film(c, MARGIN, top, right - MARGIN, body + 2 * EDGE)
        if begins:
            owner = f"thread {strip.thread}" if len(strips) > 1 else ""
            c.text(MARGIN + WIDE / 2, top - 24, owner, size=13, bold=True, anchor="middle")
            c.text(MARGIN + WIDE / 2, top - 8, "start", size=12.5, bold=True, anchor="middle")
            _draw_frame(c, MARGIN, top + EDGE, WIDE, strip.frames[0], strip)
        x: float = left
        for frame, width in row:
            if frame.thread == strip.thread:
                _draw_label(c, x + width / 2, top, width - 6, frame)
                _draw_frame(c, x, top + EDGE, width, frame, strip)
            else:  # another thread's turn: this one's state stands still
                middle = top + EDGE + body / 2
                c.line([(x + 8, middle), (x + width - 8, middle)], stroke=palette.FAINT, dash="2 5")
            x += width
        bottom = top + body + 2 * EDGE
        y = bottom + 14
    return y + 6


def _draw_phases(c: Canvas, x: float, y: float, row: Row) -> None:
    k = 0
    while k < len(row):
        phase, begin = row[k][0].phase, x
        while k < len(row) and row[k][0].phase == phase:
            x += row[k][1]
            k += 1
        if phase:
            a, b = begin + 5, x - 5
            c.line([(a, y + 26), (a, y + 20), (b, y + 20), (b, y + 26)], stroke=palette.MUTED)
            c.text((a + b) / 2, y + 14, phase, size=13, bold=True, anchor="middle", fit=b - a)


def _draw_film(c: Canvas, x: float, y: float, w: float, h: float) -> None:
    c.rect(x, y, w, h, fill=palette.FILM, radius=6)
    holes = int((w - 8) // 18)
    start = x + (w - 18 * holes) / 2 + 4.5
    for k in range(holes):
        for edge in (y + 5, y + h - 11):
            c.rect(start + 18 * k, edge, 9, 6, fill=palette.WHITE, radius=2)


def _draw_label(c: Canvas, middle: float, top: float, room: float, frame: Frame) -> None:
    for up, (words, style) in enumerate(reversed(_label(frame, room))):
        y = top - 8 - LEADING * up
        small: Style = {"size": 12, "anchor": "middle", "fit": room}
        c.text(middle, y, words, **(small | style))


def _label(frame: Frame, room: float) -> list[tuple[str, Style]]:
    """The lines above a frame: call, arguments, result, place."""
    name, args, result, place = frame.words
    fits = text_width(name, 12, mono=True) <= room
    raised = frame.call is not None and frame.call.error is not None
    color = palette.FAULT.strong if raised else palette.MUTED
    bold: Style = {"mono": True, "bold": True}
    lines = [(part, bold) for part in ([name] if fits else _camel(name))]
    lines.append((args, {"mono": True, "color": palette.MUTED}))
    lines.append((result, {"mono": True, "color": color}))
    lines.append((place, {"color": palette.MUTED}))
    return [line for line in lines if line[0]]


def _camel(name: str) -> list[str]:
    """`maybeExchangeDevice` in two lines, broken before the last capital."""
    cut = max((m.start() for m in re.finditer("[A-Z]", name)), default=0)
    return [name[:cut], name[cut:]] if cut else [name]


def _draw_frame(c: Canvas, x: float, y: float, width: float, frame: Frame, strip: Strip) -> None:
    final = frame is strip.frames[-1] and len(strip.frames) > 1
    leaked = strip.leaked if final else ()
    inner = width - 10
    height = state_height(frame.state) + 34
    middle = x + width / 2
    c.rect(x + 5, y, inner, height, fill=palette.WHITE, radius=4)
    if width == WIDE:
        draw_state(c, x + 11, y + 4, inner - 12, frame.state, changed=frame.changed, fault=leaked)
    else:
        at = y + height / 2 - 8
        c.text(middle, at, "unchanged", size=12, color=palette.MUTED, anchor="middle")
    style: Style = {"size": 12, "mono": True, "anchor": "middle", "fit": inner - 6}
    words = state_text(frame.state)
    if leaked:
        words += " leaked"
        style |= {"bold": True, "color": palette.FAULT.strong}
    c.text(middle, y + height - 10, words, **style)


def _draw_verdict(c: Canvas, y: float, strip: Strip, named: bool) -> float:
    hue = palette.FAULT if strip.leaked else palette.GOOD
    owner = f"thread {strip.thread}: " if named else ""
    c.rect(MARGIN, y, ROOM, 32, fill=hue.pale, stroke=hue.strong, radius=8)
    c.verdict(MARGIN + 16, y + 16, not strip.leaked, stroke=hue.strong, width=2.2)
    words = f"{owner}{strip.verdict()}".replace("->", "\u2192")
    c.text(MARGIN + 32, y + 20.5, words, bold=True, fit=ROOM - 44)
    return y + 42


def _to_text(title: str, columns: list[Frame], strips: list[Strip], rest: str) -> str:
    several = len(strips) > 1
    lines = [title, ""]
    room = min(48, 70 - len(state_text(strips[0].frames[0].state)))  # for a call, of 100 columns
    for strip in strips:
        owner = f"  thread {strip.thread}" if several else "  start"
        lines.append(f"{owner:<{room + 28}}{state_text(strip.frames[0].state)}")
    phase = ""
    for first, frames, more in _parts(columns):
        for k, frame in enumerate(frames, first):
            if frame.phase != phase:
                phase = frame.phase
                lines.append(f"-- {text.cut(phase, 60)}")
            name, args, result, place = frame.words
            owner = f"t{frame.thread}" if several else ""
            call = text.cut(" ".join(filter(None, (owner, name, args, result))), room - 4)
            mark = "*" if frame.changed else " "
            state = state_text(frame.state)
            lines.append(f"{k:>3} {call:<{room - 4}} {text.cut(place, 24):<24} {mark} {state}")
        lines += [more] if more else []
    lines += [rest, ""] if rest else [""]
    for strip in strips:
        owner = f"thread {strip.thread}: " if several else ""
        lines += text.paragraph(f"{owner}{strip.verdict()}", "  ")
    return text.page(lines, "* changed by this call")
