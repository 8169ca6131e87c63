"""What the host does with pinned memory, as the log shows it: every look at it, and nothing else.

Whether an operator looks at a tensor is tried out: on memory that may not be touched a look kills.
"""

import copy
import ctypes
import io
import os
import pickle
import signal

import op_samples
import pytest
import torch
import torch.nn.functional as F

LOOKS = {
    "tolist": lambda h: h.tolist(),
    "a number's tolist": lambda h: h[1, 1].tolist(),
    "detached and listed": lambda h: h.detach().cpu().tolist(),
    "item": lambda h: h[0, 0].item(),
    "index": lambda h: range(h.int()[0, 0]),
    "iteration": lambda h: [float(x) for x in h[0]],
    "print": repr,
    "torch.save": lambda h: torch.save(h, io.BytesIO()),
    "the old format": lambda h: torch.save(h, io.BytesIO(), _use_new_zipfile_serialization=False),
    "state dict": lambda h: torch.save({"w": torch.nn.Parameter(h)}, io.BytesIO()),
    "pickle": pickle.dumps,
    "deepcopy": copy.deepcopy,
    "bytes of the storage": lambda h: bytes(h[0].untyped_storage()),
    "a scalar for a kernel": lambda h: torch.ones(2, device="mtia") * h[1, 1],
    "where to cut": lambda h: torch.arange(9).tensor_split(h[0].long()),
    "lengths to pack": lambda h: torch.nn.utils.rnn.pack_padded_sequence(
        torch.ones(1, 2, 1), pinned_ones(2)
    ),
    "lengths of targets": lambda h: F.ctc_loss(
        torch.zeros(5, 1, 4), torch.ones(1, 3).long(), torch.tensor([5]), pinned_ones(1)
    ),
    "a tensor of indices": lambda h: torch.ones(3)[pinned_ones(1)],
}
DOES_NOT_LOOK = {
    "type_as": lambda h: h.type_as(h),
    "broadcast_tensors": lambda h: torch.broadcast_tensors(h, h),
    "result_type": lambda h: torch.result_type(h, 1.0),
    "is_same_size": lambda h: h.is_same_size(h),
    "is_set_to": lambda h: h.is_set_to(h),
    "set_": lambda h: torch.empty(0).set_(h),
    "atleast_3d": torch.atleast_3d,
    "views in place": lambda h: h.view(4, 4).t_().unsqueeze_(0).squeeze_(0),
    "likes": lambda h: [f(h) for f in (torch.empty_like, torch.zeros_like, torch.rand_like)],
    "bernoulli": lambda h: torch.bernoulli(h, 0.5),
    "reshape": lambda h: h.reshape(2, 8).expand(3, 2, 8).flatten(1),
    "to what it is": lambda h: h.to(torch.float32).cpu().float().contiguous().pin_memory(),
    "numpy": lambda h: h.numpy(),
    "dlpack": torch.from_dlpack,
    "copy": copy.copy,
    "Parameter": torch.nn.Parameter,
    "a copy to the device": lambda h: h.to("mtia", non_blocking=True),
    "copies from the device": lambda h: h.copy_(torch.ones(4, 4, device="mtia"), non_blocking=True),
    "kernels of the device": lambda h: torch.cat([torch.ones(2, device="mtia")] * 2),
}


def pinned_ones(*size):
    return torch.ones(size, dtype=torch.int64, pin_memory=True)


@pytest.mark.parametrize("look", LOOKS)
def test_what_looks_is_seen(lab, look):
    host = torch.ones(4, 4, pin_memory=True)
    with lab.record(host=True) as log:
        LOOKS[look](host)
    assert [h for h in log.hosts if h.reads], log


@pytest.mark.parametrize("operation", DOES_NOT_LOOK)
def test_what_does_not_look_is_not_seen(lab, operation):
    host = torch.ones(4, 4, pin_memory=True)
    with lab.record(host=True) as log:
        DOES_NOT_LOOK[operation](host)
    assert not log.hosts


