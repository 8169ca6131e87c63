"""The folder of finished builds: found without a lock, published by one rename, pruned."""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

LIBRARY = "mtia_extension.so"
KEEP = 4  # builds kept beside those in use
LOCK_TIMEOUT = 300.0  # seconds to wait for another process's build; no lock may hang anyone

_MANIFEST = "build.json"
_PUBLISHED = "build-"
_PRIVATE = "private-"
_READ_ONLY = {errno.EACCES, errno.EPERM, errno.EROFS}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_NO_FOLDER = {errno.ENOTDIR, errno.EEXIST, errno.ENOSYS, errno.ENOTSUP}


def unusable(error: OSError) -> bool:
    """Tell whether `error` means that a folder cannot hold a build (read-only, full, no folder)."""
    return error.errno in _READ_ONLY | _FULL | _NO_FOLDER


def default_folder() -> Path:
    """Return the user's cache folder for the lab; `MTIA_LAB_CACHE` overrides it.

    The answer is that of `platformdirs.user_cache_dir("mtia_lab")` (a test compares them), whose
    import would cost more than all the rest of a warm load.
    """
    if chosen := os.environ.get("MTIA_LAB_CACHE", "").strip():
        return Path(chosen).expanduser().absolute()
    if xdg := os.environ.get("XDG_CACHE_HOME", "").strip():
        return Path(xdg, "mtia_lab")
    caches = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    return Path(os.path.expanduser(caches), "mtia_lab")


def temporary_folder() -> Path:
    """Return a folder of this user's own for when the cache cannot be used, kept between runs.

    Raises:
        OSError: no temporary folder can be written to.
    """
    folder = Path(tempfile.gettempdir(), f"mtia_lab-{os.getuid()}")
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    if private and found.st_uid == os.getuid():
        return folder
    # Somebody else could put a library of his own there: take a folder with a fresh name.
    return Path(tempfile.mkdtemp(prefix="mtia_lab-"))


@dataclass(frozen=True)
class Build:
    """One finished build.

    Args:
        library: the shared library.
        facts: what was noted when it was built: torch, compiler, seconds, bytes.
        cached: whether it was there already.
    """

    library: Path
    facts: dict
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

    A kernel lock, so it goes when the process goes, however it ends. None: `path` is not there.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    with contextlib.suppress(OSError):  # a file system without locks: then pruning is by age only
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return descriptor


def _in_use(path: Path) -> bool:
    """Tell whether a live process holds `path`."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


class Cache:
    """A folder of builds. Nothing in it is ever changed in place.

    Args:
        folder: where.
        library: what the library of each build is called.
    """

    def __init__(self, folder: Path, library: str = LIBRARY):
        self.folder = Path(folder)
        self.library = library

    def find(self, name: str) -> Build | None:
        """Return the whole build called `name`, or None. Takes no lock and starts nothing."""
        folder = self.folder / (_PUBLISHED + name)
        library = folder / self.library
        try:
            facts = json.loads((folder / _MANIFEST).read_bytes())
            whole = library.stat().st_size == facts["bytes"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        # Opening a library that lost its end can kill the process instead of raising.
        return Build(library, facts) if whole else None

    def find_any(self, prefix: str) -> Build | None:
        """Return the most recently used build whose name starts with `prefix`, or None."""
        for folder in self._newest_first(_PUBLISHED + prefix):
            if build := self.find(folder.name.removeprefix(_PUBLISHED)):
                return build
        return None

    @contextlib.contextmanager
    def lock(
        self, timeout: float = LOCK_TIMEOUT, waiting: Callable[[], None] = lambda: None
    ) -> Iterator[bool]:
        """Let one process build at a time; yields whether the lock was got within `timeout` s.

        Calls `waiting` if another process has it.

        The lock saves work and is not needed for safety: without it two processes build the same
        thing and the second finds the first one's result when it publishes.
        """
        import filelock  # slow to import and not needed when the library is there

        self.folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(self.folder / ".lock")
        try:
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                waiting()
                lock.acquire(timeout=timeout)
        except filelock.Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    @contextlib.contextmanager
    def private_folder(self) -> Iterator[Path]:
        """Yield a new folder that no other process knows of, on the cache's own file system."""
        self.folder.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_PRIVATE, dir=self.folder))
        held = hold(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if held is not None:
                os.close(held)

    def publish(self, name: str, private: Path, library: Path, facts: dict) -> Build:
        """Make `library`, built in the folder `private`, the build called `name`."""
        folder = self.folder / (_PUBLISHED + name)
        ready = private / "ready"
        ready.mkdir()
        library.rename(ready / self.library)
        facts = {**facts, "bytes": (ready / self.library).stat().st_size}
        (ready / _MANIFEST).write_text(json.dumps(facts, indent=1))
        for _ in range(2):
            try:
                ready.rename(folder)
                break
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise
            if finished := self.find(name):
                return finished
            self.discard(name, private)
        return Build(folder / self.library, facts, cached=False)

    def discard(self, name: str, private: Path) -> None:
        """Move the build called `name` out of the way, into the folder `private`."""
        with contextlib.suppress(FileNotFoundError):
            (self.folder / (_PUBLISHED + name)).rename(Path(tempfile.mkdtemp(dir=private)) / "old")

    def prune(self, keep: int = KEEP) -> None:
        """Delete all but the `keep` builds used last, sparing those in use, and dead leftovers."""
        for folder in self._newest_first(_PUBLISHED)[keep:]:
            if not _in_use(folder / _MANIFEST):
                shutil.rmtree(folder, ignore_errors=True)
        for folder in self._newest_first(_PRIVATE):
            if not _in_use(folder):
                shutil.rmtree(folder, ignore_errors=True)

    def clean(self) -> int:
        """Delete every build that no process uses; returns how many builds are left."""
        self.prune(keep=0)
        return len(self._newest_first(_PUBLISHED))

    def builds(self) -> list[Build]:
        """Return the whole builds, most recently used first."""
        names = (f.name.removeprefix(_PUBLISHED) for f in self._newest_first(_PUBLISHED))
        return [build for name in names if (build := self.find(name))]

    def _newest_first(self, prefix: str) -> list[Path]:
        try:
            found = [entry for entry in os.scandir(self.folder) if entry.name.startswith(prefix)]
            found.sort(key=lambda entry: entry.stat().st_mtime_ns, reverse=True)
        except OSError:
            return []
        return [Path(entry.path) for entry in found]
