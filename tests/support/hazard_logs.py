"""Random logs for the checker's tests, and happens-before by transitive closure over them."""

import random
from itertools import product

import in_us

from mtia_lab.hazards.checker import Checker
from mtia_lab.hazards.sequence import in_order
from mtia_lab.log.log import Log
from mtia_lab.log.records import Access, Call, Command, Known

STREAMS = 4
BLOCK = 64  # bytes of each of two blocks, in which accesses begin and end anywhere
FORMS = {  # sizes and strides in bytes: a row, columns, every other byte, a transposed matrix
    (8,): (1,),
    (4, 2): (8, 1),
    (3,): (8,),
    (5,): (2,),
    (2, 4): (1, 2),
}

KINDS = {  # how often each kind of step is taken
    "work": 60,
    "draw": 3,
    "record": 14,
    "wait": 16,
    "synchronize stream": 3,
    "synchronize event": 3,
    "synchronize device": 1,
}


def random_program(seed, *, whole=False):
    """5 to 40 steps of a program that synchronizes now and then.

    Args:
        seed: gives the same program again.
        whole: use four tensors that do not overlap, and draw no random numbers.
    """
    draws = random.Random(seed)
    kinds = [kind for kind in KINDS if not (whole and kind == "draw")]
    chosen = draws.choices(kinds, [KINDS[kind] for kind in kinds], k=draws.randrange(5, 41))
    return [random_step(draws, kind, whole) for kind in chosen]


def random_step(draws, kind, whole):
    stream, back = draws.randrange(STREAMS), draws.randrange(2)
    if kind == "work":
        uses = [random_access(draws, whole) for _ in range(3)]
        reads = draws.randrange(3)
        return kind, stream, uses[:reads], uses[2 : 2 + draws.randrange(2)]
    if kind == "wait":
        return kind, stream, back
    if kind == "synchronize device":
        return (kind,)
    return kind, back if kind == "synchronize event" else stream


def random_access(draws, whole):
    if whole:
        return to_access(16 * draws.randrange(4), (8,))
    block, form = draws.randrange(2), draws.choice(sorted(FORMS))
    offset = draws.choice([0, 8, 16]) if draws.random() < 0.7 else draws.randrange(BLOCK // 2)
    return to_access(BLOCK * block + offset, form)


def to_access(address, form):
    """Bytes, so that sizes and strides count bytes."""
    strides = FORMS[form]
    reach = 1 + sum((n - 1) * stride for n, stride in zip(form, strides, strict=True))
    return Access(0, address, reach, "uint8", form, None if form == (8,) else strides)


def bytes_of(access):
    """The addresses of its elements, spelled out."""
    form = next(form for form in FORMS if to_access(0, form)[2:] == access[2:])
    places = product(*(range(n) for n in form))
    return {
        access.address + sum(i * s for i, s in zip(place, FORMS[form], strict=True))
        for place in places
    }


def to_log(steps):
    """The log of a program that takes these steps; commands are numbered from 1."""
    records, recorded, drawn = [], [], ()
    newest, last = 0, {}  # of each stream, its last command
    for line, step in enumerate(steps):
        what, *rest = step
        site = f"p.py:{line}"
        known = None
        if what in ("work", "draw", "record", "wait"):
            stream, *rest = rest
            if what == "wait" and not recorded:
                continue
            newest += 1
            last[stream] = newest
            fields = {"event": None, "version": None, "after": (), "reads": (), "writes": ()}
            if what == "work":
                fields |= {"reads": tuple(rest[0]), "writes": tuple(rest[1])}
            elif what == "draw":
                fields["after"], drawn = drawn, (newest,)
            elif what == "record":
                recorded.append((newest, stream))
                fields |= {"event": len(recorded), "version": 1}
            else:
                source, _ = recorded[-1 - rest[0] % len(recorded)]
                fields |= {"event": 1, "version": 1, "after": (source,)}
                records.append(to_call("guard", "block", site))
            kind = what if what in ("record", "wait") else "kernel"
            records.append(to_command(newest, kind, stream, site, **fields))
        elif what == "synchronize stream":
            known = Known(0, rest[0], newest, newest)
        elif what == "synchronize event" and recorded:
            source, stream = recorded[-1 - rest[0] % len(recorded)]
            known = Known(0, stream, source, newest)
        elif what == "synchronize device":
            known = Known(0, None, newest, newest)
        if known is not None:
            records.append(to_call("guard", "synchronizeStream", site, (known,)))
    blocks = [in_us.memory("alloc", 0, 0, BLOCK * k, BLOCK, 0.0, 0, None) for k in (0, 1)]
    return Log(in_us.in_calls(records), {}, blocks)


def to_call(door, name, site, known=()):
    """A call of no duration."""
    return in_us.call(door, name, "", None, None, 0, 0.0, 0.0, (0, 0, 0), site, (), known)


def to_command(id, type, stream, site, **fields):
    """A command of no duration."""
    given = {"event": None, "version": None, "after": ()} | fields
    return in_us.command(id, type, f"k{id}", 0, stream, 0.0, 0.0, 0.0, 0, site=site, **given)


def races(log):
    """Every race the checker notices if nobody fixes any."""
    return checked(log, fixes=False).races


def checked(log, *, fixes=True):
    """The checker after it has gone through a log."""
    checker = Checker(log, fixes=fixes)
    for record in in_order(log):
        checker.add(record)
    return checker


class Closure:
    """What happens before what, as a set of ancestors for every command and synchronization.

    Args:
        log: made by ``to_log``.
        more: further edges, as ``{command: commands before it}``.
        without: a wait whose edge is left out.
    """

    def __init__(self, log, more=None, without=None):
        self.before = {}  # of each command, the commands before it
        self.kernels = {c.id for c in log.commands if c.type == "kernel"}
        last, host = {}, set()
        for record in log:
            if isinstance(record, Command):
                id, ancestors = record.id, set(host) | {("old", record.stream)}
                direct = [*last.get(record.stream, ()), *(more or {}).get(id, ())]
                direct += () if id == without else record.after
                for earlier in direct:
                    ancestors |= {earlier} | self.before[earlier]
                self.before[id] = ancestors
                last[record.stream] = (id,)
            elif isinstance(record, Call):
                host |= self.learned(record, last, log)
        self.host = host

    def learned(self, call, last, log):
        """What the host knows finished after a call: everything up to some command."""
        found = set()
        for known in call.synchronized:
            for stream in range(STREAMS):
                if known.stream in (None, stream):
                    done = [
                        c.id
                        for c in log.commands
                        if c.stream == stream and c.id <= known.command and c.id in self.before
                    ]
                    found |= {("old", stream)}.union(*({c} | self.before[c] for c in done))
        return found

    def races(self, log):
        """Every pair of commands that use a byte in common, one writing it, in no order."""
        commands = [c for c in log.commands if c.reads or c.writes]
        uses = {
            c.id: [set().union(*map(bytes_of, a)) for a in (c.reads, c.writes)] for c in commands
        }
        pairs = set()
        for k, b in enumerate(commands):
            for a in commands[:k]:
                (ra, wa), (rb, wb) = uses[a.id], uses[b.id]
                if (wa & (rb | wb) or ra & wb) and a.id not in self.before[b.id]:
                    pairs.add((a.id, b.id))
        return pairs

    def kernels_before(self, command):
        """Kernels that come before a command, and ("old", stream) for all from before the log."""
        return {a for a in self.before[command] if isinstance(a, tuple) or a in self.kernels}
