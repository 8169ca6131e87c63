"""Notebook 06: which clauses a guard breaks, and guards that keep all."""

import re
from collections.abc import Mapping
from random import Random
from typing import Any

from ...guards import GuardReport, try_guard
from ...guards.contract import CLAUSES
from ...guards.contract.clause import Clause
from ...guards.diagnostics import code, signatures
from ...guards.report import Outcome
from ..check import Answer, Case, Feedback
from ..judge import judge
from ..source import source

REVIEWED = ("exchangeStream", "record", "block")
OWN = ("exchangeDevice", "uncheckedSetDevice")
DRIVER = {"getDevice", "setDevice"}


def colleagues_guard() -> str:
    """The guard to review, as `%%guard` takes it."""
    lines = source("colleague.guard").splitlines()
    return "\n".join(lines[2:-1])  # without the struct around it, and its constructors


def clauses_to_review() -> list[Clause]:
    """The clauses of that guard's methods."""
    return [clause for clause in CLAUSES if clause.method in REVIEWED]


def judge_breaks(answer: Answer) -> Feedback:
    """Judge which clause each method of the colleague's guard breaks."""
    why = (
        "one does more than it is asked, one less, and one makes the host wait in a stream's place"
    )
    if isinstance(answer, Mapping) and all(answer.get(method, ...) is ... for method in REVIEWED):
        answer = ...  # nothing is filled in
    return judge(answer, _break_cases, wants=dict, why=why)


def judge_mended(answer: Answer) -> Feedback:
    """Judge a guard whose three methods keep every clause."""
    why = "a guard does what it is asked, and nothing besides"
    return _judge_report(answer, lambda report: _faults(report, REVIEWED), why)


def judge_mine(answer: Answer) -> Feedback:
    """Judge an exchange and a set that cannot throw, made of two calls."""
    why = "an exchange asks before it sets, and what is noexcept catches whatever is thrown in it"
    return _judge_report(answer, _faults_of_own, why)


def _break_cases(_: Random) -> dict[str, Case]:
    report = try_guard(colleagues_guard())
    return {method: _names_what_breaks(method, report) for method in REVIEWED}


def _names_what_breaks(method: str, report: GuardReport) -> Case:
    words = {o.clause.key.rpartition(".")[2]: o for o in report if o.clause.method == method}

    def case(answers: Any) -> Any:
        said = answers.get(method, ...)
        if said is ...:
            return "not started"
        word = said.rpartition(".")[2] if isinstance(said, str) else said
        if not isinstance(said, str) or said not in (word, f"{method}.{word}") or word not in words:
            return f"{said!r} is none of its clauses: {', '.join(words)}"
        outcome = words[word]
        return outcome.clause.key in report.broken or f"{word!r} is kept: {outcome.clause.sentence}"

    return case


def _judge_report(answer: Answer, faults: Any, why: str) -> Feedback:
    if isinstance(answer, GuardReport) and not answer.started:
        answer = ...
    return judge(answer, lambda _: {"your guard": faults}, wants=GuardReport, why=why)


def _faults(report: GuardReport, methods: tuple[str, ...]) -> str | None:
    """What is wrong with a guard that has to override these methods, or None."""
    if report.errors:
        return f"it does not compile: {report.errors[0]}"
    if lacking := [method for method in methods if method not in report.overrides]:
        return f"it does not override {' and '.join(lacking)}"
    broken = [report[key] for key in report.broken]
    if broken:
        first, *others = sorted(broken, key=lambda o: o.clause.method not in report.overrides)
        more = [f"; and {', '.join(o.clause.key for o in others[:3])}"] if others else []
        more += [f" and {len(others) - 3} more"] if others[3:] else []
        return f"it breaks {first.clause.key}: {_said(first)}{''.join(more)}"
    if report.not_reached:
        return f"{report.not_reached[0]} was not reached: {report[report.not_reached[0]].seen}"
    return None


def _said(outcome: Outcome) -> str:
    """What a broken clause promises, and what was seen instead, of what."""
    fault = outcome.seen
    if outcome.expected and not outcome.raised:
        fault = f"{outcome.clause.look} gives {outcome.seen}, expected {outcome.expected}"
    return f"{outcome.clause.sentence} ({fault})"


def _faults_of_own(report: GuardReport) -> str | None:
    found = _faults(report, OWN)
    if found is None and (others := _other_calls(report.source)):
        return (
            f"it calls {' and '.join(sorted(others))}, and was to do with getDevice and setDevice"
        )
    if found is None and (found := _faults(try_guard(report.source, devices=3), OWN)):
        return f"with three devices instead of two, {found}"
    return found


def _other_calls(cell: str) -> set[str]:
    """The guard's methods that a cell calls on something else than itself, but for the driver's."""
    calls = re.findall(r"(?<!\bthis)(?:\.|->|::)\s*(\w+)\s*\(", code(cell))
    return {*calls} & signatures().keys() - DRIVER
