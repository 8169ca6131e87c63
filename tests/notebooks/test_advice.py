"""What a reader sees of the lab's own errors, in IPython, in Jupyter and in plain Python."""

import ast
import builtins
import contextlib
import inspect
import io
import re
from operator import attrgetter, itemgetter
from pathlib import Path

import pytest
from new_process import Programs
from notebook_files import code, write
from refresh_notebooks import execute

import mtia_lab
from mtia_lab import errors

programs = Programs()
CELL = """import mtia_lab
def mine():
    mtia_lab.load(devices=99)

x = [k for k in range(3)]
mine()"""
# What a reader gets wrong, and what `except` takes it for.
WRONG = {
    "mtia_lab.check(1)": TypeError,
    "mtia_lab.chekc": AttributeError,
    "mtia_lab.configure('lastest')": RuntimeError,
    "mtia_lab.configure(poison=1)": TypeError,
    "mtia_lab.configure(protect='yes')": TypeError,
    "mtia_lab.launch(3)": TypeError,
    "mtia_lab.launch(us=-1)": ValueError,
    "mtia_lab.launch(effect=3)": TypeError,
    "mtia_lab.Profile(kernel_slots=0)": ValueError,
    "mtia_lab.Profile(launch_us='1')": TypeError,
    "mtia_lab.source('nothing')": KeyError,
    "mtia_lab.draw.timeline(log, since='1')": TypeError,
    "mtia_lab.draw.timeline(log, since=2, until=1)": ValueError,
    "mtia_lab.draw.ladder({})": ValueError,
    "mtia_lab.draw.processes(3)": TypeError,
    "mtia_lab.draw.clauses([])": ValueError,
    "mtia_lab.write_trace(log, 'run.txt')": ValueError,
    "mtia_lab.write_trace(log, 'no/folder/run.json')": FileNotFoundError,
    "mtia_lab.isolated.run('1', timeout='5')": TypeError,
    "mtia_lab.isolated.run('1', timeout=-1)": ValueError,
    "mtia_lab.isolated.run_each({'a': '1'}, '1 / 0')": RuntimeError,
    "mtia_lab.distributed.run(print)": TypeError,
    "mtia_lab.distributed.run(print, ranks=0)": ValueError,
    "mtia_lab.try_guard(3)": TypeError,
}
# Modules that raise what is nobody's advice: Python asks for that very type, somebody who writes
# the lab is meant, the lab itself catches it, or the process has no reader.
NOT_ADVICE = {
    "cache.py": {"AssertionError", "NotADirectoryError", "OSError"},
    "compiler.py": {"OSError", "Refused"},
    "doctor.py": {"_Remark"},
    "folders.py": {"FileNotFoundError", "NotADirectoryError", "Unsafe"},
    "contract/backend.py": {"Broken", "NotReached"},
    "contract/inside.py": {"RuntimeError"},
    "contract/memory.py": {"NotReached"},
    "contract/streams.py": {"NotReached"},
    "contract/users.py": {"NotReached"},
    "distributed/ranks.py": {"NotCopied", "WorkerLeft"},
    "exercises/judges/threads.py": {"KeyError"},
    "exercises/source.py": {"ValueError"},
    "guards/probes.py": {"RuntimeError"},
    "lawbook/tries.py": {"RuntimeError"},
    "log/block.py": {"AttributeError"},
    "log/gpu_trace.py": {"ValueError"},
    "log/saved.py": {"ValueError"},
}


def plain(lines):
    """Lines of a traceback as they stand on the screen, without colors."""
    return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(lines)).splitlines()


def is_advice(lines):
    text = "\n".join(lines)
    assert len(lines) <= 20, text
    assert "mtia_lab.load(devices=99)" in text and "--> 6 mine()" in text
    assert "BadDeviceCount: " in text and "\nWhy: " in text and "\nWhat to do: " in text
    assert ".py" not in text and "raise" not in text
    assert max(map(len, lines)) <= 88, text


@pytest.fixture(scope="module")
def ran():
    wrong = {line: kind.__name__ for line, kind in WRONG.items()}
    setup = f"import io\nCELL = {CELL!r}\nWRONG = {wrong!r}\n{inspect.getsource(is_advice)}"
    return programs.run(setup)


