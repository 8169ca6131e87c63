"""The log's schema as a table: `python tools/schema.py` writes it from the classes of records.

What a field means stands in the docstring of its class, what it holds in its annotation, and its
unit in its name.
"""

import inspect
import re
from pathlib import Path

from mtia_lab.log import records

TABLE = Path(records.__file__).with_name("schema.md")
CLASSES = (*records.Record.__args__, records.Access, records.Known, records.Range)
HEAD = """\
# The schema of a log, version {version}

Written by `tools/schema.py` from `records.py`. A log is a sequence of records of five kinds; an
`Access` and a `Known` are parts of them, a `Range` stands beside. Times count from when the
recording began.

`log.to_json()` gives a line for each record: an object of JSON with the record's name in lower case
as `"kind"`, and all its fields; an `Access` or a `Known` is an array in the order of its fields,
`bytes` are hexadecimal. A file that `log.save` writes is that text after one line more, compressed
by gzip. The first line is an object as well: `"format"` is "MTIA Lab log", `"version"` that of this
schema, `"records"` how many lines follow; `"initial_state"` has the state of each thread and
`"initial_memory"` the memory that was in use, as `Memory` records, before the first of them;
`"ranges"` the program's own ranges, each a `Range`, and `"unknown"` what the source did not tell.

| record | field | holds | unit | meaning |
|---|---|---|---|---|
"""
UNITS = {"bytes": "bytes", "itemsize": "bytes", "address": "bytes", "strides": "elements"}


def meanings(kind: type) -> dict[str, str]:
    """What the docstring of a class says of each attribute."""
    said = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")[2]
    entries = re.findall(r"^    ([\w, ]+): (.*(?:\n {8}.*)*)", said, re.MULTILINE)
    return {name: " ".join(text.split()) for names, text in entries for name in names.split(", ")}


def rows(kind: type) -> list[tuple[str, str, str, str, str]]:
    """A row of the table for each field of a class, in their order."""
    said = meanings(kind)
    return [
        (
            f"`{kind.__name__}`",
            f"`{name}`",
            f"`{inspect.formatannotation(holds).replace(f'{records.__name__}.', '')}`",
            "ns" if name.endswith("_ns") else UNITS.get(name, ""),
            said[name],
        )
        for name, holds in kind.__annotations__.items()
    ]


def table() -> str:
    """The whole file."""
    lines = [f"| {' | '.join(row)} |" for kind in CLASSES for row in rows(kind)]
    escaped = [line.replace(" | None", " \\| None") for line in lines]
    return HEAD.format(version=records.VERSION) + "\n".join(escaped) + "\n"


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
