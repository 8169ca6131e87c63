"""`python -m mtia_lab run`: a program runs as under Python itself, and what it did is said."""

import json
import re
import subprocess
import sys
import zlib
from base64 import b64decode
from typing import NamedTuple

import pytest

import mtia_lab
from mtia_lab import isolated

HEAD = "import torch\nd = torch.accelerator.current_accelerator()\n"
RACE = f"""{HEAD}
one, two = torch.Stream(d), torch.Stream(d)
with one:
    x = torch.zeros(4, device=d) + 1
with two:
    print((x * 10).tolist())
"""
PROGRAMS = {
    "what a script finds": """'''Words.'''
import sys
print(sys.argv, sys.path[0], sorted(globals()), __name__, __file__, __package__, __spec__, __doc__)
import beside
print(sys.modules["__main__"].sys is sys, beside.__name__)
""",
    "raises": """
def deep():
    try:
        1 / 0
    except ZeroDivisionError as error:
        raise KeyError("own") from error
print("before")
deep()
""",
    "leaves with 0": "import sys\nsys.exit()",
    "leaves with 4": "import sys\nsys.exit(4)",
    "leaves with -1": "raise SystemExit(-1)",
    "leaves with words": "import sys\nsys.exit('so it is')",
    "is not Python": "print(1)\nx = = 2\n",
    "is in Latin-1": "# -*- coding: latin-1 -*-\nprint(ascii('\xe9'))\n",
    "has a thread of its own": """
import threading, time
def later():
    time.sleep(0.05)
    print("later")
threading.Thread(target=later).start()
print("first")
""",
    "has work for the end": "import atexit\nword = 'end'\natexit.register(lambda: print(word))",
    "says itself what went wrong": """
import sys
sys.excepthook = lambda kind, error, traceback: print(kind, error, traceback.tb_lineno)
raise ValueError("no")
""",
    "pickles what it defines": """
import pickle
class Own: pass
print(type(pickle.loads(pickle.dumps(Own()))))
""",
}
MODULES = ["pack.inner", "pack", "pack.fails"]
CUDA = 'MTIA Lab: this program asks for "cuda", which is not emulated: '
SAYS_CUDA = {
    "needs cuda": "import torch\ntorch.ones(3, device='cuda')",
    "makes a stream": "import torch\ntorch.cuda.Stream()",
    "prefers cuda": "import torch\nprint('cuda' if torch.cuda.is_available() else 'cpu')",
}
RIGHT = RACE.replace("with two:", "two.wait_stream(one)\nwith two:")
SET = ["--schedule", "random:7", "--poison", "--protect", "--devices", "3"]
SAVED = ["--record", "race.mtia", "--report", "race.html"]
# What is run: its name, the program, the options before it.
RUNS: dict[str, tuple[str, list[str]]] = {
    **{name: (program, []) for name, program in PROGRAMS.items()},
    **{name: (program, []) for name, program in SAYS_CUDA.items()},
    "race": (RACE, []),
    "race, sanitized": (f"{RACE}import os\nos.chdir('/')\n", ["--sanitize", *SAVED]),
    "right": (RIGHT, ["--sanitize", "--schedule", "latest", "--poison"]),
    "fails": (RACE + "raise SystemExit(5)\n", ["--sanitize"]),
    "threads": (
        f"{HEAD}import threading\ndef later():\n    threading.Event().wait(0.05)\n"
        "    torch.ones(3, device=d)\nthreading.Thread(target=later).start()\n",
        [],
    ),
    "forks": (
        "import os, sys\nif child := os.fork():\n    print(os.waitpid(child, 0)[1])\n",
        [],
    ),
    "asks": (
        "import torch\nfrom mtia_lab.device import configuration\n"
        "schedule, _, *others = configuration()\n"
        "print(schedule, *others, torch.accelerator.device_count())",
        SET,
    ),
    "agnostic": (f"{HEAD}torch.ones(3, device=d)  # or 'cuda'\n1 / 0\n", []),
    "interrupted": (f"{HEAD}torch.ones(2, device=d)\nraise KeyboardInterrupt\n", []),
}
WRONG = {
    "nothing.py": "there is no such file",
    "scripts": "it is a folder",
    "-m nothing.such": "there is no file of a module nothing.such",
    "-m pack.nothing": "there is no file of a module pack.nothing",
    "-m sys": "there is no file of a module sys",
    "--schedule newest race.py": "unknown schedule 'newest'",
    "--devices 99 race.py": "1 to 16 devices",
    "--record race.json race.py": "'race.json' is no name for a log",
    "--report nowhere/race.html race.py": "there is no folder",
}


