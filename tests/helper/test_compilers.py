"""Compilers as they are found on machines: how each is called, and why one fails."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from building import NASTY, script

from mtia_lab import compiler, doctor, errors, toolchain


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """The current and the home folder, with a compiler on the PATH that notes how it was called."""
    for name in ("first", "real"):
        (tmp_path / name).mkdir()
    version = 'case "$*" in *--version*) echo "real g++ 1"; exit;; esac'
    note = f'case "$*" in *"-c "*) printf "%s\\n" "$0" "$@" > "{tmp_path}/note";; esac'
    make = 'while [ "$1" != -o ]; do shift; done; : > "$2"'
    script(tmp_path / "real" / "g++", f"{version}\n{note}\n{make}")
    monkeypatch.setenv("PATH", f"{tmp_path}/first:{tmp_path}/real:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def compile(place, monkeypatch) -> Callable[[], list[str]]:
    """Compiles an empty unit; returns how the compiler was called for that."""
    monkeypatch.setattr(compiler, "_check_opens", lambda library: None)

    def compile() -> list[str]:
        (place / "private").mkdir()
        compiler.compile_library({"answer.cpp": b""}, place, place / "private")
        return (place / "note").read_text().splitlines()

    return compile


# Looks up the program that it is called as, further down the PATH, as ccache and distcc do.
MASK = """
name=$(basename "$0")
case $name in ccache|mask) name=$1; shift;; esac
IFS=:
for folder in $PATH; do
  case $folder in */first) ;; *) [ -x "$folder/$name" ] && exec "$folder/$name" "$@";; esac
done
echo "ccache: error: Could not find compiler \\"$name\\" in PATH" >&2; exit 1
"""
OWN_NAME = (
    'case "$0" in *++) exec "$(dirname "$0")/../real/g++" "$@";; esac\necho "no input" >&2; exit 1'
)


def masquerade(place: Path) -> None:
    script(place / "first" / "mask", MASK)
    (place / "first" / "g++").symlink_to("mask")


def own_name(place: Path) -> None:
    script(place / "first" / "clang++", OWN_NAME)


def ccache(place: Path) -> None:
    script(place / "first" / "ccache", MASK)


def odd(place: Path) -> None:
    (place / NASTY).mkdir()
    script(place / NASTY / "my c++", 'exec g++ "$@"')


def wrap(place: Path) -> None:
    script(place / "wrap", 'exec g++ "$@"')


COMPILERS = {
    "a compiler": (lambda place: None, "g++", ["-c"]),
    "ccache's links first on the PATH": (masquerade, "g++", ["-c"]),
    "one that looks at its own name": (own_name, "clang++", ["-c"]),
    "two words": (ccache, "ccache g++", ["-c"]),
    "words with options": (ccache, "ccache  g++ -m64 '-DX=a b'", ["-m64", "-DX=a b", "-c"]),
    "beside the current folder": (wrap, "./wrap", ["-c"]),
    "below the home folder": (wrap, "~/wrap", ["-c"]),
    "any letters": (odd, "{place}/" + NASTY + "/my c++", ["-c"]),
    "any letters, quoted": (
        odd,
        "'{place}/it'\\''s a näst\"y $folder ✓/my c++' -m64",
        ["-m64", "-c"],
    ),
}


@pytest.mark.parametrize("row", COMPILERS)
def test_a_compiler_is_called_as_the_reader_calls_it(row, compile, place, monkeypatch):
    arrange, chosen, words = COMPILERS[row]
    arrange(place)
    monkeypatch.setenv("CXX", chosen.format(place=place))
    called = compile()
    assert called[0] == str(place / "real" / "g++") or called[0].endswith("/../real/g++")
    assert called[1 : 1 + len(words)] == words
    assert compiler.compiler_version(toolchain.find_compiler()) == "real g++ 1"


def test_a_relative_folder_on_the_path_is_where_it_is_now(compile, place, monkeypatch):
    monkeypatch.setenv("PATH", "real:/bin:/usr/bin")
    monkeypatch.setattr(toolchain, "_COMPILERS", ("g++",))
    assert compile()[0] == str(place / "real" / "g++")


KILLED = "g++: fatal error: Killed signal terminated program cc1plus\ncompilation terminated."
WORKS = 'case "$*" in *-fsyntax-only*) exit 0;; esac'
OLD = "case \"$*\" in *-std=*) echo 'error: unrecognized -std';; *-fsyntax-only*) exit 0;; esac"
MISTAKE = 'answer.cpp:1:5: error: \\"out of memory\\" was not declared'
REFUSALS = {
    "killed": (f'echo "{KILLED}"; exit 1', errors.CompilerKilled, "terminated program cc1plus"),
    "killed without a word": ("kill -9 $$", errors.CompilerKilled, "MAX_JOBS"),
    "killed only with the whole source": (
        f'{WORKS}; echo "{KILLED}"; exit 1',
        errors.CompilerKilled,
        "memory",
    ),
    "no memory": (
        f'{WORKS}\necho "cc1plus: out of memory allocating 65536 bytes"; exit 1',
        errors.CompilerKilled,
        "65536",
    ),
    "too old": (OLD + "; exit 1", errors.CompilerTooOld, "g\\+\\+ 11"),
    "broken": (
        "echo 'cannot execute cc1plus'; exit 1",
        errors.CompilerBroken,
        "cannot execute cc1plus",
    ),
    "broken without a word": ("exit 1", errors.CompilerBroken, "without a word"),
    "a mistake in the source": (
        f'{WORKS}; echo "{MISTAKE}"; exit 1',
        errors.CompileError,
        '"out of memory" was not declared',
    ),
    "the disk is full": ("echo 'No space left on device'; exit 1", OSError, "No space left"),
}


@pytest.mark.parametrize("row", REFUSALS)
def test_why_a_compiler_fails(row, compile, place, monkeypatch):
    text, error, words = REFUSALS[row]
    monkeypatch.setenv("CXX", script(place / "bad-g++", text))
    with pytest.raises(error, match=words) as caught:
        compile()
    assert type(caught.value) is error


@pytest.mark.parametrize("row", ["killed", "too old", "broken"])
def test_the_doctor_says_so_too(row, place, monkeypatch):
    text, _, words = REFUSALS[row]
    monkeypatch.setenv("CXX", script(place / "bad-g++", text))
    monkeypatch.setattr(doctor, "CHECKS", {"compiler": doctor.CHECKS["compiler"]})
    (finding,) = doctor.examine(verbose=True)
    assert finding.verdict == "FAIL" and re.search(words, finding.fact + finding.todo)


@pytest.mark.parametrize("chosen", ["no-such-g++", "no-such-ccache g++", "'g++", "./wrap"])
def test_what_is_no_program_is_said_to_be_none(chosen, compile, monkeypatch):
    monkeypatch.setenv("CXX", chosen)
    with pytest.raises(errors.NoCompiler, match=re.escape(repr(chosen))):
        compile()


@pytest.mark.parametrize("row", ["ccache's links first on the PATH", "two words", "a compiler"])
def test_a_new_compiler_behind_another_program_is_another_build(row, place, monkeypatch):
    arrange, chosen, _ = COMPILERS[row]
    arrange(place)
    monkeypatch.setenv("CXX", chosen)
    first = toolchain.compiler_identity()
    assert toolchain.compiler_identity() == first
    os.utime(place / "real" / "g++", (1, 1))
    second = toolchain.compiler_identity()
    monkeypatch.setenv("CXX", chosen + " -m32")
    assert len({first, second, toolchain.compiler_identity()}) == 3
