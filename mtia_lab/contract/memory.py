"""Memory and numbers: what copies wait for, when blocks come back, what generators draw."""

from typing import Any

import torch

from .backend import (
    TOO_FAST,
    Backend,
    NotReached,
    Products,
    Work,
    current,
    expect,
    first_line,
    raises,
)
from .basis import ADVICE, ALLOCATOR, COPIES, GENERATORS, MIXING, PINNED, SEEDS
from .clause import clause

SIZE = 37 * 2**20  # bytes that nobody else asks for, so the best cached block is the clause's own
LARGE = 2**20  # numbers to copy, so that it takes a while


@clause(
    "copy.item",
    "item() waits for the current stream.",
    COPIES,
    "_local_scalar_dense synchronizes the stream before the host reads.",
)
def item(backend: Backend) -> None:
    with backend.stream():
        work = backend.work()
        written = torch.full((1,), 7.0, device=backend.type)
        read = written.item()
        expect("whether the work before it is done", work.done, True)
    expect("what was read", read, 7.0)


@clause(
    "copy.item_only",
    "item() need not wait for other streams.",
    ADVICE,
    "Synchronize the current stream, not the device.",
)
def item_only(backend: Backend) -> None:
    number, other = backend.number(7), backend.stream()
    with other:
        if isinstance(backend.slow, Products):  # no copy behind it, which item()'s may stand behind
            backend.slow.multiply()
        else:
            backend.slow(backend.flag())
    if other.query():
        raise NotReached(TOO_FAST)
    expect("what was read", number.item(), 7.0)
    expect("whether work of another stream is done", other.query(), False)


@clause(
    "copy.pageable_down",
    "A copy to ordinary memory waits for the work before it.",
    COPIES,
    "The host owns the target as soon as the call returns.",
)
def pageable_down(backend: Backend) -> None:
    with backend.stream():
        work = backend.work()
        read = torch.full((2,), 7.0, device=backend.type).to("cpu", non_blocking=False)
        expect("whether the work before it is done", work.done, True)
    expect("what was copied", read.tolist(), [7.0, 7.0])


@clause(
    "copy.pinned_down",
    "A copy to pinned memory waits, unless it was asked not to.",
    COPIES,
    "Only non_blocking=True makes a copy asynchronous, not that the memory is pinned.",
)
def pinned_down(backend: Backend) -> None:
    target = backend.pinned(0)
    with backend.stream():
        work = backend.work()
        target.copy_(torch.full((1,), 7.0, device=backend.type))
        read = target.item()
        expect("whether the work before it is done", work.done, True)
    expect("what was copied", read, 7.0)


@clause(
    "copy.pinned_down_goes_on",
    "A copy to pinned memory need not hold the host.",
    ADVICE,
    "With non_blocking=True, enqueue the copy and return.",
)
def pinned_down_goes_on(backend: Backend) -> None:
    number, target = backend.number(7), backend.pinned(0)
    work = backend.work()
    target.copy_(number, non_blocking=True)
    expect("whether the work before it is done", work.done, False)


@clause(
    "copy.pinned_up",
    "A copy from pinned memory has read it when it returns, unless it was asked not to wait.",
    COPIES,
    "Only non_blocking=True makes a copy asynchronous, not that the memory is pinned.",
)
def pinned_up(backend: Backend) -> None:
    source, target = backend.pinned(7), backend.number(0)
    work = backend.work()
    target.copy_(source)
    source.fill_(0)
    expect("what was copied", target.item(), 7.0)
    expect("whether the work before it is done", work.done, True)


@clause(
    "copy.pinned_up_goes_on",
    "A copy from pinned memory need not hold the host.",
    ADVICE,
    "With non_blocking=True, enqueue the copy and return; MPS has no pinned memory.",
)
def pinned_up_goes_on(backend: Backend) -> None:
    source, target = backend.pinned(7), backend.number(0)
    work = backend.work()
    target.copy_(source, non_blocking=True)
    expect("whether the work before it is done", work.done, False)
    expect("what was copied", target.item(), 7.0)


