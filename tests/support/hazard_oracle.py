"""Which lines of a program race, by brute force.

The oracle looks at the lines of hazard_lines.py and at addresses, never at a log, and keeps of
each use all that comes before it.
"""

import re
from dataclasses import dataclass, field

from hazard_lines import HALF, NAME, SIZE


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
    collectives: list[Use] = field(default_factory=list)  # which keep it until they are done
    named: bool = True  # by a variable of the program
    settled: frozenset | None = None  # once freed: the uses that are over then


@dataclass(eq=False)
class Work:
    """What a collective returns: all that is over once it is waited for, and what it wrote.

    A future of it stands for all that its group's stream has been given when the future is made.
    """

    known: frozenset = frozenset()
    group: str | None = None
    outputs: tuple[Life, ...] = ()


class Oracle:
    """What comes before what, kept as sets of uses."""

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self.host: frozenset = frozenset()  # what the host knows to be over
        self.streams: dict[str, frozenset] = {}
        self.events: dict[str, frozenset] = {}
        self.lives: dict[str, Life] = {}
        self.works: dict[str, Work] = {}
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

    def join(self, stream: str, known: frozenset) -> None:
        """A stream waits; what the host knows comes before that as well."""
        self.streams[stream] = self.streams.get(stream, frozenset()) | known | self.host

    def drop(self, life: Life) -> None:
        """No variable is the tensor any more."""
        life.named = False
        self.free(life)

    def free(self, life: Life) -> None:
        if life.named or any(life in work.outputs for work in self.works.values()):
            return
        over = [self.streams.get(stream, frozenset()) for stream in life.recorded]
        over += [use.before | {use} for use in life.collectives]
        life.settled = self.host.union(*over)


def share(one: Use, other: Use) -> bool:
    """Whether they have a byte in common."""
    both = [range(use.begin, use.end, 4 * use.step) for use in (one, other)]
    return bool(set(both[0]) & set(both[1]))


OPERAND = re.compile(rf"(?:torch\.from_dlpack\()?({NAME})\)?((?:\.view\(2, 128\))?\[[^\]]*\])?")


def judge(oracle: Oracle, number: int, text: str, places: dict, after: dict) -> None:
    """Tell the oracle of a line: ``places`` are the addresses before it, ``after`` those after."""
    stream, text = (text[5:].split(": ", 1)) if text.startswith("with ") else (None, text)
    if "dist." in text:
        judge_collective(oracle, number, stream, text, places)
    elif not judge_wait(oracle, stream, text) and not re.search(ONLY_FORM, text):
        judge_accesses(oracle, number, stream, text, places, after)


ONLY_FORM = r"empty_like|\.t\(\)|result_type|numpy"


def judge_wait(oracle: Oracle, stream: str | None, text: str) -> bool:
    """A line that synchronizes; False if it is none."""
    streams = oracle.streams
    if match := re.fullmatch(r"(\w+) = (\S+)\.record_event\(\)|(\w+)\.record\((\S+)\)", text):
        event, of = match[1] or match[3], match[2] or match[4]
        oracle.events[event] = streams.get(of, frozenset()) | oracle.host
    elif match := re.fullmatch(r"(\S+)\.wait_event\((\w+)\)", text):
        oracle.join(match[1], oracle.events.get(match[2], frozenset()))
    elif match := re.fullmatch(r"(\S+)\.wait_stream\((\S+)\)", text):
        oracle.join(match[1], streams.get(match[2], frozenset()))
    elif text == "torch.mtia.synchronize()":
        oracle.host = oracle.host.union(*streams.values())
    elif match := re.fullmatch(r"(\S+)\.synchronize\(\)", text):
        oracle.host |= oracle.events.get(match[1], streams.get(match[1], frozenset()))
    elif match := re.fullmatch(r"(\w+)(\._outputs\[0\])?\.record_stream\((\S+)\)", text):
        life = oracle.works[match[1]].outputs[0] if match[2] else oracle.lives[match[1]]
        life.recorded |= {match[3]} - {life.home}
    elif match := re.fullmatch(r"(\w+) = (w\d)", text):
        oracle.works[match[1]] = oracle.works[match[2]]
    elif match := re.fullmatch(r"(\w+)(\.get_future\(\))?\.wait\(\)", text):
        work = oracle.works[match[1]]
        oracle.join(stream, oracle.streams.get(work.group, frozenset()) if match[2] else work.known)
        for life in work.outputs if match[2] else ():
            life.recorded |= {stream} - {life.home}
    else:
        return False
    return True


def judge_collective(oracle, number: int, stream: str | None, text: str, places: dict) -> None:
    """A command of a stream of its group's own, behind all that the current stream has.

    Of pinned memory it is the host that does it, at once.
    """
    group = None if stream is None else "collectives of " + re.search(r"group=(\w+)", text)[1]
    if group is not None:
        oracle.join(group, oracle.streams.get(stream, frozenset()))
    names = [(m[1], m[2] or "") for m in OPERAND.finditer(re.sub(r"\[(\w+)\]", r"\1", text))]
    uses = []
    for (name, part), write in ((names[-1], False), (names[0], True)):
        life = oracle.lives[name]
        uses.append(oracle.use(number, group, life, cut(places[name], part), write))
        life.collectives.append(uses[-1])
    oracle.give(group, uses)
    if " = " in text:
        old, output = oracle.works.get(text[:2], Work()), oracle.lives[names[0][0]]
        oracle.works[text[:2]] = Work(oracle.streams[group], group, (output,))
        for life in old.outputs:
            oracle.free(life)
    elif stream is not None:
        oracle.join(stream, oracle.streams[group])


def judge_accesses(oracle, number, stream, text, places, after) -> None:
    """A line that uses or replaces tensors."""
    if text.startswith("del "):
        oracle.drop(oracle.lives[text[4:6]])
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
        if old is not None and old.named:
            oracle.give(stream, uses)
            oracle.drop(old)
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
    elif part in ("[::2]", "[1::2]"):
        first, step = int(part == "[1::2]"), 2
    elif part == "[0]":
        last = 1
    else:
        assert part == "", part
    return begin + 4 * first, begin + 4 * last, step
