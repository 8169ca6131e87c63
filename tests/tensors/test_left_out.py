"""What PyTorch leaves the device out of: a list of devices in it does not hold MTIA.

README.md has a row for each of these, with the way round it, which is tried here too. Where one
fails, PyTorch has mended it, and the row can go.
"""

import copy
import io

import pytest
import torch
from torch import nn
from torch.nn.attention.flex_attention import flex_attention
from torch.utils import dlpack


def test_a_deep_copy_loses_what_tensors_share(lab):
    x = torch.arange(4.0, device="mtia")
    one, other = copy.deepcopy([x, x[:2]])
    assert one.data_ptr() != other.data_ptr()
    file = io.BytesIO()
    torch.save([x, x[:2]], file)
    file.seek(0)
    one, other = torch.load(file)
    assert one.data_ptr() == other.data_ptr() != x.data_ptr()


def test_the_old_constructors_do_not_know_the_device(lab):
    x = torch.ones(2, device="mtia")
    for old in (lambda: x.new(3), lambda: x.new([1.0]), lambda: x.new()):
        with pytest.raises(RuntimeError, match="expected key in DispatchKeySet"):
            old()
    with pytest.raises(ValueError, match="invalid type: 'torch.mtia.FloatTensor'"):
        x.type(x.type())
    assert x.new_empty(3).device == x.new_tensor([1.0]).device == x.type(x.dtype).device == x.device


def test_lbfgs_takes_no_parameter_without_a_gradient(lab):
    used, unused = (nn.Parameter(torch.ones(2, device="mtia")) for _ in range(2))

    def step():
        optimizer = torch.optim.LBFGS([used, unused])

        def closure():
            used.grad = None
            loss = used.pow(2).sum()
            loss.backward()
            return loss

        return optimizer.step(closure)

    with pytest.raises(RuntimeError, match=r"new\(\): expected key"):
        step()
    unused.grad = torch.zeros_like(unused)
    assert step().item() == 2


def test_dlpack_has_no_such_device(lab):
    x = torch.arange(3.0, device="mtia")
    for refused in (x.__dlpack_device__, lambda: torch.from_dlpack(x)):
        with pytest.raises(ValueError, match="Unknown device type mtia"):
            refused()
    with pytest.raises(ModuleNotFoundError, match="privateuseone"):
        dlpack.from_dlpack(dlpack.to_dlpack(x))
    assert torch.from_dlpack(x.cpu()).to("mtia").tolist() == [0, 1, 2]
    assert torch.from_dlpack(x.cpu(), device="mtia").device == x.device


def test_flex_attention_refuses_the_device(lab):
    x = torch.arange(32.0, device="mtia").view(1, 1, 16, 2)
    with pytest.raises(ValueError, match="FlexAttention is only supported on.*mtia"):
        flex_attention(x, x, x)
    mask = torch.ones(16, 16, dtype=torch.bool, device="mtia").tril()
    attended = nn.functional.scaled_dot_product_attention(x, x, x, attn_mask=mask)
    assert torch.equal(attended[0, 0, 0], x[0, 0, 0])
