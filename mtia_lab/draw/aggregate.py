"""The timeline of more commands than can be drawn: for each column, the share of time in use."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ..errors import cut
from ..log.critical import CriticalPath
from ..log.records import WORK, Call, Command
from ..log.summary import by_time
from ..log.units import microseconds, stream_name, thousands
from . import palette, text
from .critical import draw_path, path_text
from .lanes import (
    BAR,
    FONT,
    STRIP,
    Finding,
    Item,
    Lane,
    Scale,
    Window,
    lane_name,
    stream_of,
    times_of,
)
from .lanes_svg import draw_axis, draw_missing, draw_track, legend, list_missing, note_queue
from .lanes_text import CHART, columns_of, deepest, missing_lines, missing_text, queue_row, row
from .svg import MARGIN, Canvas, Picture, Style, number
from .text import text_width

COLUMNS = 2 * CHART  # of some four pixels; the ASCII form has half as many
MOST_THREADS, MOST_STREAMS = 8, 24  # those with most to do are shown
NOTES = 34  # height of the two lines of words below the bars
TOP = 10  # names in the list of those that took longest
KINDS = {"kernel": "kernels", "copy": "copies", "record": "recordings", "wait": "waits"}

Span = tuple[float, float]
Times = dict[str, tuple[int, float]]  # how often something of a name ran, and how long in all


@dataclass(frozen=True)
class Block:
    """Columns in which a lane is never wholly idle: from `first` to `last`.

    `count` kernels and copies, or calls, begin in them; they are busy for `share` of the time.
    """

    first: int
    last: int
    count: int
    share: float


@dataclass(frozen=True)
class Busy:
    """What one lane shows. `layers` holds the share of each column, from 0 to 1, by what it was.

    A host thread has "call" and "waits", a stream "copy", "kernel" and "waits": there, a wait kept
    it from what it had to do. `kinds` counts the items, `names` says how often and how long
    each ran, `sources` counts the waits by the stream they wait for, and `queue` is the most
    that stood in the queue in each column.
    """

    key: int | tuple[int, int]
    layers: dict[str, list[float]]
    kinds: Counter[str]
    names: Times
    blocks: list[Block]
    sources: Counter[tuple[int, int] | None] = field(default_factory=Counter)
    queue: Sequence[int] = ()

    @property
    def host(self) -> bool:
        """Whether it is a host thread's."""
        return isinstance(self.key, int)

    @property
    def height(self) -> float:
        """From the top of its bars to the next lane."""
        return BAR + NOTES + (STRIP if any(self.queue) else 0)

    def share(self, *layers: str) -> float:
        """Of all the time, what went into these layers."""
        columns = len(self.layers["waits"])
        return sum(sum(self.layers[name]) for name in layers) / columns

    def halved(self) -> "Busy":
        """The same with half as many columns."""
        layers = {
            name: [(a + b) / 2 for a, b in zip(shares[::2], shares[1::2], strict=True)]
            for name, shares in self.layers.items()
        }
        queue = [max(pair) for pair in zip(self.queue[::2], self.queue[1::2], strict=True)]
        return replace(self, layers=layers, queue=queue)

    def longest(self, most: int = 3) -> list[tuple[str, int]]:
        """The names that took longest, each with how often it ran."""
        return [(name, count) for name, (count, _) in by_time(self.names)[:most]]


def aggregate(
    c: Canvas,
    window: Window,
    scale: Scale,
    hazards: Sequence[Finding],
    title: str,
    path: CriticalPath,
) -> Picture:
    """A lane for each host thread and stream, as high as it was busy, with counts and names.

    Its size does not depend on how many commands there are, but for at most 32 lanes.

    Args:
        c: where to draw it.
        window: the calls and commands.
        scale: from µs of virtual time to pixels.
        hazards: findings to mark.
        title: what stands above.
        path: the critical path, to be drawn if it has legs.
    """
    shown, more = busy_lanes(window, COLUMNS)
    y = c.heading(title, _sentence(shown, scale))
    lanes = []
    for busy in shown:
        lanes.append(Lane(busy.key, y + 10))
        y += 10 + busy.height
    draw_axis(c, scale, lanes[0].bar - 10, y)
    for lane, busy in zip(lanes, shown, strict=True):
        _draw_lane(c, scale, lane, busy)
    draw_path(c, scale, lanes, path)
    draw_missing(c, scale, lanes, hazards)
    if more:
        c.text(MARGIN, y + 44, f"and {more} more lanes, with fewer commands", color=palette.MUTED)
        y += 24
    kinds = _kinds(shown, bool(hazards)) + (["critical"] if path else [])
    y = c.legend(y + 46, legend(kinds))
    missing = missing_lines(hazards)
    y = list_missing(c, y, missing)
    words = [*path_text(path), *missing_text(missing)]
    return Picture(_to_text(title, scale, shown, more, words), c.svg(y + MARGIN))


