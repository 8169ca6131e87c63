"""The contract kit: the lab's device keeps every clause, wrong ones do not, nothing is suffered."""

import json
import re
from contextlib import nullcontext
from dataclasses import replace
from xml.etree import ElementTree

import contract_faults
import pytest
import torch
from building import ROOT
from guard_faults import SOURCE
from house_rules import is_there

from mtia_lab import errors, isolated
from mtia_lab.__main__ import main
from mtia_lab.contract import CLAUSES, ContractReport, Outcome, check, hold, inside, test_contract
from mtia_lab.contract.backend import TOO_FAST, Backend
from mtia_lab.guards import library
from mtia_lab.guards.contract import BY_KEY as OF_GUARDS

ALONE = [clause.key for clause in CLAUSES if clause.alone]
BY_KEY = {clause.key: clause for clause in CLAUSES}
# Clauses of the guard that no program without its C++ can see broken, or that need the lab's clock.
NEED_THE_LAB = {
    "uncheckedSetDevice.noexcept",  # called by C++ alone, as are the next two
    "getDefaultStream.constant",
    "getDefaultStream.leaves_current",
    "getNewStream.priority",  # PyTorch keeps no copy of it, and has nobody asked
    "block.unrecorded",  # torch.Event does not ask for the event it never recorded
    "queryEvent.unrecorded",
    "synchronizeEvent.unrecorded",
    "block.later_only",  # to wait for more than asked is slow, not wrong
}
REPORT = ContractReport(
    "warp",
    (
        Outcome(BY_KEY["stream.set"], inside.KEPT),
        Outcome(BY_KEY["stream.query"], inside.BROKEN, "whether it waits: expected no, saw <yes>"),
        Outcome(BY_KEY["stream.launch"], inside.BROKEN, "it waits"),
        Outcome(BY_KEY["stream.device"], inside.NOT_REACHED, "needs 2 devices"),
    ),
)


@pytest.mark.parametrize(
    "clause", [clause for clause in CLAUSES if not clause.alone], ids=lambda clause: clause.key
)
def test_the_simulated_device_keeps_it(lab, clause):
    assert inside.outcome(clause, Backend("mtia")) == (inside.KEPT, "")


