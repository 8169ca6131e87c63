"""Records for tests, with times in µs, as people write them: `in_us.command(…, start=2.5)`."""

from dataclasses import fields, replace

from mtia_lab.log.records import Call, Command, Host, Memory, Value


def _maker(kind):
    """The class of a record, given times in µs; by position, or by name with or without `_ns`."""
    names = [field.name for field in fields(kind)]

    def make(*values, **given):
        given = dict(zip(names, values, strict=False)) | given
        known = {name if name in names else f"{name}_ns": given[name] for name in given}
        return kind(**{k: to_ns(v) if k.endswith("_ns") else v for k, v in known.items()})

    return make


def to_ns(time):
    """Whole nanoseconds of a time in µs, or of each in a tuple."""
    return tuple(map(to_ns, time)) if isinstance(time, tuple) else round(time * 1000)


call, command, memory, host, value = map(_maker, (Call, Command, Memory, Host, Value))


def in_calls(records):
    """The records, with calls that have ids, and the id of the call in what directly follows it."""
    made, call = [], None
    for record in records:
        if isinstance(record, Call):
            call = record = replace(record, id=len(made) + 1)
        elif call is not None and record.thread == call.thread:
            record = replace(record, call=call.id)
        made.append(record)
    return made
