"""The runner of PyTorch's own tests: what is counted, what fails on one device alone, and why."""

import re
from types import SimpleNamespace

import pytest
import torch
import upstream
import upstream_run
from upstream_run import outcomes

PASSED, FAILED, SKIPPED = ("passed", ""), ("failed", "it says why"), ("skipped", "it is")
CPU = {
    "TestItCPU::test_adds_cpu": PASSED,
    "TestItCPU::test_sorts_cpu_float32": PASSED,
    "TestItCPU::test_dies_cpu": PASSED,
    "TestItCPU::test_fails_everywhere_cpu": FAILED,
    "TestItCPU::test_of_accelerators_cpu": SKIPPED,
    "TestItCPU::test_of_cpu_tensors_cpu": PASSED,
    "TestItCPU::test_of_no_device_cpu": SKIPPED,
    "TestPlain::test_without_a_device": FAILED,
}
MTIA = {
    "TestItMTIA::test_adds_mtia": PASSED,
    "TestItMTIA::test_sorts_mtia_float32": FAILED,
    "TestItMTIA::test_dies_mtia": ("died", "the process died: SIGSEGV"),
    "TestItMTIA::test_fails_everywhere_mtia": FAILED,
    "TestItMTIA::test_of_accelerators_mtia": FAILED,
    "TestItMTIA::test_of_cpu_tensors_mtia": SKIPPED,
    "TestItMTIA::test_of_no_device_mtia": SKIPPED,
    "TestPlain::test_without_a_device": FAILED,
}
# A file of tests for `run`, which takes four processes to its end.
FILE = """
import os, time, unittest

class TestIt(unittest.TestCase):
    def test_1_passes(self):
        pass

    def test_2_fails(self):
        with self.subTest("of it"):
            self.assertEqual(1, 2, "in /a/folder/file.py")

    def test_3_dies(self):
        os.abort()

    def test_4_hangs(self):
        time.sleep(600)

    def test_5_is_skipped(self):
        self.skipTest("it is")
"""

# A file of FSDP's, with ranks in threads and in processes.
RANKS = """
import torch
import torch.distributed as dist
from torch.testing._internal.common_distributed import skip_if_lt_x_gpu
from torch.testing._internal.common_fsdp import FSDPTest, FSDPTestMultiThread, get_devtype

class Summed:
    @property
    def world_size(self):
        return 2

    @skip_if_lt_x_gpu(2)
    def test_sums(self):
        x = torch.ones(2, device=get_devtype())
        dist.all_reduce(x)
        self.assertEqual((x.device.type, x.tolist()), ("mtia", [2, 2]))

    @skip_if_lt_x_gpu(8)
    def test_takes_eight(self):
        self.fail("there are not eight devices")

class TestThreads(Summed, FSDPTestMultiThread):
    def test_fails(self):
        raise ValueError("why")

class TestProcesses(Summed, FSDPTest):
    pass
"""


def test_all_tests_are_counted_on_each():
    counts = upstream.compared(CPU, MTIA)["counts"]
    assert counts["cpu"] == {"passed": 4, "failed": 2, "skipped": 2}
    assert counts["mtia"] == {"passed": 1, "failed": 4, "died": 1, "skipped": 2}


def test_what_is_skipped_on_mtia_and_runs_on_the_cpu_is_counted_by_what_it_says():
    assert upstream.compared(CPU, MTIA)["skipped only on mtia"] == {"it is": 1}


def test_what_fails_or_dies_on_mtia_and_does_not_fail_on_the_cpu_is_named():
    rows = upstream.compared(CPU, MTIA)["only on mtia"]
    assert {row["said"]: row["tests"] for row in rows} == {
        "it says why": [
            "TestItMTIA::test_sorts_mtia_float32",
            "TestItMTIA::test_of_accelerators_mtia",
        ],
        "the process died: SIGSEGV": ["TestItMTIA::test_dies_mtia"],
    }


def test_a_file_is_run_to_its_end_whatever_its_tests_do(tmp_path, monkeypatch):
    path, out = tmp_path / "test_file.py", tmp_path / "outcomes"
    path.write_text(FILE)
    found = upstream_run.run(path, "", 3, out)
    assert {name.partition("::")[2]: row for name, row in found.items()} == {
        "test_1_passes": PASSED,
        "test_2_fails": ("failed", "AssertionError: 1 != 2 : in file.py"),
        "test_3_dies": ("died", "the process died: SIGABRT"),
        "test_4_hangs": ("died", "it took over 3 seconds"),
        "test_5_is_skipped": SKIPPED,
    }
    monkeypatch.setattr(upstream_run, "_process", None)  # all is known: nothing is run
    assert upstream_run.run(path, "", 3, out) == found