def _kinds(lanes: Iterable[Busy], missing: bool) -> list[str]:
    """What the legend is about."""
    layers = {layer for busy in lanes for layer, shares in busy.layers.items() if any(shares)}
    found = {"call": "calls", "kernel": "kernels", "copy": "copies", "waits": "waits"}
    kinds = [kind for layer, kind in found.items() if layer in layers]
    kinds += ["queue"] if any(any(busy.queue) for busy in lanes) else []
    return kinds + (["missing"] if missing else [])


def _draw_lane(c: Canvas, scale: Scale, lane: Lane, busy: Busy) -> None:
    draw_track(c, lane)
    left, width = scale.left, scale.right - scale.left
    hue = palette.stream_hue(busy.key[1]) if isinstance(busy.key, tuple) else palette.PLAIN
    looks = {
        "copy": (palette.COPY.strong, palette.COPY.strong),
        "call": (palette.PLAIN.pale, palette.PLAIN.strong),
        "kernel": (hue.pale, hue.strong),
        "waits": (palette.LINE, palette.FAINT),
    }
    order = [layer for layer in looks if layer in busy.layers]
    floor = lane.bar + BAR
    for k in range(len(order), 0, -1):  # the whole stack, then all but its top
        if any(busy.layers[order[k - 1]]):
            stacked = zip(*(busy.layers[layer] for layer in order[:k]), strict=True)
            fill, stroke = looks[order[k - 1]]
            d = _steps([min(sum(parts), 1.0) for parts in stacked], left, width, floor, BAR)
            c.path(d, fill=fill, stroke=stroke, width=0.8)
    _draw_counts(c, scale, lane, busy.blocks, hue)
    if any(busy.queue):
        floor += STRIP
        most = max(busy.queue)
        d = _steps([count / most for count in busy.queue], left, width, floor, STRIP - 6)
        c.path(d, fill=hue.pale, stroke=hue.strong, width=0.8)
        note_queue(c, floor, most)
    style: Style = {"size": FONT, "color": palette.MUTED, "halo": palette.WHITE, "fit": width}
    for k, line in enumerate(_notes(busy)):
        c.text(left, floor + 13 + 14 * k, line, **style)


def _steps(heights: Sequence[float], left: float, width: float, floor: float, unit: float) -> str:
    """The outlines of columns that stand on `floor`, one for each run of them without a gap."""
    d, before = "", 0.0
    for k, height in enumerate([*heights, 0.0]):
        if height == before:
            continue
        x = number(left + width * k / len(heights))
        d += f"H{x}" if before else f"M{x} {number(floor)}"
        d += f"V{number(floor - unit * height)}" + ("" if height else "Z")
        before = height
    return d


def _draw_counts(
    c: Canvas, scale: Scale, lane: Lane, blocks: Iterable[Block], hue: palette.Hue
) -> None:
    """In each block with room for it, how many began in it and what share of it was busy."""
    step = (scale.right - scale.left) / COLUMNS
    for block in blocks:
        words = f"{block.count:,} \u00b7 {block.share:.0%} busy"
        width = step * (block.last + 1 - block.first)
        room = text_width(words, FONT) + 8
        if room + 8 <= width:
            x = scale.left + step * block.first + width / 2
            c.rect(x - room / 2, lane.middle - 8, room, 16, fill=hue.pale, radius=3)
            c.text(x, lane.middle + 4, words, size=FONT, anchor="middle")


