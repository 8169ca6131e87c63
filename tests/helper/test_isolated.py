"""mtia_lab.isolated: every way a process can end, and that nothing is left behind."""

import glob
import os
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from mtia_lab import isolated
from mtia_lab.isolated import Result

HANG = "import threading; threading.Event().wait()"

ENDINGS = {
    "prints": ("print('hello')", Result(True, "hello\n", None)),
    "writes from C": ("import os; os.write(1, b'raw')", Result(True, "raw", None)),
    "raises": ("print('a')\nraise KeyError('b')", Result(False, "a\n", "KeyError: 'b'")),
    "raises without a message": ("raise ValueError", Result(False, "", "ValueError")),
    "does not compile": (
        "1 +",
        Result(False, "", "SyntaxError: invalid syntax (<code>, line 1)"),
    ),
    "sys.exit()": ("import sys; sys.exit()", Result(True, "", None)),
    "sys.exit(4)": ("import sys; sys.exit(4)", Result(False, "", "exit code 4")),
    "os._exit(3)": ("import os; os._exit(3)", Result(False, "", "exit code 3")),
    "os._exit(0)": ("import os; os._exit(0)", Result(False, "", "exit code 0")),
    "segfaults": (
        "print('before')\nimport ctypes; ctypes.string_at(0)",
        Result(False, "before\n", "killed by SIGSEGV"),
    ),
    "aborts": ("import os; os.abort()", Result(False, "", "killed by SIGABRT")),
    "crashes on the way out": (
        "import atexit, os; atexit.register(os.abort)\nraise ValueError('x')",
        Result(False, "", "ValueError: x; then killed by SIGABRT"),
    ),
    "prints on the way out": (
        "import atexit; atexit.register(print, 'bye')",
        Result(True, "bye\n", None),
    ),
    "is killed by a real-time signal": (
        "import os, signal; os.kill(os.getpid(), 37)",
        Result(False, "", "killed by signal 37"),
    ),
    "closes all that is open": ("import os; os.closerange(0, 1000)", Result(True, "", None)),
    "closes all that is open and raises": (
        "import os; os.closerange(0, 1000); raise ValueError('x')",
        Result(False, "", "ValueError: x"),
    ),
    "raises what cannot be shown": (
        "class Bad(Exception):\n  def __str__(self): raise KeyError\nraise Bad",
        Result(False, "", "Bad: its message cannot be shown"),
    ),
    "raises half a character": (
        "raise ValueError('\\ud800')",
        Result(False, "", "ValueError: \\ud800"),
    ),
    "raises at great length": (
        "raise ValueError('é' * 10**7)",
        Result(False, "", "ValueError: " + "é" * 9_988),
    ),
    "prints what is no text": (
        "import os; os.write(1, bytes([255]) + '☃'.encode() + bytes([0]))",
        Result(True, "\ufffd☃\0", None),
    ),
    "joins its threads": (
        "import threading; threading.Thread(target=print, args=['late']).start()",
        Result(True, "late\n", None),
    ),
    "forks, and both go on to the end": (
        "import os\nif pid := os.fork(): os.waitpid(pid, 0)\nprint('parent' if pid else 'child')",
        Result(True, "child\nparent\n", None),
    ),
    "reads its input": ("input()", Result(False, "", "EOFError: EOF when reading a line")),
    "names a path": (
        "raise OSError('/home/me/lab/x.so: bad, see https://a.org/b/c')",
        Result(False, "", "OSError: …/x.so: bad, see https://a.org/b/c"),
    ),
    "names an address": (
        "raise OSError('<f at 0x7f00deadbeef>')",
        Result(False, "", "OSError: <f at 0x…>"),
    ),
}


class Alive:
    """A named pipe that tells whether a process still holds it open."""

    def __init__(self, path):
        self.name = str(path)
        os.mkfifo(path)
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def is_over(self):
        """Wait for the end of the file: nobody holds it any more."""
        ended, _, _ = select.select([self._reader], [], [], 30)
        return bool(ended) and os.read(self._reader, 1) == b""

    def close(self):
        os.close(self._reader)


@pytest.fixture
def alive(tmp_path):
    made = Alive(tmp_path / "alive")
    yield made
    made.close()


@pytest.fixture(scope="module")
def endings():
    return isolated.run_each({name: code for name, (code, _) in ENDINGS.items()}, prelude="")


