"""Operators whose kernel fails after their launch has returned: synchronizations tell."""

import pytest
import same
import torch
import torch.nn.functional as F

FAILURES = {
    "index_select": lambda: F.embedding(
        torch.tensor([9], device="mtia"), torch.ones(3, 2).to("mtia")
    ),
    "gather": lambda: torch.ones(3, device="mtia").gather(0, torch.tensor([7], device="mtia")),
    "index": lambda: torch.ones(3, device="mtia")[torch.tensor([5], device="mtia")],
    "scatter_": lambda: torch.ones(3, device="mtia").scatter_(0, torch.tensor([3]).to("mtia"), 1.0),
    "linalg_inv_ex": lambda: torch.linalg.inv(torch.zeros(2, 2, device="mtia")),
}
RETURNS_AT_ONCE = {  # each with what the CPU raises
    "index_select": IndexError,
    "gather": RuntimeError,
    "index": IndexError,
    "scatter_": RuntimeError,
}
SYNCHRONIZE = {
    "synchronize": lambda x: torch.mtia.synchronize(),
    "stream.synchronize": lambda x: torch.mtia.current_stream().synchronize(),
    "event.synchronize": lambda x: torch.mtia.current_stream().record_event().synchronize(),
    "item": lambda x: x.item(),
    "cpu": lambda x: x.cpu(),
    "tolist": lambda x: x.tolist(),
    "nonzero": lambda x: torch.nonzero(x),
}


@pytest.mark.parametrize("synchronize", SYNCHRONIZE.values(), ids=SYNCHRONIZE)
@pytest.mark.parametrize("schedule", ["modelled", "latest", "random:1"])
def test_a_failure_is_told_at_the_next_synchronization(lab, schedule, synchronize):
    lab.configure(schedule)
    x = torch.ones((), device="mtia")
    torch.mtia.synchronize()
    FAILURES["index_select"]()
    with pytest.raises(IndexError, match="kernel 'index_select' failed on stream 0 of mtia:0 at"):
        synchronize(x)
    synchronize(x)


@pytest.mark.parametrize("name", RETURNS_AT_ONCE)
def test_a_failure_tells_operator_stream_time_line_and_reason(lab, name):
    stream = torch.Stream("mtia")
    with lab.record() as log, stream:
        FAILURES[name]()
    failed = next(c for c in log.commands if c.name == name)
    with pytest.raises(Exception) as raised:
        stream.synchronize()
    assert raised.type is RETURNS_AT_ONCE[name]
    told = str(raised.value)
    assert f"kernel '{name}' failed on stream {stream.stream_id} of mtia:0" in told
    assert "us of virtual time" in told and f"enqueued at {failed.site}" in told
    assert failed.site.startswith("test_failing_kernels.py:")
    assert "out of range" in told or "out of bounds" in told
    assert "C++" not in told and "frame #" not in told


@pytest.mark.parametrize("name", FAILURES)
def test_under_blocking_the_operator_itself_raises(lab, name):
    lab.configure("blocking")
    with pytest.raises((RuntimeError, IndexError)):
        FAILURES[name]()
    torch.mtia.synchronize()


@pytest.mark.parametrize("schedule", same.SCHEDULES)
def test_the_stream_goes_on(lab, schedule):
    lab.configure(schedule)
    x = torch.ones(3, device="mtia")
    with pytest.raises((RuntimeError, IndexError)):
        x += 1
        x[torch.tensor([5], device="mtia")]
        x += 1
        torch.mtia.synchronize()
    y = x * 2
    expected = [4.0] * 3 if schedule == "blocking" else [6.0] * 3
    assert y.tolist() == expected


def test_operators_that_are_waited_for_raise_themselves(lab):
    """The host is there to hear it: torch.linalg checks what a kernel found, bincount counts."""
    with pytest.raises(torch.linalg.LinAlgError, match="singular"):
        FAILURES["linalg_inv_ex"]()
    with pytest.raises(RuntimeError, match="non-negative"):
        torch.bincount(torch.tensor([-1], device="mtia"))
    torch.mtia.synchronize()


def test_several_failures_are_told_together_and_each_device_tells_its_own(lab):
    for device in ("mtia:0", "mtia:1"):
        x, i = torch.ones(3, device=device), torch.tensor([5], device=device)
        x.gather(0, i)
        x.index_select(0, i)
    for device in (0, 1):
        with pytest.raises(RuntimeError, match=rf"(?s)'gather'.*mtia:{device}.*'index_select'"):
            torch.mtia.synchronize(device)
        torch.mtia.synchronize(device)


def test_a_failure_in_backward_is_told(lab):
    """Also from autograd's thread of another device."""
    x = torch.ones(3, device="mtia:1", requires_grad=True)
    y = x.gather(0, torch.tensor([5], device="mtia:1")).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="'gather' failed"):
        torch.mtia.synchronize(1)
    torch.mtia.synchronize(0)
