"""The schema: its table says what the records are, and the simulator fills in every field."""

from dataclasses import fields, make_dataclass
from types import SimpleNamespace

import pytest
import schema
import torch
from only import only

from mtia_lab.device import simulator
from mtia_lab.log.records import Access, Call, Command, Host, Known, Memory, Value


def test_the_table_is_current():
    assert schema.TABLE.read_text(encoding="utf-8") == schema.table(), "run tools/schema.py"


def test_every_field_is_explained_and_nothing_else():
    for kind in schema.CLASSES:
        assert set(schema.meanings(kind)) == set(kind.__annotations__), kind.__name__


def test_fields_hold_what_the_schema_says(lab):
    """In a program with all kinds of records: whole nanoseconds, and the types of the table."""
    side = torch.Stream("mtia:0")
    with lab.record(host=True, values=True) as log:
        x = torch.ones(4, 3).pin_memory().to("mtia", non_blocking=True)
        with side:
            event = side.record_event()
            (x.t() * 2).sum().item()
        torch.mtia.current_stream().wait_event(event)
        torch.ones(2, pin_memory=True).tolist()
        torch.ones(3, device="mtia:1").to("mtia:0")
    assert {type(record) for record in log} == {Call, Command, Memory, Host, Value}
    for record in log:
        for field in fields(record):
            value = getattr(record, field.name)
            held = {type(part) for part in value} if type(value) is tuple else {type(value)}
            assert held <= allowed(str(field.type)), (field.name, field.type, value)


def test_a_field_that_only_one_side_knows_is_refused(lab):
    """The simulator fills in fields by name: the schema has all of them, and no more."""
    some = {kind.__name__: kind for kind in schema.CLASSES}
    unknown = make_dataclass("Command", [f.name for f in fields(Command)] + ["more"], slots=True)
    renamed = make_dataclass("Command", [f"{f.name}_" for f in fields(Command)], slots=True)
    position = simulator.record_begin(False, False)
    lab.launch("k")
    try:
        read = simulator.record_read(position, 0, SimpleNamespace(**some))
        assert [type(record) for record in read] == [Call, Command]
        with pytest.raises(TypeError, match="a Command has other fields in C"):
            simulator.record_read(position, 0, SimpleNamespace(**some | {"Command": unknown}))
        with pytest.raises(AttributeError, match="'id'"):
            simulator.record_read(position, 0, SimpleNamespace(**some | {"Command": renamed}))
    finally:
        simulator.record_end(False, False)


def allowed(annotation):
    """The types that an annotation names, in a tuple or alone."""
    known = {"int": int, "str": str, "bytes": bytes, "None": type(None)}
    known |= {"Access": Access, "Known": Known}
    found = {kind for name, kind in known.items() if name in annotation}
    return found | ({tuple} if "tuple[tuple" in annotation else set())


def test_what_happens_in_a_call_has_its_id(lab):
    side = torch.Stream("mtia:0")
    with lab.record() as log, side:
        y = torch.ones(2, 2, device="mtia")
        lab.launch("k")
        event = torch.Event("mtia")
        event.record(side)
        y.cpu()
    calls = {call.id: call for call in log.calls}
    assert list(calls) == sorted(calls) and len(calls) == len(log.calls)
    for record in (*log.commands, *(m for m in log.memory if m.call is not None)):
        call = calls[record.call]
        assert (call.thread, call.site) == (record.thread, record.site)
        at = record.enqueue_ns if isinstance(record, Command) else record.time_ns
        assert call.begin_ns <= at <= call.end_ns
    launched = only([c for c in log.commands if c.name == "k"])
    assert calls[launched.call].method == "lab.launch"
    recorded = only([c for c in log.commands if c.type == "record"])
    assert calls[recorded.call].stream == (0, side.stream_id)
    assert only([c.direction for c in log.commands if c.type == "copy"]) == "D2H"
