"""Building once: what is told apart, what goes wrong, what other processes may do meanwhile."""

import dataclasses
import errno
import multiprocessing
import os
import pickle
import signal
import subprocess
from pathlib import Path

import platformdirs
import pytest
from building import NASTY, answer, pretend, quietly, recipe, script, write_sources

from mtia_lab import build, cache, compiler, errors, folders, progress, toolchain
from mtia_lab.cache import LIBRARY, Cache

fork = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    """A small library, really compiled."""
    folder = tmp_path_factory.mktemp("library")
    sources = write_sources(folder / "sources")
    with pytest.MonkeyPatch.context() as monkeypatch:
        return quietly(recipe(sources, monkeypatch), folder / "cache").library


@pytest.fixture
def wanted(tmp_path, monkeypatch) -> build.Recipe:
    """The recipe of a small library."""
    return recipe(write_sources(tmp_path / "sources"), monkeypatch)


# The fingerprint


def test_a_second_time_nothing_is_built(wanted, library, tmp_path, monkeypatch):
    compiled = pretend(library, monkeypatch)
    first, second = quietly(wanted, tmp_path / "cache"), quietly(wanted, tmp_path / "cache")
    assert (first.cached, second.cached, len(compiled)) == (False, True, 1)
    assert first.library == second.library and answer(second) == 42


@pytest.mark.parametrize("name", ["answer.cpp", "inner/value.h"])
def test_a_changed_or_renamed_source_is_another_build(name, wanted, monkeypatch):
    path = wanted.origin / name
    path.write_text(path.read_text() + "// changed\n")
    changed = recipe(wanted.origin, monkeypatch)
    path.rename(path.with_name("renamed" + path.suffix))
    renamed = recipe(wanted.origin, monkeypatch)
    assert len({wanted.name, changed.name, renamed.name}) == 3


def test_moving_text_from_one_file_to_the_next_is_another_build(wanted):
    one = dataclasses.replace(wanted, files={"a.h": b"ab", "b.h": b"c"})
    two = dataclasses.replace(wanted, files={"a.h": b"a", "b.h": b"bc"})
    assert one.name != two.name


@pytest.mark.parametrize(
    "change",
    [
        {"flags": ("-O0",)},
        {"torch": "2.12.0 another build"},
        {"compiler": "another compiler"},
        {"include_paths": ("/nowhere",)},
    ],
)
def test_whatever_the_compiler_would_see_is_told_apart(change, wanted):
    assert dataclasses.replace(wanted, **change).name != wanted.name


def test_where_the_checkout_lies_makes_no_difference(wanted, tmp_path, monkeypatch):
    assert recipe(write_sources(tmp_path / "elsewhere"), monkeypatch).name == wanted.name


def test_a_changed_header_in_an_extra_include_path_is_another_build(tmp_path, wanted, monkeypatch):
    header = tmp_path / "extra" / "deep" / "size.h"
    header.parent.mkdir(parents=True)
    header.write_text("#define SIZE 1\n")
    before = recipe(wanted.origin, monkeypatch, [tmp_path / "extra"]).name
    header.write_text("#define SIZE 10\n")
    assert recipe(wanted.origin, monkeypatch, [tmp_path / "extra"]).name != before


def test_an_updated_compiler_is_another_build(wanted, tmp_path, monkeypatch):
    chosen = script(tmp_path / "c++", 'exec c++ "$@"')
    monkeypatch.setenv("CXX", chosen)
    before = recipe(wanted.origin, monkeypatch)
    os.utime(chosen, (1, 1))
    after = recipe(wanted.origin, monkeypatch)
    assert before.name != after.name and before.prefix == after.prefix


def test_without_a_compiler_a_build_from_before_serves(wanted, library, tmp_path, monkeypatch):
    pretend(library, monkeypatch)
    built = quietly(wanted, tmp_path / "cache")
    monkeypatch.setenv("PATH", "")
    now = recipe(wanted.origin, monkeypatch)
    assert now.compiler == "" and quietly(now, tmp_path / "cache").library == built.library


# Paths of any name


def test_every_path_may_hold_spaces_quotes_and_other_letters(tmp_path, monkeypatch):
    folder = tmp_path / NASTY
    sources = write_sources(folder / "checkout")
    include = [folder / "path / with spaces in it", folder / "path with quote'"]
    for number, path in enumerate(include):
        path.mkdir(parents=True)
        (path / f"size{number}.h").write_text(f"#define SIZE{number} {number + 1}\n")
    includes = '#include "size0.h"\n#include "size1.h"\n'
    (sources / "answer.cpp").write_text(includes + 'extern "C" int answer() { return SIZE1; }\n')
    monkeypatch.setenv("CXX", script(folder / "my c++", 'exec c++ "$@"'))
    monkeypatch.setenv("TMPDIR", str(folder))
    assert answer(quietly(recipe(sources, monkeypatch, include), folder / "cache")) == 2


