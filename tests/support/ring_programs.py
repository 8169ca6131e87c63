"""Random loops over a ring of buffers, whose events are unrecorded in the first rounds.

A program is the lines of a function body. Rounds that come later than those that were recorded must
go on being right, whatever the sanitizer said of the earlier ones.
"""

import linecache
import random
import re
from functools import cache, partial

import torch

SIZE, SLOTS, ROUNDS = 64, 2, 6
MADE_EARLY = "    for event in used: event.record(working)"
LOOP = "    for k in range(rounds):"
FREE = ["copying.wait_event(used[i])", "used[i].wait(copying)", "copying.wait_stream(working)"]
FREE += ["used[i].synchronize()", "torch.mtia.synchronize()"]
READY = ["working.wait_event(ready[i])", "ready[i].wait(working)", "working.wait_stream(copying)"]
READY += ["ready[i].synchronize()", "copying.synchronize()"]
OUT = ["left[i].synchronize()", "working.synchronize()"]
MORE = [*FREE, *READY, *OUT, "spare.wait_event(ready[i])", "working.wait_event(spare_event)"]
MORE += ["used[i].query()", "working.query()", "spare_event.record(spare)", "ready[i].query()"]
MORE += ["spare_event.synchronize()", "copying.wait_stream(spare)", "torch.mtia.synchronize()"]
DO = {
    "copy": "with copying: buffers[i].copy_(sources[k])",
    "ready": "ready[i].record(copying)",
    "work": "with working: total.add_(buffers[i]).mul_(2)",
    "used": "used[i].record(working)",
    "down": "with working: outs[i].copy_(total, non_blocking=True)",
    "left": "left[i].record(working)",
}


def random_ring(seed: int) -> list[str]:
    """Lines; a step that orders two others may be missing, and there may be needless ones."""
    draws = random.Random(seed)
    body = ["i = k % 2", draws.choice(FREE), DO["copy"], DO["ready"], draws.choice(READY)]
    body += [DO["work"], DO["used"]]
    if draws.random() < 0.6:
        body += [draws.choice(OUT), DO["down"], DO["left"], draws.choice(OUT)]
        body += ["seen.append(outs[i].sum())"]
    for line in [line for line in body if line in FREE + READY + OUT]:
        if draws.random() < 0.2:
            body.remove(line)
    for _ in range(draws.randrange(4)):
        body.insert(draws.randrange(1, len(body) + 1), draws.choice(MORE))
    made = [MADE_EARLY, "    torch.mtia.synchronize()"] if draws.random() < 0.3 else []
    return ["def ring(rounds):", *made, LOOP, *(f"        {line}" for line in body)]


@cache
def streams():
    """By the names that the program gives them, and by those that a report may."""
    named = {name: torch.Stream("mtia") for name in ("copying", "working", "spare")}
    return named | {f"s{stream.stream_id}": stream for stream in named.values()}


def run(lab, folder, text: list[str], rounds: int):
    """The report on so many rounds, and the values that they leave."""
    scope = dict(streams())
    scope |= {
        name: [torch.Event("mtia") for _ in range(SLOTS)] for name in ("used", "ready", "left")
    }
    scope |= {"torch": torch, "seen": [], "spare_event": torch.Event("mtia")}
    scope["sources"] = [torch.full((SIZE,), k + 1.0, device="mtia") for k in range(ROUNDS)]
    scope["buffers"] = [torch.zeros(SIZE, device="mtia") for _ in range(SLOTS)]
    scope["outs"] = [torch.zeros(SIZE, pin_memory=True) for _ in range(SLOTS)]
    scope["total"] = torch.zeros(SIZE, device="mtia")
    file = folder / "ring.py"
    file.write_text("\n".join(text) + "\n")
    linecache.checkcache(str(file))
    exec(compile(file.read_text(), str(file), "exec"), scope)
    torch.mtia.synchronize()
    with lab.sanitizer() as report:
        scope["ring"](rounds)
        assert repr(report)
    torch.mtia.synchronize()
    return report, [scope["total"].sum().item(), *(value.item() for value in scope["seen"])]


def expected(text: list[str], rounds: int) -> list[float]:
    """What the values are if each line is done before the next begins."""
    total, sums = 0.0, []
    for k in range(rounds):
        total = 2 * (total + k + 1)
        sums.append(SIZE * total)
    return [SIZE * total, *(sums if any("seen.append" in line for line in text) else [])]


AT = r"\S*ring\.py:(\d+)"
FOR = rf"(?:, for the event of line {AT}(?:, `(.*)` there)?)?"
INSERT = re.compile(rf"insert `(.*)` before line {AT}{FOR}")
NEW = re.compile(rf"insert `(?:done = (.*))` after line {AT} and `(.*)` before line {AT}")
MADE = re.compile(
    r"make `done = torch.Event\(\)` first, "
    rf"insert `(.*)` after line {AT} and `(.*)` before line {AT}"
)
DELETE = re.compile(
    rf"(?:delete the (?:wait|synchronization) at"
    rf"|record the event before) line {AT}(?:, or delete the wait there)?"
)


def paste(text: list[str], findings, mark: str) -> list[str]:
    """The program after doing what the findings say; ``mark`` makes names new."""
    before: dict[int, list[str]] = {k: [] for k in range(1, len(text) + 1)}
    after: dict[int, list[str]] = {k: [] for k in before}
    first, gone = [], set()
    for number, finding in enumerate(findings):
        fix, renamed = finding.fix, partial(re.sub, r"\bdone\b", f"done_{mark}_{number}")
        if made := MADE.fullmatch(fix):
            first.append(renamed("    done = torch.Event()"))
            after[int(made[2])].append(renamed(made[1]))
            before[int(made[4])].append(renamed(made[3]))
        elif new := NEW.fullmatch(fix):
            after[int(new[2])].append(renamed(f"done = {new[1]}"))
            before[int(new[4])].append(renamed(new[3]))
        elif insert := INSERT.fullmatch(fix):
            event = insert[4] or (
                insert[3] and text[int(insert[3]) - 1].split(".record")[0].strip()
            )
            named = re.sub(r"\bevent\b", event, insert[1]) if event else insert[1]
            before[int(insert[2])].append(named)
        else:
            gone.add(int(DELETE.fullmatch(fix)[1]))
    pasted = []
    for k, line in enumerate(text, 1):
        if line == LOOP:
            pasted += first
        kept = [] if k in gone else [line.strip()]
        indent = line[: len(line) - len(line.lstrip())]
        pasted += [indent + each for each in (*before[k], *kept, *after[k])]
    return pasted
