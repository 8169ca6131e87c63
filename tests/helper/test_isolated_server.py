"""The processes that mtia_lab.isolated forks from: servers, and those that are kept."""

import ast
import os

import pytest

from mtia_lab import isolated

HANG = "import threading; threading.Event().wait()"


def test_a_wrong_argument_leaves_a_server_as_it_is():
    with isolated.Server("") as server:
        with pytest.raises(ValueError, match="timeout"):
            server.run_each({"a": "1"}, timeout=-1)
        assert server.run_each({"a": "1"})["a"].ok


def test_a_server_runs_its_prelude_once_and_request_after_request(tmp_path):
    prelude = f"open({str(tmp_path / 'runs')!r}, 'a').write('x')"
    files = {"files": "import os; print(len(os.listdir('/dev/fd')))"}
    with isolated.Server(prelude) as server:
        first = server.run_each(files)
        assert server.run_each({"dies": "import os; os.abort()"})["dies"].error
        assert server.run_each({"hangs": HANG}, timeout=1)["hangs"].error == "hung"
        later = [server.run_each(files) for _ in range(5)]
        assert not server.closed and later == [first] * 5, "it keeps files open"
    assert server.closed and (tmp_path / "runs").read_text() == "x"


def test_a_server_that_is_gone_says_so_and_is_closed():
    with isolated.Server("") as server:
        server.run_each({"a": "1"})
        with pytest.raises(RuntimeError, match=r"ended its process \(return code -9\)"):
            server.run_each({"kills": "import os, signal; os.kill(os.getppid(), signal.SIGKILL)"})
        assert server.closed


def test_a_forked_process_does_not_share_its_parents_server():
    with isolated.Server("") as server:
        server.run_each({"a": "1"})
        pid = os.fork()
        if pid == 0:
            os._exit(0 if server.closed else 1)
        assert os.waitpid(pid, 0)[1] == 0 and not server.closed
        assert server.run_each({"a": "1"})["a"].ok


def test_a_kept_server_is_the_same_until_what_it_took_over_changes(monkeypatch):
    kept = isolated.KeptServer("")
    try:
        first = kept.get()
        assert first.run_each({"a": "1"})["a"].ok and kept.get() is first
        monkeypatch.setenv("PYTEST_CURRENT_TEST", "another one")
        assert kept.get() is first, "each test would start one"
        monkeypatch.setenv("COLOR_OF_THE_DAY", "red")
        second = kept.get()
        assert first.closed
        red = second.run_each({"a": "import os; print(os.environ['COLOR_OF_THE_DAY'])"})["a"]
        assert red.stdout == "red\n"
        second.close()
        assert kept.get() is not second and not kept.get().closed
    finally:
        kept.stop()
    assert kept.get() is not second, "it starts anew after stop()"
    kept.stop()


@pytest.mark.parametrize(
    ("prelude", "kept"),
    [
        ("import torch", True),
        ("import contextlib, torch\nimport mtia_lab as lab", True),
        ("import os", False),  # faster from nothing
        ("import torch, no_such_module_but_in_this_folder", False),
        ("from torch import nn", False),
        ("import torch; torch.manual_seed(1)", False),
    ],
)
def test_what_has_only_imported_torch_is_kept_for_the_next_call(
    prelude, kept, tmp_path, monkeypatch
):
    (tmp_path / "no_such_module_but_in_this_folder.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    names = "{name for name in vars() if name[0] != '_'}"
    snippet = {"": f"import os; print(os.getppid(), {names})"}
    said = [isolated.run_each(snippet, prelude)[""].stdout for _ in range(2)]
    (first, names), (second, _) = (line.split(maxsplit=1) for line in said)
    assert (first == second) == kept
    exec(prelude, here := {})
    assert ast.literal_eval(names) == {"os", *here} - {"__builtins__"}


def test_who_comes_while_it_is_in_use_gets_a_process_of_its_own(monkeypatch):
    monkeypatch.setattr(isolated, "_imported", isolated.KeptServer("None"))
    with isolated._imported.lock:
        assert isolated.run_each({"": "print(torch.__name__)"})[""].stdout == "torch\n"
    assert isolated._imported._server is None
