"""The smallest fix, in words that a reader can paste."""

from .finding import place

Stream = tuple[int, int]


def name_of(stream: Stream) -> str:
    """What a fix calls a stream: the log knows no variables, so it is named after its id."""
    device, number = stream
    if number == 0:
        return f"torch.mtia.default_stream({device})"
    return f"s{number}" if device == 0 else f"mtia{device}_s{number}"


def legend(*streams: Stream) -> str:
    """Which streams the names mean."""
    named = dict.fromkeys(stream for stream in streams if stream[1] != 0)
    return ", ".join(f"{name_of(s)} is {place(s)}" for s in named)


def before(site: str | None) -> str:
    """Where to insert something."""
    return f"before line {site}" if site else "before what PyTorch enqueues there by itself"


def wait(waiting: Stream | None, awaited: Stream, site: str | None) -> str:
    """Order two streams, or let the host wait if ``waiting`` is None."""
    if waiting is None:
        return f"insert `{name_of(awaited)}.synchronize()` {before(site)}"
    return f"insert `{name_of(waiting)}.wait_stream({name_of(awaited)})` {before(site)}"


def wait_event(waiting: Stream | None, recorded: str, site: str | None) -> str:
    """Wait for an event that the program has."""
    return f"insert {_wait('event', waiting)} {before(site)}, for the event of line {recorded}"


def new_event_after(
    waiting: Stream | None, awaited: Stream, after: str, site: str | None, *, meet: bool
) -> str:
    """Wait for no more than one line; if ``meet``, a line of another host thread."""
    met = ", when the threads have met," if meet else ""
    record = f"`done = {name_of(awaited)}.record_event()` after line {after}"
    return f"insert {record} and{met} {_wait('done', waiting)} {before(site)}"


def _wait(event: str, waiting: Stream | None) -> str:
    return f"`{name_of(waiting)}.wait_event({event})`" if waiting else f"`{event}.synchronize()`"


def finish(name: str, made: str | None, site: str | None) -> str:
    """Wait for a collective."""
    where = f" at line {made}" if made else ""
    return f"insert `work.wait()` {before(site)}; `work` is what {name}{where} returns"


def record_stream(user: Stream, freed: str | None, void: str | None) -> str:
    """Tell the allocator who else uses a tensor; a call at line ``void`` did not."""
    where = f"it is freed at line {freed}" if freed else "it is freed"
    fix = f"call `x.record_stream({name_of(user)})` on the tensor before {where}"
    void = f"; the call at line {void} names its own stream, which keeps nothing" if void else ""
    return fix + void


def delete(what: str, site: str | None) -> str:
    """Leave something out."""
    return f"delete the {what} at line {site}"


def new_event(stream: Stream, site: str | None) -> str:
    """An event of one's own for another device."""
    return (
        f"record a new `torch.Event()` on {name_of(stream)} at line {site}; "
        "a stream of any device may wait for it"
    )