def test_clauses_of_their_own_process_are_kept_and_written_for_ci(lab_built, tmp_path, capsys):
    file = tmp_path / "contract.xml"
    assert main(["contract", "mtia", *ALONE, "stream.set", "--junit", str(file)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("PyTorch's contract on mtia: 3 clauses: 3 kept\n")
    cases = ElementTree.parse(file).getroot().findall("testcase")
    assert [case.get("name") for case in cases] == ["stream.set", *ALONE]


def test_wrong_guards_are_found_by_their_own_clauses(lab_built, tmp_path):
    """What breaks one clause is no fault of the next, which is tried in a fresh process."""
    found = library.libraries(SOURCE)
    setup = tmp_path / "setup.py"
    paths = {"guard": str(found.guard), "probes": str(found.probes)}
    code = contract_faults.SETUP.format(fault="block does nothing,queryStream says yes", **paths)
    setup.write_text(code)
    keys = ["order.wait_stream", "order.across_devices", "stream.query", "stream.set"]
    held = hold("mtia", setup=setup, keys=keys)
    assert set(held.broken) == {*keys} - {"stream.set"} and not held
    assert held["order.wait_stream"].seen.endswith("expected True, saw False")


def test_a_backend_that_dies_breaks_one_clause(lab_built, tmp_path):
    setup = tmp_path / "setup.py"
    setup.write_text("import os\ndef slow(flag): os.abort()\n")
    held = hold("mtia", setup=setup, keys=["stream.query", "stream.three_numbers"])
    assert held["stream.query"].seen == "the process died: killed by SIGABRT"
    assert held["stream.three_numbers"].status == inside.KEPT


def test_work_that_is_done_at_once_shows_nothing(lab):
    at_once = Backend("mtia", slow=lambda flag: flag.fill_(1))
    assert inside.outcome(BY_KEY["stream.query"], at_once) == (inside.NOT_REACHED, TOO_FAST)
    status, seen = inside.outcome(BY_KEY["stream.launch"], at_once)
    assert status == inside.BROKEN and seen.startswith("whether the work is done when its launch")


@pytest.mark.parametrize(
    ("error", "status", "seen"),
    [
        (NotImplementedError("Could not run 'aten::eye' with"), "not reached", "needs aten::eye"),
        (RuntimeError("Backend doesn't support events."), "not reached", "needs events"),
        (
            NotImplementedError("You should register `X`by `Y` and implement `Z` at the same time"),
            *("not reached", "needs Z"),
        ),
        (NotImplementedError("no streams"), "broken", "NotImplementedError: no streams"),
        (RuntimeError("a\nb"), "broken", "RuntimeError: a"),
        (RuntimeError("a" * 999), "broken", f"RuntimeError: {'a' * 160}"),
        (KeyError(), "broken", "KeyError"),
    ],
)
def test_an_error_breaks_a_clause_unless_pytorch_says_what_is_missing(lab, error, status, seen):
    def program(backend):
        raise error

    clause = replace(BY_KEY["stream.set"], program=program)
    assert inside.outcome(clause, Backend("mtia")) == (status, seen)


def test_every_wrong_backend_is_seen_or_has_a_reason_why_not():
    data = json.loads(contract_faults.DATA.read_text(encoding="utf-8"))
    broken = data["broken"]
    assert broken.keys() <= contract_faults.ABOUT.keys()
    assert contract_faults.UNSEEN.keys() <= contract_faults.ABOUT.keys()
    unseen = {name for name, keys in broken.items() if not keys}
    assert unseen == contract_faults.UNSEEN.keys() & broken.keys()
    assert {key for keys in broken.values() for key in keys} <= BY_KEY.keys() | {"load()"}
    assert contract_faults.PAGE.read_text(encoding="utf-8") == contract_faults.page(data)


def test_a_pass_over_another_version_begins_anew(monkeypatch, tmp_path):
    data = {"of": contract_faults.version(), "broken": {"guard-capturing": ["stream.launch"]}}
    monkeypatch.setattr(contract_faults, "DATA", tmp_path / "data.json")
    assert contract_faults.begun()["broken"] == {}
    contract_faults.DATA.write_text(json.dumps(data))
    assert contract_faults.begun() == data
    contract_faults.DATA.write_text(json.dumps(data | {"of": "another"}))
    assert contract_faults.begun()["broken"] == {}


def test_the_page_for_authors_shows_what_comes_out():
    page = (ROOT / "docs/backend.md").read_text(encoding="utf-8")
    wrong = "whether it calls pending work done: expected False, saw True"
    assert str(Outcome(BY_KEY["stream.query"], inside.BROKEN, wrong)) in page
    for verdict in {outcome.verdict for outcome in REPORT}:
        assert f"| {verdict} |" in page
    subjects = {clause.key.partition(".")[0] for clause in CLAUSES}
    assert set(re.findall(r"`(\w+)\.[\w*]+`", page)) - {"mtia_lab", "torch"} <= subjects
    named = set(re.findall(r"`(\w+\.\w+)`", page)) - {"torch.accelerator", "torch.Stream"}
    assert named - {"torch.Event"} <= BY_KEY.keys()


class Ends:
    """A server whose processes end so, each in the first clause that it is given, or before any."""

    def __init__(self, error, begun=True):
        self.error, self.begun = error, begun

    def run_each(self, snippets, **how):
        key = re.search(r"\['([\w.]+)'", snippets[""])[1]
        line = f"\n{inside.BEGIN}{key}\n" if self.begun else ""
        return {"": isolated.Result(False, line, self.error)}


def test_a_hang_is_the_outcome_of_its_clause_and_two_end_it():
    wanted = [BY_KEY[key] for key in ("stream.set", "stream.query", "stream.launch")]
    found = dict(check._outcomes(Ends("hung"), "warp", "", wanted, 1))
    assert [(o.status, o.seen) for o in found.values()] == [
        ("broken", "the process hung"),
        ("broken", "the process hung"),
        ("not reached", "2 clauses hung before"),
    ]


def test_where_there_is_no_such_accelerator_that_is_said(monkeypatch, capsys):
    where = "RuntimeError: PyTorch says that there is no accelerator, where warp is expected"
    monkeypatch.setattr(check, "Server", lambda *_, **__: nullcontext(Ends(where, begun=False)))
    assert main(["contract", "warp"]) == 1
    said = capsys.readouterr().err
    assert f"not tried on warp: {where}." in said and "--setup FILE.py" in said


def test_the_labs_own_device_is_built_before_anything_is_timed(monkeypatch):
    done = []
    monkeypatch.setattr(check.build, "ensure", lambda recipe: done.append("built"))
    ended = Ends("hung", begun=False)
    monkeypatch.setattr(
        check, "Server", lambda *_, **__: done.append("timed") or nullcontext(ended)
    )
    for device in ("mtia", "warp"):
        with pytest.raises(errors.ContractNotTried):
            hold(device)
    assert done == ["built", "timed", "timed"]


def test_arguments_are_checked_before_anything_is_started():
    with pytest.raises(errors.WrongArgument, match="give a type of device"):
        hold(3)
    with pytest.raises(errors.UnknownName, match=r"is called 'x'; they are .*stream\.set"):
        hold("mtia", keys=["x"])
    for keys in ("stream.set", 5):
        with pytest.raises(errors.WrongArgument, match=f"keys is {keys!r}; give a list of keys"):
            hold("mtia", keys=keys)
    with pytest.raises(errors.WrongArgument, match="setup is 5; give the path"):
        hold("mtia", setup=5)
    with pytest.raises(errors.WrongValue, match="setup is 'none.py', and there is no such file"):
        hold("mtia", setup="none.py")


def test_another_accelerator_is_not_taken_for_it(lab, tmp_path):
    with pytest.raises(RuntimeError, match="the accelerator is mtia, where warp is expected"):
        inside.prepared("warp")
    (tmp_path / "setup.py").write_text("def slow(flag): ...\nclock = float\nother = 1\n")
    backend = inside.prepared("mtia", str(tmp_path / "setup.py"))
    assert (backend.slow.__name__, backend.module) == ("slow", torch.mtia)


def test_a_report_says_what_broke_where_that_stands_and_what_to_do():
    text = repr(REPORT)
    assert text.startswith(
        "PyTorch's contract on warp: 4 clauses: 1 kept, 1 broken, 1 differs, 1 not reached\n"
    )
    broken = BY_KEY["stream.query"]
    for part in (broken.sentence, broken.basis.file, "2.13", broken.hint, "saw <yes>"):
        assert part in text
    assert "saw &lt;yes&gt;" in REPORT._repr_html_()
    assert REPORT.broken == ("stream.query",) and REPORT.not_reached == ("stream.device",)
    assert not REPORT and REPORT["stream.set"].verdict == "kept" and len(REPORT) == 4
    with pytest.raises(errors.UnknownName, match="was tried on warp"):
        REPORT["event.again"]


def test_junit_counts_what_failed_and_what_was_skipped(tmp_path):
    REPORT.write_junit(tmp_path / "out.xml")
    suite = ElementTree.parse(tmp_path / "out.xml").getroot()
    assert [suite.get(name) for name in ("tests", "failures", "skipped")] == ["4", "1", "2"]
    tags = [[child.tag for child in case] for case in suite]
    assert tags == [[], ["failure"], ["skipped"], ["skipped"]]
    assert "saw <yes>" in suite[1][0].get("message")


@pytest.mark.parametrize(
    ("file", "why"), [("none/out.xml", "there is no folder"), ("out.txt", "let it end in .xml")]
)
def test_where_nothing_can_be_written_nothing_is_tried(monkeypatch, tmp_path, capsys, file, why):
    monkeypatch.setattr(check, "Server", None)
    assert main(["contract", "warp", "--junit", str(tmp_path / file)]) == 1
    assert why in capsys.readouterr().err


def test_pytest_takes_the_kit_by_its_name(monkeypatch, tmp_path, capfd):
    asked = []

    def held(device, *, setup, keys):
        asked.append((device, setup, keys))
        found = {outcome.clause.key: outcome for outcome in REPORT}
        kept = (Outcome(BY_KEY[key], inside.KEPT) for key in keys)
        return ContractReport(device, tuple(found.get(o.clause.key, o) for o in kept))

    monkeypatch.setattr(test_contract, "hold", held)
    keys = [outcome.clause.key for outcome in REPORT]
    chosen = ["-k", " or ".join(keys), "--device=warp", "--setup=my.py"]
    plugins = ["-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", str(tmp_path), "-q"]
    status = pytest.main(["--pyargs", "mtia_lab.contract", *chosen, *plugins])
    assert status == 1 and asked[0][:2] == ("warp", "my.py")
    assert set(keys) <= set(asked[0][2]) < BY_KEY.keys() and len(asked) == 1
    assert "\n1 failed, 3 passed, 2 skipped, " in capfd.readouterr().out

    def refused(device, *, setup, keys):
        raise errors.ContractNotTried("there is none")

    monkeypatch.setattr(test_contract, "hold", refused)
    assert pytest.main(["--pyargs", "mtia_lab.contract", *chosen, *plugins]) == 1
    said = capfd.readouterr().out
    assert "there is none" in said and "raise " not in said


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause.key)
def test_a_clause_says_what_it_rests_on_and_what_to_do(clause):
    assert re.fullmatch(r"\w+\.\w+", clause.key)
    assert clause.sentence.endswith(".") and len(clause.sentence) < 100
    assert clause.hint.endswith(".") and len(clause.hint) < 110
    assert clause.must == (clause.basis.kind != "advice")
    assert is_there(clause.basis.file or "advice.cpp")


def test_each_clause_of_the_guard_has_a_portable_one_or_needs_the_lab():
    covered = {key for clause in CLAUSES for key in clause.covers}
    assert covered | NEED_THE_LAB == OF_GUARDS.keys()
    assert not covered & NEED_THE_LAB
    assert len(BY_KEY) == len(CLAUSES)
