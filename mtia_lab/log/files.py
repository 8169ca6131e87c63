"""Files that are written whole: beside the old one, and then put in its place."""

import gzip
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ..errors import NoFolder, WrongArgument, WrongValue


def target(path: str | os.PathLike[str], what: str, endings: tuple[str, ...]) -> Path:
    """Where to write something, if name and folder will do.

    Args:
        path: what was given for it.
        what: what is to be written, in words.
        endings: one of which the name has to have.

    Raises:
        TypeError: it is no path.
        ValueError: its name ends otherwise.
        FileNotFoundError: its folder is not there.
    """
    if not isinstance(path, str | os.PathLike):
        example = f'"run{endings[0]}"'
        raise WrongArgument(f"{what} is saved to a path, such as {example}, not to {path!r}")
    path = Path(path)
    if not path.name.endswith(endings):
        raise WrongValue(
            f"{path.name!r} is no name for {what}: let it end in {' or '.join(endings)}"
        )
    if not path.parent.is_dir():
        raise NoFolder(
            f"there is no folder {str(path.parent)!r} to write {path.name!r} into: make it first, "
            "or choose another"
        )
    return path


def write(path: Path, pieces: Iterable[bytes], *, compressed: bool = False) -> Path:
    """Write a new file beside the old one and put it in its place; returns the path."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as raw:
            if compressed:  # without a name or a time in it: equal pieces, equal bytes
                with gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
                    file.writelines(pieces)
            else:
                raw.writelines(pieces)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def _umask() -> int:
    """What new files may not be, which mkstemp does not look at."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
