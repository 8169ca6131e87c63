"""`trial(program, schedule="every")`: all orders of a program, against every interleaving of it."""

import random

import pytest
import torch
from interleavings import Do, Record, Wait, outcomes

from mtia_lab.errors import OrdersUnknown
from mtia_lab.programs import orders
from mtia_lab.programs.orders import every_run

STREAMS, BLOCKS = "abc", "xyz"
FACTOR = 31  # of what a kernel saw in what it writes; larger than the numbers of the kernels


def random_program(seed):
    """4 to 9 steps. Each event is recorded once, before anything waits for it."""
    draws, events, program = random.Random(seed), [], []
    for number in range(draws.randrange(4, 10)):
        stream, kind = draws.choice(STREAMS), draws.random()
        if kind < 0.2:
            events.append(f"e{number}")
            program.append(Record(stream, events[-1]))
        elif kind < 0.4 and events:
            waits = draws.choice([*STREAMS, None])
            program.append(Wait(waits, draws.choice(events)))
        else:
            read = draws.choice([None, *BLOCKS])
            program.append(Do(stream, str(number + 1), read, draws.choice(BLOCKS)))
    return program


def number_of(seen):
    """What stands in memory for "3(1(nothing))"."""
    name, _, rest = seen.partition("(")
    return int(name) + FACTOR * number_of(rest[:-1]) if rest else 0


def by_brute_force(program):
    """What every interleaving leaves in the blocks."""
    left = [dict(memory) for memory, _ in outcomes(program)]
    return {tuple(number_of(memory.get(block, "nothing")) for block in BLOCKS) for memory in left}


@pytest.fixture
def on_the_device(lab):
    """Makes of such a program a function that runs it on the device."""
    streams = {name: torch.Stream("mtia") for name in STREAMS}
    numbers = [torch.tensor([k], device="mtia") for k in range(12)]

    def make(program):
        def run():
            blocks = {name: torch.zeros(1, dtype=torch.int64).to("mtia") for name in BLOCKS}
            torch.mtia.synchronize()
            events = {step.event: torch.Event("mtia") for step in program if not is_do(step)}
            for step in program:
                if isinstance(step, Record):
                    events[step.event].record(streams[step.stream])
                elif isinstance(step, Wait) and step.stream is None:
                    events[step.event].synchronize()
                elif isinstance(step, Wait):
                    streams[step.stream].wait_event(events[step.event])
                else:
                    do(step, blocks)
            torch.mtia.synchronize()
            return tuple(blocks[name].item() for name in BLOCKS)

        return run

    def do(step, blocks):
        with streams[step.stream]:
            number = numbers[int(step.name)]
            if step.read is None:
                blocks[step.write].fill_(int(step.name))
            else:
                torch.add(number, blocks[step.read], alpha=FACTOR, out=blocks[step.write])

    return make


def is_do(step):
    return isinstance(step, Do)


@pytest.mark.parametrize("first", range(0, 40, 20))
def test_the_values_are_those_of_all_interleavings(lab, on_the_device, first):
    several = 0
    for seed in range(first, first + 20):
        program = random_program(seed)
        expected, run = by_brute_force(program), on_the_device(program)
        runs = list(every_run(run, ()))
        assert {each.value for each in runs} == expected, program
        assert (len(runs) == 1) == (not lab.trial(run).report), program  # as the checker says
        turned = [len(each.order.turned) for each in runs]
        assert turned == sorted(turned)
        assert len({each.schedule for each in runs}) == len(runs)
        several += len(expected) > 1
    assert several >= 5


def test_the_smallest_order_that_gives_another_value_runs_again(lab, streams):
    one, two = streams

    def tenfold():
        x = torch.zeros(4).to("mtia")
        with one:
            x += 1
        with two:
            return (x * 10).mean().item()

    found = lab.trial(tenfold, schedule="every")
    assert (found.value, found.other.value, len(found.other.order.turned)) == (10, 0, 1)
    assert [command.name for command in found.other.order.commands][:3] == ["H2D", "mul", "add_"]
    assert repr(found).startswith("Another order gives 0.0, not 10.0:\n  mul on mtia:0/")
    assert found.other.schedule in repr(found) and found.report
    again = lab.trial(tenfold, schedule=found.other.schedule, poison=True)
    assert again.value == 0


