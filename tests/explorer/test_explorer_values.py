"""What the explorer says memory holds, and the numbers it shows for it."""

from dataclasses import replace
from math import prod

import in_us
import pytest
import torch
from drawings import command, memory

from mtia_lab.explorer.memory import numbers
from mtia_lab.explorer.model import Model
from mtia_lab.explorer.payload import payload
from mtia_lab.log.log import Log
from mtia_lab.log.records import Access


def test_a_late_effect_is_seen_late():
    access = Access(0, 0, 4, "int32", (), None, 4)
    given = [command(1, "kernel", (0, 1), (1, 1, 2), name="a"), memory("alloc", 0, 1, stream=1)]
    given.append(command(2, "kernel", (0, 1), (5, 5, 6), name="b"))
    seven = (7).to_bytes(4, "little")
    for time, verb in ((5.0, "finishes"), (8.0, "takes effect only now")):
        model = Model(Log([*given, in_us.value(1, access, seven, time, 0, None)]))
        seen = [k for k in range(len(model.moments)) if 0 in model.state(k)["blocks"]]
        first = next(k for k in seen if model.state(k)["blocks"][0] is not None)
        assert model.describe(first) == f"kernel a on mtia:0/1 {verb}"
        assert model.state(first)["blocks"][0].text == "7"


def test_what_began_before_the_log_is_seen_when_it_happens():
    access, seven = Access(0, 0, 4, "int32", (), None, 4), (7).to_bytes(4, "little")
    initial = [memory("segment_alloc", 0, 2), memory("alloc", 0, 1)]
    model = Model(Log([in_us.value(5, access, seven, 3.0, 0, None)], {}, initial))
    assert model.describe(1) == "a command from before the log takes effect only now"
    assert [model.state(k)["blocks"][0] for k in (0, 1)] == [None, ("int32[]", "7", 0)]


def test_bytes_replace_those_they_are_written_over():
    """A view is written after its tensor, then a tensor too long to be recorded as a whole."""

    def value(id, address, count, data):
        access = Access(0, address, count, "int8", (count,))
        write = command(id, "kernel", (0, 0), (id, id, id + 1))
        return [write, in_us.value(id, access, bytes(data), id + 1.0, 0, None)]

    records = [memory("alloc", 0, 1)]
    records += value(1, 0, 4, [1, 2, 3, 4]) + value(2, 2, 1, [9]) + value(3, 1000, 5, [5] * 5)
    records += value(4, 0, 2000, [8, 8])  # the first two are known, the others have changed too
    records += value(5, 2, 3000, [6] * 4) + value(6, 0, 5, [7] * 3)
    model = Model(Log(records))
    row = model.values.rows[0]
    assert [content.text for content in row.values] == [
        "[1, 2, 3, 4]",
        "[1, 2, 9, 4]",
        "[5, 5, 5, 5, 5]",
        "[8, 8, …]",
        "[6, 6, 6, 6, …]",
        "[7, 7, …]",  # as the 2,000 that they were first; of the 3,000 not enough is known now
    ]


def tensor_of(dtype, *sizes, strides=None):
    itemsize = getattr(torch, dtype).itemsize
    return Access(0, 0, itemsize * prod(sizes), dtype, sizes, strides, itemsize)


@pytest.mark.parametrize(
    "dtype",
    [
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "int8",
        "uint8",
        "int16",
        "int32",
        "int64",
        "bool",
    ],
)
def test_numbers_are_those_of_the_tensor(dtype):
    tensor = torch.arange(-2, 4).reshape(2, 3).to(getattr(torch, dtype))
    data = tensor.contiguous().view(torch.uint8).numpy().tobytes()
    assert eval(numbers(tensor_of(dtype, 2, 3), data)) == tensor.tolist()
    turned = numbers(tensor_of(dtype, 3, 2, strides=(1, 3)), data)
    assert eval(turned) == tensor.t().tolist()


def test_of_many_numbers_the_first_are_shown():
    data = torch.arange(64.0).numpy().tobytes()
    assert numbers(tensor_of("float32", 100), data) == "[0, 1, 2, 3, 4, 5, …]"
    assert numbers(tensor_of("float32", 50, 4), data).endswith("[20, 21, 22, 23], …]")
    table = numbers(tensor_of("float32", 9, 60), data)
    assert table == "[[0, 1, 2, 3, 4, 5, …], [60, 61, 62, 63, …], …]"
    assert numbers(tensor_of("float32"), data[:4]) == "0"
    assert numbers(tensor_of("complex64", 1), data[4:12]) == "[1+2j]"
    assert numbers(tensor_of("float8_e5m2", 2), b"\x01\xff") == "01 ff"


def test_unknown_memory_is_not_an_error():
    access = Access(0, 2**30, 4, "float32", (), None, 4)
    lone = in_us.command(
        1, "kernel", "k", 0, 0, 0, 0, 1, 0, None, None, (), None, (access,), (access,)
    )
    freed = in_us.memory("free", 0, 0, 512, 512, 2.0, 0, None)
    model = Model(Log([lone, freed, memory("oom", None, 1, time=3.0)]))
    assert [model.state(k)["blocks"] for k in (0, len(model.moments) - 1)] == [{0: None}, {}]
    assert model.accesses[0][0][0] == -1
    beside = Access(0, 2**20, 4, "float32", (), None, 4)  # the first byte after the block
    model = Model(
        Log([memory("alloc", 0, 1), replace(lone, reads=(beside,), enqueue_ns=1000, start_ns=1000)])
    )
    assert model.accesses[1][0][0] == -1
    assert payload(model)
    assert Model(Log()).describe(0) == "the recording begins" and payload(Model(Log()))