@pytest.mark.parametrize("name", ENDINGS)
def test_every_ending_has_its_words(endings, name):
    assert endings[name] == ENDINGS[name][1]


# Each would go on for ever.
HANGING = {
    "prints": "import os\nwhile True: os.write(1, b'x' * 100_000)",
    "fills stderr": "import os\nwhile True: os.write(2, b'x' * 100_000)",
    "ignores signals": f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{HANG}",
    "stops itself": "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
    "goes over to another group": f"import os; os.setpgid(0, os.getpgid(os.getppid()))\n{HANG}",
    "does not leave": "import atexit, threading; atexit.register(threading.Event().wait)",
}


def test_the_timeout_holds_whatever_a_snippet_does():
    """And keeps no other from its result; what is printed is bounded."""
    results = isolated.run_each(HANGING | {"fine": "print(1)"}, "", timeout=2, together=True)
    assert results.pop("fine") == Result(True, "1\n", None)
    assert {name: result.error for name, result in results.items()} == dict.fromkeys(
        HANGING, "hung"
    )
    for text in (results["prints"].stdout, results["fills stderr"].stderr):
        assert text.startswith("xxx") and len(text) < 17 * 2**20


def test_of_what_is_printed_the_first_16_megabytes_are_kept():
    all_of_it, more = (
        isolated.run(
            f"import os, sys; os.write(2, b'z'); sys.stdout.write('x' * ({n} << 20) + 'y')"
        )
        for n in (15, 16)
    )
    assert all_of_it == Result(True, "x" * (15 << 20) + "y", None)
    text, note = more.stdout[: 16 << 20], more.stdout[16 << 20 :]
    assert text == "x" * (16 << 20) and note == "\n[the rest was dropped: 16 MB are kept]\n"
    assert more.ok and more.stderr == "z"


@pytest.mark.parametrize(
    "wrong, error, words",
    [
        ({"timeout": float("nan")}, ValueError, "timeout is nan"),
        ({"timeout": float("inf")}, ValueError, "timeout is inf, but a process gets more than 0"),
        ({"timeout": -1}, ValueError, "timeout is -1"),
        ({"timeout": 0}, ValueError, "timeout is 0"),
        ({"timeout": None}, TypeError, "timeout is None, a NoneType, but"),
        ({"timeout": "5"}, TypeError, "timeout is '5', a str, but"),
        ({"timeout": True}, TypeError, "timeout is True, a bool"),
        ({"devices": "2); print(1"}, TypeError, "devices is .*, a str, but has to be a whole"),
        ({"devices": 2.0}, TypeError, "devices is 2.0, a float"),
        ({"devices": True}, TypeError, "devices is True, a bool"),
    ],
)
def test_arguments_are_looked_at_before_anything_is_started(monkeypatch, wrong, error, words):
    monkeypatch.setattr(isolated.subprocess, "Popen", None)
    for call in (isolated.run, lambda code, **given: isolated.run_each({"a": code}, **given)):
        with pytest.raises(error, match=words):
            call("1", **wrong)


@pytest.mark.parametrize("code", [5, None, b"1"])
def test_code_is_text(monkeypatch, code):
    monkeypatch.setattr(isolated.subprocess, "Popen", None)
    with pytest.raises(TypeError, match="'code' is a .*; give Python code as text"):
        isolated.run(code)
    with pytest.raises(TypeError, match="give a dict"):
        isolated.run_each([code])
    with pytest.raises(TypeError, match="'prelude' is a"):
        isolated.run_each({"a": "1"}, prelude=code)


def test_results_come_in_the_order_given(endings):
    assert list(endings) == list(ENDINGS)


@pytest.mark.parametrize(
    "who_hangs, error", [("True", "hung"), ("os.fork() == 0", None)], ids=["all", "only a child"]
)
def test_no_process_that_a_snippet_started_outlives_it(alive, who_hangs, error):
    code = f"import os\nheld = open({alive.name!r}, 'w')\nif {who_hangs}:\n  os.fork()\n  {HANG}"
    both = isolated.run_each({"hangs": code, "fine": "print(1)"}, prelude="", timeout=1)
    assert both == {
        "hangs": Result(error is None, "", error),
        "fine": Result(True, "1\n", None),
    }
    assert alive.is_over()


def test_the_repr_is_short_and_leaves_out_stderr():
    result = isolated.run("import sys; print('x'); print('y', file=sys.stderr)")
    assert repr(result) == "Result(ok=True, stdout='x\\n', error=None)"
    assert result.stderr == "y\n"


