"""Optimizers on the device take the same steps as on the CPU, in each of their implementations."""

import copy

import pytest
import same
import torch
from torch import nn, optim

MAKE = {
    "SGD": lambda p, **how: optim.SGD(p, 0.1, momentum=0.9, nesterov=True, **how),
    "Adam": lambda p, **how: optim.Adam(p, 0.01, amsgrad=True, **how),
    "AdamW": lambda p, **how: optim.AdamW(p, 0.01, **how),
    "Adagrad": lambda p, **how: optim.Adagrad(p, 0.01, **how),
    "RMSprop": lambda p, **how: optim.RMSprop(p, 0.01, **how),
    "NAdam": lambda p, **how: optim.NAdam(p, 0.01, **how),
    "RAdam": lambda p, **how: optim.RAdam(p, 0.01, **how),
    "Adamax": lambda p, **how: optim.Adamax(p, 0.01, **how),
    "Adadelta": lambda p, **how: optim.Adadelta(p, **how),
    "Rprop": lambda p, **how: optim.Rprop(p, 0.01, **how),
    "ASGD": lambda p, **how: optim.ASGD(p, 0.01, **how),
}
FUSED = ["SGD", "Adam", "AdamW", "Adagrad"]
# By default PyTorch takes the foreach implementation here and the plain one on the CPU, and for
# some optimizers these round differently: so both devices are told which.
CASES = [(name, {"foreach": on}) for name in MAKE for on in (False, True)]
CASES += [(name, {"fused": True}) for name in FUSED]


def model_on(device):
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1)).to(device)


@pytest.mark.parametrize("name, how", CASES, ids=str)
def test_an_optimizer_steps_as_on_the_cpu(lab, name, how):
    def program(d):
        model = model_on(d)
        optimizer, x, seen = MAKE[name](model.parameters(), **how), torch.randn(6, 4).to(d), []
        for _ in range(3):
            optimizer.zero_grad()
            loss = model(x).pow(2).mean()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 0.1, foreach=how.get("foreach"))
            optimizer.step()
            seen += [loss.detach(), norm]
        state = [v for s in optimizer.state.values() for v in s.values()]
        return seen, [p.detach() for p in model.parameters()], state

    lab.configure("latest")
    same.assert_same(program)


def test_lbfgs_and_muon(lab):
    def program(d):
        x = torch.randn(3, 4).to(d).requires_grad_()
        for optimizer in (optim.LBFGS([x], lr=0.1, max_iter=3), optim.Muon([x], lr=0.1)):

            def closure(optimizer=optimizer):
                optimizer.zero_grad()
                loss = (x**2).sum()
                loss.backward()
                return loss

            optimizer.step(closure)
        return x.detach()

    same.assert_same(program)


def test_the_state_of_an_optimizer_can_be_stored(lab):
    model = model_on("mtia:1")
    optimizer = optim.Adam(model.parameters())
    model(torch.ones(1, 4, device="mtia:1")).sum().backward()
    optimizer.step()
    other = optim.Adam(model.parameters(), lr=1)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for one, two in zip(optimizer.state.values(), other.state.values(), strict=True):
        assert torch.equal(one["exp_avg"], two["exp_avg"])
        assert one["exp_avg"].device == two["exp_avg"].device == torch.device("mtia:1")


def test_gradients_are_scaled_and_steps_with_infinities_left_out(lab):
    def program(d):
        model, x = model_on(d), torch.randn(3, 4).to(d)
        optimizer = optim.SGD(model.parameters(), 0.1, foreach=True)
        scaler, seen = torch.amp.GradScaler(d, init_scale=4.0), []
        for factor in (1, float("inf"), 1):
            optimizer.zero_grad()
            scaler.scale(model(x).sum() * factor).backward()
            scaler.unscale_(optimizer)
            scaler.step(optimizer)
            scaler.update()
            seen += [scaler.get_scale(), *(p.detach().clone() for p in model.parameters())]
        return seen

    same.assert_same(program)
