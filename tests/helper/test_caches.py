"""Caches and environments as they are found on machines, each with its outcome."""

import json
import multiprocessing
import os
import re
import signal
import threading
import types
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from building import NASTY, pretend, recipe, write_sources

from mtia_lab import __main__, build, doctor, errors, folders, progress
from mtia_lab.cache import Cache

NAME = "0123456789abcdef-01234567"  # as a fingerprint
FACTS = {"torch": "2.13.0", "compiler": "c++ 12", "seconds": 1.0, "bytes": 7}


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """An empty folder that is the current and the home folder; no variable is set."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(folders.tempfile, "tempdir", str(tmp_path / "temporary"))
    for name in ("MTIA_LAB_CACHE", "XDG_CACHE_HOME", "CXX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(here))
    return here


@pytest.fixture
def ensure(place, tmp_path, monkeypatch) -> Callable[[], build.Build]:
    """Builds as `load()` does, but for the compiler; the sources are small."""
    (tmp_path / "library").write_bytes(b"library")
    pretend(tmp_path / "library", monkeypatch)
    wanted = recipe(write_sources(tmp_path / "sources"), monkeypatch)
    return lambda: build.ensure(wanted, progress=progress.Progress())


# Where the cache is


def looked_at() -> dict[str, doctor.CheckResult]:
    """What the doctor says of the cache and what is in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "CHECKS", {item: doctor.CHECKS[item] for item in ("cache", "build")})
        return {finding.item: finding for finding in doctor.examine()}


Arrange = Callable[[Path, pytest.MonkeyPatch], None]


def nothing(place, patch):
    """All is as usual."""


def variables(**values: str) -> Arrange:
    return lambda place, patch: [patch.setenv(*item) for item in values.items()]


def no_home(place, patch):
    patch.delenv("HOME")


def no_home_and_no_user(place, patch):
    def getpwuid(uid):
        raise KeyError(uid)

    patch.delenv("HOME")
    patch.setattr(folders.pwd, "getpwuid", getpwuid)


def current_folder_deleted(place, patch):
    (place / "gone").mkdir()
    os.chdir(place / "gone")
    (place / "gone").rmdir()


def loop(place, patch):
    (place / "cache").symlink_to(place / "cache")


def link(place, patch):
    (place / "real").mkdir()
    (place / "cache").symlink_to("real")


def file(place, patch):
    (place / "cache").write_text("a file")


def lock_is_a_folder(place, patch):
    (place / "cache" / ".lock").mkdir(parents=True)
    (place / "cache").chmod(0o755)


def mode(mode: int, name: str = "cache") -> Arrange:
    def arrange(place, patch):
        (place / name).mkdir()
        (place / name).chmod(mode)

    return arrange


def another_users(place, patch):
    (place / "cache").mkdir()
    real = os.lstat

    def lstat(path, **how):
        found = real(path, **how)
        foreign = Path(path) == place / "cache"
        return os.stat_result((*found[:4], os.geteuid() + 1, *found[5:])) if foreign else found

    patch.setattr(os, "lstat", lstat)


def noexec(place, patch):
    (place / "cache").mkdir()
    real = os.statvfs

    def statvfs(path):
        mounted = types.SimpleNamespace(f_flag=os.ST_NOEXEC)
        return mounted if Path(path) == place / "cache" else real(path)

    patch.setattr(os, "statvfs", statvfs)