def test_a_fresh_process_has_imported_nothing_of_ours():
    result = isolated.run(
        "import sys; print([m for m in sys.modules if m[:4] in ('torc', 'mtia')])"
    )
    assert result == Result(True, "[]\n", None)


def test_code_is_the_main_module_so_its_functions_can_be_pickled():
    result = isolated.run(
        "import pickle\ndef f(): return 3\nprint(pickle.loads(pickle.dumps(f))())"
    )
    assert result == Result(True, "3\n", None)


def test_the_prelude_runs_once_and_snippets_do_not_see_each_other(tmp_path):
    prelude = f"open({str(tmp_path / 'runs')!r}, 'a').write('x'); seen = []; print('dropped')"
    snippet = "seen.append(1); print(seen)"
    results = isolated.run_each({"a": snippet, "b": snippet, "c": snippet}, prelude)
    assert set(results.values()) == {Result(True, "[1]\n", None)}
    assert (tmp_path / "runs").read_text() == "x"


def test_a_snippets_garbage_is_not_looked_for_in_what_the_prelude_made():
    """That copied all its memory: a quarter of a second for torch and its friends."""
    code = "import gc; mine = [0]; print([kept in gc.get_objects() for kept in (first, mine)])"
    result = isolated.run_each({"": code}, "first = [1]")[""]
    assert result.stdout == "[False, True]\n"


def test_an_imported_library_survives_the_fork():
    snippet = "print(torch.ones(300, 300).matmul(torch.ones(300, 300)).sum().item())"
    results = isolated.run_each({"a": snippet, "b": snippet})
    assert set(results.values()) == {Result(True, "27000000.0\n", None)}


def test_devices_are_loaded_before_the_code():
    count = "print(torch.mtia.device_count())"
    assert isolated.run(f"import torch; {count}", devices=3) == Result(True, "3\n", None)
    each = isolated.run_each({"a": count, "b": count}, devices=1)
    assert set(each.values()) == {Result(True, "1\n", None)}


def test_path_directory_and_environment_are_inherited(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "on_path.py").write_text("x = 5")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("MTIA_LAB_TEST", "given")
    code = """
        import os, on_path
        print(on_path.x, os.path.basename(os.getcwd()), os.environ["MTIA_LAB_TEST"])
    """
    assert isolated.run(textwrap.dedent(code)) == Result(True, "5 here given\n", None)


@pytest.mark.skipif(sys.platform != "linux", reason="no other system says whose they are")
@pytest.mark.parametrize("code", ["pass", "os.kill(os.getpid(), 9)", HANG])
def test_a_daemon_in_a_session_of_its_own_keeps_nobody_waiting_and_is_ended(alive, code):
    daemon = f"""
        import os
        ready, said = os.pipe()
        if os.fork() == 0:
            os.setsid()  # out of reach of the kill of the group
            if os.fork() == 0:
                held = open({alive.name!r}, "w")
                os.write(said, b"!")
                while True:  # it prints as well
                    os.write(1, b"y")
            os._exit(0)
        os.read(ready, 1)
    """
    result = isolated.run(textwrap.dedent(daemon) + code, timeout=2)
    assert result.error == {"pass": None, HANG: "hung"}.get(code, "killed by SIGKILL")
    assert alive.is_over()


def test_nothing_reaches_the_standard_output_of_the_caller(capfd):
    isolated.run("import os; print(1); os.write(1, b'2'); os.write(2, b'3')")
    isolated.run_each({"a": "1"}, prelude="print(1); import os; os.write(1, b'2')")
    assert capfd.readouterr() == ("", "")


def test_a_failing_prelude_is_an_error_of_the_caller():
    with pytest.raises(RuntimeError, match=r"prelude failed.* ModuleNotFoundError: .*no_such"):
        isolated.run_each({"a": "1"}, prelude="import no_such_module")
    with pytest.raises(RuntimeError, match=r"prelude ended its process \(return code 3\)"):
        isolated.run_each({"a": "1"}, prelude="import os; os._exit(3)")


def test_a_prelude_that_hangs_is_killed(monkeypatch):
    monkeypatch.setattr(isolated, "_START_SECONDS", 0)
    monkeypatch.setattr(isolated, "_GRACE_SECONDS", 0.1)
    with pytest.raises(TimeoutError, match="prelude did not end"):
        isolated.run_each({"a": "1"}, prelude=HANG, timeout=0.5)


