"""Autograd on the device: outputs, gradients and buffers equal the CPU's bit for bit."""

import pytest
import same
import torch
import torch.nn.functional as F
from torch import nn

MODULES = {
    "MLP": (
        lambda: nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 3), nn.Softmax(1)),
        [(4, 5)],
    ),
    "CNN": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 4, 3),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        ),
        [(2, 1, 8, 8)],
    ),
    "channels last": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3)
        ).to(memory_format=torch.channels_last),
        [(2, 3, 9, 9)],
    ),
    "convolutions": (
        lambda: nn.Sequential(nn.ConvTranspose2d(2, 4, 3, stride=2), nn.Conv2d(4, 2, 3, groups=2)),
        [(2, 2, 5, 5)],
    ),
    "Conv1d": (lambda: nn.Conv1d(2, 4, 3, dilation=2), [(2, 2, 9)]),
    "Conv3d": (lambda: nn.Conv3d(1, 2, 2), [(1, 1, 4, 4, 4)]),
    "encoder": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True),
        [(2, 5, 8)],
    ),
    "decoder": (
        lambda: nn.TransformerDecoderLayer(8, 2, 16, dropout=0.1, batch_first=True),
        [(2, 5, 8), (2, 4, 8)],
    ),
    "LSTMCell": (lambda: nn.LSTMCell(3, 4), [(2, 3)]),
    "GRUCell": (lambda: nn.GRUCell(3, 4), [(2, 3)]),
    "norms": (
        lambda: nn.Sequential(
            nn.LayerNorm(6),
            nn.GroupNorm(2, 4),
            nn.BatchNorm1d(4),
            nn.InstanceNorm1d(4),
            nn.RMSNorm(6),
        ),
        [(3, 4, 6)],
    ),
    "activations": (
        lambda: nn.Sequential(
            nn.SiLU(), nn.Mish(), nn.ELU(), nn.Softplus(), nn.LogSigmoid(), nn.PReLU(), nn.RReLU()
        ),
        [(3, 6)],
    ),
    "dropouts": (lambda: nn.Sequential(nn.Dropout(0.3), nn.Dropout1d(0.3)), [(3, 6, 2)]),
    "resampling": (
        lambda: nn.Sequential(
            nn.AvgPool2d(2),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.PixelShuffle(2),
            nn.ReflectionPad2d(1),
        ),
        [(1, 4, 8, 8)],
    ),
    "Bilinear": (lambda: nn.Bilinear(2, 3, 4), [(5, 2), (5, 3)]),
}


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("make, shapes", MODULES.values(), ids=MODULES)
def test_a_module_and_its_gradients(lab, make, shapes, train):
    def program(d):
        module = make().to(d).train(train)
        inputs = [torch.randn(*shape).to(d).requires_grad_() for shape in shapes]
        torch.manual_seed(2)  # both devices draw the same from here on
        output = module(*inputs)
        output = output[0] if isinstance(output, tuple) else output
        weights = torch.linspace(-1, 1, output.numel(), device=d).view(output.shape)
        (output * weights).sum().backward()
        grads = [p.grad for p in (*inputs, *module.parameters())]
        return output.detach(), grads, list(module.buffers())

    lab.configure("latest")
    same.assert_same(program)


@pytest.mark.parametrize("module, cell", [(nn.LSTM, nn.LSTMCell), (nn.GRU, nn.GRUCell)])
def test_a_recurrent_layer_equals_its_cell_step_by_step(lab, module, cell):
    """Not the CPU's layer: that multiplies all steps' inputs at once, which rounds otherwise."""
    torch.manual_seed(1)
    layer, stepped, x = module(3, 4), cell(3, 4), torch.randn(5, 2, 3)
    stepped.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    state, outputs = None, []
    for step in x:
        state = stepped(step, state)
        outputs.append(state[0] if isinstance(state, tuple) else state)
    got = layer.to("mtia")(x.to("mtia"))[0]
    same.assert_equal(got.detach(), torch.stack(outputs).detach())
    torch.testing.assert_close(got.cpu(), layer.cpu()(x)[0])


def test_an_embedding(lab):
    def program(d):
        module = nn.Embedding(10, 4, padding_idx=0).to(d)
        module(torch.tensor([[1, 2, 1], [0, 9, 1]], device=d)).pow(2).sum().backward()
        return module.weight.grad

    same.assert_same(program)


