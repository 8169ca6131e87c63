"""Logs to draw, and a reader of the drawings, for the tests of `mtia_lab.draw`."""

import random
import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from types import SimpleNamespace

import in_us

from mtia_lab import draw
from mtia_lab.draw.leaks import Film
from mtia_lab.draw.text import text_width
from mtia_lab.hazards import find_hazards
from mtia_lab.log.log import Command, Log
from mtia_lab.log.records import Access

NASTY = "k<&>\"' \u00e9\u5b57\U0001f600\x00\x1b[31m\n" + "very_long_name_" * 12


def call(name, state=(0, 0, 0), *, thread=0, begin=0.0, end=0.0, **fields):
    """A call, with the fields that do not matter filled in."""
    given = {"door": "guard", "args": "", "result": None, "error": None, "site": "In[3]:2"} | fields
    return in_us.call(name=name, thread=thread, begin=begin, end=end, state=state, **given)


def command(id, type, where, times, *, name="", event=None, version=None, after=(), **fields):
    """A command on `where` = (device, stream) at `times` = (enqueue, start, finish)."""
    given = (0, event, version, after, "In[3]:2")
    return in_us.command(id, type, name, *where, *times, *given, **fields)


def memory(action, at, size, *, stream=0, device=0, time=0.0):
    """Something that happened to memory; address and size in MiB."""
    address = None if at is None else at * 2**20
    return in_us.memory(action, device, stream, address, size * 2**20, time, 0, "In[3]:2")


def heap_log():
    """Two blocks, of which the first makes room for a third; a fourth on stream 3; all returned."""
    return Log(
        [
            memory("segment_alloc", 0, 20),
            memory("alloc", 0, 4),
            memory("alloc", 4, 8),
            memory("free", 0, 4),
            memory("alloc", 0, 4, time=10.0),
            memory("segment_alloc", 20, 2, stream=3, time=20.0),
            memory("alloc", 20, 2, stream=3, time=20.0),
            memory("free", 0, 4, time=30.0),
            memory("free", 4, 8, time=30.0),
            memory("free", 20, 2, stream=3, time=30.0),
            memory("segment_free", 0, 20, time=31.0),
            memory("segment_free", 20, 2, stream=3, time=31.0),
        ]
    )


def some_heap(seed, size):
    """Memory as a careless allocator would hand it out: blocks, holes, streams, the end of it."""
    draws = random.Random(seed)
    records, used, time = [memory("segment_alloc", 0, 64)], [], 0.0
    for _ in range(size):
        time += draws.choice([0.0, 0.001, 7.0])
        if used and draws.random() < 0.5:
            at, count, stream = used.pop(draws.randrange(len(used)))
            records.append(memory("free", at, count, stream=stream, time=time))
            if draws.random() < 0.3:
                records.append(
                    command(9, "kernel", (0, stream), (time,) * 3, name="poison", marker="poison")
                )
            continue
        at, count, stream = draws.randrange(60), draws.randrange(1, 5), draws.randrange(3)
        if all(at + count <= a or a + c <= at for a, c, _ in used):
            used.append((at, count, stream))
            records.append(memory("alloc", at, count, stream=stream, time=time))
            if draws.random() < 0.2:
                records.append(command(9, "kernel", (0, 5), (time, time, time + 30), name="use"))
                records.append(memory("record_stream", at, count, stream=5, time=time))
        else:
            records.append(memory("oom", None, count, time=time))
    return Log(records)


def moves(states, thread=0):
    """Calls that lead through the given states."""
    return [call("setDevice", state, thread=thread, args="mtia:1") for state in states]


def rerecorded():
    """One stream waits for version 1 of an event that is then recorded again, on to version 2."""
    return Log(
        [
            call("launch", begin=0.0, end=2.0, door="lab"),
            call("synchronizeStream", begin=2.0, end=40.0, waits=((2.0, 40.0),)),
            command(1, "kernel", (0, 1), (2, 2, 12), name="first"),
            command(2, "record", (0, 1), (2.5, 12, 12), event=1, version=1),
            command(3, "wait", (0, 2), (3, 12, 12), event=1, version=1, after=(2,)),
            command(4, "kernel", (0, 1), (5, 12, 32), name="second"),
            command(5, "record", (0, 1), (5.5, 32, 32), event=1, version=2),
            command(6, "kernel", (0, 2), (7, 12, 20), name="consume"),
            command(7, "wait", (1, 0), (7.5, 32, 32), event=1, version=2, after=(5,)),
            command(8, "kernel", (1, 0), (9, 32, 40), name="last"),
        ]
    )


DIRECTIONS = {"H2D": "H2D", "D2H": "D2H", "P2P": "peer"}


