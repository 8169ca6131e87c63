"""The model as the page gets it: columns of numbers and one table of strings, deflated JSON."""

import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from ..draw import palette
from ..draw.memory import Heights
from ..hazards import Finding
from ..log.lines import source_of
from ..log.records import PINNED, Call, Command, Host, Record
from ..log.replay import FOREVER, Span
from ..log.units import size, stream_name
from .memory import USED, Totals
from .model import LABELS, Model
from .moments import FINISH, RETURN, START, VERBS, Row
from .opening import opening, sides

Lane = int | tuple[int, int]  # a host thread; a stream as (device, stream)
Columns = dict[str, Any]

KINDS = tuple(LABELS)
STRIP = 1000  # the width of a device's memory, in units of the payload
LEAST = 14  # of a low block
LONG = 2_000_000  # characters, of which more are packed in less time, and some more room
T = TypeVar("T")


class _Table(Generic[T]):
    """Each text, or what else there is often, once; a column has its number, -1 for none."""

    def __init__(self) -> None:
        self.table: dict[T, int] = {}

    def __call__(self, value: T | None) -> int:
        return -1 if value is None else self.table.setdefault(value, len(self.table))


_Strings = _Table[str]


def payload(model: Model, findings: Sequence[Finding] = (), begin: int = 0) -> bytes:
    """Everything the page needs.

    Args:
        model: what to show.
        findings: what the checker found, hints as well.
        begin: where the axis of time begins, in ns.

    Returns:
        Deflated JSON: columns for records, moments and blocks, rows, and the strings.
    """
    strings, states = _Strings(), _Table[tuple[int, ...]]()
    lanes = _lanes(model)
    _, records, verbs = zip(*model.moments, strict=True)
    content = {
        "begin": begin,
        "opening": opening(model, findings)._asdict(),
        "verbs": VERBS,
        "stops": {"command": (START, FINISH), "call": (RETURN,)},
        "kinds": KINDS,
        "labels": list(LABELS.values()),
        "lanes": list(lanes.values()),
        "records": _records(model, {key: k for k, key in enumerate(lanes)}, strings),
        "moments": {"time": _steps(model.times), "record": _steps(records), "verb": verbs},
        "threads": {
            thread: _row(row, lambda value: [states(value[0]), *value[1:]])
            for thread, row in model.threads.items()
        },
        "states": list(states.table),
        "events": {event: _row(row) for event, row in model.events.items()},
        "totals": {
            device: _row(row, partial(_sizes, strings, device))
            for device, row in model.totals.items()
        },
        "blocks": _blocks(model, strings),
        "segments": _spans(model, model.segments),
        "findings": [_finding(model, finding) for finding in findings],
        "sources": source_lines({record.site for record in model.records}),
        "hues": {"fault": palette.FAULT.strong, "copy": palette.COPY.strong},
        "strings": list(strings.table),
    }
    text = json.dumps(content, separators=(",", ":")).encode()
    return zlib.compress(text, 6 if len(text) < LONG else 3)


def _lanes(model: Model) -> dict[Lane, Columns]:
    """The host threads, then the streams: key -> how the page calls and colors it."""
    threads = {record.thread for record in model.records if not isinstance(record, Command)}
    lanes: dict[Lane, Columns] = {
        thread: _lane(f"host thread {thread}", palette.PLAIN, []) | {"thread": thread}
        for thread in sorted(threads | set(model.threads))
    }
    for position, record in enumerate(model.records):
        if isinstance(record, Call | Host):
            lanes[record.thread]["records"].append(position)
    for thread in threads:
        lanes[thread]["records"].sort(key=lambda position: model.first[position])
    for (device, stream), records in model.streams.items():
        hue = palette.stream_hue(stream)
        lanes[device, stream] = _lane(stream_name(device, stream), hue, records)
    return lanes


def _lane(name: str, hue: palette.Hue, records: list[int]) -> Columns:
    return {"name": name, "hue": hue.strong, "records": records}


def _records(model: Model, lanes: dict[Lane, int], strings: _Strings) -> Columns:
    """A column for each field; what lies between the moments of a record takes few digits."""
    number = {kind: k for k, kind in enumerate(KINDS)}
    kinds = [number[model.kind(position)] for position in range(len(model.records))]
    columns: Columns = {
        "kind": kinds,
        "lane": [lanes.get(_where(record), -1) for record in model.records],
        "name": [strings(model.name(position)) for position in range(len(model.records))],
        "text": _texts(model, strings),
        "site": [strings(record.site) for record in model.records],
        "first": _steps(model.first),
        "start": [b - a for a, b in zip(model.first, model.start, strict=True)],
        "last": [b - a for a, b in zip(model.start, model.last, strict=True)],
        "after": {},
        "waits": {},
    }
    for position, record in enumerate(model.records):
        if isinstance(record, Call) and record.waits_ns:
            columns["waits"][position] = record.waits_ns
        elif isinstance(record, Command) and record.after:
            sources = [model.place[source] for source in record.after if source in model.place]
            columns["after"][position] = sources
    columns["accesses"] = {
        position: [
            [block, strings(a.tensor or f"{a.bytes:,} bytes"), int(writes)]
            for block, a, writes in accesses
        ]
        for position, accesses in model.accesses.items()
    }
    return columns


