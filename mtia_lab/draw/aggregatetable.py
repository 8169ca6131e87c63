"""The timeline of more commands than can be told one by one, in ASCII and in words."""

from ..log.summary import by_time
from ..log.units import microseconds, thousands
from . import text
from .lanes import Scale
from .missing import tell_missing
from .shares import Busy
from .timetable import CHART, NAME, lane_name, queue_row

TOP = 10  # names in the list of those that took longest


def sentence(lanes: list, scale: Scale) -> str:
    """What the picture is of, and how to see more of it."""
    commands = sum(lane.kinds.total() for lane in lanes if not lane.host)
    calls = sum(lane.kinds.total() for lane in lanes if lane.host)
    what = f"{commands:,} commands and {calls:,} host calls in {thousands(scale.span)} \u00b5s"
    return f"{what}: heights are shares of time; since= and until= show a part"


def notes(lane: Busy) -> list:
    """Two lines on a lane: how much there was, and what took longest."""
    names = ", ".join(f"{count:,} {name}" for name, count, _ in lane.longest())
    if lane.host:
        total, share = lane.kinds["calls"], lane.share("waits")
        return [f"{total:,} calls, blocked {share:.1%} of the time", f"longest: {names}"]
    counts = ", ".join(
        f"{lane.kinds[kind]:,} {words}"
        for kind, words in (
            ("kernel", "kernels"),
            ("copy", "copies"),
            ("record", "recordings"),
            ("wait", "waits"),
        )
        if lane.kinds[kind]
    )
    busy = f"busy {lane.share('copy', 'kernel'):.1%} of the time"
    held = f", held back by waits {lane.share('waits'):.1%}" if any(lane.layers["waits"]) else ""
    sources = ", ".join(
        f"{_place(key)} ({count:,})"
        for key, count in sorted(lane.sources.items(), key=lambda pair: (-pair[1], str(pair[0])))[
            :2
        ]
    )
    waits = f"; waits for {sources}" if sources else ""
    return [f"{counts}: {busy}{held}", f"longest: {names or 'nothing'}{waits}"]


def tell(title: str, scale: Scale, lanes: list, more: int, hazards: list) -> str:
    """The same facts as the drawing, in at most some hundred lines."""
    head = f"{title}, {microseconds(scale.begin)} to {microseconds(scale.end)} us"
    rows = [line for lane in lanes for line in _rows(lane.halved())]
    key = [
        "",
        "1 to 9, # tenths of the time that the lane was busy   ~ it waited more   . idle",
        f"1 to 9, + in the queue   a column is {thousands(scale.span / CHART)} us",
    ]
    words = []
    for lane in lanes:
        words += ["", *text.paragraph(f"{lane_name(lane)}: {'; '.join(notes(lane))}", "    ")]
    hidden = [f"... and {more} more lanes, with fewer commands"] if more else []
    first = text.paragraph(sentence(lanes, scale).replace("\u00b5", "u"))
    return text.page(
        head, first, "", rows, hidden, key, words, _longest(lanes), tell_missing(hazards)
    )


def _rows(lane: Busy) -> list:
    busy = [
        sum(parts)
        for parts in zip(*(s for k, s in lane.layers.items() if k != "waits"), strict=True)
    ]
    waits = lane.layers["waits"]
    cells = "".join(map(_cell, busy, waits))
    rows = [f"{text.cut(lane_name(lane), NAME):<{NAME}} |{cells}"]
    if any(lane.queue):
        rows.append(queue_row(lane.queue))
    return rows


def _cell(busy: float, waits: float) -> str:
    """One column: the larger of the two, and nothing if it was idle."""
    if waits > busy:
        return "~"
    tenths = min(round(busy * 10), 10)
    return "." if not busy else "#" if tenths == 10 else str(max(tenths, 1))


def _longest(lanes: list) -> list:
    """The kernels and copies that took longest, of all streams together."""
    names: dict = {}
    for lane in lanes:
        for name, (count, time) in ({} if lane.host else lane.names).items():
            before = names.get(name, (0, 0.0))
            names[name] = (before[0] + count, before[1] + time)
    order = by_time(names)
    rows = [
        f"{text.cut(name, 40):<40} {count:>10,} {thousands(time):>16}"
        for name, (count, time) in order[:TOP]
    ]
    hidden = [f"... and {len(order) - TOP} more names"] if len(order) > TOP else []
    return (
        ["", f"{'longest':<40} {'count':>10} {'us together':>16}", *rows, *hidden] if rows else []
    )


def _place(key: tuple | None) -> str:
    return "earlier recordings" if key is None else f"mtia:{key[0]}/{key[1]}"
