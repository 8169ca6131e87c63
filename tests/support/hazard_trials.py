"""Runs random programs, judges them by the checker and by the oracle, and counts."""

import pickle
import threading
from dataclasses import dataclass
from queue import SimpleQueue

import same
import torch
import torch.distributed as dist
from hazard_lines import SIZE, in_turn, orders, paste
from hazard_oracle import Life, Oracle, Work, judge


@dataclass
class Tally:
    """What was tried, and what was found in it."""

    programs: int = 0
    runs: int = 0  # each judged by both
    racing: int = 0  # runs of which the oracle says that something races
    found: int = 0  # of those, the ones where the checker finds something
    findings: int = 0
    true: int = 0  # of the findings, those that the oracle knows
    rounds: int = 0  # of fixes pasted
    fixes: int = 0
    hints: int = 0  # pasted: what they delete was needless, in every order
    across: int = 0  # of those, in programs of two threads


@dataclass
class Outcome:
    """What became of a program: the report, the lines that race, and the values it left."""

    report: object
    races: set
    values: list


class Idle:
    """What a variable for a collective's work holds before there is one."""

    def wait(self) -> None:
        """There is nothing to wait for."""

    def get_future(self) -> "Idle":
        return self


def run(lab, program: list, names: dict) -> Outcome:
    """Run a program and judge it by both; ``names`` are its streams and groups."""
    scope = {"torch": torch, "dist": dist, "pickle": pickle, **names}
    for group in "01":
        for k, name in enumerate("xyz"):
            scope[name + group] = (torch.arange(float(SIZE)) % 7 + k).to("mtia")
        scope["h" + group] = torch.ones(SIZE, pin_memory=True)
        scope["e" + group], scope["t" + group] = torch.Event("mtia"), 0.0
        scope["w" + group] = Idle()
    torch.mtia.synchronize()
    oracle, tensors = Oracle(), [name + group for group in "01" for name in "xyzh"]
    oracle.lives = {name: Life(name.startswith("h")) for name in tensors}
    oracle.works = {"w0": Work(), "w1": Work()}
    other = Worker(scope)
    try:
        with lab.sanitizer() as report:
            for number, line in enumerate(program, 1):
                before = {name: scope[name].data_ptr() for name in tensors}
                text = "\n" * (number - 1) + line.text
                # The first thread is the one that checks: it sees waits for nothing as well.
                other.run(text) if line.thread else exec(compile(text, "prog.py", "exec"), scope)
                after = {name: scope[name].data_ptr() for name in tensors}
                judge(oracle, number, line.text, before, after)
            assert repr(report)
    finally:
        other.stop()
    torch.mtia.synchronize()
    values = [scope[name].cpu().clone() for name in tensors]
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


class Trial:
    """A program that is mended until nothing races in it, and then rid of what is needless.

    Args:
        lab: the lab, loaded and idle.
        names: the program's streams and groups.
        tally: where to count.
        seed: which order of two threads to try besides the two where one of them is faster.
    """

    def __init__(self, lab, names: dict, tally: Tally, seed: int) -> None:
        self._lab, self._names, self._tally, self._seed = lab, names, tally, seed

    def judged(self, program: list) -> Outcome:
        """Run it. What is found races, and if anything races something is found."""
        outcome, tally = run(self._lab, program, self._names), self._tally
        pairs = [tuple(int(s.site.split(":")[1]) for s in sides(f)) for f in outcome.report]
        tally.runs += 1
        tally.racing += bool(outcome.races)
        tally.found += bool(pairs) and bool(outcome.races)
        tally.findings += len(pairs)
        tally.true += sum(pair in outcome.races for pair in pairs)
        wrong = set(pairs) - outcome.races
        assert not wrong, f"false alarm: {wrong}\n{shown(program)}\n{outcome.report}"
        assert bool(pairs) == bool(outcome.races), f"missed: {outcome.races}\n{shown(program)}"
        return outcome

    def run(self, program: list) -> None:
        """All of it."""
        self._lab.configure("latest")
        self._tally.programs += 1
        program = self._without_hints(self._mended(program))
        self._lab.configure("blocking")
        right = run(self._lab, program, self._names).values
        self._lab.configure("latest")
        for order in orders(program, self._seed):
            for got, expected in zip(self.judged(order).values, right, strict=True):
                same.assert_equal(got, expected)

    def _mended(self, program: list) -> list:
        """Every fix pasted, whichever thread is faster, until there is none."""
        rounds = 0
        while order_and_report := self._racing(program):
            order, report = order_and_report
            program, rounds = in_turn(paste(order, report, f"{rounds}")), rounds + 1
            self._tally.rounds += 1
            self._tally.fixes += len(report)
            assert rounds < 12, shown(program)
        return program

    def _racing(self, program: list) -> tuple | None:
        for order in orders(program, self._seed):
            if report := self.judged(order).report:
                return order, report
        return None

    def _without_hints(self, program: list) -> list:
        """What is said to be needless deleted: the program stays right in every order."""
        for _ in range(2):
            for order in orders(program, self._seed):
                hints = self.judged(order).report.hints
                if not hints:
                    continue
                program = in_turn(paste(order, hints, "hint"))
                self._tally.hints += len(hints)
                self._tally.across += len(hints) if any(line.thread for line in order) else 0
                bad = self._racing(program)
                assert not bad, f"not needless: {hints}\n{shown(order)}\n{bad and bad[1]}"
                break
        return program


def sides(finding) -> tuple:
    return finding.first, finding.second


def shown(program: list) -> str:
    return "\n".join(
        f"{k} [{line.thread}/{line.part}] {line.text}" for k, line in enumerate(program, 1)
    )