def test_what_an_operator_is_made_of_is_one_record_under_its_own_name(lab):
    x, y = torch.ones(4, 4, pin_memory=True), torch.ones(4, 4, pin_memory=True)
    with lab.record(host=True) as log:
        F.linear(x, y, y[0])
        x.reshape(-1).clone()
        torch.allclose(x, y)
    assert [h.name for h in log.hosts] == ["linear", "clone", "allclose"]
    assert all(h.site.startswith("test_host_operators.py") for h in log.hosts)
    assert len(log.hosts[0].reads) == 3 and len(log.hosts[2].reads) == 2


def test_an_operator_that_fails_has_looked_until_then(lab):
    host = torch.ones(3, pin_memory=True)
    with lab.record(host=True) as log:
        with pytest.raises(RuntimeError):
            host.add(torch.ones(2))
        host.sum()
    assert log.hosts[-1].name == "sum"


# --- Every operator, tried out -----------------------------------------------------------------


class Pinned:
    """The first sample of an operator with all its dense tensors in pinned memory, one a block."""

    def __init__(self, name):
        self.op = op_samples.entries()[name]
        op_samples._seed(3)
        sample = next(iter(self.op.sample_inputs_func(self.op, "cpu", torch.float32, False)))
        self.tensors = []
        self.arguments = self._pin([sample.input, tuple(sample.args), sample.kwargs])

    def _pin(self, value):
        if isinstance(value, dict):
            return {key: self._pin(item) for key, item in value.items()}
        if type(value) in (list, tuple):
            return type(value)(self._pin(item) for item in value)
        dense = isinstance(value, torch.Tensor) and value.layout == torch.strided
        if not dense or not value.numel() or value.is_conj() or value.is_neg():
            return value
        form = {"dtype": value.dtype, "pin_memory": True}
        self.tensors.append(torch.empty_strided(value.size(), value.stride(), **form))
        return self.tensors[-1].copy_(value)

    def run(self):
        op_samples._seed(7)
        return op_samples._call(self.op, self.arguments)

    def forbid(self, number):
        storage = self.tensors[number].untyped_storage()
        address, bytes = ctypes.c_void_p(storage.data_ptr()), ctypes.c_size_t(storage.nbytes())
        assert ctypes.CDLL(None).mprotect(address, bytes, 0) == 0


def looked_at(lab, sample):
    """The numbers of the tensors that an operator uses, as the log has it; None if it fails."""
    with lab.record(host=True) as log:
        for tensor in sample.tensors:
            tensor.equal(tensor)
    begins = [h.reads[0].address for h in log.hosts]
    with lab.record(host=True) as log:
        failed = isinstance(sample.run(), Exception)
    used = {access.address for h in log.hosts for access in (*h.reads, *h.writes)}
    sizes = [tensor.untyped_storage().nbytes() for tensor in sample.tensors]
    found = enumerate(zip(begins, sizes, strict=True))
    return None if failed else [k for k, (b, n) in found if used & set(range(b, b + n))]


def dies(forbidden):
    """Whether a process of its own dies of running samples without some of their tensors."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        for sample, numbers in forbidden:
            for number in numbers:
                sample.forbid(number)
            if isinstance(sample.run(), Exception):
                os._exit(3)  # it wants a generator of the device, which a fork has not
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    return None if status == 3 << 8 else os.WIFSIGNALED(status)


@pytest.mark.filterwarnings("ignore")
def test_an_operator_looks_at_what_the_log_says_and_at_nothing_else(lab, pytestconfig):
    """Of a tensor that it does not look at, its memory may be gone; of any other not."""
    missed, false = [], []
    names = op_samples.names(torch.float32)
    few = names[::12]
    for name in names if pytestconfig.getoption("--all-ops") else few:
        sample = Pinned(name)
        used = looked_at(lab, sample) if sample.tensors else None
        if used is None or name == "resolve_neg":  # asked for by itself it is taken for tolist
            continue
        rest = [k for k in range(len(sample.tensors)) if k not in used]
        if rest and dies([(sample, rest)]):
            missed.append(name)
        for number in used[:1] if name in few else []:  # others may need no element of these
            if dies([(sample, [number])]) is False:
                false.append((name, number))
    assert not missed and not false
