"""What a reader sees of the lab's own errors, in IPython, in Jupyter and in plain Python."""

import contextlib
import inspect
import io
import re
from operator import attrgetter, itemgetter

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


@pytest.fixture(scope="module")
def ran():
    return programs.run(f"import io\nCELL = {CELL!r}\n{inspect.getsource(is_advice)}")


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
def test_plain_python_shows_the_whole_traceback():
    import traceback

    try:
        mtia_lab.load(devices=99)
    except errors.BadDeviceCount as error:
        text = "".join(traceback.format_exception(error))
    assert text.startswith("Traceback (most recent call last):\n")
    assert "extension.py" in text and "errors.BadDeviceCount: " in text


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
