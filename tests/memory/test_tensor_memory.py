"""Tensors that share, change or replace their memory; copies of them, saved and loaded."""

import copy
import io
import pickle

import pytest
import same
import torch

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


@program
def views_share_memory(d):
    x = torch.zeros(4, 4, device=d)
    inner = x[1:3, 1:3]
    inner.fill_(2)
    x.t().mul_(3)
    inner.add_(1)
    return x, inner, inner.data_ptr() - x.data_ptr(), inner._base is x


@program
def assignments(d):
    x = torch.zeros(5, 4, device=d)
    x[1] = 2
    x[:, 2] = torch.arange(5.0, device=d)
    x[x > 2] = -1
    x[torch.tensor([0, 3])] = 9
    x[0, 0] = torch.tensor(5)
    x[[1, 2], [0, 0]] = torch.tensor([7.0, 8.0], device=d)
    x[3:, 1:3] = torch.ones(2, 2)
    x.index_put_((torch.tensor([4, 4]),), torch.ones(4, device=d), accumulate=True)
    x.diagonal().zero_()
    return x


@program
def resizing_keeps_what_fits(d):
    x = torch.arange(6.0, device=d)
    small = x.resize_(2, 2).clone()
    x.resize_(3, 4)
    return small, x.flatten()[:6], x.shape, torch.arange(6.0, device=d).resize_as_(x).shape


@program
def set_onto_other_memory(d):
    x = torch.arange(6.0, device=d)
    y = torch.empty(0, device=d).set_(x)
    z = torch.empty(0, device=d).set_(x.untyped_storage(), 1, (2, 2), (2, 1))
    y += 1
    x.data = torch.zeros(3, device=d)
    return x, y, z, torch.ones(2, device=d).set_()


@program
def out_arguments(d):
    one = torch.ones(3, device=d)
    exact, big, wide = torch.empty(3, device=d), torch.zeros(4, 3, device=d), one.double()
    torch.add(one, 1, out=exact)
    torch.add(one, 1, out=big[2])
    torch.add(one, 1, out=wide)
    torch.mm(torch.ones(2, 3, device=d), torch.ones(3, 3, device=d), out=big.t()[:2, :3])
    values, indices = torch.empty(0, device=d), torch.empty(0, dtype=torch.long, device=d)
    torch.max(torch.arange(6.0, device=d).view(2, 3), 1, out=(values, indices))
    return exact, big, wide, values, indices, torch.add(one, 1, out=one) is one


@program
def out_arguments_are_resized(d):
    def empty(dtype=torch.float32):
        return torch.empty(0, device=d, dtype=dtype)

    x = torch.tensor([3.0, 0.0, 1.0], device=d)
    return (
        torch.add(x, 1, out=empty()),
        torch.cat([x, x], out=empty()),
        torch.arange(0, 3, 0.5, out=empty()),
        torch.sort(x, out=(empty(), empty(torch.long))),
        torch.nonzero(x, out=empty(torch.long)),
        torch.masked_select(x, x > 0, out=empty()),
        torch.randn(3, out=empty()),
    )


@program
def storages(d):
    x = torch.arange(6.0, device=d)
    storage = x.untyped_storage()
    seen = [storage.nbytes(), storage.device.type == d, storage.tolist(), len(storage.clone())]
    storage.copy_(torch.ones(6).untyped_storage())
    ones = x.clone()
    storage.resize_(40)
    grown = storage.nbytes()
    return seen, ones, x.clone(), grown, storage.resize_(0).nbytes(), x.shape


@program
def conversions(d):
    x = torch.arange(6.0)
    y = x.to(d)
    assert y.to(d) is y and y.to(d, copy=True) is not y and y.to(torch.float32) is y
    like = torch.empty(1, device=d, dtype=torch.int32)
    moved = [y, x.to(torch.device(d)), x.to(d, torch.float64), x.to(like), y.cpu(), y.type_as(like)]
    return moved, y.double().half().bfloat16().int().bool(), y.to("cpu", torch.int8), y.tolist()


@program
def copies_convert_broadcast_and_conjugate(d):
    results = []
    for one in (torch.float16, torch.bfloat16, torch.int32, torch.complex64, torch.bool):
        for other in (torch.float32, torch.int64, torch.complex128, torch.bfloat16):
            x = torch.tensor([1, 2, 0]).to(one)
            results += [torch.empty(3, dtype=other, device=d).copy_(x)]
            results += [torch.empty(2, 3, dtype=other).copy_(x.to(d))]
    z, target = (
        torch.tensor([1 + 2j, 3 - 1j]).to(d),
        torch.zeros(2, dtype=torch.complex64, device=d),
    )
    target.conj().copy_(torch.tensor([1j, 2]))
    return results, target, torch.empty(2).copy_(z.conj().imag), torch.zeros(2).copy_(z.real)


@pytest.mark.parametrize("schedule", same.SCHEDULES)
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.filterwarnings("ignore:Casting complex", "ignore:.*experimental", "ignore:An output")
def test_a_program_gives_what_the_cpu_gives(lab, program, schedule):
    lab.configure(schedule)
    same.assert_same(program)
    torch.mtia.synchronize()


