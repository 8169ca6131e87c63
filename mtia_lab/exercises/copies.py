"""Working copies of the notebooks, in a folder of the reader's own: `python -m mtia_lab notebooks`.

The lab's notebooks are stored with their outputs, which GitHub shows and tests compare; whoever
opens one has read the answers before the questions. So a reader works on copies without outputs.
What a reader has changed in a copy is never written over: a new version comes to lie beside it.
"""

import contextlib
import hashlib
import itertools
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbconvert.preprocessors import ClearOutputPreprocessor

from ..errors import CopiesUnwritable, NotebooksMissing

FOLDER = "my-notebooks"
FIRST = "00_start_here.ipynb"
_CLEAR = ClearOutputPreprocessor(remove_metadata_fields={"scrolled"})  # solutions stay closed
_RECORD = ".mtia_lab-copies.json"  # name -> fingerprint of the version that was last given out


@dataclass
class Copies:
    """What `write_copies` did.

    Args:
        folder: where the copies lie.
        written: names of the notebooks that are new there.
        updated: names of those that the reader had not changed and that were out of date.
        beside: name of a notebook that the reader has changed -> name of its new version.
    """

    folder: Path
    written: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    beside: dict[str, str] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """What to say about it, a sentence each."""
        if self.written:
            yield f"{_count(self.written)} without outputs: {self.folder}"
        if self.updated:
            yield f"{_count(self.updated)} brought up to date: {', '.join(self.updated)}"
        for name, new in self.beside.items():
            yield f"{name} has a new version. You changed yours, so it lies beside it: {new}"


def write_copies(folder: str | os.PathLike[str], notebooks: Path | None = None) -> Copies:
    """Write a copy of every notebook, without outputs, unless there is one already.

    A copy that is as it was given out is replaced when the notebook has a new version; one that the
    reader has changed, or run, stays, and the new version is written beside it, once.

    Args:
        folder: where to; it is made if it is not there.
        notebooks: the folder of the lab's own notebooks, `notebook_root()` if None.

    Raises:
        NotebooksMissing: the lab's notebooks are not there.
        CopiesUnwritable: the folder cannot be written to, or it is that of the lab's notebooks.
    """
    origin, target = notebooks or notebook_root(), Path(folder).absolute()
    try:
        target.mkdir(parents=True, exist_ok=True)
        if target.samefile(origin):
            raise CopiesUnwritable(
                "The copies would replace the notebooks themselves.",
                f"{target} is where the lab's own notebooks lie.",
                f"give another folder, such as {FOLDER}.",
            )
        return _write_all(sorted(origin.glob("[0-9][0-9]_*.ipynb")), target)
    except OSError as error:
        raise CopiesUnwritable(
            "The copies of the notebooks cannot be written.",
            f"{target}: {error.strerror}.",
            "give a folder that you may write to: python -m mtia_lab notebooks FOLDER.",
        ) from error


def notebook_root() -> Path:
    """The folder of the lab's notebooks: in the package if installed, beside it in a checkout.

    Raises:
        NotebooksMissing: there is none.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if (folder / FIRST).is_file():
            return folder
    raise NotebooksMissing(
        "The lab's notebooks are missing.",
        f"there is no {FIRST} in {package / 'notebooks'} or {package.parent / 'notebooks'}.",
        "install the package again.",
    )


def without_outputs(path: Path) -> nbformat.NotebookNode:
    """The notebook at `path` as it is before anything has run."""
    stored = nbformat.read(path, as_version=4)
    notebook: nbformat.NotebookNode = _CLEAR.preprocess(stored, {})[0]
    return notebook


def _write_all(originals: list[Path], target: Path) -> Copies:
    done, given_out = Copies(target), _given_out(target)
    for original in originals:
        name, fresh = original.name, without_outputs(original)
        version = _fingerprint(fresh)
        if not (target / name).exists():
            _write(fresh, target / name)
            done.written.append(name)
        elif (mine := _fingerprint_of_file(target / name)) == version:
            pass
        elif mine == given_out.get(name):
            _write(fresh, target / name)
            done.updated.append(name)
        elif version != given_out.get(name):
            done.beside[name] = _write_beside(fresh, target / name, version)
        given_out[name] = version
    _replace(target / _RECORD, json.dumps(given_out, indent=1))
    return done


def _write_beside(fresh: nbformat.NotebookNode, mine: Path, version: str) -> str:
    """Write it under the first name that is free, or has this version; return the name."""
    names = (mine.with_stem(f"{mine.stem} ({number})") for number in itertools.count(2))
    path = next(p for p in names if not p.exists() or _fingerprint_of_file(p) == version)
    if not path.exists():
        _write(fresh, path)
    return path.name


def _fingerprint(notebook: nbformat.NotebookNode) -> str:
    """Equal for notebooks that say and show the same; JupyterLab rewrites one by opening it."""
    cells = [(cell.cell_type, cell.source, cell.get("outputs", [])) for cell in notebook.cells]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def _fingerprint_of_file(path: Path) -> str:
    """That of the notebook there; what cannot be read is the reader's own, and like no other."""
    try:
        return _fingerprint(nbformat.read(path, as_version=4))
    except (OSError, ValueError, AttributeError, KeyError, nbformat.ValidationError):
        return ""


def _given_out(folder: Path) -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError):
        known = json.loads((folder / _RECORD).read_bytes())
        if isinstance(known, dict):
            return known
    return {}


def _write(notebook: nbformat.NotebookNode, path: Path) -> None:
    _replace(path, nbformat.writes(notebook))


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as new:
        new.write(text)
    os.chmod(new.name, 0o644)
    os.replace(new.name, path)


def _count(names: list[str]) -> str:
    return "1 notebook" if len(names) == 1 else f"{len(names)} notebooks"
