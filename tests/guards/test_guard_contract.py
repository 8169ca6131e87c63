"""The contract that `%%guard` holds a guard against: each fault breaks its own clauses and no more.

All faults are in one library, chosen by an environment variable, since compiling is what costs.
Those that break different clauses are tried in one process.
"""

import re
from pathlib import Path

import pytest
from guard_faults import BATCHES, CELL, ELSEWHERE, FAULTS, SOURCE
from house_rules import is_there
from torch_headers import virtuals

from mtia_lab import isolated
from mtia_lab.guards import check, library, try_guard
from mtia_lab.guards.contract import BY_KEY, CLAUSES
from mtia_lab.guards.diagnostics import signatures
from mtia_lab.guards.report import BROKEN, NOT_REACHED

TIMEOUT = 60.0  # seconds, for what does not hang
OF_GET_DEFAULT_STREAM = {key for key in BY_KEY if key.startswith("getDefaultStream.")}


@pytest.fixture(scope="module")
def trying(lab_built):
    """Try the guard with some faults; returns the outcomes by key, and what it printed."""
    found = library.libraries(SOURCE)

    def hold(*faults: str, timeout: float = TIMEOUT):
        before = f"import os; os.environ['MUTATIONS'] = {','.join(faults)!r}"
        outcomes, printed = check.check(found, timeout=timeout, before=before)
        assert [outcome.clause for outcome in outcomes] == list(CLAUSES)
        return {outcome.clause.key: outcome for outcome in outcomes}, printed

    return hold


def having(outcomes, status):
    return {key for key, outcome in outcomes.items() if outcome.status == status}


@pytest.mark.parametrize("faults", BATCHES, ids=" + ".join)
def test_a_fault_breaks_its_own_clauses(trying, faults):
    outcomes, _ = trying(*faults)
    expected = set().union(*(FAULTS[fault] for fault in faults))
    assert having(outcomes, BROKEN) == expected
    assert not having(outcomes, NOT_REACHED)
    assert all(outcomes[key].expected != outcomes[key].seen != "" for key in expected)


def test_every_clause_is_broken_by_some_fault_and_every_fault_is_in_the_table():
    assert set().union(*FAULTS.values()) | ELSEWHERE == BY_KEY.keys()
    named = set(re.findall(r'\bis\("([^"]+)"', CELL.read_text(encoding="utf-8")))
    tried = Path(__file__).read_text(encoding="utf-8")
    assert named == {name for name in named if name in FAULTS or f'trying("{name}"' in tried}
    assert FAULTS.keys() <= named


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause.key)
def test_a_clause_says_what_it_rests_on_and_a_caller_where_that_is(clause):
    basis = clause.basis
    assert basis.kind in ("header", "caller", "advice")
    assert bool(basis.who) == (basis.kind == "caller") and basis.who in str(basis)
    assert bool(basis.file) == (basis.kind != "advice") and is_there(basis.file or "advice.cpp")
    built_on_the_guard = clause.method not in signatures()
    assert basis.kind == "caller" or not built_on_the_guard


def test_there_may_be_more_devices(lab_built):
    two = "if (device.index() < 2) real.uncheckedSetDevice(device);"
    guard = f"void uncheckedSetDevice(c10::Device device) const noexcept override {{ {two} }}"
    assert try_guard(guard, timeout=TIMEOUT).ok
    assert try_guard(guard, timeout=TIMEOUT, devices=3).broken == ("uncheckedSetDevice.sets",)


def test_what_is_built_on_a_method_that_throws_is_not_reached(trying):
    outcomes, _ = trying("record throws")
    says = "RuntimeError: no events here"  # the first line of it
    assert outcomes["record.makes"].seen == outcomes["wait_stream.orders"].seen == says
    assert outcomes["block.orders"].status == outcomes["queryEvent.answers"].status == NOT_REACHED
    assert outcomes["block.orders"].seen == says and not outcomes["block.orders"].expected
    assert outcomes["exchangeStream.sets"].status == "kept"


def test_a_crash_is_the_outcome_of_its_clause_and_the_others_are_tried(trying):
    outcomes, _ = trying("getDefaultStream crashes")
    assert having(outcomes, BROKEN) == OF_GET_DEFAULT_STREAM
    crashed = outcomes["getDefaultStream.constant"]
    assert crashed.seen == "the process died in getDefaultStream: killed by SIGSEGV"
    assert crashed.calls == ("getDefaultStream",)
    assert not having(outcomes, NOT_REACHED)


