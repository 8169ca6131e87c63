"""A machine so small that every way its streams may interleave can be tried.

The host runs its steps in order; each stream runs its queue in order, whenever it likes. What comes
out of a program is what every command read and what is left in memory. A program is right if that
is the same in every interleaving. Nothing in here knows of happens-before.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Do:
    """A kernel: it reads a block, and writes into another one something that tells what it saw."""

    stream: str
    name: str
    read: str | None
    write: str | None


@dataclass(frozen=True)
class Record:
    """The stream reaches the event once it gets here."""

    stream: str
    event: str


@dataclass(frozen=True)
class Wait:
    """The stream goes on once the event is reached; or the host, if there is no stream."""

    stream: str | None
    event: str


def outcomes(program):
    """Every outcome that some interleaving gives: what was read, and what is left."""
    found, seen = set(), set()
    work = [(0, (), frozenset(), (), ())]  # host's place, queues, events, memory, what was seen
    while work:
        state = work.pop()
        if state in seen:
            continue
        seen.add(state)
        place, queues, events, memory, trace = state
        queues_now = dict(queues)
        step = program[place] if place < len(program) else None
        if isinstance(step, Wait) and step.stream is None:
            if step.event in events:
                work.append((place + 1, queues, events, memory, trace))
        elif step is not None:
            longer = queues_now | {step.stream: (*queues_now.get(step.stream, ()), step)}
            work.append((place + 1, freeze(longer), events, memory, trace))
        elif not any(queue for _, queue in queues):
            found.add((memory, tuple(sorted(trace))))
        for stream, queue in queues:
            if queue:
                after = run(queue[0], events, dict(memory), trace)
                if after is not None:
                    rest = freeze(queues_now | {stream: queue[1:]})
                    work.append((place, rest, *after))
    return found


def freeze(mapping):
    return tuple(sorted(mapping.items()))


def run(step, events, memory, trace):
    """(events, memory, trace) after a step of a stream; None if it has to wait."""
    if isinstance(step, Wait):
        return (events, freeze(memory), trace) if step.event in events else None
    if isinstance(step, Record):
        return events | {step.event}, freeze(memory), trace
    saw = memory.get(step.read, "nothing")
    if step.write is not None:
        memory[step.write] = f"{step.name}({saw})"
    return events, freeze(memory), (*trace, (step.name, saw))
