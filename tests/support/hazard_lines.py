"""Random programs of lines, and what the sanitizer proposes, pasted into them word by word.

A program is a list of lines on two groups of streams, tensors, a pinned tensor, an event and a
group of processes. It has one host thread or two, which swap groups whenever they meet: between
two meetings each of them may come first, and each may wait for the streams of the other as well.
"""

import random
import re
from dataclasses import dataclass, replace
from itertools import groupby

SIZE, HALF = 256, 128
KERNELS = [
    "{x}.add_({y})",
    "{x}.mul_({y})",
    "{x}[::2] = {y}[::2]",
    "{x}[1::2].add_(1)",
    "{x}[:128].copy_({y}[128:])",
]
KERNELS += ["{x}.mul_({h}[0])"]  # a number of the host's goes into the command
COPIES = ["{h}.copy_({x}, non_blocking=True)", "{x}.copy_({h}, non_blocking=True)"]
PARTS = [
    "{h}[:128].copy_({x}[:128], non_blocking=True)",
    "{x}[:128].copy_({h}[128:], non_blocking=True)",
]
FOREIGN = ["{x}[5:].copy_(torch.from_dlpack({h})[5:], non_blocking=True)"]
READS = ["{t} += {h}.sum()", "{t} += {h}.tolist()[3]", "{t} += pickle.loads(pickle.dumps({h}))[3]"]
READS += ["{t} += {h}[128:].sum()"]
WRITES = [
    "dist.all_reduce({h}, group={g})",
    "{h}.add_(1)",
    "{h}[:128].fill_(2)",
    "{h}.view(2, 128)[1].zero_()",
]
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
COLLECTIVES = [
    "{w} = dist.all_reduce({x}, group={g}, async_op=True)",
    "{w} = dist.all_reduce({x}[:128], group={g}, async_op=True)",
    "{w} = dist.broadcast({x}, 0, group={g}, async_op=True)",
    "{w} = dist.all_gather([{x}], {y}, group={g}, async_op=True)",
    "dist.all_reduce({x}, group={g})",
]
JOINS = ["{w}.wait()", "{w}.wait()", "{w}.get_future().wait()"]
OTHERS = ["{f}.synchronize()", "{s}.wait_stream({f})", "{s}.wait_event({o})"]
OTHERS += ["torch.mtia.synchronize()"]
KINDS = {"kernel": (KERNELS, 8), "copy": (COPIES + PARTS + FOREIGN, 6), "read": (READS, 2)}
KINDS |= {"write": (WRITES, 2), "form": (FORM, 1), "free": (FREES, 4), "pin": (PINS, 1)}
KINDS |= {"record": (RECORDS, 1), "wait": (WAITS, 7)}
KINDS |= {"collective": (COLLECTIVES, 4), "join": (JOINS, 3), "other": (OTHERS, 2)}
ON_A_STREAM = ("kernel", "copy", "free", "collective", "join")


NAME = r"[xyzh][01]"


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
    kinds = [kind for kind in KINDS if kind != "other" or threads == 2]
    for number in range(draws.randrange(4, 25)):
        part = number // 5 if threads == 2 else 0
        thread = draws.randrange(threads)
        group = (thread + part) % 2 if threads == 2 else 0
        s, r = draws.sample(streams[3 * group : 3 * group + 3], 2)
        x, y = draws.choices([f"x{group}", f"y{group}", f"z{group}"], k=2)
        [kind] = draws.choices(kinds, [KINDS[kind][1] for kind in kinds])
        text = draws.choice(KINDS[kind][0]).format(
            **{name: f"{name}{group}" for name in "hetwg"},
            x=x,
            y=y,
            s=s,
            r=r,
            o=f"e{1 - group}",
            f=draws.choice(streams[3 - 3 * group :][:3]),
        )
        lines.append(Line(f"with {s}: {text}" if kind in ON_A_STREAM else text, thread, part))
    return in_turn(lines)


def in_turn(program: list[Line]) -> list[Line]:
    """The program where the first thread is the faster one, from meeting to meeting."""
    return sorted(program, key=lambda line: (line.part, line.thread))


def orders(program: list[Line], seed: int) -> list[list[Line]]:
    """The program as it may run: either thread is the faster one, or now this, now that one."""
    mixed, draws = [], random.Random(seed)
    for _, part in groupby(in_turn(program), lambda line: line.part):
        lines = list(part)
        queues = [[line for line in lines if line.thread == thread] for thread in (0, 1)]
        turns = [line.thread for line in lines]
        draws.shuffle(turns)
        mixed += [queues[thread].pop(0) for thread in turns]
    tried = [program, sorted(program, key=lambda line: (line.part, -line.thread)), mixed]
    return [order for k, order in enumerate(tried) if order not in tried[:k]]


AT = r"prog\.py:(\d+)"
INSERT = re.compile(rf"insert `(.*)` before line {AT}(?:, for the event of line {AT})?")
NEW = re.compile(
    rf"insert `done = (.*)` after line {AT} and(, when the threads have met,)? "
    rf"`(.*)` before line {AT}"
)
RECORD = re.compile(rf"call `x(.*)` on the tensor before it is freed at line {AT}")
FINISH = re.compile(
    rf"insert `work\.wait\(\)` before line {AT}; `work` is what \w+ at line {AT} returns"
)
DELETE = re.compile(
    rf"(?:delete the (?:wait|synchronization) at"
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
        elif finish := FINISH.fullmatch(fix):
            here, call = program[int(finish[1]) - 1].text, program[int(finish[2]) - 1].text
            work = re.match(r"with \w+: (w\d) = ", call)[1]
            after[int(finish[2])].append(f"{done} = {work}")
            before[int(finish[1])].append(f"{here.split(': ')[0]}: {done}.wait()")
        elif record := RECORD.fullmatch(fix):
            line = int(record[2])
            freed = re.search(rf"({NAME}|w\d) = |del ({NAME})", program[line - 1].text)
            name = freed[1] or freed[2]
            # Where a new collective's work takes the place of one that still kept a tensor.
            kept = f"{name}._outputs[0]" if name.startswith("w") else name
            before[line].append(kept + record[1])
        else:
            gone.add(int(DELETE.fullmatch(fix)[1]))
    pasted = []
    for k, line in enumerate(program, 1):
        kept = [] if k in gone else [line.text]
        pasted += [replace(line, text=text) for text in (*before[k], *kept, *after[k])]
    return pasted
