"""Bad input that reaches the backend: named with what is valid, and nothing in it changes."""

import math

import pytest
import torch

import mtia_lab
from mtia_lab.device import simulator


def stream(stream_id: int, device: int = 0) -> torch.Stream:
    """A handle made of three numbers, which PyTorch takes without asking the backend."""
    known = torch.mtia.default_stream(0)
    return torch.Stream(stream_id=stream_id, device_index=device, device_type=known.device_type)


def everything(lab) -> tuple:
    return lab.state(), lab.host_clock(), [torch.mtia.current_stream(d) for d in (0, 1)]


@pytest.fixture
def refused(lab):
    """Call it with what must be refused; gives the message. Nothing may have changed."""

    def call(action, *parts: str, error=RuntimeError) -> str:
        before = everything(lab)
        with lab.record() as log, pytest.raises(error) as raised:
            action()
        assert everything(lab) == before
        assert not log.commands
        message = str(raised.value)
        for part in parts:
            assert part in message, message
        return message

    return call


def entered(context):
    with context:
        pass


DEVICE_CALLS = {
    "mtia.set_device": torch.mtia.set_device,
    "accelerator.set_device_index": torch.accelerator.set_device_index,
    "mtia.device": lambda i: entered(torch.mtia.device(i)),
    "accelerator.device_index": lambda i: entered(torch.accelerator.device_index(i)),
    "Stream": lambda i: torch.Stream(f"mtia:{i}"),
    "mtia.current_stream": lambda i: torch.mtia.current_stream(i),
    "mtia.default_stream": lambda i: torch.mtia.default_stream(i),
    "accelerator.current_stream": lambda i: torch.accelerator.current_stream(i),
    "mtia.synchronize": torch.mtia.synchronize,
    "accelerator.synchronize": torch.accelerator.synchronize,
    "mtia.get_device_capability": torch.mtia.get_device_capability,
    "mtia.get_device_properties": torch.mtia.get_device_properties,
    "Generator": lambda i: torch.Generator(f"mtia:{i}"),
}


@pytest.mark.parametrize("call", DEVICE_CALLS.values(), ids=DEVICE_CALLS)
@pytest.mark.parametrize("index", [2, 7, 100])
def test_a_device_that_is_not_there(refused, call, index):
    refused(lambda: call(index), f"mtia:{index}", "0 to 1")


STREAM_CALLS = {
    "with": entered,
    "mtia.stream": lambda s: entered(torch.mtia.stream(s)),
    "mtia.set_stream": torch.mtia.set_stream,
    "accelerator.set_stream": torch.accelerator.set_stream,
    "query": lambda s: s.query(),
    "synchronize": lambda s: s.synchronize(),
    "native_handle": lambda s: s.native_handle,
    "is_capturing": lambda s: s.is_capturing(),
    "record": lambda s: torch.Event().record(s),
    "record_event": lambda s: s.record_event(),
    "wait_stream on it": lambda s: torch.mtia.default_stream(0).wait_stream(s),
    "priority": mtia_lab.stream_priority,
}


@pytest.mark.parametrize("call", STREAM_CALLS.values(), ids=STREAM_CALLS)
@pytest.mark.parametrize("number", [99_999, -1, 2**40])
def test_a_forged_stream(refused, call, number):
    refused(lambda: call(stream(number)), f"stream {number}", "ids 0 to")


@pytest.mark.parametrize("call", STREAM_CALLS.values(), ids=STREAM_CALLS)
def test_a_stream_of_a_device_that_is_not_there(refused, call):
    refused(lambda: call(stream(0, device=7)), "mtia:7", "0 to 1")


def test_a_forged_stream_waits_for_no_event(refused, lab):
    event = torch.mtia.default_stream(0).record_event()
    refused(lambda: event.wait(stream(99_999)), "stream 99999")
    refused(lambda: stream(99_999).wait_event(event), "stream 99999")


def test_pytorch_sets_the_device_before_it_offers_the_backend_a_stream(lab):
    """So a forged stream of another device is refused, and the device is left at that one."""
    for call in (torch.mtia.set_stream, torch.accelerator.set_stream, entered):
        with pytest.raises(RuntimeError, match="stream 99999"):
            call(stream(99_999, device=1))
        assert lab.state() == (1, 0, 0), call
        torch.mtia.set_device(0)


