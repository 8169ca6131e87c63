"""Random programs of lines, and which of their lines race, by brute force.

A program is a list of lines on two groups of streams, tensors, a pinned tensor and an event. It has
one host thread or two, which swap groups whenever they meet: between two meetings each of them may
come first. Lines are run as they stand, so what the sanitizer proposes can be pasted. The oracle
looks at the lines and at addresses, never at a log, and keeps of each use all that comes before it.
"""

import pickle
import random
import re
import threading
from dataclasses import dataclass, field, replace
from queue import SimpleQueue

import torch

SIZE, HALF = 256, 128
KERNELS = ["{x}.add_({y})", "{x}.mul_({y})", "{x}[::2] = {y}[::2]", "{x}[:128].copy_({y}[128:])"]
KERNELS += ["{x}.mul_({h}[0])"]  # a number of the host's goes into the command
COPIES = ["{h}.copy_({x}, non_blocking=True)", "{x}.copy_({h}, non_blocking=True)"]
PARTS = [
    "{h}[:128].copy_({x}[:128], non_blocking=True)",
    "{x}[:128].copy_({h}[128:], non_blocking=True)",
]
FOREIGN = ["{x}[5:].copy_(torch.from_dlpack({h})[5:], non_blocking=True)"]
READS = ["{t} += {h}.sum()", "{t} += {h}.tolist()[3]", "{t} += pickle.loads(pickle.dumps({h}))[3]"]
READS += ["{t} += {h}[128:].sum()"]
WRITES = ["{h}.add_(1)", "{h}[:128].fill_(2)", "{h}.view(2, 128)[1].zero_()"]
FORM = [
    "torch.empty_like({h})",
    "{h}.view(2, 128).t()",
    "torch.result_type({h}, 1.0)",
    "{h}.numpy()",
]
FREES = ["{x} = torch.full((256,), 3.0, device='mtia')", "{x} = {x} + {y}"]
FREES += ["del {x}; {x} = torch.full((256,), 5.0, device='mtia')"]
PINS = ["del {h}; {h} = torch.full((256,), 4.0, pin_memory=True)"]
RECORDS = ["{x}.record_stream({s})"]
WAITS = ["{e} = {s}.record_event()", "{e}.record({s})", "{s}.wait_event({e})", "{e}.synchronize()"]
WAITS += ["{s}.wait_stream({r})", "{s}.synchronize()"]
KINDS = {"kernel": (KERNELS, 8), "copy": (COPIES + PARTS + FOREIGN, 6), "read": (READS, 2)}
KINDS |= {"write": (WRITES, 2), "form": (FORM, 1), "free": (FREES, 4), "pin": (PINS, 1)}
KINDS |= {"record": (RECORDS, 1), "wait": (WAITS, 7)}
ON_A_STREAM = ("kernel", "copy", "free")


@dataclass(frozen=True)
class Line:
    """One line of a program.

    Attributes:
        text: the line.
        thread: whose it is.
        part: how often the threads have met before it.
    """

    text: str
    thread: int = 0
    part: int = 0


def random_program(seed: int, streams: list[str], *, threads: int) -> list[Line]:
    """4 to 24 lines; ``streams`` are the names of six streams."""
    draws, lines = random.Random(seed), []
    kinds = list(KINDS)
    for number in range(draws.randrange(4, 25)):
        part = number // 5 if threads == 2 else 0
        thread = draws.randrange(threads)
        group = (thread + part) % 2 if threads == 2 else 0
        s, r = draws.sample(streams[3 * group : 3 * group + 3], 2)
        x, y = draws.choices([f"x{group}", f"y{group}", f"z{group}"], k=2)
        [kind] = draws.choices(kinds, [KINDS[kind][1] for kind in kinds])
        text = draws.choice(KINDS[kind][0]).format(
            x=x, y=y, h=f"h{group}", e=f"e{group}", t=f"t{group}", s=s, r=r
        )
        lines.append(Line(f"with {s}: {text}" if kind in ON_A_STREAM else text, thread, part))
    return sorted(lines, key=lambda line: (line.part, line.thread))


def other_way_round(program: list[Line]) -> list[Line]:
    """The same program where the other thread is the faster one, from meeting to meeting."""
    return sorted(program, key=lambda line: (line.part, -line.thread))


@dataclass(eq=False)
class Use:
    """An access: of a command on a stream, or of the host if there is none."""

    line: int
    stream: str | None
    begin: int
    end: int
    write: bool
    before: frozenset
    life: "Life"
    step: int = 1  # of its addresses, every so many floats


@dataclass(eq=False)
class Life:
    """One allocation of a block, and what its allocator will have waited for when it is reused."""

    pinned: bool
    home: str | None = None  # the stream it was allocated on
    recorded: set = field(default_factory=set)
    settled: frozenset | None = None  # once freed: the uses that are over then