@clause(
    "copy.pageable_up",
    "A copy from ordinary memory has read it when it returns, whatever it was asked.",
    ADVICE,
    "Stage what is not pinned before the call returns, as CUDA does.",
)
def pageable_up(backend: Backend) -> None:
    source, target = torch.full((1,), 7.0), backend.number(0)
    work = backend.work()
    target.copy_(source, non_blocking=True)
    source.fill_(0)
    expect("what was copied", target.item(), 7.0)
    expect("whether the work before it is done", work.done, True)


@clause(
    "copy.across",
    "A copy to another device waits for its source's stream.",
    COPIES,
    "Record an event on the source's current stream and block the one that copies.",
)
def across(backend: Backend) -> None:
    other = backend.device(1)
    x = torch.full((1,), 1.0, device=backend.device(0))
    work = backend.work()
    moved = (x + 6).to(other) + 1
    expect("what was copied", moved.item(), 8.0)
    expect("whether the work on the source's stream is done", work.done, True)


@clause(
    "copy.across_waits_for_the_target",
    "A copy to another device waits for what the target's stream still does with the memory.",
    COPIES,
    "The copy is ordered behind both streams, not only behind the source's.",
)
def across_waits_for_the_target(backend: Backend) -> None:
    source, target = backend.number(7, 0), backend.number(5, 1)
    with torch.accelerator.device_index(1):
        work = backend.work()
        reader = target + 1
    target.copy_(source, non_blocking=True)
    expect("what work before the copy read", reader.item(), 6.0)
    expect("whether the work on the target's stream is done", work.done, True)


@clause(
    "copy.across_is_waited_for",
    "Later work on the target's stream waits for a copy from another device.",
    COPIES,
    "Behind the copy, the target's current stream waits for it.",
)
def across_is_waited_for(backend: Backend) -> None:
    source = torch.full((LARGE,), 1.0, device=backend.device(0))
    target = torch.zeros(LARGE, device=backend.device(1))
    torch.accelerator.synchronize(1)
    work = backend.work()
    source += 6
    target.copy_(source, non_blocking=True)
    read = target + 1
    torch.accelerator.synchronize(1)
    expect("whether the work on the source's stream is done", work.done, True)
    expect("what later work read", (read.min().item(), read.max().item()), (8.0, 8.0))


@clause(
    "memory.counts",
    "Reserved is at least allocated.",
    ALLOCATOR,
    "Register a c10::DeviceAllocator: with a plain c10::Allocator torch.accelerator cannot ask.",
)
def counts(backend: Backend) -> None:
    before = torch.accelerator.memory_allocated()
    kept = torch.empty(SIZE, dtype=torch.uint8, device=backend.type)
    allocated, reserved = torch.accelerator.memory_allocated(), torch.accelerator.memory_reserved()
    expect("whether allocated grew by it", allocated - before >= kept.nbytes, True)
    expect("whether reserved is at least that", reserved >= allocated, True)


@clause(
    "memory.empty_cache",
    "empty_cache gives back what is free, and touches nothing that is in use.",
    ALLOCATOR,
    "Walk over the free lists alone.",
)
def empty_cache(backend: Backend) -> None:
    kept = torch.full((3,), 7.0, device=backend.type)
    block_of(backend)
    torch.accelerator.empty_cache()
    expect("what is in use", kept.tolist(), [7.0, 7.0, 7.0])