def test_a_stream_of_another_device_type(lab):
    other = torch.Stream(stream_id=0, device_index=0, device_type=1)  # cuda's, of any build
    before = everything(lab)
    for call in (torch.mtia.set_stream, torch.accelerator.set_stream, torch.Event().record):
        with pytest.raises((RuntimeError, TypeError, ValueError)):
            call(other)
    assert everything(lab) == before


def test_an_event_of_another_device(refused, lab):
    event = torch.Event()
    event.record()
    there = torch.Stream("mtia:1")
    message = refused(lambda: event.record(there), f"event {event.event_id}", "mtia:0")
    assert f"stream {there.stream_id} of mtia:1" in message
    there.wait_event(event)  # waiting is allowed


def test_elapsed_time_across_devices(lab):
    here, there = (torch.Event(enable_timing=True) for _ in range(2))
    here.record()
    there.record(torch.mtia.default_stream(1))
    torch.mtia.synchronize(0)
    torch.mtia.synchronize(1)
    with pytest.raises(RuntimeError, match=r"mtia:0.*mtia:1"):
        here.elapsed_time(there)


@pytest.mark.parametrize("us", [-1, -0.001, math.nan, math.inf, -math.inf, 1e300])
def test_a_time_that_is_none(refused, us):
    refused(lambda: mtia_lab.launch("late", us=us), "late", str(us), "0 to", error=ValueError)


@pytest.mark.parametrize("us", ["ten", None, [1]])
def test_a_time_that_is_no_number(refused, us):
    refused(lambda: mtia_lab.launch("late", us=us), error=TypeError)


def test_an_effect_that_cannot_be_called(refused):
    refused(lambda: mtia_lab.launch("k", effect="print"), "'k'", "str", error=TypeError)


SCHEDULES = ["", "Modelled", "sometimes", "random", "random:", "random:x", "random:-1"]
SCHEDULES += ["random:1.5", "random: 1", f"random:{2**64}", "latest "]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_an_unknown_schedule(refused, lab, schedule):
    lab.configure("blocking")
    message = refused(lambda: lab.configure(schedule), f"'{schedule}'")
    assert all(f"'{name}'" in message for name in ("modelled", "blocking", "latest", "random:SEED"))
    assert_schedule_is_blocking(lab)


def assert_schedule_is_blocking(lab):
    lab.launch("k", us=10)
    assert torch.mtia.current_stream().query()


TIMES = ["launch_us", "event_us", "synchronize_us", "query_us"]


@pytest.mark.parametrize("field", TIMES)
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, 1e12])
def test_a_profile_with_a_time_that_is_none(field, value):
    with pytest.raises(ValueError, match=rf"{field} .*{value}.* 0 to"):
        mtia_lab.Profile(**{field: value})


@pytest.mark.parametrize("field", ["kernel_slots", "queue_depth"])
@pytest.mark.parametrize("value", [0, -5, 1.5, 2**62, "4", None])
def test_a_profile_with_a_size_that_is_none(lab, field, value):
    with pytest.raises((ValueError, TypeError, RuntimeError), match=field):
        lab.configure(profile=mtia_lab.Profile(**{field: value}))
    lab.launch("k")
    torch.mtia.synchronize()


def test_a_profile_that_is_none(lab):
    with pytest.raises(TypeError, match=r"mtia_lab\.Profile"):
        lab.configure(profile={"launch_us": 1})


def test_configuring_while_work_is_pending(refused, lab):
    busy = torch.Stream("mtia:1")
    with busy:
        lab.launch("k", us=1_000)
    refused(lambda: lab.configure("blocking"), f"stream {busy.stream_id} of mtia:1", "1 command")
    lab.launch("k", us=10)
    assert not torch.mtia.current_stream().query(), "the schedule has changed"
    torch.mtia.synchronize(0)
    torch.mtia.synchronize(1)
    lab.configure("blocking")
    assert_schedule_is_blocking(lab)


def test_a_storage_is_not_taken_for_a_tensor(lab):
    """It has a `_cdata` as well, which leads to something else."""
    with pytest.raises(TypeError, match="expected a tensor, not a torch.storage.UntypedStorage"):
        simulator.deliver([torch.UntypedStorage(4)], [torch.ones(1, device="mtia")])
