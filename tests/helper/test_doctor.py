"""The command line: what it says, and the exit status it says it with."""

import os

import pytest
from building import pretend, script, write_sources

from mtia_lab import __main__, doctor


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """An empty cache and small sources, whose device is not really there."""
    monkeypatch.setenv("MTIA_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MTIA_LAB_SOURCES", str(write_sources(tmp_path / "sources")))
    return tmp_path / "cache"


def results() -> dict[str, doctor.CheckResult]:
    return {result.item: result for result in doctor.examine()}


def test_on_a_good_machine_nothing_fails_and_each_item_has_a_line(capsys):
    assert __main__.main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for item in doctor.CHECKS:
        assert any(line.startswith(item) and line.split()[1] in ("ok", "warn") for line in lines)
    assert lines[-1] == "Nothing fails; 2 to look at (warn)."  # it is not built yet


def test_all_is_well_only_if_there_is_nothing_to_look_at(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "CHECKS", {"sources": doctor.CHECKS["sources"]})
    assert __main__.main(["doctor"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "All is well."


def test_what_is_not_built_yet_is_said_and_is_no_failure():
    found = results()
    assert found["build"].verdict == found["device"].verdict == "warn"
    assert "python -m mtia_lab build" in found["build"].todo


def test_a_missing_compiler_fails_with_what_to_do(monkeypatch, capsys):
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert __main__.main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "compiler   FAIL" in out and "-> unset CXX" in out
    assert out.splitlines()[-1].startswith("1 of ")


def test_an_old_compiler_fails(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", script(tmp_path / "old-g++", "echo 'old c++ 1.0'; exit 1"))
    assert results()["compiler"].verdict == "FAIL"


def test_a_cache_that_cannot_be_written_is_a_warning(own_cache):
    own_cache.write_text("a file, not a folder")
    cache = results()["cache"]
    assert cache.verdict == "warn" and "MTIA_LAB_CACHE" in cache.fact


def test_a_rival_backend_is_a_warning(monkeypatch):
    monkeypatch.setattr(doctor.torch._C, "_get_privateuse1_backend_name", lambda: "rival")
    process = results()["process"]
    assert process.verdict == "warn" and "'rival'" in process.fact


def test_a_device_that_does_not_load_in_a_new_process_fails(tmp_path, monkeypatch, capsys):
    assert __main__.main(["build"]) == 0
    device = results()["device"]  # these sources register nothing with torch
    assert device.verdict == "FAIL" and "python -m mtia_lab clean" in device.todo


def test_the_real_device_loads_in_a_new_process(monkeypatch):
    monkeypatch.delenv("MTIA_LAB_CACHE")
    monkeypatch.delenv("MTIA_LAB_SOURCES")
    device = results()["device"]
    assert (device.verdict, device.fact) in [
        ("ok", "MTIA Lab: 2 simulated devices, ready"),
        ("warn", "not tried, because it is not built yet"),
    ]


def test_build_says_whether_it_had_to(tmp_path, monkeypatch, capsys):
    (tmp_path / "library").write_bytes(b"no library")
    pretend(tmp_path / "library", monkeypatch)
    assert __main__.main(["build"]) == 0
    assert "is built, in" in capsys.readouterr().out
    assert __main__.main(["build", "--verbose"]) == 0
    out = capsys.readouterr().out
    assert "was built already" in out and str(tmp_path) in out and "10 bytes" in out


def test_build_shows_each_step_and_verbose_each_command(capsys):
    assert __main__.main(["build", "--verbose"]) == 0
    out = capsys.readouterr().out
    assert "[1/3] " in out and "[3/3] link" in out and " -O1 " in out


def test_a_failed_build_is_told_without_a_traceback(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert __main__.main(["build"]) == 1
    err = capsys.readouterr().err
    assert "What to do: " in err and "Traceback" not in err


def test_clean_deletes_all_builds(tmp_path, monkeypatch, capsys, own_cache):
    (tmp_path / "library").write_bytes(b"no library")
    pretend(tmp_path / "library", monkeypatch)
    __main__.main(["build"])
    assert __main__.main(["clean", "--verbose"]) == 0
    out = capsys.readouterr().out
    assert "All builds are deleted." in out and str(own_cache) in out
    assert not [name for name in os.listdir(own_cache) if name.startswith("build-")]


def test_no_command_shows_what_there_is(capsys):
    with pytest.raises(SystemExit):
        __main__.main([])
    assert "COMMAND" in capsys.readouterr().err
