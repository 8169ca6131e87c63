"""The folder of finished builds: found without a lock, published by one rename, pruned.

Only what the lab made is ever deleted: what has a name that only the lab gives *and* its mark, a
manifest or a marker. Whatever else lies in the folder is the reader's.
"""

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from . import folders
from .errors import CacheWarning, warn

LIBRARY = "mtia_extension.so"
KEEP = 4  # builds kept beside those in use
LOCK_TIMEOUT = 300.0  # seconds to wait for another process's build; no lock may hang anyone

Facts = dict[str, Any]  # what a manifest holds

_MANIFEST = "build.json"
_PUBLISHED = "build-"
_BUILD = r"build-[0-9a-f]{16}-[0-9a-f]{8}"
_KINDS = {"torch": str, "compiler": str, "seconds": int | float, "bytes": int}  # of facts
_MARKER = ".mtia_lab"
_PRIVATE = "mtia_lab-work-"
_WORK = r"mtia_lab-work-[a-z0-9_]{8}"
_POLL_SECONDS = 0.05
_IN_THE_WAY = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}


class Build(NamedTuple):
    """One finished build.

    Args:
        library: the shared library.
        facts: what was noted when it was built: torch, compiler, seconds, bytes.
        cached: whether it was there already.
    """

    library: Path
    facts: Facts
    cached: bool = True

    @property
    def name(self) -> str:
        """The fingerprint, which is also the folder's name."""
        return self.library.parent.name.removeprefix(_PUBLISHED)

    def hold(self) -> int | None:
        """Keep this build from being pruned while the process lives; note that it was used now."""
        with contextlib.suppress(OSError):  # a shared, read-only cache keeps no such notes
            os.utime(self.library.parent)
        return hold(self.library.parent / _MANIFEST)


def hold(path: Path) -> int | None:
    """Mark `path` as in use until this process ends or closes the file descriptor returned.

    None: `path` is not there.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    with contextlib.suppress(OSError):  # a file system without locks: then nothing is pruned
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return descriptor


def _in_use(path: Path) -> bool:
    """Whether a live process holds `path`, as far as can be known."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _locked(descriptor)
    except OSError:
        return True
    finally:
        os.close(descriptor)


# Note [Locks]
# All locks here are flock's: the kernel's own, so they go when a process goes, however it ends.
# A build is in use while a process shares the lock of its manifest; one process builds at a time,
# the one that has the lock of `.lock` for itself. The filelock package knows no shared lock, and to
# import it would cost more than all the rest of a warm load.


