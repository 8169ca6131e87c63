"""tools/precision.py: tests of another device run on this one, and what is found is counted."""

import json

import precision
import pytest

SUITE = """
import unittest
import torch


class TestStreams(unittest.TestCase):
    def test_ordered_by_a_stream(self):
        x, side = torch.ones(4, device="cuda"), torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            y = x + 1
        torch.cuda.current_stream().wait_stream(side)
        assert y.sum().item() == 8

    def test_race_of_a_stream(self):
        x, side = torch.ones(4, device="cuda"), torch.cuda.Stream()
        torch.cuda._sleep(10)
        x.zero_()
        with torch.cuda.stream(side):
            x + 1
        torch.cuda.synchronize()

    def test_wrong_about_a_stream(self):
        assert torch.cuda.Stream() == torch.cuda.current_stream()

    def test_something_else(self):
        pass
"""


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with one file of tests; the data and the page lie beside it."""
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "test_some.py").write_text(SUITE)
    monkeypatch.setattr(precision, "SUITES", {"test_some.py": ""})
    monkeypatch.setattr(precision, "DATA", tmp_path / "precision.json")
    monkeypatch.setattr(precision, "PAGE", tmp_path / "precision.md")
    return tmp_path


def test_what_passes_is_counted_and_a_finding_has_to_be_judged(checkout, monkeypatch):
    assert precision.main([str(checkout)]) == 1
    found = json.loads(precision.DATA.read_text())["test_some.py"]
    race = "TestStreams::test_race_of_a_stream"
    assert found.keys() == {
        race,
        "TestStreams::test_ordered_by_a_stream",
        "TestStreams::test_something_else",
    }
    assert [name for name, said in found.items() if said] == [race]
    assert "| test_some.py | 3 | 1 | 0 | 1 |" in precision.PAGE.read_text()
    monkeypatch.setattr(precision, "TRUE", {race: "nothing orders the two"})
    assert precision.unjudged({"test_some.py": found}) == []
    assert "| test_some.py | 3 | 1 | 1 | 0 |" in precision.page({"test_some.py": found})


def test_what_runs_before_a_test_compiles_is_looked_at(checkout, monkeypatch):
    text = SUITE.replace(
        "        torch.cuda.synchronize()", "        self.fail(torch.compile(len))"
    )
    (checkout / "test" / "test_user_streams.py").write_text(text)
    monkeypatch.setattr(precision, "SUITES", {"test_user_streams.py": ""})
    assert precision.main([str(checkout)]) == 1
    found = json.loads(precision.DATA.read_text())["test_user_streams.py"]
    assert found["TestStreams::test_race_of_a_stream"] and len(found) == 3


def test_of_a_file_the_tests_of_such_names_are_taken():
    text = precision.renamed(precision.extracted(SUITE, r"stream$(?<!race_of_a_stream)"))
    assert "test_ordered_by_a_stream" in text and "test_wrong_about_a_stream" in text
    assert "test_race_of_a_stream" not in text and "test_something_else" not in text
    assert "torch.mtia.Stream()" in text and "cuda" not in text.partition("class ")[2]


def test_a_suite_that_is_none_is_named(checkout, capsys):
    with pytest.raises(SystemExit):
        precision.main([str(checkout), "test_none.py"])
    assert "no suite is called test_none.py: test_some.py" in capsys.readouterr().err