# --- In words and in ASCII ------------------------------------------------------------------------


def _sentence(lanes: Sequence[Busy], scale: Scale) -> str:
    """What the picture is of, and how to see more of it."""
    counts = {host: sum(b.kinds.total() for b in lanes if b.host == host) for host in (True, False)}
    what = f"{counts[False]:,} commands and {counts[True]:,} host calls"
    what += f" in {thousands(scale.span)} \u00b5s"
    return f"{what}: heights are shares of time; since= and until= show a part"


def _notes(busy: Busy) -> list[str]:
    """Two lines on a lane: how much there was, and what took longest."""
    names = ", ".join(f"{count:,} {name}" for name, count in busy.longest())
    if busy.host:
        total, share = busy.kinds["calls"], busy.share("waits")
        return [f"{total:,} calls, blocked {share:.1%} of the time", f"longest: {names}"]
    counts = [f"{busy.kinds[kind]:,} {words}" for kind, words in KINDS.items() if busy.kinds[kind]]
    first = f"{', '.join(counts)}: busy {busy.share('copy', 'kernel'):.1%} of the time"
    if any(busy.layers["waits"]):
        first += f", held back by waits {busy.share('waits'):.1%}"
    order = sorted(busy.sources.items(), key=lambda pair: (-pair[1], str(pair[0])))
    sources = ", ".join(f"{_place(key)} ({count:,})" for key, count in order[:2])
    waits = f"; waits for {sources}" if sources else ""
    return [first, f"longest: {names or 'nothing'}{waits}"]


def _place(stream: tuple[int, int] | None) -> str:
    return "earlier recordings" if stream is None else stream_name(*stream)


def _to_text(
    title: str, scale: Scale, lanes: Sequence[Busy], more: int, missing: Sequence[str]
) -> str:
    """The same facts as the drawing, in at most some hundred lines."""
    head = f"{title}, {microseconds(scale.begin)} to {microseconds(scale.end)} us"
    rows = [line for busy in lanes for line in _rows(busy.halved())]
    key = [
        "",
        "1 to 9, # tenths of the time that the lane was busy   ~ it waited more   . idle",
        f"1 to 9, + in the queue   a column is {thousands(scale.span / CHART)} us",
    ]
    words = []
    for busy in lanes:
        words += ["", *text.paragraph(f"{lane_name(busy.key)}: {'; '.join(_notes(busy))}", "    ")]
    hidden = [f"... and {more} more lanes, with fewer commands"] if more else []
    first = text.paragraph(_sentence(lanes, scale).replace("\u00b5", "u"))
    return text.page(head, first, "", rows, hidden, key, words, _longest(lanes), missing)


def _rows(busy: Busy) -> list[str]:
    work = [shares for layer, shares in busy.layers.items() if layer != "waits"]
    cells = map(_cell, map(sum, zip(*work, strict=True)), busy.layers["waits"])
    rows = [row(lane_name(busy.key), cells)]
    return [*rows, queue_row(busy.queue)] if any(busy.queue) else rows


def _cell(busy: float, waits: float) -> str:
    """One column: the larger of the two, and nothing if it was idle."""
    if waits > busy:
        return "~"
    tenths = min(round(busy * 10), 10)
    return "." if not busy else "#" if tenths == 10 else str(max(tenths, 1))


def _longest(lanes: Iterable[Busy]) -> list[str]:
    """The kernels and copies that took longest, of all streams together."""
    names: Times = {}
    for busy in lanes:
        for name, (count, time) in ({} if busy.host else busy.names).items():
            before = names.get(name, (0, 0.0))
            names[name] = (before[0] + count, before[1] + time)
    order = by_time(names)
    rows = [
        f"{cut(name, 40):<40} {count:>10,} {thousands(time):>16}"
        for name, (count, time) in order[:TOP]
    ]
    hidden = [f"... and {len(order) - TOP} more names"] if len(order) > TOP else []
    head = f"{'longest':<40} {'count':>10} {'us together':>16}"
    return ["", head, *rows, *hidden] if rows else []


# --- What there is to draw ------------------------------------------------------------------------


