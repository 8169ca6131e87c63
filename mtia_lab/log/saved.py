"""A log in a file: `log.save("run.mtia")` writes it, `mtia_lab.open_log("run.mtia")` reads it.

The file is text, compressed by gzip, each line one object of JSON: first what it is, then the
records as `log.to_json()` writes them. schema.md says so to those who read it with other programs.
"""

import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import UnreadableLog
from .arguments import of_type
from .files import target, write
from .log import Log, to_line
from .records import VERSION, Access, Known, Memory, Range, Record

ENDING = ".mtia"
FORMAT = "MTIA Lab log"
_HEAD = 2**24  # characters that the first line may have: what is allocated before a log is in it
_KINDS: dict[str, type[Record]] = {kind.__name__.lower(): kind for kind in Record.__args__}
_DAMAGED = (gzip.BadGzipFile, zlib.error, ValueError, TypeError, LookupError, RecursionError)


def place(path: str | os.PathLike[str]) -> Path:
    """Where to save a log, if name and folder will do; raises as `log.save` does."""
    return target(path, "a log", (ENDING,))


def save(log: Log, path: str | os.PathLike[str]) -> Path:
    """What `log.save(path)` does."""
    return write(place(path), _lines(log), compressed=True)


def _lines(log: Log) -> Iterator[bytes]:
    head = {
        "format": FORMAT,
        "version": VERSION,
        "records": len(log),
        "initial_state": log.initial_state,
        "initial_memory": [json.loads(to_line(record)) for record in log.initial_memory],
        "ranges": [asdict(each) for each in log.ranges],
        "unknown": log.unknown,
    }
    yield json.dumps(head).encode() + b"\n"
    for record in log:
        yield to_line(record).encode()


def open_log(path: str | os.PathLike[str]) -> Log:
    """Read a log that `log.save` has written; it is equal to what was saved. Nothing in it is run.

    Args:
        path: the file.

    Raises:
        MTIALabError: there is no such file, or it is none of these, of a newer version, cut short
            or damaged.
        TypeError: that is no path.
    """
    of_type(open_log, "a path", path, str, os.PathLike)
    what = f"{Path(path)} cannot be opened as a log."
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            head = _head(what, file.readline(_HEAD))
            records = [_record(json.loads(line)) for line in file]
            memory = [_record(line) for line in head["initial_memory"]]
            unknown = _frozen(head.get("unknown", []))  # which earlier files have not
            ranges = [Range(**each) for each in head.get("ranges", [])]
            state = {int(thread): _frozen(ids) for thread, ids in head["initial_state"].items()}
    except EOFError:
        raise _cut_short(what, "its end is missing") from None
    except _DAMAGED as error:
        raise UnreadableLog(
            what, f"it is no log, or damaged: {error}.", "give a file that `log.save(path)` wrote."
        ) from None
    except OSError as error:
        why = f"{error.strerror}."
        raise UnreadableLog(what, why, "give a file that `log.save(path)` wrote.") from None
    if len(records) != head["records"]:
        raise _cut_short(what, f"it holds {len(records):,} of {head['records']:,} records")
    before = [record for record in memory if isinstance(record, Memory)]
    return Log(records, state, before, unknown, ranges)


def _head(what: str, line: str) -> dict[str, Any]:
    head = json.loads(line) if line.startswith("{") else None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise ValueError("it does not begin as one")
    if head["version"] > VERSION:
        raise UnreadableLog(
            what,
            f"it is of version {head['version']}, and this lab knows versions up to {VERSION}.",
            "install a newer MTIA Lab, or save it again with this one.",
        )
    return head


def _cut_short(what: str, why: str) -> UnreadableLog:
    return UnreadableLog(what, f"it is cut short: {why}.", "copy or save it again.")


def _record(line: dict[str, Any]) -> Record:
    kind = _KINDS[line.pop("kind")]
    return kind(**{name: _PARTS.get(name, _frozen)(value) for name, value in line.items()})


def _frozen(value: Any) -> Any:
    """Lists of JSON, however deep, as the tuples that they were."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _access(parts: list[Any]) -> Access:
    return Access(*map(_frozen, parts))


def _accesses(rows: list[list[Any]]) -> tuple[Access, ...]:
    return tuple(map(_access, rows))


def _knowns(rows: list[list[Any]]) -> tuple[Known, ...]:
    return tuple(Known(*row) for row in rows)


_PARTS: dict[str, Callable[[Any], Any]] = {  # fields that hold more than numbers and words
    "reads": _accesses,
    "writes": _accesses,
    "access": _access,
    "synchronized": _knowns,
    "data": bytes.fromhex,
}
