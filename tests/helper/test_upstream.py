"""The runner of PyTorch's own tests: what is counted, what fails on one device alone, and why."""

import json
from collections import Counter

import pytest
import upstream

PASSED, FAILED, SKIPPED = ("passed", ""), ("failed", "it says why"), ("skipped", "")
CPU = {
    "TestItCPU::test_adds_cpu": PASSED,
    "TestItCPU::test_sorts_cpu_float32": PASSED,
    "TestItCPU::test_dies_cpu": PASSED,
    "TestItCPU::test_fails_everywhere_cpu": FAILED,
    "TestItCPU::test_of_another_device_cpu": SKIPPED,
    "TestPlain::test_without_a_device": FAILED,
}
MTIA = {
    "TestItMTIA::test_adds_mtia": PASSED,
    "TestItMTIA::test_sorts_mtia_float32": FAILED,
    "TestItMTIA::test_dies_mtia": ("died", "the process died, or ran past its limit"),
    "TestItMTIA::test_fails_everywhere_mtia": FAILED,
    "TestItMTIA::test_of_another_device_mtia": FAILED,
    "TestPlain::test_without_a_device": FAILED,
}


def test_tests_that_name_a_device_are_counted_on_each():
    counts = upstream.compared(CPU, MTIA)["counts"]
    assert counts["cpu"] == Counter(passed=3, failed=1, skipped=1)
    assert counts["mtia"] == Counter(passed=1, failed=3, died=1)


def test_what_fails_or_dies_on_mtia_and_passes_on_the_cpu_is_named():
    only = upstream.compared(CPU, MTIA)["only on mtia"]
    assert list(only) == ["TestItMTIA::test_sorts_mtia_float32", "TestItMTIA::test_dies_mtia"]
    assert only["TestItMTIA::test_sorts_mtia_float32"]["said"] == "it says why"


def test_a_process_that_resumes_leaves_out_what_was_noted(tmp_path):
    class Item:
        def __init__(self, name):
            self.nodeid = f"test_it.py::{name}"

    notes = upstream.Notes(tmp_path / "out")
    notes.pytest_runtest_logstart("test_it.py::one")
    notes.note("test_it.py::one", "passed", "")
    notes.pytest_runtest_logstart("test_it.py::two")
    assert {name: row[0] for name, row in upstream.outcomes(notes.out).items()} == {
        "one": "passed",
        "two": "died",
    }
    items = [Item("one"), Item("two"), Item("three")]
    notes.pytest_collection_modifyitems(items)
    assert [item.nodeid for item in items] == ["test_it.py::three"]


def test_a_failure_has_the_first_reason_that_fits(monkeypatch):
    reasons = {"not supported": (upstream.REFUSES, "a list of devices"), "not": ("ours", "no")}
    monkeypatch.setattr(upstream, "REASONS", reasons)
    assert upstream.reasoned("x is not supported")["class"] == upstream.REFUSES
    assert upstream.reasoned("x is not so")["why"] == "no"
    assert upstream.reasoned("x")["class"] == ""


def test_the_committed_page_is_made_of_the_committed_data_and_none_is_ours():
    data = json.loads(upstream.DATA.read_text(encoding="utf-8"))
    assert upstream.TABLE.read_text(encoding="utf-8") == upstream.table(data)
    for name, row in upstream.failures(data):
        assert row == upstream.reasoned(row["said"]), f"{name}: run the tool again"
        assert row["class"] != upstream.OURS


def test_what_is_no_checkout_is_named_and_nothing_is_written(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(upstream, "write", None)
    with pytest.raises(SystemExit):
        upstream.main([str(tmp_path)])
    assert "is no checkout of PyTorch" in capsys.readouterr().err
