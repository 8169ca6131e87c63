"""What builds on autograd: checkpointing, torch.func, forward mode, functions of one's own."""

import copy

import pytest
import same
import torch
import torch.autograd.forward_ad as forward_ad
from torch import nn
from torch.func import (
    functional_call,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    stack_module_state,
    vjp,
    vmap,
)
from torch.utils.checkpoint import checkpoint


@pytest.fixture(autouse=True)
def latest(lab):
    lab.configure("latest")


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_checkpoint_draws_the_same_numbers_again(use_reentrant):
    def program(d):
        module = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.ReLU()).to(d)
        x = torch.randn(2, 3).to(d).requires_grad_()
        torch.manual_seed(5)
        y = checkpoint(module, x, use_reentrant=use_reentrant)
        y.pow(2).sum().backward()
        return y.detach(), x.grad, [p.grad for p in module.parameters()]

    same.assert_same(program)


def test_torch_func():
    def f(v):
        return (v.sin() * v).sum()

    def program(d):
        x = torch.randn(3, 4).to(d)
        return (
            vmap(grad(f))(x),
            vmap(torch.dot)(x, x),
            vmap(lambda row: row @ x.t() + x.sum())(x),
            jvp(f, (x,), (x,)),
            vjp(f, x)[1](torch.ones((), device=d)),
            jacrev(torch.sin)(x[0]),
            jacfwd(torch.exp)(x[0]),
            hessian(f)(x[0]),
        )

    same.assert_same(program)


@pytest.mark.parametrize("randomness", ["same", "different"])
def test_random_numbers_under_vmap(randomness):
    def program(d):
        torch.manual_seed(3)
        return vmap(lambda row: row + torch.randn(2, device=d), randomness=randomness)(
            torch.zeros(3, 2, device=d)
        )

    same.assert_same(program)


def test_an_ensemble_of_modules():
    def program(d):
        modules = [nn.Linear(3, 2).to(d) for _ in range(3)]
        state, x = stack_module_state(modules), torch.randn(5, 3).to(d)
        base = copy.deepcopy(modules[0]).to("meta")
        return vmap(lambda *s: functional_call(base, s, (x,)))(*state).detach()

    same.assert_same(program)


def test_forward_mode_does_not_multiply_what_is_no_variable():
    """Zeros of a derivative take no part: zero times infinity would be no number."""

    def program(d):
        x, y = torch.arange(3.0).to(d), torch.arange(3.0).to(d)
        zeros = torch._efficientzerotensor((2, 3), device=d)
        with pytest.raises(RuntimeError, match="ZeroTensors are immutable"):
            zeros.add_(1)
        return (
            jvp(lambda v: v.clone().div_(y), (x,), (torch.ones_like(x),)),
            jvp(lambda v: v * y.log(), (x,), (torch.ones_like(x),)),
            (zeros._is_zerotensor(), (zeros * torch.inf)._is_zerotensor()),
            zeros.cpu(),
            zeros.exp(),
            zeros + torch.ones(3).to(d),
            torch.ones(2, 3).to(d).copy_(zeros),
            zeros.clone().add_(1),
        )

    same.assert_same(program)


def test_forward_mode():
    def program(d):
        with forward_ad.dual_level():
            x = forward_ad.make_dual(torch.arange(3.0).to(d), torch.ones(3).to(d))
            return forward_ad.unpack_dual(x.exp() * x).tangent

    same.assert_same(program)


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        return grad * 2 * ctx.saved_tensors[0]


def test_a_function_of_ones_own():
    def program(d):
        x = torch.randn(4).to(d).requires_grad_()
        Square.apply(x).sum().backward()
        return x.grad

    same.assert_same(program)


def test_saved_tensors_can_wait_on_the_cpu():
    def program(d):
        x = torch.ones(2, device=d, requires_grad=True)
        with torch.autograd.graph.save_on_cpu():
            y = x.exp() * x
        y.sum().backward()
        return x.grad

    same.assert_same(program)


@pytest.mark.filterwarnings("ignore:Error detected in SqrtBackward0")
def test_anomaly_detection():
    def program(d):
        x = torch.zeros(2, device=d, requires_grad=True)
        with torch.autograd.set_detect_anomaly(True), pytest.raises(RuntimeError, match="nan"):
            (x.sqrt() * 0).sum().backward()
        return x

    same.assert_same(program)
