"""Records from the lines of JSON that the simulator writes."""

import json

from .records import Access, Call, Command, Host, Known, Memory, Record, Value


def parse(text: str, origin: float) -> list[Record]:
    """Records from the simulator's JSON lines.

    Args:
        text: as `torch.ops.mtia_lab.record_read` returns it; times in nanoseconds.
        origin: the host clock at which the recording began, in nanoseconds.
    """
    lines = text.split("\n")[:-1]  # names may hold what str.splitlines takes for the end of one
    return [_record(json.loads(line), origin) for line in lines]


def _record(fields: dict, origin: float) -> Record:
    make, times = _KINDS[fields.pop("kind")]
    for name in times:
        fields[name] = (fields[name] - origin) / 1000
    fields["site"] = fields["site"] or None
    return make(fields, origin)


def _call(fields: dict, origin: float) -> Call:
    waits = [(time - origin) / 1000 for time in fields["waits"]]
    fields["waits"] = tuple(zip(waits[::2], waits[1::2], strict=True))
    fields["state"] = tuple(fields["state"])
    known = zip(*[iter(fields["synchronized"])] * 4, strict=True)
    fields["synchronized"] = tuple(
        Known(device, None if stream < 0 else stream, command, newest)
        for device, stream, command, newest in known
    )
    return Call(**fields)


def _command(fields: dict, _origin: float) -> Command:
    fields["event"] = fields["event"] or None
    fields["version"] = fields["version"] or None
    fields["after"] = tuple(fields["after"])
    return Command(**_with_accesses(fields))


def _memory(fields: dict, _origin: float) -> Memory:
    fields["address"] = None if fields["address"] < 0 else fields["address"]
    return Memory(**fields)


def _host(fields: dict, _origin: float) -> Host:
    return Host(**_with_accesses(fields))


def _value(fields: dict, _origin: float) -> Value:
    fields["access"] = Access(*fields["access"])
    fields["data"] = bytes.fromhex(fields["data"])
    return Value(**fields)


def _with_accesses(fields: dict) -> dict:
    for name in ("reads", "writes"):
        fields[name] = tuple([Access(*access) for access in fields[name]])
    return fields


# How each kind of record is made from its fields, and which of these are times.
_KINDS = {
    "call": (_call, ("begin", "end")),
    "command": (_command, ("enqueue", "start", "finish")),
    "memory": (_memory, ("time",)),
    "host": (_host, ("time",)),
    "value": (_value, ("time",)),
}
