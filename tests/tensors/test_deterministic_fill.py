"""What `torch.use_deterministic_algorithms(True)` does to fresh memory: it is filled."""

import pytest
import same
import torch
from torch import nn
from torch.utils import deterministic

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64]
DTYPES += [torch.complex32, torch.float8_e4m3fn, torch.uint8, torch.int8, torch.int64]
DTYPES += [torch.uint16, torch.bool]


@pytest.fixture(autouse=True)
def filled(lab):
    lab.configure("latest")
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)
    deterministic.fill_uninitialized_memory = True


def grown(x, *size, **kwargs):
    return x.resize_(*size, **kwargs)


MADE = {
    "empty": lambda d, t: torch.empty(2, 3, dtype=t, device=d),
    "empty of no elements": lambda d, t: torch.empty(0, dtype=t, device=d),
    "empty channels_last": lambda d, t: torch.empty(
        1, 2, 3, 4, dtype=t, device=d, memory_format=torch.channels_last
    ),
    "empty_strided": lambda d, t: torch.empty_strided((2, 2), (3, 1), dtype=t, device=d),
    "empty_permuted": lambda d, t: torch.empty_permuted((2, 3), (1, 0), dtype=t, device=d),
    "empty_like": lambda d, t: torch.empty_like(torch.zeros(2, dtype=t, device=d)),
    "new_empty": lambda d, t: torch.zeros(2, dtype=t, device=d).new_empty(3),
    "new_empty_strided": lambda d, t: torch.zeros(2, dtype=t, device=d).new_empty_strided(
        (2,), (2,)
    ),
    "empty out": lambda d, t: torch.empty(3, out=torch.zeros(1, dtype=t, device=d)),
    "resize_": lambda d, t: grown(torch.zeros(2, dtype=t, device=d), 5),
    "resize_ within": lambda d, t: grown(torch.zeros(6, dtype=t, device=d)[:2], 4),
    "resize_ of a part": lambda d, t: grown(torch.zeros(6, dtype=t, device=d)[2:4], 8),
    "resize_ smaller": lambda d, t: grown(torch.zeros(6, dtype=t, device=d), 2),
    "resize_ channels_last": lambda d, t: grown(
        torch.zeros(2, dtype=t, device=d), 1, 2, 3, 4, memory_format=torch.channels_last
    ),
    "resize_as_": lambda d, t: torch.zeros(2, dtype=t, device=d).resize_as_(
        torch.zeros(7, dtype=t, device=d)
    ),
}


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_fresh_memory_is_filled_as_on_the_cpu(make, dtype):
    same.assert_same(lambda d: make(d, dtype))


def test_the_layers_of_an_empty_module_are_filled():
    model = nn.Linear(2, 2, device="meta").to_empty(device="mtia")
    assert all(p.isnan().all() for p in model.parameters())


def test_it_is_filled_on_the_current_stream_in_order(lab):
    stream = torch.Stream("mtia")
    with lab.record() as log, stream:
        x = torch.empty(3, device="mtia")
        x += 1
    own = stream.stream_id
    assert [(c.name, c.stream) for c in log.commands] == [("fill_", own), ("add_", own)]
    stream.synchronize()
    assert x.isnan().all()


@pytest.mark.parametrize("switch", ["algorithms", "fill"])
def test_it_is_left_alone_unless_both_are_asked_for(lab, switch):
    if switch == "algorithms":
        torch.use_deterministic_algorithms(False)
    else:
        deterministic.fill_uninitialized_memory = False
    with lab.record() as log:
        torch.empty(3, device="mtia").resize_(9)
    assert [c.name for c in log.commands] == ["copy (resize)"]


def test_what_operators_write_whole_is_not_filled_before(lab):
    with lab.record() as log:
        x = torch.ones(3, device="mtia")  # made by empty() and fill_()
        torch.add(x, x, out=torch.add(x, x))
    assert [c.name for c in log.commands] == ["fill_", "fill_", "add", "add"]