def test_leaving_the_process_is_no_way_out(trying):
    outcomes, _ = trying("getDefaultStream leaves")
    assert having(outcomes, BROKEN) == OF_GET_DEFAULT_STREAM
    seen = outcomes["getDefaultStream.constant"].seen
    assert seen == "the process died in getDefaultStream: exit code 3"


def test_an_exception_out_of_a_noexcept_method_is_named(trying):
    outcomes, _ = trying("uncheckedSetDevice checks")
    assert having(outcomes, BROKEN) == {"uncheckedSetDevice.noexcept"}
    seen = outcomes["uncheckedSetDevice.noexcept"].seen
    assert seen.startswith("an exception left a method that is noexcept in uncheckedSetDevice: ")
    assert "mtia:7" in seen


def test_an_exception_out_of_a_destructor_names_the_method_that_it_left(trying):
    outcomes, _ = trying("exchangeStream throws on the way back")
    words = (
        "an exception was not caught (it left a destructor, or a thread), last in exchangeStream"
    )
    assert outcomes["StreamGuard.unwinds"].seen == f"{words}: too late"
    assert outcomes["exchangeStream.returns"].seen == "RuntimeError: too late"


def test_what_one_clause_leaves_in_the_guard_is_no_fault_of_the_next(trying):
    outcomes, _ = trying("a shadow of the device")
    for key in ("getStream.agrees", "StreamGuard.unwinds"):
        assert outcomes[key].status == "kept", outcomes[key]
    # Set through the hooks, asked through the guard: that its own call before had set the same
    # device is no excuse.
    assert outcomes["exchangeDevice.returns"].status == BROKEN


def test_a_death_between_two_clauses_is_no_fault_of_any(lab_built, monkeypatch):
    started = []
    server = check.server.get()
    monkeypatch.setattr(check.server, "get", lambda: started.append(1) or server)
    dying = (
        "import os, mtia_lab.guards.runner as runner; runner.Runner.reset = lambda _: os.abort()"
    )
    outcomes, _ = check.check(library.libraries(SOURCE), timeout=TIMEOUT, before=dying)
    assert {outcome.status for outcome in outcomes} == {"kept"}
    assert len(started) == 2  # the second one does without


def test_the_methods_without_a_clause_are_these():
    tried = {clause.method for clause in CLAUSES}
    without = {"type", "getDeviceCapability", "isStreamCapturing"}
    assert signatures().keys() - tried == without


def test_a_hang_is_the_outcome_of_its_clause_and_the_rest_is_left_out(trying, monkeypatch):
    monkeypatch.setattr(check, "MOST_HANGS", 1)
    outcomes, _ = trying("getDefaultStream hangs", timeout=4.0)
    keys = list(outcomes)
    at = keys.index("getDefaultStream.constant")
    assert having(outcomes, BROKEN) == {"getDefaultStream.constant"}
    assert outcomes[keys[at]].seen == "the process hung in getDefaultStream"
    assert having(outcomes, NOT_REACHED) == set(keys[at + 1 :])
    assert outcomes[keys[-1]].seen == "1 clause hung before"


def test_a_clause_names_the_calls_that_it_made(trying):
    outcomes, _ = trying()
    calls = ("getDevice", "getStream", "setDevice", "exchangeStream")
    assert outcomes["with stream.enters"].calls == calls
    assert outcomes["exchangeStream.returns"].calls == ("exchangeStream",)
    assert all(outcome.calls for outcome in outcomes.values())


def test_the_forwarding_guard_passes_on_every_method_of_the_interface():
    declared = virtuals("c10/core/impl/DeviceGuardImplInterface.h")
    assert len(declared) > 20
    assert declared <= signatures().keys()
    body = (library.HERE / "forwarding.h").read_text(encoding="utf-8")
    for name in signatures().keys() - {"type"}:
        assert body.count(f'"{name}"') == body.count(f"real.{name}(") == 1


@pytest.mark.parametrize("clause", CLAUSES, ids=BY_KEY)
def test_a_clause_reads_well(clause):
    assert re.fullmatch(r"\w+( \w+)?\.[a-z_]+", clause.key)
    assert clause.sentence.endswith(".") and len(clause.sentence) < 100
    compile(f"{clause.given}\n{clause.do}", clause.key, "exec")
    compile(clause.look, clause.key, "eval")
    compile(clause.expected, clause.key, "eval")


def test_each_clause_begins_at_the_default_on_every_device(lab_built):
    code = (
        "import torch, mtia_lab\n"
        "from mtia_lab.guards.runner import _to_default\n"
        "torch.mtia.set_stream(torch.Stream('mtia:2'))\n"
        "_to_default()\n"
        "print(mtia_lab.state())"
    )
    assert isolated.run(code, devices=3).stdout == "(0, 0, 0, 0)\n"