def test_in_jupyter_it_is_the_readers_lines_and_the_message(tmp_path):
    path = write(tmp_path / "wrong.ipynb", code(CELL, tags=["raises-exception"]))
    (error,) = execute(path)[0].cells[0].outputs
    assert error.ename == "BadDeviceCount"
    is_advice(plain(error.traceback))


@programs.test
def test_in_plain_ipython_too():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance(colors="nocolor")
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        shell.run_cell(CELL)
    is_advice(shown.getvalue().splitlines())


@programs.test
def test_what_is_given_wrong_is_the_readers_line_and_a_message():
    import builtins

    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance(colors="nocolor")
    shell.push({"mtia_lab": mtia_lab})
    shell.run_cell("mtia_lab.load()\nwith mtia_lab.record() as log: mtia_lab.launch()")
    for line, kind in WRONG.items():
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            error = shell.run_cell(line).error_in_exec
        text = shown.getvalue()
        assert isinstance(error, getattr(builtins, kind)), (line, error)
        assert f"----> 1 {line}" in text and "raise" not in text, text
        assert f"\n{type(error).__name__}: " in text and text.count("\n") <= 20, text


def raised(tree):
    """The names of the exceptions that code makes and raises."""
    calls = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    names = [call.func for call in calls if isinstance(call, ast.Call)]
    return {name.id for name in names if isinstance(name, ast.Name)}


def bases(tree):
    """The names of the bases of each class that code defines."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {node.name: {ast.unparse(base) for base in node.bases} for node in classes}


def test_every_error_that_a_reader_meets_is_advice():
    package = Path(mtia_lab.__file__).parent
    files = sorted(package.rglob("*.py"))
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}
    known = {name for name in dir(builtins) if is_exception(getattr(builtins, name))}
    for tree in trees.values():
        known |= {name for name, of in bases(tree).items() if of & known and "Advice" not in of}
    found = {str(file.relative_to(package)): raised(tree) & known for file, tree in trees.items()}
    for file in found:
        if file.startswith("exercises/judges/"):
            found[file] -= {"AssertionError"}  # a hint, which check() puts into its words
    assert {file: names for file, names in found.items() if names} == NOT_ADVICE


def is_exception(value):
    return isinstance(value, type) and issubclass(value, Exception)


@programs.test
def test_plain_python_shows_the_whole_traceback():
    import traceback

    try:
        mtia_lab.load(devices=99)
    except errors.BadDeviceCount as error:
        text = "".join(traceback.format_exception(error))
    assert text.startswith("Traceback (most recent call last):\n")
    assert "load.py" in text and "errors.BadDeviceCount: " in text


@programs.test
def test_a_callback_of_the_readers_is_among_his_lines_and_a_cause_is_not():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance(colors="nocolor")
    cell = """
from mtia_lab import errors
def callback():
    try:
        1 / 0
    except ZeroDivisionError as error:
        raise errors.NoCompiler("None.", "why " * 60, "do\\n    as I say") from error
raised = shown = None
try:
    list(map(lambda _: callback(), [1]))
except errors.MTIALabError as error:
    shown = error._render_traceback_()
"""
    shell.push({"mtia_lab": mtia_lab})
    result = shell.run_cell(cell)
    result.raise_error()
    text = "\n".join(shell.user_ns["shown"])
    assert "callback(), [1]" in text and "raise errors.NoCompiler" in text
    assert "ZeroDivisionError:" not in text
    assert text.endswith("What to do: do\n    as I say")


@pytest.mark.parametrize(
    "name, write",
    [
        ("record", "with mtia_lab.record() as log:"),
        ("sanitizer", "with mtia_lab.sanitizer() as report:"),
    ],
)
def test_what_needs_a_with_says_so_when_it_is_used_without(lab, name, write):
    function = getattr(lab, name)
    block = function()
    assert write in repr(block)
    commands, first = attrgetter("commands"), itemgetter(0)
    for use in (len, list, bool, commands, first, lab.summary, lab.draw.timeline, lab.explore):
        with pytest.raises((errors.MTIALabError, TypeError)) as caught:
            use(block)
        assert write in str(caught.value), use
    assert not any(hasattr(block, name) for name in ("commands", "_repr_html_", "__array__"))
    with pytest.raises(TypeError, match="nonsense"):
        function(nonsense=1)
    for _ in range(2):  # it has not been used up
        with block as made:
            lab.launch(us=1)
        kernels = [k for k in getattr(made, "log", made) if getattr(k, "type", "") == "kernel"]
        assert len(kernels) == 1