HERE, HOME = "{place}/cache", "{place}/.cache/mtia_lab"
WHERE: dict[str, tuple[Arrange, str, str]] = {
    # name: what is arranged, $MTIA_LAB_CACHE, where the build goes or why it does not
    "it is not there": (nothing, HERE, HERE),
    "nor what it lies in": (nothing, "{place}/a/b", "{place}/a/b"),
    "any letters": (nothing, "{place}/" + NASTY, "{place}/" + NASTY),
    "a link to a folder": (link, HERE, "{place}/real"),
    "its lock is a folder": (lock_is_a_folder, HERE, HERE),
    "a relative name": (nothing, "cache", HERE),
    "below the home folder": (nothing, "~/cache", HERE),
    "empty": (nothing, "", HOME),
    "blank": (nothing, " ", HOME),
    "an XDG_CACHE_HOME": (variables(XDG_CACHE_HOME="/proc/nope"), "", "No such file"),
    "a relative XDG_CACHE_HOME": (variables(XDG_CACHE_HOME="caches"), "", HOME),
    "an XDG_CACHE_HOME with ~": (variables(XDG_CACHE_HOME="~/caches"), "", HOME),
    "an empty XDG_CACHE_HOME": (variables(XDG_CACHE_HOME=""), "", HOME),
    "no HOME": (no_home, "", HOME),
    "no HOME, ~": (no_home, "~/cache", HERE),
    "an empty HOME": (variables(HOME=""), "", HOME),
    "a relative HOME": (variables(HOME="home"), "", HOME),
    "no HOME and no user": (no_home_and_no_user, "", "there is no home folder ~"),
    "a loop of links": (loop, HERE, "is no folder"),
    "a name of 300 letters": (nothing, "{place}/" + "n" * 300, "File name too long"),
    "a process": (nothing, "/proc/nope", "No such file or directory"),
    "a user who is not there": (nothing, "~nosuchuser/x", "no home folder ~nosuchuser"),
    "a file": (file, HERE, "is no folder"),
    "below a file": (file, HERE + "/below", "Not a directory"),
    "the current folder is gone": (current_folder_deleted, "cache", "current folder was deleted"),
    "everybody may write": (mode(0o777), HERE, "other users may write"),
    "everybody may, though it is sticky": (mode(0o1777), HERE, "other users may write"),
    "a group may write": (mode(0o770), HERE, "`chmod go-w`"),
    "others may read": (mode(0o755), HERE, HERE),
    "it lies where everybody may write": (mode(0o777, "a"), "{place}/a/b", "everybody may write"),
    "it lies where it is sticky": (mode(0o1777, "a"), "{place}/a/b", "{place}/a/b"),
    "mounted noexec": (noexec, HERE, "mounted noexec"),
    "another user's": (another_users, HERE, "belongs to another user"),
}


@pytest.mark.parametrize("row", WHERE)
def test_where_a_build_goes_and_the_doctor_says_the_same(row, ensure, place, tmp_path, monkeypatch):
    arrange, chosen, outcome = WHERE[row]
    monkeypatch.setenv("MTIA_LAB_CACHE", chosen.format(place=place))
    user = types.SimpleNamespace(pw_dir=str(place))
    monkeypatch.setattr(folders.pwd, "getpwuid", lambda uid: user)
    arrange(place, monkeypatch)
    outcome = outcome.format(place=place)
    elsewhere = not outcome.startswith("/")
    for cached in (False, True):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = ensure()
        root = found.library.parent.parent
        assert found.cached == cached and not root.stat().st_mode & 0o022
        if elsewhere:
            assert root == tmp_path / "temporary" / f"mtia_lab-{os.geteuid()}"
            assert [warning.category for warning in said] == [errors.CacheWarning]
            assert outcome in str(said[0].message) and "MTIA_LAB_CACHE" in str(said[0].message)
        else:
            assert str(root) == outcome and not said
    assert not [name for name in os.listdir(place) if name.startswith("~")]
    line = looked_at()
    assert line["cache"].verdict == ("warn" if elsewhere else "ok")
    assert not elsewhere or line["cache"].fact == str(said[0].message)
    assert line["build"].verdict == "ok" and str(found.library) in line["build"].fact


def test_no_folder_at_all_fails_and_the_doctor_says_so(ensure, place, monkeypatch):
    file(place, monkeypatch)
    monkeypatch.setenv("MTIA_LAB_CACHE", str(place / "cache"))
    monkeypatch.setattr(folders.tempfile, "tempdir", str(place / "cache"))
    with pytest.raises(errors.CacheUnusable, match="MTIA_LAB_CACHE"):
        ensure()
    assert {finding.verdict for finding in looked_at().values()} == {"FAIL"}


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022, 0o077, 0o377])
def test_whatever_the_umask_nobody_else_can_change_a_build(mask, ensure, place):
    before = os.umask(mask)
    try:
        found = ensure()
    finally:
        os.umask(before)
    made = [place / ".cache", *(place / ".cache").rglob("*")]
    assert {oct(path.stat().st_mode & 0o777) for path in made if path.is_dir()} == {"0o700"}
    assert not [path for path in made if path.stat().st_mode & 0o022]
    assert found.library in made and found.library.stat().st_mode & 0o500 == 0o500