def test_losses(lab):
    def program(d):
        x = torch.randn(4, 5).to(d).requires_grad_()
        y, labels = torch.rand(4, 5).to(d), torch.tensor([0, 1, 2, 3], device=d)
        losses = [
            F.cross_entropy(x, labels, label_smoothing=0.1),
            F.nll_loss(x.log_softmax(1), labels),
            F.mse_loss(x, y),
            F.l1_loss(x, y),
            F.huber_loss(x, y),
            F.smooth_l1_loss(x, y),
            F.binary_cross_entropy(x.sigmoid(), y),
            F.binary_cross_entropy_with_logits(x, y),
            F.kl_div(x.log_softmax(1), y, reduction="batchmean"),
            F.multi_margin_loss(x, labels),
            F.gaussian_nll_loss(x, y, y + 1),
            F.triplet_margin_loss(x, y, y + 1),
            F.ctc_loss(
                x.view(5, 2, 2).log_softmax(2),
                torch.ones(2, 2, dtype=torch.long, device=d),
                torch.tensor([5, 5]),
                torch.tensor([2, 1]),
            ),
        ]
        sum(losses).backward()
        return [loss.detach() for loss in losses], x.grad

    lab.configure("latest")
    same.assert_same(program)


def test_second_derivatives(lab):
    def program(d):
        x = torch.randn(1, 1, 5, 5).to(d).requires_grad_()
        w = torch.randn(2, 1, 3, 3).to(d).requires_grad_()
        grads = torch.autograd.grad(F.conv2d(x, w).tanh().sum(), (x, w), create_graph=True)
        sum(grad.pow(2).sum() for grad in grads).backward()
        return [grad.detach() for grad in grads], x.grad, w.grad

    same.assert_same(program)


def test_numerical_gradients_agree(lab):
    x = torch.randn(3, dtype=torch.float64, device="mtia", requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: (t * t.sin()).cumsum(0), (x,))
    assert torch.autograd.gradgradcheck(lambda t: t**3, (x,))


def test_hooks(lab):
    def program(d):
        seen = []
        x = torch.ones(3, device=d, requires_grad=True)
        y = x * 2
        y.register_hook(lambda grad: grad * 3)
        y.retain_grad()
        x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.clone()))
        module = nn.Linear(3, 2).to(d)
        module.register_forward_hook(lambda module, inputs, output: output * 2)
        module.register_full_backward_hook(lambda module, grads, outs: seen.append(outs[0]))
        module(y).sum().backward()
        return x.grad, y.grad, seen

    same.assert_same(program)


def test_modes(lab):
    def program(d):
        x = torch.ones(3, device=d, requires_grad=True)
        with torch.no_grad():
            plain = x * 2
        with torch.inference_mode():
            inferred = x * 2
        with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
            (inferred * x).sum()
        with torch.no_grad(), torch.enable_grad():
            return plain, inferred, (x * 2).requires_grad

    same.assert_same(program)


def test_a_tensor_changed_since_it_was_saved_is_noticed(lab):
    y = torch.ones(3, device="mtia", requires_grad=True).exp()
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_gradients_flow_between_devices(lab):
    lab.configure("latest")
    x = torch.arange(4.0, requires_grad=True)
    y = (x.to("mtia:0") * 2).to("mtia:1").sin() + x.to("mtia:1")
    y.cpu().sum().backward()
    same.assert_equal(x.grad, 1 + 2 * (2 * x.detach()).cos())


def test_backward_runs_on_the_streams_of_forward(lab):
    lab.configure("latest")
    side, x = torch.Stream("mtia"), torch.arange(4.0, device="mtia", requires_grad=True)
    side.wait_stream(torch.mtia.current_stream())
    with lab.record() as log:
        with side:
            y = x.exp()
        torch.mtia.current_stream().wait_stream(side)
        y.sin().sum().backward()
        got = x.grad.cpu()
    forward = next(c.stream for c in log.commands if c.name == "exp")
    assert forward == side.stream_id
    assert side.stream_id in [c.stream for c in log.commands if c.name == "mul"]
    same.assert_equal(got, torch.arange(4.0).exp().cos() * torch.arange(4.0).exp())