class Oracle:
    """What comes before what, kept as sets of uses."""

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self.host: frozenset = frozenset()  # what the host knows to be over
        self.streams: dict[str, frozenset] = {}
        self.events: dict[str, frozenset] = {}
        self.lives: dict[str, Life] = {}
        self.races: set[tuple[int, int]] = set()

    def use(self, line: int, stream: str | None, life: Life, place: tuple, write: bool) -> Use:
        before = self.host | self.streams.get(stream, frozenset())
        use = Use(line, stream, *place[:2], write, before, life, place[2])
        for other in self.uses:
            if (write or other.write) and other not in before and share(other, use):
                same = other.life is life or other.life.settled is None
                if (same or other not in other.life.settled) and other.stream != stream:
                    self.races.add((other.line, line))
        self.uses.append(use)
        return use

    def give(self, stream: str | None, uses: list[Use]) -> None:
        """A command, or the host's own doing, with all that it uses."""
        if stream is None:
            self.host |= set(uses)
        else:
            self.streams[stream] = self.streams.get(stream, frozenset()) | self.host | set(uses)

    def free(self, life: Life) -> None:
        over = [self.streams.get(stream, frozenset()) for stream in life.recorded]
        life.settled = self.host.union(*over)


def share(one: Use, other: Use) -> bool:
    """Whether they have a byte in common."""
    both = [range(use.begin, use.end, 4 * use.step) for use in (one, other)]
    return bool(set(both[0]) & set(both[1]))


NAME = r"[xyzh][01]"
OPERAND = re.compile(rf"(?:torch\.from_dlpack\()?({NAME})\)?((?:\.view\(2, 128\))?\[[^\]]*\])?")


def judge(oracle: Oracle, number: int, text: str, places: dict, after: dict) -> None:
    """Tell the oracle of a line: ``places`` are the addresses before it, ``after`` those after."""
    stream, text = (text[5:].split(": ", 1)) if text.startswith("with ") else (None, text)
    streams = oracle.streams
    if match := re.fullmatch(r"(\w+) = (\S+)\.record_event\(\)|(\w+)\.record\((\S+)\)", text):
        event, of = match[1] or match[3], match[2] or match[4]
        oracle.events[event] = streams.get(of, frozenset()) | oracle.host
    elif match := re.fullmatch(r"(\S+)\.wait_event\((\w+)\)", text):
        known = oracle.events.get(match[2], frozenset())
        streams[match[1]] = streams.get(match[1], frozenset()) | known | oracle.host
    elif match := re.fullmatch(r"(\S+)\.wait_stream\((\S+)\)", text):
        known = streams.get(match[2], frozenset())
        streams[match[1]] = streams.get(match[1], frozenset()) | known | oracle.host
    elif match := re.fullmatch(r"(\S+)\.synchronize\(\)", text):
        oracle.host |= oracle.events.get(match[1], streams.get(match[1], frozenset()))
    elif match := re.fullmatch(r"(\w+)\.record_stream\((\S+)\)", text):
        oracle.lives[match[1]].recorded |= {match[2]} - {oracle.lives[match[1]].home}
    elif "empty_like" in text or ".t()" in text or "result_type" in text or "numpy" in text:
        pass
    else:
        judge_accesses(oracle, number, stream, text, places, after)


def judge_accesses(oracle, number, stream, text, places, after) -> None:
    """A line that uses or replaces tensors."""
    if text.startswith("del "):
        oracle.free(oracle.lives[text[4:6]])
        text = text.split("; ")[1]
    made = re.fullmatch(rf"({NAME}) = (.*)", text)
    operands = [(m[1], m[2] or "") for m in OPERAND.finditer(made[2] if made else text)]
    reads, writes = operands, []
    if not made and not text.startswith("t"):
        writes = operands[:1]
        reads = operands[1:] if re.search(r"copy_|fill_|zero_|\] =", text) else operands
    uses = []
    for named, write in ((reads, False), (writes, True)):
        for name, part in named:
            life, user = oracle.lives[name], None if part == "[0]" else stream
            if life.pinned and user is not None:
                life.recorded.add(user)
            use = oracle.use(number, user, life, cut(places[name], part), write)
            if user == stream:
                uses.append(use)
            else:
                oracle.give(None, [use])
    if made:
        old = oracle.lives.get(made[1])
        life = Life(made[1].startswith("h"), stream)
        uses.append(oracle.use(number, stream, life, cut(after[made[1]], ""), True))
        if old is not None and old.settled is None:
            oracle.give(stream, uses)
            oracle.free(old)
        oracle.lives[made[1]] = life
    oracle.give(stream, uses)


