"""The timeline in ASCII: lanes of characters, then everything in a table."""

from ..log.units import microseconds
from . import text
from .lanes import Scale, is_copy, is_flag, is_mark, waits_of
from .missing import tell_missing
from .shares import column, deepest

NAME = 17
CHART = text.COLUMNS - NAME - 2
WHAT = 40


def tell(title: str, lanes: list, scale: Scale, hazards: list) -> str:
    """The same facts as the drawing: who did what, where, from when to when."""
    lines = [f"{title}, {microseconds(scale.begin)} to {microseconds(scale.end)} us", ""]
    for lane in lanes:
        lines += [_lane(lane, scale), *([_queue(lane, scale)] if lane.queue else [])]
    rows = [_row(item, lane) for lane in lanes if lane.host for item in lane.items]
    commands = [(item, lane) for lane in lanes if not lane.host for item in lane.items]
    rows += [_row(item, lane) for item, lane in sorted(commands, key=lambda pair: pair[0].id)]
    if not rows:
        lines.append("nothing was enqueued")
    else:
        head = f"{'id':>4}  {'where':<{NAME}}  {'what':<{WHAT}} {'waited':>9}"
        lines += ["", *_key(lanes), "", f"{head} {'start':>10} {'finish':>10}", *rows]
    return text.page(lines, tell_missing(hazards))


def _key(lanes: list) -> list:
    items = [item for lane in lanes for item in lane.items]
    parts = [
        ("h host call", any(lane.host for lane in lanes)),
        ("~ the host waits", any(map(waits_of, items))),
        ("[=kernel=]", any(getattr(item, "type", "") == "kernel" for item in items)),
        ("[#copy#]", any(map(is_copy, items))),
        ("R record an event", any(map(is_flag, items))),
        ("W wait for one", any(map(is_mark, items))),
        ("1 to 9, + in the queue", any(lane.queue for lane in lanes)),
    ]
    lines = [""]
    for words in (words for words, used in parts if used):
        if len(lines[-1]) + len(words) > text.COLUMNS:
            lines.append("")
        lines[-1] += words + "   "
    return lines


def lane_name(lane) -> str:
    """What a lane is called."""
    if lane.host:
        return f"host thread {lane.key[0]}"
    return f"mtia:{lane.key[0]} stream {lane.key[1]}"


def _at(time: float, scale: Scale) -> int:
    """The column of a time."""
    return column(time, scale, CHART)


def _lane(lane, scale: Scale) -> str:
    cells = ["."] * CHART
    for item in lane.items:
        if not is_flag(item) and not is_mark(item):
            _fill(cells, lane, item, scale)
    for item in lane.items:
        if is_flag(item) or is_mark(item):
            cells[_at(item.finish, scale)] = "R" if is_flag(item) else "W"
    return f"{text.cut(lane_name(lane), NAME):<{NAME}} |{''.join(cells)}"


def _fill(cells: list, lane, item, scale: Scale) -> None:
    """Put the bar of an item into its lane, with its name if there is room."""
    begin, finish = (item.begin, item.end) if lane.host else (item.start, item.finish)
    first, last = _columns(begin, finish, scale)
    width = last + 1 - first
    mark = "h" if lane.host else "#" if is_copy(item) else "="
    cells[first : last + 1] = mark * width
    for since, until in waits_of(item):
        a, b = _columns(since, until, scale)
        cells[a : b + 1] = "~" * (b + 1 - a)
    if not lane.host and width > 2:
        cells[first], cells[last] = "[", "]"
    word = text.cut(item.name, max(width - 2, 0))
    if len(word) > 2 and not (lane.host and word != item.name):
        middle = first + (width - len(word)) // 2
        cells[middle : middle + len(word)] = word


def _columns(begin: float, finish: float, scale: Scale) -> tuple:
    """The first and the last column of a bar."""
    first = _at(begin, scale)
    return first, max(first, _at(finish, scale) - 1)


def _queue(lane, scale: Scale) -> str:
    """How many stand in the queue of a stream: in each column, the most of them at any time."""
    return queue_row(deepest(lane.queue, scale, CHART))


def queue_row(counts: list) -> str:
    """The row below a stream that tells how many stand in its queue, a digit a column."""
    digits = ("." if count == 0 else str(count) if count < 10 else "+" for count in counts)
    return f"{'  in its queue':<{NAME}} |{''.join(digits)}"


def _row(item, lane) -> str:
    where = text.cut(lane_name(lane), NAME)
    if lane.host:
        what, label = f"{item.name} {item.args}".strip(), ""
        begin, finish = item.begin, item.end
        waited = sum(until - since for since, until in item.waits)
    else:
        what, label = describe(item), str(item.id)
        begin, finish = item.start, item.finish
        waited = item.start - item.enqueue
    times = " ".join(f"{microseconds(time):>10}" for time in (begin, finish))
    shown = microseconds(waited) if waited > 0 else ""
    return f"{label:>4}  {where:<{NAME}}  {text.cut(what, WHAT):<{WHAT}} {shown:>9} {times}"


def describe(command: object) -> str:
    """What a command is, in a few words; for a wait, also the command whose end it waits for."""
    if is_flag(command):
        return f"record e{command.event} v{command.version}"
    if is_mark(command):
        after = ", ".join(str(k) for k in command.after) or "nothing"
        if command.event is None:  # a graph's next replay waits for its last
            return f"wait for {command.name}, command {after}"
        return f"wait for e{command.event} v{command.version}, recorded by command {after}"
    after = ", ".join(str(k) for k in command.after)
    return f"{command.type} {command.name}" + (f", after command {after}" if after else "")