SPECIAL = [
    lambda d: torch.tensor(1.5, device=d),
    lambda d: torch.zeros(0, 2, device=d),
    lambda d: torch.arange(3000.0, device=d),
    lambda d: torch.ones(2, dtype=torch.complex64, device=d).conj(),
    lambda d: torch.tensor([1e10, float("nan"), -float("inf")], device=d),
    lambda d: torch.ones(2).to(torch.float8_e5m2).to(d),
    lambda d: torch.nn.Parameter(torch.ones(2, device=d)),
    lambda d: torch.ones(2, device=d, requires_grad=True) * 2,
]


@pytest.mark.parametrize("make", SPECIAL)
def test_it_is_printed_as_on_the_cpu_but_for_the_device(lab, make):
    printed = repr(make("mtia"))
    assert printed.count("device='mtia:0'") == 1
    # Lines break elsewhere, where the device makes one longer.
    without = "".join(printed.replace("device='mtia:0'", "").split()).replace(",,", ",")
    assert without.replace(",)", ")") == "".join(repr(make("cpu")).split())


TWINS = {"deepcopy": copy.deepcopy, "pickle": lambda x: pickle.loads(pickle.dumps(x))}


@pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)
def test_a_copied_object_is_equal_and_apart(lab, twin):
    lab.configure("latest")
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).to("mtia:1")
    tensors = [torch.arange(6.0, device="mtia:1").view(2, 3).t(), torch.tensor(3, device="mtia")]
    other_model, others = twin((model, tensors))
    for one, other in zip(
        [*model.state_dict().values(), *tensors],
        [*other_model.state_dict().values(), *others],
        strict=True,
    ):
        assert other.device == one.device and torch.equal(one, other)
        other.zero_()
        assert not torch.equal(one, other) or not one.any()
    assert [p.requires_grad for p in other_model.parameters()] == [True] * 4


def saved(thing):
    file = io.BytesIO()
    torch.save(thing, file)
    file.seek(0)
    return file


@pytest.mark.parametrize(
    "source, map_location, target",
    [
        ("mtia:1", None, "mtia:1"),
        ("mtia:1", torch.device("cpu"), "cpu"),
        ("cpu", "mtia:1", "mtia:1"),
        ("mtia:0", "mtia:1", "mtia:1"),
        ("mtia:0", {"mtia:0": "mtia:1"}, "mtia:1"),
    ],
)
def test_save_and_load(lab, source, map_location, target):
    lab.configure("latest")
    x = torch.arange(12.0).view(3, 4).to(source)
    model = torch.nn.Linear(2, 2).to(source)
    file = saved({"x": x, "t": x.t()[1:], "half": x.half(), "model": model.state_dict()})
    got = torch.load(file, map_location=map_location)
    for name, one in (("x", x), ("t", x.t()[1:]), ("half", x.half())):
        assert got[name].device == torch.device(target)
        assert torch.equal(got[name].cpu(), one.cpu())
    assert torch.equal(got["model"]["weight"].cpu(), model.weight.cpu())


def base(d):
    return torch.arange(2.0, device=d)


def storage(d, count):
    return torch.arange(float(count), device=d).untyped_storage()


BAD_FORMS = {
    "resize_ below nothing": lambda d, x: x.resize_(-1),
    "resize_ below nothing in one dimension": lambda d, x: x.resize_(2, -1),
    "resize_ to too many elements": lambda d, x: x.resize_(2**62, 2**62),
    "resize_ to too many bytes": lambda d, x: x.resize_(2**62),
    "resize_ to a format of other rank": lambda d, x: x.resize_(
        3, memory_format=torch.channels_last
    ),
    "resize_ to a format that is kept": lambda d, x: x.resize_(
        3, memory_format=torch.preserve_format
    ),
    "set_ of unequal lengths": lambda d, x: x.set_(storage(d, 4), 0, (2, 2), (1,)),
    "set_ from a tensor, of unequal lengths": lambda d, x: x.set_(base(d), 0, (2, 2), (1,)),
    "set_ before the start": lambda d, x: x.set_(storage(d, 4), -1, (2,)),
    "set_ below nothing": lambda d, x: x.set_(storage(d, 4), 0, (-2,), (1,)),
    "set_ backwards": lambda d, x: x.set_(storage(d, 4), 0, (2,), (-1,)),
    "set_ beyond the end": lambda d, x: x.set_(storage(d, 1), 0, (2,)),
    "set_ beyond the end by an offset": lambda d, x: x.set_(storage(d, 2), 4, (2,), (1,)),
    "set_ to another device": lambda d, x: x.set_(torch.ones(2, device="meta")),
    "set_ to another dtype": lambda d, x: x.set_(torch.ones(2, dtype=torch.int64, device=d)),
    "empty_strided of unequal lengths": lambda d, x: torch.empty_strided((2, 2), (1,), device=d),
    "empty below nothing": lambda d, x: torch.empty(-1, device=d),
}


@pytest.mark.parametrize("change", BAD_FORMS.values(), ids=BAD_FORMS)
def test_a_form_that_cannot_be_is_refused_as_on_the_cpu_and_changes_nothing(lab, change):
    texts = []
    for d in ("cpu", "mtia"):
        x = base(d)
        memory = x.data_ptr()
        with pytest.raises(RuntimeError) as caught:
            change(d, x)
        texts.append(str(caught.value).split("\nException raised")[0].replace("mtia:0", "cpu"))
    assert texts[0] == texts[1]
    assert (x.shape, x.stride(), x.storage_offset(), x.data_ptr()) == ((2,), (1,), 0, memory)
    assert x.tolist() == [0, 1] and x.untyped_storage().nbytes() == 8
