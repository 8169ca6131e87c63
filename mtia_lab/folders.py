"""Where the lab keeps what it builds: found, made for this user alone, and trusted or not.

A library from the cache runs as the user who loads it. So all that leads to it must be this user's
or root's, and no other user may be able to change it: then what was checked is what is opened.
"""

import contextlib
import errno
import os
import pwd
import stat
import sys
import tempfile
from pathlib import Path

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class Unsafe(PermissionError):
    """Other users could change this; `strerror` says which path, and why."""

    def __init__(self, why: str):
        super().__init__(errno.EPERM, why)


def default_folder() -> Path:
    """Return the user's cache folder for the lab; `MTIA_LAB_CACHE` overrides it.

    The answer is that of `platformdirs.user_cache_dir("mtia_lab")` (a test compares them), whose
    import would cost more than all the rest of a warm load; but a relative `XDG_CACHE_HOME` is
    ignored, as its specification asks, and so is a `HOME` that is empty or relative.
    """
    if chosen := os.environ.get("MTIA_LAB_CACHE", "").strip():
        return Path(_expand(chosen))
    caches = os.environ.get("XDG_CACHE_HOME", "").strip()
    if not os.path.isabs(caches):
        caches = _expand("~/Library/Caches" if sys.platform == "darwin" else "~/.cache")
    return Path(caches, "mtia_lab")


def _expand(path: str) -> str:
    """Return `path` with its home folder put in for ~; as it is if there is no such folder."""
    home, _, rest = path.partition("/")
    if home == "~" and not os.path.isabs(os.environ.get("HOME", "")):
        with contextlib.suppress(KeyError):  # a container's user may have no entry
            return os.path.join(pwd.getpwuid(os.getuid()).pw_dir, rest)
        return path
    return os.path.expanduser(path)


def absolute(path: Path) -> Path:
    """Return the path without symbolic links, which another user could redirect later.

    Raises:
        FileNotFoundError: its home folder, or the current folder it is relative to, is not there.
    """
    if path.parts[:1] and path.parts[0].startswith("~"):
        raise FileNotFoundError(errno.ENOENT, f"there is no home folder {path.parts[0]}")
    try:
        return Path(os.path.realpath(path))
    except FileNotFoundError as error:
        raise FileNotFoundError(error.errno, "the current folder was deleted") from None


def temporary_folder() -> Path:
    """Return a folder of this user's own for when the cache cannot be used, kept between runs.

    Raises:
        OSError: no temporary folder can be written to.
    """
    base, name = _temporary()
    with contextlib.suppress(FileExistsError):
        _make_one(base / name)
    # Where another user's folder has the usual name, one with a fresh name is used.
    found = temporary_folders()
    if found:
        return found[0]
    fresh = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=base))
    fresh.chmod(0o700)
    return fresh


def temporary_folders() -> list[Path]:
    """Return the folders of this user's own that `temporary_folder` has made."""
    base, name = _temporary()
    found = []
    for folder in (base / name, *sorted(base.glob(f"{name}-*"))):
        with contextlib.suppress(OSError):
            check(folder, stat.S_IFDIR)
            found.append(folder)
    return found


def _temporary() -> tuple[Path, str]:
    return Path(tempfile.gettempdir()), f"mtia_lab-{os.geteuid()}"


def make(folder: Path) -> None:
    """Make a folder, and what it lies in, for this user alone, whatever the umask.

    Raises:
        OSError: it cannot be made. One that is there already stays as it is.
    """
    if os.path.isdir(folder):
        return
    if folder.parent != folder:
        make(folder.parent)
    try:
        _make_one(folder)
    except FileExistsError:
        if not os.path.isdir(folder):  # another process may have made it meanwhile
            raise NotADirectoryError(errno.ENOTDIR, f"{folder} is no folder") from None


def _make_one(folder: Path) -> None:
    folder.mkdir(0o700)
    folder.chmod(0o700)  # the umask may have taken from it


def check(path: Path, kind: int) -> os.stat_result:
    """Check that only this user and root can change what `path` is, and return its `lstat`.

    Args:
        path: of a file or a folder; a symbolic link is neither.
        kind: `stat.S_IFDIR` or `stat.S_IFREG`.

    Raises:
        Unsafe: it is another user's, or others may write to it.
        OSError: it is not there, or is something else.
    """
    found = os.lstat(path)
    if stat.S_IFMT(found.st_mode) != kind:
        what = "folder" if kind == stat.S_IFDIR else "file"
        raise NotADirectoryError(errno.ENOTDIR, f"{path} is no {what}")
    if found.st_uid not in (os.geteuid(), 0):
        raise Unsafe(f"{path} belongs to another user")
    if found.st_mode & _OTHERS_WRITE:
        raise Unsafe(f"other users may write to {path}; `chmod go-w` on it changes that")
    return found


def check_parents(folder: Path) -> None:
    """Check that not everybody can put something else in the place of what `folder` lies in.

    Raises:
        Unsafe: everybody can write to such a folder, and it is not sticky as /tmp is.
    """
    for parent in folder.parents:
        mode = os.stat(parent).st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise Unsafe(f"everybody may write to {parent}")
