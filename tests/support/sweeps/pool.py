"""Runs sweeps in processes that may die, and finds the row that killed one."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from mtia_lab import isolated
from sweeps.worker import MARK

TIMEOUT = 600  # seconds for a batch


@dataclass
class Report:
    """What sweeps found.

    rows: names of those that ran to their end.
    without_oracle: rows on which the CPU's own process died.
    broken: units whose programs could not be made; a fault of the sweep.
    problems: name of a row -> its program and what differs: (check, expected, got) each.
    """

    rows: list[str] = field(default_factory=list)
    without_oracle: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    problems: dict[str, tuple[str, list]] = field(default_factory=dict)


@dataclass
class _Batch:
    sweep: str
    units: list[str]
    skip: list[str] = field(default_factory=list)
    only_cpu: bool = False

    def code(self, one_in: int) -> str:
        options = f"skip={self.skip!r}, one_in={one_in}, only_cpu={self.only_cpu}"
        return f"worker.work({self.sweep!r}, {self.units!r}, {options})"


def run(
    units: Iterable[tuple[str, list[str]]], calls: str, *, one_in: int = 1, size: int = 40
) -> Report:
    """Run the named units of the named sweeps.

    Args:
        units: sweeps, each with its units.
        calls: the file that `corpus.recorded` made.
        one_in: run a fixed sample of one row in so many.
        size: of a batch, in units.
    """
    waiting = [
        _Batch(sweep, names[i : i + size])
        for sweep, names in units
        for i in range(0, len(names), size)
    ]
    report = Report()
    prelude = f"from sweeps import worker\nworker.prepare({calls!r})"
    with isolated.Server(prelude, timeout=300) as server:
        while waiting:
            code = {str(i): batch.code(one_in) for i, batch in enumerate(waiting)}
            results = server.run_each(code, timeout=TIMEOUT)
            pairs = zip(waiting, results.values(), strict=True)
            waiting = [again for pair in pairs for again in _read(*pair, report)]
    return report


def _read(batch: _Batch, result: isolated.Result, report: Report) -> list[_Batch]:
    """Note what a batch said; return what is still to run if its process died."""
    last, ended = None, False
    for line in result.stdout.split("\n"):
        if not line.startswith(MARK):
            continue
        kind, name, *rest = json.loads(line.removeprefix(MARK))
        last, ended = None, kind == "end"
        if kind == "before":
            last = (name, *rest)
        elif kind == "broken":
            report.broken[name] = rest[0]
        elif kind == "after":
            report.rows.append(name)
            if rest[1]:
                report.problems[name] = (rest[0], rest[1])
    if result.ok:
        if not ended:
            report.broken[f"{batch.sweep}/{batch.units[0]} and on"] = "more output than is kept"
        return []
    if last is None:
        return _died_at_its_end(batch, result, report)
    name, where, *program = last
    if batch.only_cpu or where == "the CPU":
        report.without_oracle[name] = _how(result)
    else:
        report.problems[name] = (program[0], [["crash", "no crash", _how(result)]])
    unit = name.split("/")[1] if name not in batch.units else name
    return [replace(batch, units=batch.units[batch.units.index(unit) :], skip=[*batch.skip, name])]


def _died_at_its_end(batch: _Batch, result: isolated.Result, report: Report) -> list[_Batch]:
    """A row wrote where it may not: find the operator, and whether the CPU alone does it too."""
    if len(batch.units) > 1:
        return [replace(batch, units=[unit]) for unit in batch.units]
    name = f"{batch.sweep}/{batch.units[0]}"
    if not batch.only_cpu:
        report.problems[name] = (batch.units[0], [["crash", "no crash", _how(result)]])
        return [replace(batch, only_cpu=True)]
    report.without_oracle[name] = _how(result)
    report.problems.pop(name, None)
    return []


def _how(result: isolated.Result) -> str:
    return f"{result.error} {result.stderr[-300:]}".strip()


def text(problems: dict[str, tuple[str, list]], at_most: int = 20) -> str:
    """Say what differs, for a reader: the program, what is right, what came."""
    lines = [f"{len(problems)} rows differ from the CPU"]
    for name, (program, found) in list(problems.items())[:at_most]:
        lines.append(f"{name}\n    {program[:500]}")
        for check, expected, got in found:
            lines.append(f"    {check}: right is {expected[:300]}\n    {check}: here {got[:300]}")
    return "\n".join(lines)