def shuttle(count=2):
    """Data go up to each device, from each to the next and the one before, and down again."""
    records, number = [], 0
    for index in range(count):
        ends = [("H2D", None, index), ("D2H", index, None)]
        ends += [("P2P", index, (index + step) % count) for step in {1, count - 1}]
        records.append(command(0, "kernel", (index, index), (0, 0, 10), name="k"))
        for name, source, target in ends:
            number += 1
            access = [() if d is None else (Access(d, 0, 2048 * number),) for d in (source, target)]
            where = (target if source is None else source, 0)
            copy = command(number, "copy", where, (0, 10, 20), name=name)
            fields = {"reads": access[0], "writes": access[1], "direction": DIRECTIONS[name]}
            records.append(replace(copy, **fields))
    return Log(records)


def some_log(seed, size, names=("mul", "softmax_backward", "produce", NASTY)):
    """A log as a simple simulator would write it: random commands on random streams."""
    draws = random.Random(seed)
    clock, free, events, records = 0.0, {}, {}, []
    for number in range(1, size + 1):
        where = draws.choice([(0, 0), (0, 1), (0, 2), (1, 0), (1, 9)])
        kinds = ["kernel", "kernel", "copy", "record", "wait"] if events else ["record"]
        kind = draws.choice(kinds)
        begin, clock = clock, clock + draws.choice([0.5, 2.0])
        thread = draws.randrange(2)
        records.append(call(f"{kind}Call", thread=thread, begin=begin, end=clock))
        start, finish = max(clock, free.get(where, 0.0)), None
        fields = {}
        if kind in ("kernel", "copy"):
            fields["name"], finish = draws.choice(names), start + draws.choice([0.001, 5, 37])
        elif kind == "record":
            event = draws.randrange(1, 4)
            version = events.get(event, (0,))[0] + 1
            events[event] = (version, number, start)
            fields |= {"event": event, "version": version}
        else:
            event = draws.choice(sorted(events))
            version, source, ready = events[event]
            start = max(start, ready)
            fields |= {"event": event, "version": version, "after": (source,)}
        free[where] = finish = start if finish is None else finish
        records.append(command(number, kind, where, (clock, start, finish), **fields))
    last = max([clock, *free.values()]) + 1
    waits = ((clock, last),)
    records.append(call("deviceSynchronize", begin=clock, end=last, waits=waits))
    return Log(in_us.in_calls(records), {0: (0, 0, 0)})


def racing_log(seed, size):
    """Such a log with accesses to four tensors and to pinned memory, which nobody put in order."""
    draws = random.Random(seed)
    records = []
    for record in some_log(seed, size):
        if isinstance(record, Command) and record.type in ("kernel", "copy"):
            uses = [
                Access(-1 if k == 4 else 0, 64 * k, 64, "float32", (4, 4), None, 4)
                for k in range(5)
            ]
            reads, writes = draws.sample(uses, 2), draws.sample(uses, 1)
            record = replace(record, reads=tuple(reads), writes=tuple(writes))
        records.append(record)
        if draws.random() < 0.1:
            time = record.enqueue if isinstance(record, Command) else record.end
            pinned = Access(-1, 256, 64, NASTY)
            records.append(in_us.host(NASTY, (pinned,), (), time, 0, NASTY))
    return Log(records)


def steady(size, *, streams=1, gap=10.0, takes=5.0):
    """Kernels of `takes` us that start every `gap` us, in turn on several streams."""
    return Log(
        [
            command(k, "kernel", (0, k % streams), (k * gap, k * gap, k * gap + takes), name="k")
            for k in range(1, size + 1)
        ]
    )


PARTS = {"torch.mtia": True, "hooks": True, "guard": True, "generator": True}
LADDERS = {
    "torch.mtia.Stream": ["torch.Stream", "object"],
    "torch.cpu.Stream": ["torch.cpu.Stream", "object"],
    "torch.cuda.Stream": ["torch.cuda.streams.Stream", "torch._C.Base", "torch.Stream", "object"],
    "torch.xpu.Stream": ["torch.xpu.Stream", "torch._utils._XpuStreamBase", "object"],
}
DUMMY = {"torch._utils._XpuStreamBase"}
KEYS = ("AutogradMTIA", "ADInplaceOrView", "MTIA")
ROUTES = {
    "relu": dict(zip(KEYS, ("autograd kernel", "fallthrough", "backend fallback"), strict=True)),
    "t": dict(zip(KEYS, ("autograd kernel", "kernel", "default backend kernel"), strict=True)),
    "linear": dict(zip(KEYS, ("math kernel", "fallthrough", "math kernel"), strict=True)),
}
FAMILY = {
    "name": "parent",
    "ok": True,
    "verdict": "goes on",
    "steps": [
        {"name": "child forked before", "ok": True, "verdict": "works"},
        "torch.mtia.init()",
        {
            "name": "child forked after",
            "ok": False,
            "verdict": "RuntimeError: Cannot re-initialize MTIA in forked subprocess. Use spawn.",
            "steps": [NASTY, {"name": NASTY, "verdict": NASTY, "steps": [{"name": "deep"}]}],
        },
    ],
}


