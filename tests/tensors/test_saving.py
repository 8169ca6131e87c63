"""Tensors of the device that are saved, copied and sent: as those of the CPU, sharing included."""
# ruff: noqa: F821 - the tests in new processes see the names of new_process.PRELUDE

import copy
import copyreg
import io
import pickle
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler

import pytest
import same
import torch
from new_process import Programs
from torch import nn

from mtia_lab import build, progress, serialization

programs = Programs()


def saved(thing: object, zipped: bool = True) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(thing, file, _use_new_zipfile_serialization=zipped)
    file.seek(0)
    return file


WAYS: dict[str, Callable[[object], object]] = {
    "zip": lambda x: torch.load(saved(x)),
    "legacy": lambda x: torch.load(saved(x, zipped=False)),
    "any class": lambda x: torch.load(saved(x), weights_only=False),
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "another process": lambda x: ForkingPickler.loads(ForkingPickler.dumps(x)),
}


def named(tensor: torch.Tensor) -> torch.Tensor:
    tensor.note = "kept"
    return tensor


MADE: dict[str, Callable[[str], torch.Tensor]] = {
    "dense": lambda d: torch.arange(6.0, device=d).view(2, 3),
    "a part of it": lambda d: torch.arange(12.0, device=d).view(3, 4).t()[1:, ::2],
    "channels last": lambda d: torch.ones(2, 3, 4, 5, device=d).contiguous(
        memory_format=torch.channels_last
    ),
    "of no elements": lambda d: torch.empty(0, 3, device=d),
    "one number": lambda d: torch.tensor(3, device=d),
    "a leaf": lambda d: torch.ones(2, device=d, requires_grad=True),
    "a parameter": lambda d: nn.Parameter(torch.ones(2, device=d)),
    "conjugated": lambda d: torch.tensor([1 + 2j, 3], device=d).conj(),
    "negated": lambda d: torch.tensor([1 + 2j, 3], device=d).conj().imag,
    "with an attribute": lambda d: named(torch.ones(2, device=d)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_a_tensor_comes_back_as_it_was(lab, make, way):
    lab.configure("latest")

    def program(d):
        made = WAYS[way](make(d))
        assert made.device.type == torch.device(d).type
        return made, made.is_leaf, made.untyped_storage().nbytes(), getattr(made, "note", None)

    same.assert_same(program)


@pytest.mark.parametrize("way", ["zip", "any class", "another process"])
def test_the_newer_dtypes_come_back_as_well(lab, way):
    """In a legacy file, which pickle uses too, PyTorch itself cannot read them."""
    same.assert_same(lambda d: WAYS[way](torch.tensor([1, 65535], device=d).to(torch.uint16)))


@pytest.mark.parametrize("way", ["zip", "legacy", "any class", "another process"])
def test_tensors_on_one_storage_come_back_on_one_storage(lab, way):
    def program(d):
        a = torch.arange(4.0, device=d)
        a, b = WAYS[way]([a, a[1:3]])
        a.mul_(10)
        return a, b, b.data_ptr() - a.data_ptr()

    lab.configure("latest")
    same.assert_same(program)


def test_what_grad_made_is_saved_as_a_leaf_as_on_the_cpu(lab):
    def program(d):
        got = torch.load(saved(torch.ones(2, device=d, requires_grad=True) * 2))
        return got.detach(), got.requires_grad, got.is_leaf

    same.assert_same(program)


def test_a_shallow_copy_shares_the_memory(lab):
    x = torch.ones(2, device="mtia")
    twin = copy.copy(x)
    assert twin is not x and twin.data_ptr() == x.data_ptr()
    twin.zero_()
    assert x.tolist() == [0, 0]


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    "map_location, target",
    [
        (None, "mtia:1"),
        ("cpu", "cpu"),
        ("mtia", "mtia:0"),
        ("mtia:0", "mtia:0"),
        (torch.device("mtia", 0), "mtia:0"),
        ("meta", "meta"),
        ({"mtia:1": "mtia:0"}, "mtia:0"),
        ({"mtia:1": "cpu"}, "cpu"),
        ({"cuda:0": "cpu"}, "mtia:1"),
        (lambda storage, location: storage, "cpu"),
        (lambda storage, location: None, "mtia:1"),
        (lambda storage, location: storage.to(device=location[:-1] + "0"), "mtia:0"),
    ],
)
@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_a_file_is_loaded_where_map_location_says(lab, map_location, target, zipped):
    lab.configure("latest")
    x = torch.arange(4, dtype=torch.uint8, device="mtia:1")
    for thing in [x, x.untyped_storage()][: 2 if zipped else 1]:  # torch cannot load an old storage
        got = torch.load(saved(thing, zipped), map_location=map_location)
        assert got.device == torch.device(target)
        assert target == "meta" or got.tolist() == [0, 1, 2, 3]


def test_a_device_that_is_not_there_is_refused(lab):
    with pytest.raises(RuntimeError, match="MTIA device 5.*map_location"):
        torch.load(saved(torch.ones(2, device="mtia")), map_location="mtia:5")


@pytest.mark.parametrize("way", ["zip", "legacy", "pickle"])
@pytest.mark.filterwarnings("ignore:.*quantized tensor creation functions")
def test_tensors_of_the_cpu_are_pickled_byte_for_byte_as_without_the_lab(lab, way, monkeypatch):
    base = torch.arange(6.0)
    things = [base, base[1:], base.view(2, 3).t(), named(base.clone()), nn.Linear(2, 2)]
    things += [nn.Parameter(base), base.to(torch.uint16), torch.ones(1, dtype=torch.cfloat).conj()]
    things += [torch.ones(2, device="meta"), torch.eye(2).to_sparse()]
    things += [torch.quantize_per_tensor(base, 0.1, 0, torch.qint8)]

    def written() -> bytes:
        return pickle.dumps(things) if way == "pickle" else saved(things, way == "zip").getvalue()

    with_lab = written()
    assert copyreg.dispatch_table[torch.Tensor] is serialization.reduce_tensor
    monkeypatch.delitem(copyreg.dispatch_table, torch.Tensor)
    assert written() == with_lab


@pytest.mark.parametrize("way", ["zip", "legacy", "pickle"])
def test_a_file_does_not_refer_to_the_lab(lab, way):
    x = named(torch.ones(2, device="mtia"))
    data = pickle.dumps(x) if way == "pickle" else saved(x, way == "zip").getvalue()
    assert b"mtia_lab" not in data and b"mtia:0" in data


# Subclasses: copyreg goes by the exact class


class Tagged(torch.Tensor):
    pass


def test_a_subclass_keeps_its_storage_once_it_is_registered(lab, monkeypatch):
    def program(d):
        x = torch.arange(4.0, device=d).as_subclass(Tagged)
        x.note = "kept"
        leaf = x.detach().clone().requires_grad_()
        x, part, leaf = torch.load(saved([x, x[:2], leaf]), weights_only=False)
        x.mul_(10)
        return type(x) is type(leaf) is Tagged, x.note, part.tolist(), leaf.requires_grad

    with pytest.raises(RuntimeError, match="leaf variables"):
        program("mtia")
    monkeypatch.setitem(copyreg.dispatch_table, Tagged, None)  # to be as it was after the test
    copyreg.pickle(Tagged, serialization.reduce_tensor)
    same.assert_same(program)


# Other processes, with the lab and without it


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """What became of the tests in new processes: a file of the lab's is there for them."""
    import mtia_lab

    build.ensure(build.Recipe.now(), progress=progress.Progress())
    mtia_lab.load()
    folder = tmp_path_factory.mktemp("saved")
    x = torch.arange(4.0, device="mtia")
    torch.save([x, x[:2]], folder / "zip.pt")
    torch.save([x, x[:2]], folder / "legacy.pt", _use_new_zipfile_serialization=False)
    return programs.run(f"FOLDER = Path({str(folder)!r})")


@programs.test
def test_without_the_lab_a_file_says_what_to_do_and_loads_on_the_cpu():
    for path in sorted(FOLDER.iterdir()):
        with pytest.raises(RuntimeError, match="torch.mtia.is_available.*map_location"):
            torch.load(path)
        x, part = torch.load(path, map_location="cpu")
        x[0] = 5
        assert x.tolist() == [5, 1, 2, 3] and part.tolist() == [5, 1]
    mtia_lab.load()  # nothing has latched
    assert torch.load(path)[0].device == torch.device("mtia:0")


def times_ten(inbox, outbox):
    """The other process: it answers, and stays until that has arrived."""
    tensors = inbox.get()
    tensors[0].mul_(10)
    outbox.put(tensors)
    inbox.get()


def test_tensors_go_to_another_process_and_back(lab):
    context = torch.multiprocessing.get_context("spawn")
    there, back = context.Queue(), context.Queue()
    process = context.Process(target=times_ten, args=(there, back))
    process.start()
    x = torch.arange(4.0, device="mtia:1")
    there.put([x, x[:2], nn.Parameter(torch.ones(2, device="mtia")), torch.ones(1)])
    try:
        a, part, parameter, host = back.get(timeout=120)
    finally:
        there.put("arrived")
        process.join()
    assert a.tolist() == [0, 10, 20, 30] and part.tolist() == [0, 10]
    assert x.tolist() == [0, 1, 2, 3]  # what arrives is a copy
    assert [t.device.type for t in (a, parameter, host)] == ["mtia", "mtia", "cpu"]
    assert a.device == x.device and parameter.requires_grad and process.exitcode == 0