def cut(begin: int, part: str) -> tuple[int, int, int]:
    """(first byte, last byte, step) of a part of a tensor, as it is written."""
    first, last, step = 0, SIZE, 1
    if part == "[:128]":
        last = HALF
    elif part in ("[128:]", ".view(2, 128)[1]"):
        first = HALF
    elif part == "[5:]":
        first = 5
    elif part == "[::2]":
        step = 2
    elif part == "[0]":
        last = 1
    else:
        assert part == "", part
    return begin + 4 * first, begin + 4 * last, step


@dataclass
class Outcome:
    """What became of a program: the report, the lines that race, and the values it left."""

    report: object
    races: set
    values: list


def run(lab, program: list[Line], streams: dict) -> Outcome:
    """Run a program and judge it by both."""
    scope = {"torch": torch, "pickle": pickle, **streams}
    for group in "01":
        for k, name in enumerate("xyz"):
            scope[name + group] = (torch.arange(float(SIZE)) % 7 + k).to("mtia")
        scope["h" + group] = torch.ones(SIZE, pin_memory=True)
        scope["e" + group], scope["t" + group] = torch.Event("mtia"), 0.0
    torch.mtia.synchronize()
    oracle, names = Oracle(), [name + group for group in "01" for name in "xyzh"]
    oracle.lives = {name: Life(name.startswith("h")) for name in names}
    threads = [Worker(scope) for _ in range(2)]
    try:
        with lab.sanitizer() as report:
            for number, line in enumerate(program, 1):
                before = {name: scope[name].data_ptr() for name in names}
                threads[line.thread].run("\n" * (number - 1) + line.text)
                after = {name: scope[name].data_ptr() for name in names}
                judge(oracle, number, line.text, before, after)
            assert repr(report)
    finally:
        for thread in threads:
            thread.stop()
    torch.mtia.synchronize()
    values = [scope[name].cpu().clone() for name in names]
    return Outcome(report, oracle.races, values + [torch.as_tensor(scope[t]) for t in ("t0", "t1")])


class Worker:
    """A host thread that runs lines, one at a time."""

    def __init__(self, scope: dict) -> None:
        self._scope, self._lines, self._done = scope, SimpleQueue(), SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def run(self, text: str) -> None:
        self._lines.put(text)
        if (error := self._done.get()) is not None:
            raise error

    def stop(self) -> None:
        self._lines.put(None)

    def _work(self) -> None:
        while (text := self._lines.get()) is not None:
            try:
                exec(compile(text, "prog.py", "exec"), self._scope)
                self._done.put(None)
            except BaseException as error:
                self._done.put(error)


AT = r"prog\.py:(\d+)"
INSERT = re.compile(rf"insert `(.*)` before line {AT}(?:, for the event of line {AT})?")
NEW = re.compile(
    rf"insert `done = (.*)` after line {AT} and(, when the threads have met,)? "
    rf"`(.*)` before line {AT}"
)
RECORD = re.compile(rf"call `x(.*)` on the tensor before it is freed at line {AT}")
DELETE = re.compile(
    rf"(?:delete the (?:wait|synchronisation) at"
    rf"|record the event before) line {AT}(?:, or delete the wait there)?"
)


def paste(program: list[Line], findings, mark: str) -> list[Line]:
    """The program after doing what the findings say, word by word; ``mark`` makes names new."""
    before = {k: [] for k in range(1, len(program) + 1)}
    after = {k: [] for k in before}
    gone = set()
    for number, finding in enumerate(findings):
        fix, done = finding.fix, f"done_{mark}_{number}"
        if new := NEW.fullmatch(fix):
            after[int(new[2])].append(f"{done} = {new[1]}")
            before[int(new[5])].append(new[4].replace("done", done))
        elif insert := INSERT.fullmatch(fix):
            event = (
                re.match(r"(?:(\w+) = |(\w+)\.record)", program[int(insert[3]) - 1].text)
                if insert[3]
                else None
            )
            named = (
                insert[1]
                if event is None
                else re.sub(r"\bevent\b", event[1] or event[2], insert[1])
            )
            before[int(insert[2])].append(named)
        elif record := RECORD.fullmatch(fix):
            line = int(record[2])
            freed = re.search(rf"({NAME}) = |del ({NAME})", program[line - 1].text)
            before[line].append((freed[1] or freed[2]) + record[1])
        else:
            gone.add(int(DELETE.fullmatch(fix)[1]))
    pasted = []
    for k, line in enumerate(program, 1):
        kept = [] if k in gone else [line.text]
        pasted += [replace(line, text=text) for text in (*before[k], *kept, *after[k])]
    return pasted