@pytest.mark.parametrize("name", ["", "mtia_extension.so", "build.json"])
def test_a_build_that_others_could_have_changed_is_not_opened_but_built_again(name, ensure):
    first = ensure()
    changed = first.library.parent / name
    changed.chmod(0o777)
    said = f"other users may write to {re.escape(str(changed))}"
    with pytest.warns(errors.CacheWarning, match=said):
        assert not ensure().cached
    assert not changed.stat().st_mode & 0o022 and ensure().cached


def test_somebody_elses_temporary_folder_is_passed_over_and_the_next_one_kept(place, tmp_path):
    usual = tmp_path / "temporary" / f"mtia_lab-{os.geteuid()}"
    usual.mkdir()
    usual.chmod(0o777)
    fresh = folders.temporary_folder()
    assert fresh != usual and fresh.parent == usual.parent
    assert folders.temporary_folder() == fresh and folders.temporary_folders() == [fresh]


# What is in the cache


HALVES = {
    "half its facts": json.dumps({"bytes": 7, "torch": "2.13.0"}),
    "no size": json.dumps({**FACTS, "bytes": None}),
    "another size": json.dumps({**FACTS, "bytes": 8}),
    "facts of another kind": json.dumps({**FACTS, "seconds": "1"}),
    "a list": "[1, 2]",
    "the half of it": json.dumps(FACTS)[:20],
    "no text": b"\xff\x00\x9c",
    "an abyss": "[" * 100_000,
    "nothing": "",
}


@pytest.mark.parametrize("text", HALVES.values(), ids=HALVES)
def test_a_manifest_that_is_not_whole_is_a_build_that_is_made_again(text, ensure):
    manifest = ensure().library.with_name("build.json")
    manifest.write_bytes(text if isinstance(text, bytes) else text.encode())
    line = looked_at()
    assert (line["build"].verdict, line["build"].fact) == ("warn", "not built yet")
    assert not ensure().cached and ensure().cached


FOREIGN = {
    "private-keys/id": "secret",
    "private-projects/x": "as mkdtemp would call it",
    "build-release/app": "a",
    f"build-{NAME}/notes": "named as a build, without a manifest",
    "build-0123456789abcdef-0000000a/build.json": '{"name": "a manifest of something else"}',
    "build-0123456789abcdef-0000000b/build.json": "[]",
    "build-0123456789abcdef-0000000C/build.json": json.dumps(FACTS),
    "mtia_lab-work-abcdefgh/notes": "without a marker",
    "mtia_lab-work-abcdefghi/.mtia_lab": "",
    "guards/build-release/app": "a",
    "build-notes": "a file",
    "build-0123456789abcdef-0000000d": "a file",
    "mtia_lab-work-12345678": "a file",
}


def plant(folder: Path) -> dict[Path, str]:
    """Write the reader's own files and links into a cache; returns all paths with what they are."""
    for name, text in FOREIGN.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    mine = folder.parent / "mine"
    mine.mkdir()
    (mine / "build.json").write_text(json.dumps(FACTS))
    (mine / "mtia_extension.so").write_text("library")
    (mine / ".mtia_lab").write_text("")
    for name in ("build-0123456789abcdef-0000000e", "mtia_lab-work-00000000", "build-link"):
        (folder / name).symlink_to(mine)
    (folder / "build-0123456789abcdef-0000000f").symlink_to("nowhere")
    return {path: what(path) for path in sorted(folder.parent.rglob("*"))}


def what(path: Path) -> str:
    if path.is_symlink():
        return os.readlink(path)
    return path.read_text() if path.is_file() else "a folder"