def test_no_order_gives_another_value(lab, streams):
    one, two = streams

    def ordered():
        x = torch.ones(4, device=one.device)
        one.wait_stream(torch.mtia.current_stream())
        with one:
            x += 1
        two.wait_stream(one)
        with two:
            return (x * 10).mean().item()

    found = lab.trial(ordered, schedule="every")
    assert (found.value, found.other, found.orders) == (20, None, 1)
    assert repr(found) == "No order gives another value; there is only one."

    def commuting():
        x = torch.ones(4).to("mtia")
        for stream in streams:
            with stream:
                x += 1
        torch.mtia.synchronize()
        return x.tolist()

    found = lab.trial(commuting, schedule="every")
    assert repr(found) == "No order gives another value; all 2 were tried."


def test_what_the_host_reads_of_pinned_memory_may_come_at_any_time(lab):
    def download():
        h = torch.zeros(3, pin_memory=True)
        h.copy_(torch.ones(3, device="mtia"), non_blocking=True)
        read = h.sum().item(), h.sum().item()
        torch.mtia.synchronize()
        return *read, h.sum().item()

    values = [str(run.value) for run in every_run(download, ())]  # what is pending reads as poison
    assert values == ["(3.0, 3.0, 3.0)", "(nan, 3.0, 3.0)", "(nan, nan, 3.0)"]


def test_memory_that_was_freed_too_soon_is_another_order(lab, streams):
    def freed(keep):
        x = torch.ones(1000).to("mtia")
        with streams[0]:
            y = x * 2
        if keep:
            x.record_stream(streams[0])
        del x
        torch.zeros(1000, device="mtia")
        with streams[0]:
            return y.mean().item()

    assert lab.trial(freed, False, schedule="every").other is not None
    assert lab.trial(freed, True, schedule="every").other is None


def test_a_backward_in_order_has_one_order(lab, streams):
    def program():
        weight, x = torch.ones(4, 4).to("mtia").requires_grad_(), torch.ones(4, 4, device="mtia")
        streams[0].wait_stream(torch.mtia.current_stream())
        with streams[0]:
            y = (x @ weight).sin()
        torch.mtia.current_stream().wait_stream(streams[0])
        (y * 2).sum().backward()
        return weight.grad.tolist()

    found = lab.trial(program, schedule="every")
    assert not found.report and found.orders == 1 and found.other is None


def test_an_error_in_one_order_is_another_value(lab, streams):
    def picky():
        x = torch.zeros(1).to("mtia")
        with streams[0]:
            x += 1
        with streams[1]:
            return 1 / x.item()

    other = lab.trial(picky, schedule="every").other
    assert other.value is None and isinstance(other.error, ZeroDivisionError)
    assert other.outcome.startswith("ZeroDivisionError")
    with pytest.raises(ZeroDivisionError):
        lab.trial(lambda: 1 / 0, schedule="every")


def test_what_has_too_many_orders_or_changes_is_refused(lab, streams, monkeypatch):
    def commuting(adds=3):
        x = torch.zeros(1).to("mtia")
        for _ in range(adds):
            for stream in streams:
                with stream:
                    x += 1
        torch.mtia.synchronize()
        return x.item()

    assert lab.trial(commuting, schedule="every").orders == 20  # 6 over 3
    monkeypatch.setattr(orders, "ORDERS", 19)
    with pytest.raises(OrdersUnknown, match="9 pairs of uses are not ordered, and in the first 19"):
        lab.trial(commuting, schedule="every")
    monkeypatch.setattr(orders, "COMMANDS", 5)
    with pytest.raises(OrdersUnknown, match="it has 9 commands, and at most 5 are tried"):
        lab.trial(commuting, schedule="every")
    with pytest.raises(OrdersUnknown, match="draws random numbers without a seed"):
        lab.trial(lambda: torch.rand(1, device="mtia").item(), schedule="every")
    with pytest.raises(OrdersUnknown, match="what is equal to nothing but itself"):
        lab.trial(object, schedule="every")


@pytest.mark.parametrize("name", ["order", "order:1", "order:1@", "order:1@2,", "order:0@1"])
def test_an_order_that_is_none_is_refused(lab, name):
    with pytest.raises(RuntimeError, match=f"unknown schedule '{name}'"):
        lab.configure(name)