@clause(
    "memory.gives_back",
    "Before an allocation fails, the cache gives back what is free.",
    ALLOCATOR,
    "Where the device has no more, empty the cache and ask it again; DeviceStats counts retries.",
)
def gives_back(backend: Backend) -> None:
    try:
        torch.accelerator.empty_cache()
        free, _ = torch.accelerator.get_memory_info()
        torch.empty(free * 6 // 10, dtype=torch.uint8, device=backend.type)  # and so it is cached
    except (RuntimeError, NotImplementedError) as error:
        raise NotReached(f"needs to know how much is free: {first_line(error)}") from error
    held = torch.empty(free * 8 // 10, dtype=torch.uint8, device=backend.type)
    del held
    torch.accelerator.empty_cache()


@clause(
    "memory.record_stream",
    "After record_stream a freed block rests until that stream is done.",
    ALLOCATOR,
    "Keep the stream with the block, and record an event in it when the block is freed.",
)
def record_stream(backend: Backend) -> None:
    block, side = block_of(backend), torch.Stream(backend.type)
    address = block.data_ptr()
    work = backend.work(side)
    block.record_stream(side)
    del block
    check_rests(backend, address, work)


@clause(
    "memory.other_stream",
    "Another stream does not get a block from this one's cache.",
    ADVICE,
    "Keep free blocks by stream; what one stream has freed it may still be using.",
)
def other_stream(backend: Backend) -> None:
    block = block_of(backend)
    address = block.data_ptr()
    del block
    with torch.Stream(backend.type):
        expect("whether it does", block_of(backend).data_ptr() == address, False)


@clause(
    "memory.reuse",
    "A block that is freed and made anew on one stream is written after it was read.",
    ALLOCATOR,
    "To free is in the order of the stream: the next user's work comes behind the last one's.",
)
def reuse(backend: Backend) -> None:
    with backend.stream():
        work = backend.work()
        first = torch.full((LARGE,), 7.0, device=backend.type)
        read = first + 1
        del first
        again = torch.full((LARGE,), 9.0, device=backend.type)
        expect("what was read", (read.min().item(), read.max().item()), (8.0, 8.0))
        expect("what was written", again[0].item(), 9.0)
        expect("whether the work before is done", work.done, True)


@clause(
    "pinned.is_pinned",
    "What pin_memory gives is pinned, and what it was given is not.",
    PINNED,
    "isPinnedPtr of the hooks knows the blocks of getPinnedMemoryAllocator.",
)
def is_pinned(backend: Backend) -> None:
    pinned = backend.pinned(7, 3)
    expect("whether it is pinned", pinned.is_pinned(), True)
    expect("whether ordinary memory is", torch.ones(3).is_pinned(), False)
    expect("what it holds", pinned.tolist(), [7.0, 7.0, 7.0])


@clause(
    "pinned.reuse",
    "Pinned memory is not handed out again while a copy still reads it.",
    PINNED,
    "copy_ has the host allocator record an event behind each copy that does not wait.",
)
def pinned_reuse(backend: Backend) -> None:
    source, target = backend.pinned(7, LARGE), torch.zeros(LARGE, device=backend.type)
    work = backend.work()
    target.copy_(source, non_blocking=True)
    del source
    again = [backend.pinned(0, LARGE) for _ in range(4)]
    torch.accelerator.synchronize()
    expect("what was copied", (target.min().item(), target.max().item()), (7.0, 7.0))
    expect("whether the work before it is done", work.done and len(again) == 4, True)


@clause(
    "random.seed",
    "The same seed gives the same numbers, and leaves the CPU's generator alone.",
    GENERATORS,
    "getNewGenerator makes a generator with a state of its own.",
)
def seed(backend: Backend) -> None:
    before = torch.get_rng_state()
    one, same, other = (drawn(backend.type, seed) for seed in (7, 7, 8))
    expect("whether two draws of a seed are equal", one == same, True)
    expect("whether those of another seed are", one == other, False)
    expect("whether the CPU's state is as before", torch.equal(torch.get_rng_state(), before), True)


@clause(
    "random.manual_seed",
    "torch.manual_seed seeds every device's default generator.",
    SEEDS,
    "The module's manual_seed_all is called; getDefaultGenerator gives one generator a device.",
)
def manual_seed(backend: Backend) -> None:
    drawn = []
    for _ in range(2):
        _seed_all()
        drawn.append(torch.rand(3, device=backend.type).tolist())
    expect("whether two draws after it are equal", drawn[0] == drawn[1], True)


@clause(
    "random.state",
    "get_state and set_state go back to a point: the same numbers come again.",
    GENERATORS,
    "The state holds seed and offset; set_state takes what get_state gave.",
)
def random_state(backend: Backend) -> None:
    generator: Any = torch.Generator(backend.type).manual_seed(7)
    torch.rand(3, device=backend.type, generator=generator)
    state = generator.get_state()
    drawn = [torch.rand(3, device=backend.type, generator=generator).tolist() for _ in range(2)]
    generator.set_state(state)
    again = [torch.rand(3, device=backend.type, generator=generator).tolist() for _ in range(2)]
    expect("whether the same numbers come again", again == drawn, True)
    expect("whether a state stands still", drawn[0] == drawn[1], False)


@clause(
    "random.each_device",
    "Each device draws from a generator of its own.",
    GENERATORS,
    "getDefaultGenerator takes the index of the device.",
)
def each_device(backend: Backend) -> None:
    first, second = backend.device(0), backend.device(1)
    drawn = []
    for between in (0, 3):
        _seed_all()
        torch.rand(between, device=second)
        drawn.append(torch.rand(3, device=first).tolist())
    expect("whether device 1's draws move device 0's", drawn[0] == drawn[1], True)


@clause(
    "random.settles",
    "A seed counts for what is drawn after it, and not for draws that are still to come.",
    GENERATORS,
    "A draw takes its seed and offset when it is launched.",
)
def settles(backend: Backend) -> None:
    generator: Any = torch.Generator(backend.type).manual_seed(7)
    expected = torch.rand(3, device=backend.type, generator=generator).tolist()
    generator.manual_seed(7)
    work = backend.work()
    drawn = torch.rand(3, device=backend.type, generator=generator)
    generator.manual_seed(8)
    expect("whether the draw before it is of the seed before it", drawn.tolist() == expected, True)
    expect("whether the work before is done", work.done, True)


@clause(
    "random.streams",
    "Draws of two streams take numbers in the order of their calls.",
    GENERATORS,
    "A draw takes its offset, and moves the generator on, when it is launched.",
)
def random_streams(backend: Backend) -> None:
    def drawn_on(*streams: torch.Stream) -> list[list[float]]:
        drawn = []
        for stream in streams:
            with stream:
                drawn.append(torch.rand(3, device=backend.type, generator=generator))
        torch.accelerator.synchronize()
        return [numbers.tolist() for numbers in drawn]

    generator: Any = torch.Generator(backend.type).manual_seed(7)
    expected = drawn_on(current(), current())
    generator.manual_seed(7)
    busy, idle = backend.stream(), backend.stream()
    work = backend.work(busy)
    expect("whether they are those of one stream", drawn_on(busy, idle) == expected, True)
    expect("whether the work before is done", work.done, True)


@clause(
    "operator.goes_on",
    "An operator need not wait for the work before it.",
    ADVICE,
    "Enqueue the kernel and return; shapes and dtypes alone say what to allocate.",
)
def goes_on(backend: Backend) -> None:
    number = backend.number(7)
    work = backend.work()
    more = number + 1
    expect("whether the work before it is done", work.done, False)
    expect("what it gave", more.item(), 8.0)


@clause(
    "operator.mixes",
    "An element-wise operator takes a number on the CPU along, and no vector.",
    MIXING,
    "A tensor of the CPU without dimensions is a number; any other is of another device.",
)
def mixes(backend: Backend) -> None:
    x = torch.ones(3, device=backend.type)
    expect("a sum with a number of the CPU", (x + torch.tensor(1.0)).tolist(), [2.0] * 3)
    expect("whether a vector of the CPU is refused", raises(lambda: x + torch.ones(3)), True)


@clause(
    "operator.two_devices",
    "An operator refuses tensors of two devices.",
    MIXING,
    "Compare the devices before a kernel is launched.",
)
def two_devices(backend: Backend) -> None:
    one, other = (torch.ones(3, device=backend.device(index)) for index in (0, 1))
    expect("whether they are refused", raises(lambda: one + other), True)


def _seed_all() -> None:
    """Seed the devices' generators as a program does, and leave the CPU's as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)


def block_of(backend: Backend) -> torch.Tensor:
    """A block of device memory that nobody else asks for."""
    return torch.empty(SIZE, dtype=torch.uint8, device=backend.type)


def check_rests(backend: Backend, address: int, work: Work) -> None:
    """Check that the block that was freed there is not handed out while the work is not done."""
    again = block_of(backend).data_ptr() == address
    expect("whether the block is handed out meanwhile", again and not work.done, False)
    if work.done:
        raise NotReached(TOO_FAST)


def drawn(device: str, seed: int = 7) -> list[float]:
    """The first numbers that a generator of a type of device draws after a seed."""
    generator = torch.Generator(device).manual_seed(seed)
    numbers: list[float] = torch.rand(3, device=device, generator=generator).tolist()
    return numbers
