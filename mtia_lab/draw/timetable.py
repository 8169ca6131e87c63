"""The timeline in ASCII: lanes of characters, then everything in a table."""

from . import ascii
from .lanes import is_flag, is_mark, microseconds

NAME = 17
CHART = ascii.COLUMNS - NAME - 2


def tell(title: str, lanes: list, end: float) -> str:
    """The same facts as the drawing: who did what, where, from when to when."""
    lines = [f"{title}, 0 to {microseconds(end)} us", ""]
    lines += [_lane(lane, end) for lane in lanes] or ["nothing was enqueued"]
    rows = [_row(item, lane) for lane in lanes if lane.host for item in lane.items]
    commands = [(item, lane) for lane in lanes if not lane.host for item in lane.items]
    rows += [_row(item, lane) for item, lane in sorted(commands, key=lambda pair: pair[0].id)]
    if rows:
        head = f"{'id':>4}  {'where':<{NAME}}  {'what':<48} {'start':>10} {'finish':>10}"
        key = "=kernel=   R record an event   W wait for one   h host call   s host synchronises"
        lines += ["", key, "", head, *rows]
    return ascii.page(lines)


def _name(lane) -> str:
    if lane.host:
        return f"host thread {lane.key[0]}"
    return f"mtia:{lane.key[0]} stream {lane.key[1]}"


def _lane(lane, end: float) -> str:
    cells = ["."] * CHART

    def at(time: float) -> int:
        return min(int(max(time, 0.0) / end * CHART), CHART - 1)

    for item in lane.items:
        if is_flag(item) or is_mark(item):
            continue
        begin, finish = (item.begin, item.end) if lane.host else (item.start, item.finish)
        first, last = at(begin), max(at(begin), at(finish) - 1)
        fill = ("s" if is_blocked(item) else "h") if lane.host else "="
        cells[first : last + 1] = fill * (last + 1 - first)
        word = ascii.cut(item.name, max(last - first - 1, 0))
        if len(word) > 2 and not lane.host:
            middle = first + (last + 1 - first - len(word)) // 2
            cells[middle : middle + len(word)] = word
    for item in lane.items:
        if is_flag(item) or is_mark(item):
            cells[at(item.finish)] = "R" if is_flag(item) else "W"
    return f"{ascii.cut(_name(lane), NAME):<{NAME}} |{''.join(cells)}"


def is_blocked(call: object) -> bool:
    """Whether a call's time is the host waiting for the device."""
    return "ynchronize" in call.name


def _row(item, lane) -> str:
    where = ascii.cut(_name(lane), NAME)
    if lane.host:
        what = f"{item.name} {item.args}".strip()
        begin, finish, label = item.begin, item.end, ""
    else:
        what, label = describe(item), str(item.id)
        begin, finish = item.start, item.finish
    times = f"{microseconds(begin):>10} {microseconds(finish):>10}"
    return f"{label:>4}  {where:<{NAME}}  {ascii.cut(what, 48):<48} {times}"


def describe(command: object) -> str:
    """What a command is, in a few words; for a wait, also the command whose end it waits for."""
    if is_flag(command):
        return f"record e{command.event} v{command.version}"
    if is_mark(command):
        after = ", ".join(str(k) for k in command.after) or "nothing"
        return f"wait for e{command.event} v{command.version}, recorded by command {after}"
    return f"{command.type} {command.name}"