def _texts(model: Model, strings: _Strings) -> list[int]:
    """Calls with their arguments and results, of which many are alike."""
    known: dict[tuple[str | None, ...], int] = {}
    texts = []
    for record in model.records:
        text = -1
        if isinstance(record, Call):
            parts = record.door, record.name, record.args, record.result, record.error
            text = known.get(parts, -1)
            if text < 0:
                text = known[parts] = strings(repr(record))
        texts.append(text)
    return texts


def _where(record: Record) -> Lane:
    return (record.device, record.stream) if isinstance(record, Command) else record.thread


def _blocks(model: Model, strings: _Strings) -> Columns:
    columns = _spans(model, model.blocks)
    columns["name"] = [block.name for block in model.blocks]
    columns["site"] = [strings(block.site) for block in model.blocks]
    columns["cause"] = [strings(None if block.site else block.cause) for block in model.blocks]
    columns["fresh"] = [int(block.begin > 0 and block.cause != USED) for block in model.blocks]
    columns["size"] = [strings(size(block.bytes)) for block in model.blocks]
    columns["hue"] = [palette.stream_hue(block.stream).strong for block in model.blocks]
    columns["users"] = {
        block.number: [(moment, stream) for moment, (_, stream) in block.users]
        for block in model.blocks
        if block.users
    }
    columns["contents"] = {
        block: _row(row, lambda c: [strings(c.tensor), strings(c.text), c.writer])
        for block, row in model.values.rows.items()
    }
    return columns


def _sizes(strings: _Strings, device: int, total: Totals) -> int:
    allocated, reserved = map(size, total)
    if device == PINNED:
        return strings(f"{allocated} in use")
    return strings(f"{allocated} allocated of {reserved} reserved")


def _finding(model: Model, finding: Finding) -> Columns:
    """Its first line, the rest, and the records of its two sides, as far as the log has them."""
    title, _, text = repr(finding).partition("\n")
    hazard = finding.severity == "hazard"
    return {"title": title, "text": text, "records": sides(model, finding), "hazard": hazard}


def _spans(model: Model, spans: Sequence[Span]) -> Columns:
    """Which addresses, when, and where they lie on the strip of their device."""
    places = {device: _scale(model, device) for device in {span.device for span in spans}}
    columns: Columns = {
        "device": [span.device for span in spans],
        "address": [span.address for span in spans],
        "bytes": [span.bytes for span in spans],
        "born": [span.begin for span in spans],
        "died": [-1 if span.end == FOREVER else span.end for span in spans],
        "left": [],
        "right": [],
    }
    for span in spans:
        place = places[span.device]
        columns["left"].append(round(place(span.address), 2))
        columns["right"].append(round(place(span.top), 2))
    return columns


def _scale(model: Model, device: int) -> Callable[[int], float]:
    """Addresses in proportion, but nothing is too small to see: the same at every moment."""
    spans = [span for span in (*model.blocks, *model.segments) if span.device == device]
    edges = sorted({edge for span in spans for edge in (span.address, span.top)})
    scale = Heights(edges, 0, STRIP, LEAST)
    return lambda address: -scale.y(address)


def _row(row: Row[Any], encode: Callable[[Any], Any] | None = None) -> Columns:
    values = [encode(value) for value in row.values] if encode else row.values
    return {"at": _steps(row.at), "values": values}


def _steps(times: Sequence[int]) -> list[int]:
    """Differences, which are small numbers."""
    return [b - a for a, b in zip([0, *times], times, strict=False)]


def source_lines(sites: Iterable[str | None]) -> dict[str, str]:
    """The text of each line that can be found, by its name, such as "In[3]:2" or "train.py:12"."""
    found = {}
    texts: dict[str, list[str]] = {}
    for site in sorted({site for site in sites if site}):
        where, _, number = site.rpartition(":")
        if where not in texts:  # lines end where Python's do: not at U+2028
            text = source_of(where)
            texts[where] = text.split("\n") if text else []
        lines = texts[where]
        if number.isdigit() and 0 < int(number) <= len(lines):
            found[site] = lines[int(number) - 1].strip()
    return found