class basis(str):
    """What a clause rests on."""

    @property
    def kind(self):
        return str(self)


def outcome(
    key, status="kept", expected="A", seen="A", code="cpp.look()", kind="header", raised=False
):
    """What became of a clause of a contract."""
    sentence = "It makes the stream current for the hooks, too."
    method, code = key.partition(".")[0], f"with B:\n    {code}"
    clause = SimpleNamespace(
        key=key, method=method, sentence=sentence, code=code, basis=basis(kind)
    )
    fields = {"expected": expected, "seen": seen, "calls": ("getDevice",), "raised": raised}
    return SimpleNamespace(clause=clause, status=status, **fields)


def contract():
    """Some clauses of each status."""
    kept = [outcome(f"method {k // 6}.{k % 6}") for k in range(36)]
    long = "getStreamFromGlobalPool"
    return [
        *(outcome(f"{long}.{word}", "broken", seen="C") for word in "abcdef"),
        *kept,
        outcome("with stream.enters", "broken", "", "the process died in setDevice: " + NASTY),
        outcome("destroyEvent.x", "not reached", "", "2 clauses hung before"),
        outcome(f"{NASTY}.{NASTY}", "broken", NASTY, NASTY, "look()\n" + NASTY),
        *(outcome(f"late.{k}", "broken") for k in range(6)),
    ]


def findings():
    """Hazards as the checker reports them, one of them nasty, between bars of `rerecorded`."""
    sides = [
        SimpleNamespace(name=name, where=where, command=id, start=a, finish=b)
        for name, where, id, a, b in (
            ("second", (0, 1), 4, 12.0, 32.0),
            (NASTY, (0, 2), 6, 12.0, 20.0),
            (NASTY, None, None, 6.0, 6.0),
        )
    ]
    fields = {"kind": NASTY, "severity": "hazard", "fix": NASTY}
    return [SimpleNamespace(first=sides[0], second=other, **fields) for other in sides[1:]]


def contexts():
    """Films of two contexts, each with two bodies; two of the four leak."""
    leak = Film(Log(moves([(0, 1, 0), (1, 1, 0), (1, 0, 0)]), {0: (0, 0, 0)}), ((0, "enter"),))
    tidy = Film(Log(moves([(0, 1, 0), (0, 0, 0)]), {0: (0, 0, 0)}), ((0, "enter"), (1, "leave")))
    stray = Film(Log(moves([(1, 0, 3), (1, 2, 3)]), {0: (0, 0, 0)}), ((0, "enter"), (1, "body")))
    return {
        "with A:": {"set_device(1)": leak, "nothing": tidy},
        "with torch.mtia.stream(A):": {"set_device(1)": tidy, "nothing": stray},
    }


def turned_hooks():
    """Calls through the hooks, one of which changes the state, and one through no door."""
    raising = call("setCurrentStream", (1, 0, 0), door="hooks", args="mtia:0/9", error="no")
    launch = call("launch", (1, 0, 0), door="lab")
    setting = call("setCurrentDevice", (1, 0, 0), door="hooks", args="1")
    return Log([call("getCurrentDevice", door="hooks", result="0"), setting, raising, launch])


