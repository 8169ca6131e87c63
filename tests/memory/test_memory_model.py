"""Random programs of allocations, frees and uses: the allocator against the model, step by step."""

import random
from typing import NamedTuple

import machines
import memory_model
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from memory import KIB, MIB, empty_devices

CAPACITY = 64 * MIB
SIZES = [1, 512, 513, 100 * KIB, MIB - 511, MIB, MIB + 1, 3 * MIB, 10 * MIB - 1, 10 * MIB, 23 * MIB]
STREAM = st.integers(0, 3)  # the last one is another device's
BLOCK = st.integers(0, 9)  # wraps around those there are
STEPS = [
    *[st.tuples(st.just("allocate"), st.integers(0, 2), st.sampled_from(SIZES))] * 5,
    *[st.tuples(st.just("free"), BLOCK)] * 4,
    *[st.tuples(st.just("use"), BLOCK, STREAM)] * 2,
    *[st.tuples(st.just("launch"), STREAM)] * 2,
    st.tuples(st.just("synchronize"), STREAM),
    st.tuples(st.just("empty_cache")),
]
PROGRAMS = st.lists(st.lists(st.one_of(STEPS), max_size=20), max_size=20).map(
    lambda parts: sum(parts, [])
)


class View(NamedTuple):
    """A block, or a segment, where it is and in what state."""

    start: int
    size: int
    state: str


class Device:
    """The device, by the same names as the model."""

    def __init__(self, lab):
        self.lab = lab
        self.streams = [
            torch.mtia.default_stream(0),
            torch.Stream("mtia:0"),
            torch.Stream("mtia:0"),
        ]
        self.streams.append(torch.Stream("mtia:1"))
        self.tensors: dict[int, torch.Tensor] = {}
        self.base = self.base_address()

    @staticmethod
    def base_address() -> int:
        empty_devices()
        base = torch.empty(1, device="mtia:0").data_ptr()  # first fit: where the memory starts
        torch.accelerator.empty_cache()
        return base

    def allocate(self, stream: int, size: int) -> int:
        with self.streams[stream]:
            try:
                tensor = torch.empty(size, dtype=torch.uint8, device="mtia:0")
            except torch.OutOfMemoryError:
                raise memory_model.OutOfMemory from None
        start = tensor.data_ptr() - self.base
        self.tensors[start] = tensor
        return start

    def free(self, start: int) -> None:
        del self.tensors[start]

    def use(self, start: int, stream: int) -> None:
        self.tensors[start].record_stream(self.streams[stream])

    def launch(self, stream: int) -> None:
        with self.streams[stream]:
            self.lab.launch()

    def synchronize(self, stream: int) -> None:
        self.streams[stream].synchronize()

    def empty_cache(self) -> None:
        torch.accelerator.empty_cache()

    def blocks(self) -> list[View]:
        segments = [s for s in torch.mtia.snapshot()["segments"] if s["device"] == 0]
        for segment in segments:
            assert sum(block["size"] for block in segment["blocks"]) == segment["total_size"]
        return [
            View(block["address"] - self.base, block["size"], block["state"])
            for segment in segments
            for block in segment["blocks"]
        ]


def check_same(device: Device, model: memory_model.Memory) -> None:
    blocks = device.blocks()
    assert blocks == [View(b.start, b.size, b.state) for b in model.blocks]
    ends = [b.start + b.size for b in blocks]
    assert all(end <= after.start for end, after in zip(ends, blocks[1:], strict=False))
    stats = torch.accelerator.memory_stats(0)
    assert stats["reserved_bytes.all.current"] == model.reserved <= CAPACITY
    assert stats["segment.all.current"] == len(model.segments)
    assert stats["allocated_bytes.all.current"] == model.total("active_allocated")
    active = ("active_allocated", "active_pending_free")
    assert stats["active_bytes.all.current"] == model.total(*active)
    split = [
        b.size
        for s in model.segments
        for b in s.blocks
        if len(s.blocks) > 1 and b.state == "inactive"
    ]
    assert stats["inactive_split.all.current"] == len(split)
    assert stats["inactive_split_bytes.all.current"] == sum(split)
    assert stats["num_alloc_retries"] == model.retries
    assert stats["num_ooms"] == model.failures


def outcome(allocate, *arguments) -> int | None:
    try:
        return allocate(*arguments)
    except memory_model.OutOfMemory:
        return None


def run(lab, program) -> None:
    machines.idle_at_defaults()
    lab.configure(schedule="latest", profile=lab.Profile(memory_bytes=CAPACITY))
    device = Device(lab)
    try:
        walk(device, program)
    finally:
        device.tensors.clear()  # a failure's traceback must not hold them
    device.empty_cache()
    assert torch.accelerator.memory_reserved(0) == 0, "all was freed, so all is given back"


def walk(device: Device, program) -> None:
    torch.accelerator.reset_accumulated_memory_stats(0)
    model = memory_model.Memory(CAPACITY, 4, own={0, 1, 2})
    held: list[int] = []
    for name, *arguments in program:
        if name == "allocate":
            start = outcome(device.allocate, *arguments)
            assert start == outcome(model.allocate, *arguments)
            held += [] if start is None else [start]
        elif name in ("free", "use"):
            if not held:
                continue
            at = arguments[0] % len(held)
            start = held.pop(at) if name == "free" else held[at]
            for one in (device, model):
                getattr(one, name)(start, *arguments[1:])
        elif name == "synchronize":
            device.synchronize(*arguments)
            model.synchronize(set(arguments))
        else:
            for one in (device, model):
                getattr(one, name)(*arguments)
        check_same(device, model)


@settings(max_examples=200)
@given(PROGRAMS)
def test_any_program_gets_the_blocks_the_model_says(lab_for_examples, program):
    run(lab_for_examples, program)


@pytest.fixture(scope="module")
def lab_for_examples():
    import mtia_lab

    mtia_lab.load()
    machines.idle_at_defaults()
    yield mtia_lab
    machines.idle_at_defaults()
    mtia_lab.configure(schedule="modelled", profile=mtia_lab.Profile())


def test_a_hundred_thousand_operations_end_where_they_began(lab):
    """Random sizes on several streams, with uses by others, then all is let go."""
    chance = random.Random(5)
    lab.configure(profile=lab.Profile(memory_bytes=256 * MIB))
    device = Device(lab)
    before = torch.accelerator.memory_allocated(0)
    held: list[torch.Tensor] = []
    for _ in range(100_000):
        if held and (chance.random() < 0.5 or len(held) > 200):
            held[chance.randrange(len(held))] = held[-1]
            held.pop()
        else:
            with device.streams[chance.randrange(3)]:
                size = int(2 ** chance.uniform(0, 18))
                held.append(torch.empty(size, dtype=torch.uint8, device="mtia:0"))
            if chance.random() < 0.1:
                held[-1].record_stream(device.streams[chance.randrange(4)])
                device.launch(chance.randrange(4))
    held.clear()
    torch.mtia.synchronize(0)
    torch.mtia.synchronize(1)
    assert torch.accelerator.memory_allocated(0) == before
    torch.accelerator.empty_cache()
    assert torch.accelerator.memory_reserved(0) == 0
