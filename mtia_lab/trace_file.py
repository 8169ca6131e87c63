"""Write a log to a file that Perfetto and chrome://tracing open."""

import gzip
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .arguments import a_log, of_type
from .errors import NoFolder, WrongValue
from .log import Log
from .trace_events import trace_events

_CHUNK = 10_000  # events that are written at a time


def write_trace(log: Log, path: str | os.PathLike) -> Path:
    """Write what happened as a trace that https://ui.perfetto.dev shows, or chrome://tracing.

    The host and every device are processes, with a track for each thread and each stream: calls and
    how long they were blocked, kernels, copies, event recordings and waits. Arrows lead from calls
    to what they enqueued and from recordings to the waits for them. Counters show the commands that
    stand in queues and the memory in use. A microsecond in the trace is one of virtual time, 0 is
    where the recording began. Calls that took no time, enqueued nothing and did not fail are left
    out. The same log gives the same bytes.

    Args:
        log: what ``mtia_lab.record()`` yielded.
        path: the file, whose name ends in ".json", or in ".json.gz" to be compressed. If there is
            one already it is replaced, once the new one is complete.

    Returns:
        the path.

    Raises:
        ValueError: the name ends otherwise.
        OSError: the file cannot be written.
        TypeError: that is no log, or no path.
    """
    log = a_log(write_trace, log)
    of_type(write_trace, 'after the log a path, such as "run.json"', path, str, os.PathLike)
    path = Path(path)
    if not path.name.endswith((".json", ".json.gz")):
        raise WrongValue(
            f"{path.name!r} is no name for a trace: Perfetto tells by it what is inside, so let it "
            "end in .json, or in .json.gz to have it compressed"
        )
    if not path.parent.is_dir():
        raise NoFolder(
            f"there is no folder {str(path.parent)!r} to write {path.name!r} into: make it first, "
            "or choose another"
        )
    _replace(path, _text(log))
    return path


def _text(log: Log) -> Iterator[bytes]:
    """The file, piece by piece; one event a line, by time."""
    encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
    lines = [(time, encode(event)) for time, event in trace_events(log)]
    lines.sort(key=lambda line: line[0])
    about = {"otherData": {"clock": "virtual time of MTIA Lab"}}
    yield json.dumps(about)[:-1].encode() + b', "traceEvents": [\n'
    for k in range(0, len(lines), _CHUNK):
        separator = ",\n" if k else ""
        yield (separator + ",\n".join(line for _, line in lines[k : k + _CHUNK])).encode()
    yield b"\n]}\n"


def _replace(path: Path, pieces: Iterator[bytes]) -> None:
    """Write a new file beside the old one and put it in its place."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as raw:
            if path.name.endswith(".gz"):  # without a name or a time in it: equal logs, equal bytes
                with gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
                    file.writelines(pieces)
            else:
                raw.writelines(pieces)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """What new files may not be, which mkstemp does not look at."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