def test_a_file_of_no_use_is_named_and_nothing_is_written(tmp_path, monkeypatch, capsys):
    path = tmp_path / "test" / "test_file.py"
    path.parent.mkdir()
    path.write_text("import os; os.abort()")
    for name, value in {"NOTED": tmp_path, "write": None, "write_table": int}.items():
        monkeypatch.setattr(upstream, name, value)
    monkeypatch.setattr(upstream, "OF_THE_EXTENSION", ("test_file",))
    upstream.main([str(tmp_path), "test_file"])
    assert "test_file.py, : the process died: SIGABRT without a test" in capsys.readouterr().out


def test_ranks_in_threads_and_in_processes_have_the_device(tmp_path):
    path = tmp_path / "distributed" / "test_ranks.py"
    path.parent.mkdir()
    path.write_text(RANKS)
    found = upstream_run.run(path, "mtia", 300, tmp_path / "outcomes")
    kind = "accelerator" if hasattr(torch.accelerator, "random") else "CUDA"  # from torch 2.15 on
    skipped = "skipped", f"Need at least 8 {kind} devices"
    assert found == {
        "TestThreads::test_sums": PASSED,
        "TestThreads::test_takes_eight": skipped,
        "TestThreads::test_fails": (
            "failed",
            "a rank failed, in test_fails: ValueError: why",
        ),
        "TestProcesses::test_sums": PASSED,
        "TestProcesses::test_takes_eight": skipped,
    }


def test_a_process_that_resumes_leaves_out_what_was_noted(tmp_path):
    notes = upstream_run.Notes("mtia", tmp_path / "out")
    notes.out.touch()
    notes.pytest_runtest_logstart("test_it.py::one")
    upstream_run.note(notes.out, "one", "passed", "")
    notes.pytest_runtest_logstart("test_it.py::two")
    upstream_run.note(notes.out, "two", upstream_run.AGAIN, "")
    notes.pytest_runtest_logstart("test_it.py::three")
    names = ("one", "two", "three", "four")
    items = [SimpleNamespace(nodeid=f"test_it.py::{name}") for name in names]
    notes.pytest_collection_modifyitems(items)
    assert [item.nodeid for item in items] == ["test_it.py::two", "test_it.py::four"]


def test_of_a_file_with_tests_made_for_the_device_they_alone_are_run(tmp_path):
    notes = upstream_run.Notes("mtia", tmp_path / "out")
    notes.out.touch()
    names = ["TestMTIABackend::test_it", "TestIt::test_it", "TestItMTIA::test_it_mtia"]
    items = [SimpleNamespace(nodeid=f"test_it.py::{name}") for name in names]
    first_two = items[:2]
    notes.pytest_collection_modifyitems(items)
    assert [item.nodeid for item in items] == ["test_it.py::TestItMTIA::test_it_mtia"]
    notes.pytest_collection_modifyitems(first_two)
    assert len(first_two) == 2


def test_what_dies_after_others_alone_is_not_said_to_pass(tmp_path):
    out = tmp_path / "out"
    for outcome in ("died", upstream_run.AGAIN, "died", "passed"):
        out.touch()
        upstream_run.note(out, "one", outcome, "")
    assert outcomes(out)["one"][0] == "died"


def test_what_failed_is_not_made_good_by_what_follows(tmp_path):
    out = tmp_path / "out"
    out.touch()
    upstream_run.note(out, "one", "failed", "a subtest")
    upstream_run.note(out, "one", "passed", "")
    assert outcomes(out)["one"] == ("failed", "a subtest")


def test_a_failure_has_the_first_reason_that_fits(monkeypatch):
    reasons = (
        ("not supported", upstream.REFUSES, "a list of devices"),
        ("test_b.*not", upstream.OURS, "no"),
    )
    monkeypatch.setattr(upstream, "REASONS", reasons)
    rows = upstream.reasoned({"test_b": "x is not supported", "test_bc": "is not", "c": "is not"})
    assert {(row["class"], *row["tests"]) for row in rows} == {
        (upstream.REFUSES, "test_b"),
        (upstream.OURS, "test_bc"),
        ("", "c"),
    }


def test_the_committed_page_is_made_of_the_committed_data_and_none_is_ours():
    data = upstream.stored()
    assert upstream.TABLE.read_text(encoding="utf-8") == upstream.table(data)
    for name, file in data.items():
        rows = file["only on mtia"]
        said = {test: row["said"] for row in rows for test in row["tests"]}
        assert rows == upstream.reasoned(said), f"{name}: run the tool with --table"
        for row in rows:
            assert row["class"] in (upstream.ASSUMES, upstream.REFUSES), f"{name}: {row['tests']}"
            assert not re.search(r"SIG[A-Z]|took over", row["said"])


def test_what_is_no_checkout_is_named_and_nothing_is_written(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(upstream, "write", None)
    with pytest.raises(SystemExit):
        upstream.main([str(tmp_path)])
    assert "is no checkout of PyTorch" in capsys.readouterr().err