def _locked(descriptor: int) -> bool:
    """Lock an open file for this process alone; False if another one has it.

    Raises:
        OSError: the file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_within(seconds: float, descriptor: int, waiting: Callable[[], None]) -> bool:
    waiting()
    deadline = time.monotonic() + seconds
    while not (got := _locked(descriptor)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return got


class Cache:
    """A folder of builds. Nothing in it is ever changed in place.

    Args:
        root: where. What is in it is only opened if this user and root alone can change it.
        part: a folder of its own in there, for builds of another kind.
        library: what the library of each build is called.

    Raises:
        OSError: by every method, if the folder cannot be used or trusted; `strerror` says why.
    """

    def __init__(self, root: Path, part: str = "", library: str = LIBRARY):
        self.root, self.part, self.library = Path(root), part, library

    @cached_property
    def folder(self) -> Path:
        """Where the builds are, without symbolic links."""
        return folders.absolute(self.root) / self.part

    def elsewhere(self) -> "Cache":
        """Return the cache in the temporary folder that serves when this one cannot."""
        return Cache(folders.temporary_folder(), self.part, self.library)

    def find(self, name: str) -> Build | None:
        """Return the whole build called `name`, or None. Takes no lock and starts nothing."""
        try:
            self._check()
        except FileNotFoundError:
            return None
        return self._open(self.folder / (_PUBLISHED + name))

    def find_any(self, prefix: str) -> Build | None:
        """Return the most recently used build whose name starts with `prefix`, or None."""
        return next((b for b in self.builds() if b.name.startswith(prefix)), None)

    def builds(self) -> list[Build]:
        """Return the whole builds, most recently used first."""
        try:
            self._check()
        except FileNotFoundError:
            return []
        return [build for folder in self._made(_BUILD, _is_build) if (build := self._open(folder))]

    def _check(self) -> None:
        """Check that this user and root alone can change this cache, and that it can be opened."""
        folder, root = self.folder, folders.absolute(self.root)
        for each in {root, folder}:
            folders.check(each, stat.S_IFDIR)
        folders.check_parents(root)
        if os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0):
            raise OSError(errno.EPERM, f"{folder} is mounted noexec, so no code can run from it")

    def _open(self, folder: Path) -> Build | None:
        """Return the build in `folder` if it is whole and only this user could have changed it."""
        library = folder / self.library
        try:
            folders.check(folder, stat.S_IFDIR)
            folders.check(folder / _MANIFEST, stat.S_IFREG)
            size = folders.check(library, stat.S_IFREG).st_size
        except folders.Unsafe as error:
            warn(f"{error.strerror}, so it is built again.", CacheWarning)
            return None
        except OSError:
            return None
        facts = _facts(folder)
        whole = all(isinstance(facts.get(name), kind) for name, kind in _KINDS.items())
        # Opening a library that lost its end can kill the process instead of raising.
        return Build(library, facts) if whole and facts["bytes"] == size else None

    @contextlib.contextmanager
    def lock(
        self, timeout: float = LOCK_TIMEOUT, waiting: Callable[[], None] = lambda: None
    ) -> Iterator[bool]:
        """Let one process build at a time; yields whether the lock was got within `timeout` s.

        Calls `waiting` if another process has it.

        The lock saves work and is not needed for safety: without it two processes build the same
        thing and the second finds the first one's result when it publishes.
        """
        folders.make(self.folder)
        with contextlib.ExitStack() as opened:
            try:
                descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
                opened.callback(os.close, descriptor)
                got = _locked(descriptor) or _lock_within(timeout, descriptor, waiting)
            except OSError:  # not to be had: it is a folder, or there are no locks here
                got = False
            yield got

    @contextlib.contextmanager
    def private_folder(self) -> Iterator[Path]:
        """Yield a new folder that no other process knows of, on the cache's own file system."""
        folders.make(self.folder)
        self._check()
        folder = Path(tempfile.mkdtemp(prefix=_PRIVATE, dir=self.folder))
        folder.chmod(0o700)  # the umask may have taken from it
        held = hold(folder)  # before it is marked: what is marked and not held is pruned
        try:
            (folder / _MARKER).touch()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if held is not None:
                os.close(held)

    def publish(self, name: str, private: Path, library: Path, facts: Facts) -> Build:
        """Make `library`, built in the folder `private`, the build called `name`."""
        folder, ready = self.folder / (_PUBLISHED + name), private / "ready"
        folders.make(ready)
        library.rename(ready / self.library)
        (ready / self.library).chmod(0o755)  # whatever the umask
        facts = {**facts, "bytes": (ready / self.library).stat().st_size}
        (ready / _MANIFEST).write_text(json.dumps(facts, indent=1))
        (ready / _MANIFEST).chmod(0o644)
        for last in (False, True):
            try:
                ready.rename(folder)
                return Build(folder / self.library, facts, cached=False)
            except OSError as error:
                if last or error.errno not in _IN_THE_WAY:
                    raise
            if finished := self.find(name):
                return finished
            self.discard(name)
        raise AssertionError("unreachable")

    def discard(self, name: str) -> None:
        """Delete the build called `name`, whole or not, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self._delete(self.folder / (_PUBLISHED + name))

    def _delete(self, folder: Path) -> None:
        """Delete the two files of a build, and the folder unless there is more in it."""
        if not stat.S_ISDIR(os.lstat(folder).st_mode):  # a symbolic link leads to other's files
            raise NotADirectoryError(errno.ENOTDIR, f"{folder} is no folder")
        for name in (self.library, _MANIFEST):
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()

    def prune(self, keep: int = KEEP) -> None:
        """Delete all but the `keep` builds used last, sparing those in use, and dead leftovers."""
        for folder in self._made(_BUILD, _is_build)[keep:]:
            with contextlib.suppress(OSError):
                if not _in_use(folder / _MANIFEST):
                    self._delete(folder)
        for folder in self._made(_WORK, _is_work):
            if not _in_use(folder):
                shutil.rmtree(folder, ignore_errors=True)

    def clean(self) -> int:
        """Delete every build that no process uses; returns how many builds are left."""
        self.prune(keep=0)
        return len(self._made(_BUILD, _is_build))

    def _made(self, name: str, marked: Callable[[Path], bool]) -> list[Path]:
        """Return the folders in here that the lab made, by name and mark; the newest first."""
        found = []
        with contextlib.suppress(OSError):
            for entry in os.scandir(self.folder):
                if re.fullmatch(name, entry.name) and entry.is_dir(follow_symlinks=False):
                    with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                        found.append((entry.stat().st_mtime_ns, Path(entry.path)))
        return [folder for _, folder in sorted(found, reverse=True) if marked(folder)]


def _facts(folder: Path) -> Facts:
    """Return what the manifest of the build in `folder` says; {} if that is none of the lab's."""
    try:
        facts = json.loads((folder / _MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _is_build(folder: Path) -> bool:
    return isinstance(_facts(folder).get("bytes"), int)  # all that some manifests had once


def _is_work(folder: Path) -> bool:
    return os.path.isfile(folder / _MARKER)