def test_equal_sources_in_another_place_give_the_same_bytes(library, wanted, tmp_path):
    assert quietly(wanted, tmp_path / "cache").library.read_bytes() == library.read_bytes()


@pytest.mark.parametrize("xdg", [None, "", "/somewhere/else"])
def test_the_cache_is_where_platformdirs_says(xdg, monkeypatch):
    monkeypatch.delenv("MTIA_LAB_CACHE", raising=False)
    if xdg is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    assert folders.default_folder() == Path(platformdirs.user_cache_dir("mtia_lab"))


def test_the_cache_can_be_chosen(tmp_path, monkeypatch):
    monkeypatch.setenv("MTIA_LAB_CACHE", str(tmp_path))
    assert folders.default_folder() == tmp_path


# What can be missing or wrong


def told(caught: pytest.ExceptionInfo) -> str:
    """What an error says, which must be what, why and what to do, in that order."""
    error, text = caught.value, str(caught.value)
    assert error.what and error.why and error.todo
    assert text.index(error.what) < text.index("Why: ") < text.index("What to do: ")
    return text


def test_no_compiler(wanted, tmp_path, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(errors.NoCompiler) as caught:
        quietly(wanted, tmp_path / "cache")
    assert "apt-get install g++" in told(caught)


def test_a_compiler_named_in_CXX_that_is_not_there(wanted, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(errors.NoCompiler) as caught:
        quietly(wanted, tmp_path / "cache")
    assert "CXX says 'no-such-compiler'" in told(caught)


def test_no_ninja(wanted, tmp_path, monkeypatch):
    monkeypatch.setattr(toolchain.shutil, "which", lambda name, path=None: None)
    with pytest.raises(errors.NoNinja) as caught:
        toolchain.find_ninja()
    assert "pip install ninja" in told(caught)


def test_ninja_is_found_though_its_folder_is_not_on_the_path(monkeypatch):
    monkeypatch.setenv("PATH", "")
    version = subprocess.run([toolchain.find_ninja(), "--version"], capture_output=True, check=True)
    assert version.stdout


def test_a_compiler_that_does_not_know_the_standard(wanted, tmp_path, monkeypatch):
    standard = compiler.STANDARD
    refuse = f'case "$*" in *-std={standard}*) echo "error: unrecognized -std={standard}"; exit 1'
    text = f'{refuse};; *--version*) echo "old c++ 1.0"; exit;; esac\nexec c++ "$@"'
    monkeypatch.setenv("CXX", script(tmp_path / "old-g++", text))
    with pytest.raises(errors.CompilerTooOld) as caught:
        quietly(wanted, tmp_path / "cache")
    assert standard in told(caught) and "old c++ 1.0" in told(caught)


@pytest.mark.parametrize("variables", [{}, {"CLICOLOR_FORCE": "1", "TERM": "xterm-color"}])
def test_a_compile_error_shows_the_compilers_own_message(variables, tmp_path, monkeypatch):
    for item in variables.items():  # as a notebook's kernel sets them
        monkeypatch.setenv(*item)
    sources = write_sources(tmp_path / NASTY)
    text = "int a = first_mistake;\nint b = second_mistake;\n"
    (sources / "inner" / "value.cpp").write_text(text)
    with pytest.raises(errors.CompileError) as caught:
        quietly(recipe(sources, monkeypatch), tmp_path / "cache")
    unit, first = caught.value.why.splitlines()[:2]
    assert unit == f"In file included from {sources / 'value.cpp'}:1:"
    assert first.startswith(str(sources / "inner" / "value.cpp") + ":1:9: error: ")
    assert "first_mistake" in first and "second_mistake" in told(caught)
    assert "Traceback" not in told(caught) and "ninja" not in told(caught)


def test_a_link_error_shows_the_linkers_own_message(tmp_path, monkeypatch):
    monkeypatch.setenv("MTIA_LAB_CXXFLAGS", "-lno_such_library")
    with pytest.raises(errors.CompileError) as caught:
        quietly(recipe(write_sources(tmp_path / "s"), monkeypatch), tmp_path / "cache")
    assert "cannot find -lno_such_library" in told(caught)


def test_what_is_built_but_cannot_be_opened_is_not_published(tmp_path, monkeypatch):
    sources = write_sources(tmp_path / "sources")
    (sources / "answer.cpp").write_text("void missing(); struct S { S() { missing(); } } s;\n")
    with pytest.raises(errors.LibraryBroken) as caught:
        quietly(recipe(sources, monkeypatch), tmp_path / "cache")
    assert "undefined symbol" in told(caught)
    assert Cache(tmp_path / "cache").builds() == []


def test_no_sources(tmp_path, monkeypatch):
    monkeypatch.setenv("MTIA_LAB_SOURCES", str(tmp_path / "nowhere"))
    with pytest.raises(errors.SourcesMissing) as caught:
        build.Recipe.now()
    assert str(tmp_path / "nowhere") in told(caught)


def test_errors_survive_a_process_pool():
    error = errors.NoCompiler("what", "why", "todo")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


# A cache that cannot be used


@pytest.fixture
def fallback(tmp_path, monkeypatch) -> Path:
    """The temporary folder that serves when the cache cannot."""
    monkeypatch.setattr(folders.tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"mtia_lab-{os.getuid()}"


def test_a_cache_that_cannot_be_made(wanted, library, tmp_path, fallback, monkeypatch):
    compiled = pretend(library, monkeypatch)
    (tmp_path / "file").write_text("a file, not a folder")
    for _ in range(2):
        with pytest.warns(errors.CacheWarning, match="MTIA_LAB_CACHE") as warned:
            found = quietly(wanted, tmp_path / "file")
        assert warned[0].filename == quietly.__code__.co_filename  # from where it was called
        assert found.library.is_relative_to(fallback)
    assert len(compiled) == 1 and fallback.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_cache_that_cannot_be_written(code, wanted, library, tmp_path, fallback, monkeypatch):
    pretend(library, monkeypatch)
    folder = tmp_path / "cache"
    real = Cache.publish

    def publish(self, *arguments):
        if self.folder == folder:
            raise OSError(code, os.strerror(code))
        return real(self, *arguments)

    monkeypatch.setattr(Cache, "publish", publish)
    with pytest.warns(errors.CacheWarning, match=os.strerror(code)):
        assert answer(quietly(wanted, folder)) == 42


def test_a_disk_that_fills_up_while_compiling(tmp_path, fallback, monkeypatch):
    folder = tmp_path / "cache"
    text = f'case $(pwd -P) in {folder}*) echo "No space left on device"; exit 1;; esac'
    monkeypatch.setenv("CXX", script(tmp_path / "g++", text + '\nexec c++ "$@"'))
    wanted = recipe(write_sources(tmp_path / "sources"), monkeypatch)
    with pytest.warns(errors.CacheWarning, match="No space left on device"):
        assert answer(quietly(wanted, folder)) == 42


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_is_full_before_anything_is_compiled(code, wanted, tmp_path, monkeypatch):
    # What ninja ends with when it cannot write its own files.
    ninja = script(tmp_path / "ninja", f"echo 'ninja: error: {os.strerror(code)}'; exit 1")
    monkeypatch.setattr(compiler, "find_ninja", lambda: ninja)
    with pytest.raises(OSError) as caught:
        compiler.compile_library(wanted.files, wanted.origin, tmp_path)
    assert caught.value.errno == code


def test_no_folder_at_all(wanted, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(folders.tempfile, "tempdir", str(tmp_path / "file"))
    with pytest.raises(errors.CacheUnusable) as caught:
        quietly(wanted, tmp_path / "file")
    assert "MTIA_LAB_CACHE" in told(caught)


def test_a_temporary_folder_that_somebody_else_could_write_to_is_not_used(fallback):
    fallback.mkdir(mode=0o777)
    fallback.chmod(0o777)
    assert folders.temporary_folder() != fallback


# A cache in which something broke


def damage_truncate(folder: Path):
    os.truncate(folder / LIBRARY, 4000)


def damage_library_gone(folder: Path):
    (folder / LIBRARY).unlink()


def damage_manifest_gone(folder: Path):
    (folder / "build.json").unlink()


def damage_manifest_garbled(folder: Path):
    (folder / "build.json").write_text("{")


@pytest.mark.parametrize(
    "damage",
    [damage_truncate, damage_library_gone, damage_manifest_gone, damage_manifest_garbled],
)
def test_a_damaged_build_is_built_again(damage, wanted, library, tmp_path, monkeypatch):
    compiled = pretend(library, monkeypatch)
    damage(quietly(wanted, tmp_path / "cache").library.parent)
    assert answer(quietly(wanted, tmp_path / "cache")) == 42
    assert len(compiled) == 2


# Other processes


@pytest.mark.parametrize(
    "point",
    [
        "mtia_lab.cache.Cache.private_folder",
        "mtia_lab.compiler.compile_library",
        "mtia_lab.cache.Cache.publish",
        "pathlib.Path.write_text",
        "pathlib.Path.rename",
        "mtia_lab.cache.Cache.prune",
    ],
)
def test_a_build_killed_at_any_point_leaves_the_next_one_working(
    point, wanted, library, tmp_path, monkeypatch
):
    def die(*arguments, **named):
        os.kill(os.getpid(), signal.SIGKILL)

    def build_and_die():
        with pytest.MonkeyPatch.context() as own:
            own.setattr(point, die)
            quietly(wanted, tmp_path / "cache")

    pretend(library, monkeypatch)
    killed = fork.Process(target=build_and_die)
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    assert answer(quietly(wanted, tmp_path / "cache", lock_timeout=10)) == 42
    Cache(tmp_path / "cache").prune()
    assert sorted(p.name[:6] for p in (tmp_path / "cache").iterdir()) == [".lock", "build-"]


def test_a_build_killed_while_it_compiles_takes_the_compiler_with_it(
    wanted, library, tmp_path, monkeypatch
):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # The compiler says that it runs, holds the pipe open until it dies, and tells if it did not.
    text = f"exec 3>{fifo}; echo running >&3; sleep 20; echo survived >&3"
    with pytest.MonkeyPatch.context() as own:
        own.setenv("CXX", script(tmp_path / "g++", text))
        stuck = fork.Process(target=quietly, args=(wanted, tmp_path / "cache"))
        stuck.start()
    with open(fifo) as pipe:
        assert pipe.readline() == "running\n"
        stuck.kill()
        assert "survived" not in pipe.read()  # to its end: every compiler is gone
    stuck.join()
    pretend(library, monkeypatch)
    assert answer(quietly(wanted, tmp_path / "cache", lock_timeout=10)) == 42


def test_a_lock_that_is_never_released_does_not_hang_anyone(wanted, library, tmp_path, monkeypatch):
    pretend(library, monkeypatch)
    with Cache(tmp_path / "cache").lock() as mine:
        assert mine
        stuck = fork.Process(
            target=quietly, args=(wanted, tmp_path / "cache"), kwargs={"lock_timeout": 0.1}
        )
        stuck.start()
        stuck.join()
    assert stuck.exitcode == 0 and Cache(tmp_path / "cache").find(wanted.name)


def test_two_that_build_the_same_without_a_lock_both_succeed(
    wanted, library, tmp_path, monkeypatch
):
    meanwhile = []

    def another_process_publishes():
        if not meanwhile:
            meanwhile.append(None)
            quietly(wanted, tmp_path / "cache", lock_timeout=0)

    compiled = pretend(library, monkeypatch, before=another_process_publishes)
    assert answer(quietly(wanted, tmp_path / "cache")) == 42
    assert len(compiled) == 2 and len(Cache(tmp_path / "cache").builds()) == 1


def test_old_builds_go_and_those_in_use_stay(wanted, library, tmp_path, monkeypatch):
    pretend(library, monkeypatch)
    folder = tmp_path / "cache"
    recipes = [dataclasses.replace(wanted, flags=(f"-O{n}",)) for n in range(cache.KEEP + 3)]
    held = quietly(recipes[0], folder).hold()
    names = []
    for age, each in enumerate(recipes):
        names.append(each.name)
        os.utime(quietly(each, folder).library.parent, (age, age))
    assert [b.name for b in Cache(folder).builds()] == [*names[: -cache.KEEP - 1 : -1], names[0]]
    os.close(held)
    assert Cache(folder).clean() == 0


# What a reader sees


class Said(progress.Progress):
    def __init__(self):
        self.lines, self.ended = [], False

    def say(self, text):
        self.lines.append(text.strip())

    def done(self):
        self.ended = True


def test_a_build_says_what_it_does(wanted, tmp_path):
    said = Said()
    build.ensure(wanted, Cache(tmp_path / "cache"), progress=said)
    assert "builds its simulated device" in said.lines[0] and said.ended
    assert [line[:5] for line in said.lines[1:]] == ["[1/3]", "[2/3]", "[3/3]"]
    assert {line[6:].split()[0] for line in said.lines[1:]} == {"answer.cpp", "value.cpp", "link"}


def test_after_its_first_unit_a_build_says_how_long_the_rest_takes_on_this_machine(monkeypatch):
    clock = iter([100.0, 104.0, 110.0, 111.0])
    monkeypatch.setattr(compiler.time, "perf_counter", lambda: next(clock))
    said = Said()
    steps = compiler._Steps(said, verbose=False)
    for line in ("[1/3] runtime.cpp", "[2/3] mtia_extension.cpp", "[3/3] link"):
        steps(line)
    rest = round(4 * compiler._Steps.REST)
    assert said.lines[0] == f"[1/3] runtime.cpp (about {rest} s more)"
    assert said.lines[1:] == ["[2/3] mtia_extension.cpp", "[3/3] link"]


def test_what_a_failed_build_has_said_stays(wanted, tmp_path, monkeypatch):
    monkeypatch.setattr(compiler, "compile_library", lambda *_, **__: 1 / 0)
    said = Said()
    with pytest.raises(ZeroDivisionError):
        build.ensure(wanted, Cache(tmp_path / "cache"), progress=said)
    assert said.lines and not said.ended