def test_no_snippets_give_no_results():
    assert isolated.run_each({}, prelude="") == {}


def test_no_zombie_and_no_open_file_is_left(monkeypatch):
    def own():
        """The open files and the children, dead or alive; tests before this one may have some."""
        lists = glob.glob("/proc/self/task/*/children")
        children = [pid for each in lists for pid in Path(each).read_text().split()]
        return len(os.listdir("/dev/fd")), sorted(children)

    isolated.run("1")
    before = own()
    isolated.run("1")
    assert own() == before


@pytest.mark.parametrize("deadly", [signal.SIGINT, signal.SIGKILL])
def test_snippets_end_with_the_process_that_asked_for_them(tmp_path, deadly):
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    hang = f"held = open({str(fifo)!r}, 'w'); held.write('started\\n'); held.flush()\n{HANG}"
    asking = f"""
        import signal
        from mtia_lab import isolated
        # A process that a shell put into the background was born ignoring it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        isolated.run({hang!r})
    """
    caller = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(asking)], stderr=subprocess.DEVNULL
    )
    with open(fifo) as alive:
        assert alive.readline() == "started\n"
        caller.send_signal(deadly)
        assert alive.read() == ""  # returns when the last process that holds the fifo is gone
    assert caller.wait() != 0


@pytest.mark.parametrize("deadly", [signal.SIGINT, signal.SIGKILL])
def test_a_prelude_that_hangs_ends_with_the_process_that_asked_for_it(alive, deadly):
    prelude = f"held = open({alive.name!r}, 'w'); held.write('x'); held.flush()\n{HANG}"
    asking = f"""
        import signal
        from mtia_lab import isolated
        signal.signal(signal.SIGINT, signal.default_int_handler)
        isolated.run_each({{"a": "1"}}, {prelude!r})
    """
    caller = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(asking)], stderr=subprocess.DEVNULL
    )
    with open(alive.name) as started:
        assert started.read(1) == "x"
    caller.send_signal(deadly)
    assert alive.is_over()
    assert caller.wait() != 0


def test_what_a_prelude_started_is_there_for_the_snippets_and_ends_with_the_server(alive):
    prelude = f"""
        import os, sys, subprocess
        echo = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        starting, started = os.pipe()
        if os.fork() == 0:
            os.setsid()
            code = "held = open({alive.name!r}, 'w'); print(flush=True)\\n{HANG}"
            os.dup2(started, 1)
            os.execv(sys.executable, [sys.executable, "-c", code])
        os.read(starting, 1)  # it holds the fifo: a server that ends at once has one to end
    """
    talks = "echo.stdin.write(b'x'); echo.stdin.flush(); print(echo.stdout.read(1))"
    with isolated.Server(textwrap.dedent(prelude)) as server:
        for _ in range(2):
            assert server.run_each({"a": talks})["a"] == Result(True, "b'x'\n", None)
    assert alive.is_over()


def test_a_prelude_may_complain_without_end():
    prelude = "import os\nfor _ in range(100): os.write(2, b'x' * 100_000)\nos._exit(3)"
    with pytest.raises(RuntimeError, match=r"ended its process \(return code 3\)") as raised:
        isolated.run_each({"a": "1"}, prelude)
    assert len(str(raised.value)) < 3 << 20


def test_snippets_end_with_their_server(alive):
    code = f"""
        import os, signal
        held = open({alive.name!r}, "w")
        os.kill(os.getppid(), signal.SIGKILL)
        {HANG}
    """
    with pytest.raises(RuntimeError, match="return code -9"):
        isolated.run(textwrap.dedent(code))
    assert alive.is_over()


def test_a_function_is_run_by_its_source_alone():
    def look():
        print("HANG" in globals())

    assert isolated.run(look) == Result(True, "False\n", None)


@pytest.mark.parametrize("snippet", [lambda: print(1), print, len])
def test_what_has_no_source_of_its_own_is_refused(snippet):
    with pytest.raises(TypeError, match="or a function that a `def` made"):
        isolated.run(snippet)


def test_a_function_whose_source_is_lost_is_refused_before_anything_is_started(monkeypatch):
    monkeypatch.setattr(isolated, "Server", None)
    names = {}
    exec("def lost(): pass", names)
    with pytest.raises(TypeError, match="source of lost cannot be found; write it in a cell"):
        isolated.run(names["lost"])