def busy_lanes(window: Window, columns: int) -> tuple[list[Busy], int]:
    """The lanes from the top down, and how many more there are that are not shown."""
    scale = Scale(window.end, 0, columns, window.begin)
    homes = {command.id: command for command in window.commands}
    threads = [_thread(key, calls, scale, columns) for key, calls in window.threads.items()]
    streams = [_stream(key, window, scale, columns, homes) for key in window.streams]
    shown = [*_busiest(threads, MOST_THREADS), *_busiest(streams, MOST_STREAMS)]
    return shown, len(threads) + len(streams) - len(shown)


def _busiest(lanes: list[Busy], most: int) -> list[Busy]:
    """Those with most items, in their own order."""
    ranked = sorted(range(len(lanes)), key=lambda k: (-lanes[k].kinds.total(), k))[:most]
    return [lanes[k] for k in sorted(ranked)]


def _thread(thread: int, calls: Sequence[Call], scale: Scale, columns: int) -> Busy:
    times = [times_of(call) for call in calls]
    waits = [wait for call in calls if call.waits_ns for wait in call.waits]
    layers = {
        "call": spread(_between_waits(calls, times), scale, columns),
        "waits": spread(waits, scale, columns),
    }
    kinds = Counter(calls=len(calls))
    return Busy(thread, layers, kinds, _names(calls, times), _blocks(layers.values(), times, scale))


def _between_waits(calls: Iterable[Call], times: Iterable[Span]) -> Iterator[Span]:
    for call, (begin, end) in zip(calls, times, strict=True):
        for since, until in call.waits if call.waits_ns else ():
            yield begin, since
            begin = until
        yield begin, end


def _stream(
    key: tuple[int, int],
    window: Window,
    scale: Scale,
    columns: int,
    homes: dict[int, Command],
) -> Busy:
    commands = window.streams[key]
    held = [(window.held[c.id], c.start) for c in commands if c.id in window.held]
    work = [command for command in commands if command.type in WORK]
    times = [times_of(command) for command in work]
    busy = {
        kind: spread(
            (t for c, t in zip(work, times, strict=True) if c.type == kind), scale, columns
        )
        for kind in ("copy", "kernel")
    }
    sources = [homes.get(k) for c in commands if c.type == "wait" for k in c.after]
    return Busy(
        key,
        busy | {"waits": spread(held, scale, columns)},
        Counter(command.type for command in commands),
        _names(work, times),
        _blocks(busy.values(), times, scale),
        Counter(None if source is None else stream_of(source) for source in sources),
        deepest(window.queue(key), scale, columns),
    )


def spread(intervals: Iterable[Span], scale: Scale, columns: int) -> list[float]:
    """The share of each column that intervals of time cover, at most 1."""
    width = scale.span / columns
    covered = [0.0] * columns
    for since, until in intervals:
        begin = max(since, scale.begin) - scale.begin
        end = min(until, scale.end) - scale.begin
        first, last = int(begin / width), int(end / width)
        if first == last < columns:
            covered[first] += end - begin
        elif begin < end:
            for k in range(first, min(last + 1, columns)):
                covered[k] += min(end, (k + 1) * width) - max(begin, k * width)
    return [min(time / width, 1.0) for time in covered]


def _names(items: Iterable[Item], times: Iterable[Span]) -> Times:
    names: Times = {}
    for item, (begin, end) in zip(items, times, strict=True):
        count, time = names.get(item.name, (0, 0.0))
        names[item.name] = (count + 1, time + end - begin)
    return names


def _blocks(layers: Iterable[Sequence[float]], times: Iterable[Span], scale: Scale) -> list[Block]:
    shares = [sum(parts) for parts in zip(*layers, strict=True)]
    counts = Counter(columns_of((begin for begin, _ in times), scale, len(shares)))
    runs: list[list[int]] = []
    for k in (k for k, share in enumerate(shares) if share):
        if runs and runs[-1][-1] == k - 1:
            runs[-1].append(k)
        else:
            runs.append([k])
    busy = (min(1.0, sum(shares[k] for k in run) / len(run)) for run in runs)
    begun = (sum(counts[k] for k in run) for run in runs)
    return [Block(r[0], r[-1], n, b) for r, n, b in zip(runs, begun, busy, strict=True)]
