"""Whole programs, captured once and replayed, against eager and against the CPU, bit for bit."""

from contextlib import nullcontext

import pytest
import torch
from graph_programs import PROGRAMS, STREAMS, results, run, tensors
from graphs import SCHEDULES, capture, numbers
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(max_examples=40)
@given(PROGRAMS, st.sampled_from([1024, 3]), st.booleans())
def test_a_captured_program_computes_what_eager_and_the_cpu_compute(program, depth, on_a_side):
    import machines

    import mtia_lab

    mtia_lab.load()
    inputs, outputs = tensors("cpu")
    want = results(lambda: run(program, inputs, outputs), inputs, outputs)
    for schedule in SCHEDULES:
        machines.idle_at_defaults()
        mtia_lab.configure(schedule, mtia_lab.Profile(queue_depth=depth))
        streams = [torch.mtia.Stream() for _ in range(STREAMS)]
        if not on_a_side:
            streams[0] = torch.mtia.default_stream()
        with streams[0] if on_a_side else nullcontext():
            inputs, outputs = tensors("mtia")

            def eager(inputs=inputs, outputs=outputs, streams=streams):
                run(program, inputs, outputs, streams)

            assert equal(results(eager, inputs, outputs), want)
            graph = capture(eager, stream=streams[0])
            assert equal(results(graph.replay, inputs, outputs), want), schedule
    machines.idle_at_defaults()
    mtia_lab.configure("modelled", mtia_lab.Profile())


def equal(got: list[torch.Tensor], want: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(got, want, strict=True))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_captured_training_step_gives_the_losses_of_eager_and_of_the_cpu(lab, schedule):
    lab.configure(schedule)
    batches = [torch.randn(16, 8) for _ in range(4)]
    labels = [torch.randint(4, (16,)) for _ in range(4)]
    torch.manual_seed(1)
    initial = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4))

    def trained(device: str, captured: bool) -> list[float]:
        model = torch.nn.Sequential(*(type(m)(*shape(m)) for m in initial))
        model.load_state_dict(initial.state_dict())
        model.to(device)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        x, y = batches[0].clone().to(device), labels[0].clone().to(device)
        loss = torch.zeros((), device=device)

        def step():
            optimizer.zero_grad()
            out = torch.nn.functional.cross_entropy(model(x), y)
            out.backward()
            optimizer.step()
            loss.copy_(out.detach())

        step()  # the optimizer makes its buffers
        run = capture(step).replay if captured else step
        losses = [loss.item()]
        for batch, label in zip(batches, labels, strict=True):
            x.copy_(batch)
            y.copy_(label)
            run()
            losses.append(loss.item())
        return losses

    want = trained("cpu", captured=False)
    assert len(set(want)) == 5
    assert trained("mtia", captured=False) == want
    assert trained("mtia", captured=True) == want


def shape(module) -> tuple:
    linear = isinstance(module, torch.nn.Linear)
    return (module.in_features, module.out_features) if linear else ()


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_draws_on_two_streams_come_in_the_order_of_their_capture(lab, schedule):
    lab.configure(schedule)
    torch.manual_seed(7)
    want = [torch.rand(3) for _ in range(4)]
    torch.manual_seed(7)
    side = torch.mtia.Stream()
    x, y = numbers(0, 0, 0), numbers(0, 0, 0)

    def body():
        main = torch.mtia.current_stream()
        side.wait_stream(main)
        lab.launch("long", us=500)
        x.uniform_()
        with side:
            y.uniform_()
        main.wait_stream(side)

    graph = capture(body)
    for number in (0, 2):
        graph.replay()
        assert torch.equal(x.cpu(), want[number])
        assert torch.equal(y.cpu(), want[number + 1])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_random_operators_draw_on_at_each_replay(lab, schedule):
    lab.configure(schedule)
    torch.manual_seed(7)
    want = [torch.rand(3) for _ in range(7)]
    torch.manual_seed(7)
    got = [torch.rand(3, device="mtia").cpu()]
    x, y = numbers(0, 0, 0), numbers(0, 0, 0)
    graph = capture(lambda: (x.uniform_(), y.uniform_()))
    for _ in range(2):
        graph.replay()
        got += [x.cpu(), y.cpu()]
    got.append(torch.rand(3, device="mtia").cpu())
    graph.replay()
    got.append(x.cpu())
    assert torch.equal(torch.stack(got), torch.stack(want))