def gallery():
    """One or more pictures of every kind, ordinary and nasty, by name."""
    leak = Log(moves([(0, 1, 0), (0, 1, 0), (1, 1, 0), (1, 0, 0)]), {0: (0, 0, 0)})
    raising = call("exchangeStream", error="no", args=NASTY, result=NASTY, site=NASTY)
    pair = Log([*moves([(0, 1, 0)]), *moves([(0, 1, 0), (1, 0, 3)], thread=1), raising])
    four = Log(moves([(3, 1, 2, 3, 11), (0, 0, 0, 0, 0)] * 4))
    threads = {"main": (0, 1, 0), NASTY: (1, 0, 12)}
    facts = {"torch.mtia": True, "torch.device(1)": "RuntimeError", NASTY: NASTY}
    log = list(some_log(3, 40))
    turned = Log([*log[:40], call("hasPrimaryContext", marker="backward"), *log[40:]])
    return {
        "backward": draw.backward(turned),
        "backward empty": draw.backward(Log()),
        "calls": draw.calls({"with A:": leak, "torch.Event()": Log(), "a.set(B)": turned_hooks()}),
        "calls nasty": draw.calls({NASTY: Log([raising]), NASTY * 3: four}),
        "clauses": draw.clauses(contract(), printed=f"hello\n{NASTY}\n" * 9),
        "clauses kept": draw.clauses([outcome("a.b")]),
        "devices": draw.devices(shuttle()),
        "devices empty": draw.devices(Log()),
        "devices eight": draw.devices(shuttle(8)),
        "film": draw.filmstrip(leak, captions={0: "enter", 2: NASTY, 9: "nothing at all"}),
        "film empty": draw.filmstrip(Log(), device_count=3),
        "film threads": draw.filmstrip(pair),
        "film four devices": draw.filmstrip(four),
        "hazard": draw.hazard(find_hazards(racing_log(1, 20))[0]),
        "hazards": draw.hazards(find_hazards(racing_log(2, 60))),
        "hazards none": draw.hazards(find_hazards(Log())),
        "ladder": draw.ladder(LADDERS, dummy=DUMMY),
        "ladder nasty": draw.ladder({NASTY: [f"{NASTY}.{NASTY}", "object"]}, dummy={"object"}),
        "leaks": draw.leaks(contexts()),
        "leaks nasty": draw.leaks({NASTY: {NASTY: Film(four), "b": Film(Log([raising]))}}),
        "memory": draw.memory(heap_log()),
        "memory empty": draw.memory(Log()),
        "memory sixty": draw.memory(some_heap(1, 60)),
        "memory of a thousand": draw.memory(some_heap(2, 1000)),
        "processes": draw.processes(FAMILY),
        "route": draw.route(ROUTES, {"relu": "enqueues relu", "linear": ["calls t, addmm"]}),
        "route nasty": draw.route({NASTY: {NASTY: NASTY}, "b": {NASTY: "kernel"}}, {NASTY: NASTY}),
        "threads": draw.threads(before={"main": (0, 1, 0)}, after=threads),
        "threads many": draw.threads({f"worker {k}": (0, k, 0) for k in range(9)}),
        "threads log": draw.threads(pair),
        "timeline": draw.timeline(rerecorded()),
        "timeline empty": draw.timeline(Log()),
        "timeline sixty": draw.timeline(some_log(1, 60)),
        "timeline of a thousand": draw.timeline(some_log(2, 1000)),
        "timeline zoomed": draw.timeline(some_log(2, 1000), since=900, until=1000.5),
        "timeline with findings": draw.timeline(rerecorded(), findings()),
        "timeline of a thousand with findings": draw.timeline(some_log(2, 1000), findings()),
        "wiring": draw.wiring(facts, facts | PARTS | {"torch.device(1)": "mtia:1"}),
    }


@dataclass
class Box:
    """A rectangle or the extent of a text, with its SVG attributes."""

    left: float
    top: float
    right: float
    bottom: float
    attributes: dict
    words: str = ""

    def holds(self, x, y):
        """Whether a point lies inside."""
        return self.left <= x <= self.right and self.top <= y <= self.bottom


def _local(element):
    return element.tag.rpartition("}")[2]


def _float(element, key):
    return float(element.get(key, "0"))


class Drawing:
    """The parsed SVG of a picture."""

    def __init__(self, picture):
        self.root = ET.fromstring(picture.svg)
        self.elements = list(self.root.iter())
        self.width, self.height = _float(self.root, "width"), _float(self.root, "height")

    def all(self, tag):
        """Every element of a tag, in the order of drawing."""
        return [element for element in self.elements if _local(element) == tag]

    @property
    def rects(self):
        """The rectangles; their tooltip as words."""
        return [self._rect(element) for element in self.all("rect")]

    def _rect(self, element):
        x, y = _float(element, "x"), _float(element, "y")
        right, bottom = x + _float(element, "width"), y + _float(element, "height")
        return Box(x, y, right, bottom, element.attrib, "".join(element.itertext()))

    @property
    def texts(self):
        """The texts with their estimated extents."""
        return [self._text(element) for element in self.all("text")]

    def _text(self, element):
        words = "".join(part for part in [element.text, *(child.tail for child in element)] if part)
        size, x, y = _float(element, "font-size"), _float(element, "x"), _float(element, "y")
        bold, mono = element.get("font-weight") == "bold", element.get("font-family") == "monospace"
        width = text_width(words, size, bold=bold, mono=mono)
        left = x - {"middle": width / 2, "end": width}.get(element.get("text-anchor"), 0)
        return Box(left, y - 0.74 * size, left + width, y + 0.2 * size, element.attrib, words)

    def find(self, words):
        """The text that reads exactly so."""
        return next(text for text in self.texts if text.words == words)
