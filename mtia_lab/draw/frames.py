"""The frames of a film strip, worked out from a log: what there is to draw, before it is drawn."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..log.log import Log
from ..log.records import Call
from .stateview import as_tuple, differing, part_name, state_text

# Calls that exist to change the state; one that leaves it as it was is a frame all the same.
_SETTER = re.compile(r"(set|exchange)[A-Z]", re.IGNORECASE)


@dataclass(frozen=True)
class Frame:
    """One call and the state after it. ``call`` is None for the start and for an empty phase.

    ``place`` is the call's position in the log, or for a phase that of the next one.
    """

    thread: int
    call: object
    state: tuple
    changed: tuple
    phase: str = ""
    place: int = 0


@dataclass
class Strip:
    """The frames of one host thread, the first being the state before."""

    thread: int
    frames: list = field(default_factory=list)

    @property
    def leaked(self) -> tuple:
        """The parts of the state in which the last frame differs from the first."""
        return differing(self.frames[0].state, self.frames[-1].state)

    def verdict(self) -> str:
        """One sentence on what leaked."""
        first, last = self.frames[0].state, self.frames[-1].state
        if not self.leaked:
            return f"nothing leaked: it ends as it began, {state_text(last)}"
        parts = ", ".join(f"{part_name(k)} {first[k]} -> {last[k]}" for k in self.leaked)
        return f"leaked: {parts}"


def is_frame(call: object, before: tuple) -> bool:
    """Whether a call belongs in the film: it set something, or the state is not what it was."""
    return bool(_SETTER.search(call.name)) or as_tuple(call.state) != before


def frames_of(log: Log, device_count: int, captions: Mapping | Iterable) -> tuple:
    """``(columns, strips)``: the frames of all threads in the order of the log, and by thread.

    The start of each thread is not a column: it opens the thread's strip.
    """
    known = {thread: as_tuple(s) for thread, s in dict(log.initial_state or {}).items()}
    places = [place for place, record in enumerate(log) if isinstance(record, Call)]
    calls = [log[place] for place in places]
    seen = sorted(set(known) | {call.thread for call in calls})
    sizes = [len(as_tuple(call.state)) for call in calls] + [len(s) for s in known.values()]
    blank = (0,) * max(sizes, default=1 + device_count)
    state = {thread: known.get(thread, blank) for thread in seen or [0]}
    strips = {t: Strip(t, [Frame(t, None, s, (), "")]) for t, s in state.items()}
    columns: list[Frame] = []
    phases = captions.items() if isinstance(captions, Mapping) else captions
    pending = sorted(phases, key=lambda pair: pair[0])
    phase, used = "", True
    last_thread = min(strips)

    def add(thread: int, call: object, after: tuple, place: int) -> None:
        frame = Frame(thread, call, after, differing(state[thread], after), phase, place)
        columns.append(frame)
        strips[thread].frames.append(frame)
        state[thread] = after

    for index, (place, call) in enumerate([*zip(places, calls, strict=True), (len(log), None)]):
        while pending and (pending[0][0] <= index or call is None):
            if not used:  # a phase in which nothing was called still gets its frame
                add(last_thread, None, state[last_thread], place)
            phase, used = str(pending.pop(0)[1]), False
        if call is not None and is_frame(call, state[call.thread]):
            add(call.thread, call, as_tuple(call.state), place)
            used, last_thread = True, call.thread
    if not used:
        add(last_thread, None, state[last_thread], len(log))
    kept = {f.thread for f in columns} or {min(strips)}
    return columns, [strip for thread, strip in strips.items() if thread in kept]