def test_what_the_lab_did_not_make_is_never_deleted(ensure, place, monkeypatch):
    folder = place / "c" / "cache"
    monkeypatch.setenv("MTIA_LAB_CACHE", str(folder))
    planted = plant(folder)
    monkeypatch.setattr(Cache.prune, "__defaults__", (0,))  # a build prunes as much as it can
    ensure()
    for part, name in (("guards", "guard.so"), ("headers", "forwarding.h.gch")):
        Cache(folder, part, name).prune(0)
    assert __main__.main(["clean"]) == 0
    assert {path: what(path) for path in planted if os.path.lexists(path)} == planted
    assert not Cache(folder).builds()


def test_a_readers_file_in_a_build_stays_and_so_does_its_folder(ensure):
    found = ensure()
    notes = found.library.with_name("notes.txt")
    notes.write_text("mine")
    Cache(found.library.parent.parent).clean()
    assert os.listdir(notes.parent) == ["notes.txt"]
    with pytest.warns(errors.CacheWarning, match="not empty"):
        assert ensure().library.parent.parent != notes.parent.parent
    assert notes.read_text() == "mine"


def test_where_a_build_cannot_be_replaced_nothing_is_compiled(ensure, monkeypatch):
    found = ensure()
    found.library.with_name("notes.txt").write_text("mine")
    found.library.unlink()
    with pytest.warns(errors.CacheWarning, match="not empty"):
        ensure()
    monkeypatch.setattr("mtia_lab.compiler.compile_library", pytest.fail)
    with pytest.warns(errors.CacheWarning, match="not empty"):
        assert ensure().cached  # in the temporary folder


def test_leftovers_of_killed_builds_and_builds_of_older_versions_go(place):
    old = place / "guards" / f"build-{NAME}"
    old.mkdir(parents=True)
    (old / "build.json").write_text('{"bytes": 7}')  # all that was noted of a cell's library once
    (old / "guard.so").write_text("library")
    dead = place / "mtia_lab-work-abcdefgh"
    (dead / "src").mkdir(parents=True)
    (dead / ".mtia_lab").touch()
    assert Cache(place, "guards", "guard.so").clean() == Cache(place).clean() == 0
    assert not old.exists() and not dead.exists()


@pytest.mark.parametrize("point", ["unlink", "rmdir"])
def test_a_deletion_killed_midway_leaves_a_build_that_is_made_again(point, ensure):
    def delete_and_die():
        real = getattr(Path, point)

        def die(path, **how):
            if path.name != "mtia_extension.so":  # the first step is done
                os.kill(os.getpid(), signal.SIGKILL)
            real(path, **how)

        setattr(Path, point, die)
        Cache(first.library.parent.parent).clean()

    first = ensure()
    killed = multiprocessing.get_context("fork").Process(target=delete_and_die)
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL and not first.library.exists()
    assert not ensure().cached and ensure().library == first.library


def test_a_folder_that_is_being_filled_is_not_pruned(place):
    with Cache(place).private_folder() as private:
        Cache(place).prune(0)
        assert os.listdir(private) == [".mtia_lab"]
    assert not private.exists()


def test_clean_also_empties_the_temporary_folder(ensure, place, monkeypatch, capsys):
    file(place, monkeypatch)
    monkeypatch.setenv("MTIA_LAB_CACHE", str(place / "cache"))
    with pytest.warns(errors.CacheWarning):
        found = ensure()
    assert __main__.main(["clean", "--verbose"]) == 0
    assert not found.library.exists()
    assert str(found.library.parent.parent) in capsys.readouterr().out


def test_one_builds_while_the_other_waits(tmp_path):
    cache, waits, order = Cache(tmp_path / "cache"), threading.Event(), []

    def second():
        with cache.lock(waiting=waits.set) as got:
            order.append(("second", got))

    with cache.lock() as got:
        other = threading.Thread(target=second)
        other.start()
        assert waits.wait(10)
        order.append(("first", got))
    other.join()
    assert order == [("first", True), ("second", True)]