class Ran(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    said: str


def command(name: str) -> list[str]:
    """What stands behind "run"."""
    if name in RUNS:
        return [*RUNS[name][1], f"scripts/{name}.py", "-v", "--", "--sanitize", "-m"]
    return ["--sanitize", "-m", name, "-m", "word"] if name in MODULES else name.split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with all of them."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "scripts").mkdir()
    (folder / "scripts/beside.py").write_text("")
    for name, (program, _) in RUNS.items():
        encoding = "latin-1" if "latin-1" in program else "utf-8"
        (folder / f"scripts/{name}.py").write_text(program, encoding=encoding)
    for name, text in {
        "__init__": "",
        "__main__": "from .inner import words\nprint(words, __package__)",
        "inner": "import sys\nfrom . import __name__ as above\nwords = 'inner'\n"
        "print(above, sys.argv, __name__, __spec__.name, sys.path[0])\n",
        "fails": "print(1)\nimport nothing_such\n",
    }.items():
        (folder / "pack").mkdir(exist_ok=True)
        (folder / f"pack/{name}.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def ran(folder):
    """All of them, each run once, in a process of its own."""
    code = f"import os, sys\nos.chdir({str(folder)!r})\nfrom mtia_lab.__main__ import main\n"
    names = (*RUNS, *MODULES, *WRONG)
    snippets = {name: f"{code}sys.exit(main(['run', *{command(name)!r}]))" for name in names}
    results = isolated.run_each(snippets, "import mtia_lab.programs.run", timeout=300)
    return {
        name: Ran(
            0 if result.ok else int(result.error.removeprefix("exit code ")),
            result.stdout,
            result.stderr,
        )
        for name, result in results.items()
    }


def python(folder, *words: str) -> Ran:
    ran = subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_script_runs_as_under_python(ran, folder, name):
    status, out, said = python(folder, *command(name))
    assert ran[name][:2] == (status, out)
    assert ran[name].said.startswith(said)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_runs_as_under_python(ran, folder, name):
    status, out, said = python(folder, *command(name)[1:])
    assert ran[name][:2] == (status, out)
    own = said.rpartition("<frozen runpy>")[2].partition("\n")[2]
    assert own.partition("\n")[2] in ran[name].said and "runpy" not in ran[name].said


def test_a_process_of_its_own(folder):
    words = "-m", "mtia_lab", "run", "--sanitize", "--schedule", "latest", "scripts/race.py"
    status, out, said = python(folder, *words)
    assert (status, out) == (3, "[0.0, 0.0, 0.0, 0.0]\n")
    assert "read-after-write race: nothing lets mtia:0/2 wait for mtia:0/1" in said


def test_hazards_are_said_with_both_lines_and_the_fix(ran):
    status, out, said = ran["race, sanitized"]
    assert (status, out) == (3, "[10.0, 10.0, 10.0, 10.0]\n")
    lines = "line race, sanitized.py:6", "line race, sanitized.py:8"
    for part in ("1 hazard", *lines, "fix: insert `", "Summary of "):
        assert part in said


def test_log_and_page_are_saved(ran, folder):
    log = mtia_lab.open_log(folder / "race.mtia")
    page = (folder / "race.html").read_text()
    _, data = (zlib.decompress(b64decode(text)) for text in re.findall(r'"(eJ[^"]+)"', page))
    assert json.loads(data)["sources"]["race, sanitized.py:6"] == "x = torch.zeros(4, device=d) + 1"
    found, _, fix = repr(mtia_lab.find_hazards(log)).partition("fix: ")
    assert found in ran["race, sanitized"].said
    assert "s1 is mtia:0/1" in fix  # the script's own names are in its source, not in the log
    assert {record.site for record in log.commands} >= {"race, sanitized.py:6"}


def test_without_the_sanitizer_it_ends_as_the_program_does(ran):
    status, out, said = ran["race"]
    assert (status, out) == (0, "[10.0, 10.0, 10.0, 10.0]\n")
    assert said.startswith("\nSummary of ") and "mtia:0/2" in said and "hazard" not in said


def test_a_correct_program_ends_with_0(ran):
    assert ran["right"][:2] == (0, "[10.0, 10.0, 10.0, 10.0]\n")
    assert ran["right"].said.startswith("\nno hazards")


def test_the_status_of_a_program_that_fails_is_its_own(ran):
    assert ran["fails"].status == 5 and "1 hazard" in ran["fails"].said


def test_what_a_thread_does_after_the_last_line_is_seen(ran):
    assert "fill_" in ran["threads"].said


def test_a_child_that_a_program_forks_says_nothing(ran):
    assert ran["forks"][:2] == (0, "0\n") and ran["forks"].said.count("Summary") == 1


def test_settings_are_in_force_for_the_program(ran):
    assert ran["asks"][:2] == (0, "random:7 True True 3\n")


@pytest.mark.parametrize("name", SAYS_CUDA)
def test_a_program_that_says_cuda_gets_one_sentence(ran, name):
    assert ran[name].status == (name != "prefers cuda") and ran[name].said.count(CUDA) == 1


def test_other_programs_do_not_get_that_sentence(ran):
    assert ran["agnostic"].status == 1 and CUDA not in ran["agnostic"].said


def test_an_interrupt_is_the_programs_own(ran):
    status, _, said = ran["interrupted"]
    assert status == 130 and said.startswith("Traceback") and "run.py" not in said
    assert "Summary of" in said


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_run_is_said_in_words(ran, name):
    status, out, said = ran[name]
    assert (status, out) == (1, "") and WRONG[name] in said and "Traceback" not in said
