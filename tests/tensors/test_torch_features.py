"""What PyTorch has beside tensors: autocast, compilation, tracing, profiling, data loading."""

import pytest
import same
import torch
import torch.nn.functional as F
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.profiler import record_function
from torch.utils.data import DataLoader, TensorDataset


@pytest.fixture(autouse=True)
def latest(lab):
    lab.configure("latest")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_computes_as_the_same_casts_by_hand_on_the_cpu(dtype):
    torch.manual_seed(1)
    model, x = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), torch.randn(5, 4)
    labels = torch.tensor([0, 1, 2, 0, 1])
    lower = [p.detach().to(dtype).requires_grad_() for p in model.parameters()]
    by_hand = F.linear(F.linear(x.to(dtype), *lower[:2]).relu(), *lower[2:])
    expected = F.nll_loss(by_hand.log_softmax(1).float(), labels)  # how cross_entropy is composed
    expected.backward()

    model, x, labels = model.to("mtia"), x.to("mtia"), labels.to("mtia")
    with torch.autocast("mtia", dtype=dtype):
        assert torch.is_autocast_enabled("mtia")
        assert (x @ x.t()).dtype == dtype and x.exp().dtype == torch.float32
        output = model(x)
        loss = F.cross_entropy(output, labels)
    loss.backward()
    same.assert_equal(output.detach(), by_hand.detach())
    same.assert_equal(loss.detach(), expected.detach())
    for got, one in zip(model.parameters(), lower, strict=True):
        same.assert_equal(got.grad, one.grad.float())


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiled_code_computes_and_differentiates(backend):
    def program(d):
        torch.compiler.reset()
        model = nn.Linear(3, 2).to(d)
        f = torch.compile(
            lambda x: F.dropout(model(x).relu(), 0.5) * 2 + torch.ones(2, device=x.device),
            backend=backend,
            fullgraph=True,
        )
        x = torch.randn(4, 3).to(d).requires_grad_()
        torch.manual_seed(3)
        y = f(x)
        y.sum().backward()
        return y.detach(), x.grad, model.weight.grad

    same.assert_same(program)


def test_the_default_compiler_says_what_it_lacks():
    """Inductor writes Triton kernels for whatever is not the CPU."""
    torch.compiler.reset()
    with pytest.raises(Exception, match="(?i)triton"):
        torch.compile(lambda x: x + 1)(torch.ones(3, device="mtia"))
    torch.compiler.reset()
    torch.mtia.synchronize()


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_traced_graphs_run():
    def program(d):
        x = torch.arange(3.0).to(d)
        graph = make_fx(lambda t: torch.sin(t) + torch.ones(3, device=t.device))(x)
        module = nn.Sequential(nn.Linear(3, 2), nn.ReLU()).to(d)
        exported = torch.export.export(module, (x,)).module()
        return graph(x + 1), torch.fx.symbolic_trace(module)(x).detach(), exported(x).detach()

    same.assert_same(program)


def test_fake_tensors_know_their_device_and_enqueue_nothing(lab):
    real = torch.ones(2, device="mtia:1")
    with lab.record() as log, FakeTensorMode() as mode:
        x = mode.from_tensor(real) + torch.ones(2, device="mtia:1")
        image = torch.ones(1, 1, 4, 4, device="mtia")
        y = F.conv2d(image, torch.ones(1, 1, 2, 2, device="mtia"))
        with pytest.raises(RuntimeError, match="device"):
            x + torch.ones(2)
    assert x.device == torch.device("mtia:1") and y.shape == (1, 1, 3, 3)
    assert log.commands == []


def test_a_default_device_of_ones_own():
    def program(d):
        with torch.device(d):
            made = [
                torch.ones(3),
                torch.randn(3),
                nn.Linear(2, 2).weight.detach(),
                torch.tensor([1]),
            ]
        torch.set_default_device(d)
        try:
            made.append(torch.arange(3) + torch.zeros(3))
        finally:
            torch.set_default_device(None)
        assert {t.device.type for t in made} == {d}
        return made

    same.assert_same(program)


@pytest.mark.parametrize("schedule", same.SCHEDULES)
def test_settings_count_as_of_the_launch(lab, schedule):
    """The default dtype may be another one when the kernel runs."""
    lab.configure(schedule)

    def program(d):
        n = torch.arange(3, device=d)
        torch.set_default_dtype(torch.float64)
        try:
            wide = n / 3, torch.ones(2, device=d) / 3, n * 0.1, n.sin()
        finally:
            torch.set_default_dtype(torch.float32)
        return wide, n / 3

    same.assert_same(program)


def test_the_profiler_shows_the_hosts_side():
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities) as profiler, record_function("a region"):
        (torch.ones(3, device="mtia") + 1).sum().item()
    names = [event.key for event in profiler.key_averages()]
    assert {"a region", "aten::add", "aten::item"} <= set(names)


def test_parameters_and_buffers_of_modules():
    def program(d):
        model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).to(d)
        other = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).to_empty(device=d)
        other.load_state_dict(model.state_dict())
        other.half().bfloat16().double().float().to("cpu").to(d)
        torch.manual_seed(2)
        normed = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2, device=d))
        made = [nn.init.xavier_uniform_, nn.init.kaiming_normal_, nn.init.trunc_normal_]
        filled = [init(torch.empty(4, 4, device=d)) for init in [*made, nn.init.orthogonal_]]
        vector = nn.utils.parameters_to_vector(model.parameters())
        return list(other.state_dict().values()), vector.detach(), normed.weight.detach(), filled

    same.assert_same(program)


@pytest.mark.parametrize("pin_memory", [False, True])
@pytest.mark.parametrize("workers", [0, 1])
def test_a_data_loader_feeds_the_device(workers, pin_memory):
    data = TensorDataset(torch.arange(10.0).view(5, 2), torch.arange(5))
    got = []
    for x, y in DataLoader(data, batch_size=2, num_workers=workers, pin_memory=pin_memory):
        assert x.is_pinned() == pin_memory
        got.append(x.to("mtia", non_blocking=True) * y.to("mtia", non_blocking=True).view(-1, 1))
    assert torch.equal(torch.cat(got).cpu(), data.tensors[0] * data.tensors[1].view(-1, 1))
