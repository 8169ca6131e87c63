"""Devices, streams and events on the simulated backend, through the doors PyTorch offers."""

import pytest
import torch

pytestmark = pytest.mark.usefixtures("lab")
MTIA = torch.device("mtia").type


def current() -> tuple[int, int, int]:
    """What both doors agree on: the device, and the current stream of each."""
    device = torch.mtia.current_device()
    assert torch.accelerator.current_device_index() == device
    streams = [torch.mtia.current_stream(d) for d in (0, 1)]
    assert [torch.accelerator.current_stream(d) for d in (0, 1)] == streams
    assert torch.mtia.current_stream() == streams[device] == torch.accelerator.current_stream()
    return (device, *(s.stream_id for s in streams))


# Devices


def test_two_devices_are_there_and_are_the_accelerator():
    assert torch.mtia.is_available() and torch.accelerator.is_available()
    assert torch.mtia.device_count() == torch.accelerator.device_count() == 2
    assert torch.accelerator.current_accelerator() == torch.device("mtia")
    assert torch.get_device_module("mtia:0") is torch.get_device_module() is torch.mtia
    assert torch.mtia.is_initialized()


@pytest.mark.parametrize("set_device", [torch.mtia.set_device, torch.accelerator.set_device_index])
def test_setting_the_device_through_one_door_shows_through_the_other(set_device):
    set_device(1)
    assert current() == (1, 0, 0)
    set_device("mtia:0")
    assert current() == (0, 0, 0)


@pytest.mark.parametrize("context", [torch.mtia.device, torch.accelerator.device_index])
def test_a_device_context_restores_the_device_also_after_an_error(context):
    with context(1):
        assert current() == (1, 0, 0)
        with context(0):
            assert current() == (0, 0, 0)
        assert current() == (1, 0, 0)
    with pytest.raises(KeyError), context(1):
        raise KeyError
    assert current() == (0, 0, 0)


def test_none_and_negative_indices_never_reach_the_backend(lab):
    with lab.record() as log:
        torch.mtia.set_device(-3)
        torch.accelerator.set_device_index(-3)
        with torch.accelerator.device_index(None):
            pass
    assert not log.calls
    with torch.mtia.device(-3), torch.mtia.device(None):
        assert current() == (0, 0, 0)


def test_capability_and_properties():
    major, minor = torch.mtia.get_device_capability(1)
    assert isinstance(major, int) and isinstance(minor, int)
    properties = torch.mtia.get_device_properties(1)
    assert isinstance(properties, dict) and "simulated" in properties["name"]
    assert torch.mtia.get_device_properties() == properties
    dtypes = torch.accelerator.get_device_capability("mtia:1")["supported_dtypes"]
    assert {torch.float32, torch.bfloat16, torch.int64, torch.bool} <= dtypes


# Streams


def test_the_default_stream_is_current_and_has_id_zero():
    for device in (0, 1):
        default = torch.mtia.default_stream(device)
        assert default.stream_id == 0
        assert default.device == torch.device("mtia", device)
        assert default == torch.mtia.current_stream(device)
        assert torch.device(default.device).type == MTIA


def test_streams_and_events_are_torchs_own_classes():
    assert torch.mtia.Stream is torch.Stream and torch.mtia.Event is torch.Event
    assert type(torch.mtia.current_stream()) is torch.Stream
    # torch.cuda's derive from them too, unless the build has no CUDA: then from a stand-in.
    assert issubclass(torch.cuda.Stream, torch.Stream) == torch.backends.cuda.is_built()


def test_new_streams_count_up_on_each_device():
    for device in (0, 1):
        first, second = (torch.Stream(f"mtia:{device}") for _ in range(2))
        assert second.stream_id == first.stream_id + 1 > 1
        assert first.device == second.device == torch.device("mtia", device)
        assert first != second and len({first, second, first}) == 2
    assert current() == (0, 0, 0)


def test_a_stream_without_an_index_is_of_the_current_device():
    with torch.mtia.device(1):
        assert torch.Stream().device_index == torch.Stream("mtia").device_index == 1
        assert torch.mtia.Stream().device_index == 1
    assert current() == (0, 0, 0)


@pytest.mark.parametrize("enter", [lambda s: s, torch.mtia.stream], ids=["with s", "mtia.stream"])
def test_entering_a_stream_switches_device_and_leaving_restores_both(enter):
    here, there, other = torch.Stream("mtia:0"), torch.Stream("mtia:1"), torch.Stream("mtia:0")
    with enter(here):
        assert current() == (0, here.stream_id, 0)
        with enter(there):
            assert current() == (1, here.stream_id, there.stream_id)
            with enter(other), enter(other):
                assert current() == (0, other.stream_id, there.stream_id)
            assert current() == (1, here.stream_id, there.stream_id)
        assert current() == (0, here.stream_id, 0)
    with pytest.raises(KeyError), enter(there):
        raise KeyError
    assert current() == (0, 0, 0)


def test_with_stream_is_a_no_op_where_that_stream_is_current_already():
    """PyTorch then leaves even the device alone, so the backend is asked and never told."""
    with torch.mtia.default_stream(1):
        assert current() == (0, 0, 0)
    with torch.mtia.stream(torch.mtia.default_stream(1)):
        assert current() == (1, 0, 0)


@pytest.mark.parametrize("set_stream", [torch.mtia.set_stream, torch.accelerator.set_stream])
def test_setting_a_stream_stays_until_set_back(set_stream):
    there = torch.Stream("mtia:1")
    set_stream(there)
    assert current() == (1, 0, there.stream_id)
    set_stream(torch.mtia.default_stream(0))
    assert current() == (0, 0, there.stream_id)


def test_priorities_are_kept(lab):
    streams = [torch.Stream("mtia:1", priority=p) for p in (0, -1, 3)]
    assert [lab.stream_priority(s) for s in streams] == [0, -1, 3]
    assert lab.stream_priority(torch.mtia.default_stream(0)) == 0


def test_native_handles_tell_streams_apart_and_are_never_null():
    streams = [torch.mtia.default_stream(0), torch.mtia.default_stream(1), torch.Stream("mtia:1")]
    handles = [s.native_handle for s in streams]
    assert len(set(handles)) == 3 and all(handles)
    assert handles == [s.native_handle for s in streams]


def test_no_stream_is_being_captured():
    assert torch.Stream("mtia:1").is_capturing() is False


def test_the_work_of_a_stream_is_pending_until_synchronized(lab):
    stream = torch.Stream("mtia:1")
    assert stream.query() is True
    with stream:
        lab.launch("k", us=100)
    assert stream.query() is False
    begin = lab.host_clock()
    stream.synchronize()
    assert lab.host_clock() > begin
    assert stream.query() is True


@pytest.mark.parametrize("synchronize", [torch.mtia.synchronize, torch.accelerator.synchronize])
def test_synchronizing_a_device_waits_for_its_streams_and_no_other(lab, synchronize):
    with torch.Stream("mtia:1") as there:
        lab.launch("there", us=1_000)
    with torch.Stream("mtia:0") as here:
        lab.launch("here", us=10)
    synchronize(0)
    assert here.query() and not there.query()
    synchronize("mtia:1")
    assert there.query()
    assert current() == (0, 0, 0)


def test_wait_stream_orders_two_streams(lab):
    first, second = torch.Stream("mtia:0"), torch.Stream("mtia:1")
    with lab.record() as log:
        with first:
            lab.launch("first", us=50)
        second.wait_stream(first)
        with second:
            lab.launch("second", us=1)
    kernels = {c.name: c for c in log.commands if c.type == "kernel"}
    assert kernels["second"].start == kernels["first"].finish
    assert [c.type for c in log.commands] == ["kernel", "record", "wait", "kernel"]


# Events


def test_an_event_gets_its_id_at_its_first_record_and_keeps_it():
    event, other = torch.Event(), torch.Event()
    assert event.event_id == other.event_id == 0
    event.record()
    other.record()
    assert 0 < event.event_id < other.event_id
    kept = event.event_id
    event.record(torch.Stream("mtia:0"))
    assert event.event_id == kept
    assert event.device == torch.device("mtia", 0)


def test_a_never_recorded_event_is_complete_and_delays_nothing(lab):
    event, begin = torch.Event(), lab.host_clock()
    with lab.record() as log:
        assert event.query() is True
        event.synchronize()
        event.wait()
        torch.mtia.default_stream(1).wait_event(event)
    assert not log.commands
    assert lab.host_clock() == begin


def test_an_event_completes_with_the_work_before_it_only(lab):
    stream, event = torch.Stream("mtia:0"), torch.Event()
    with stream:
        lab.launch("before", us=10)
        event.record()
        lab.launch("after", us=1_000)
    assert not event.query()
    event.synchronize()
    assert event.query() and not stream.query()


def test_record_event_makes_an_event_if_none_is_given():
    stream = torch.Stream("mtia:1")
    event = stream.record_event()
    assert event.event_id > 0 and event.device == stream.device
    mine = torch.Event()
    assert stream.record_event(mine) is mine


def test_recording_again_moves_later_waits_only(lab):
    stream, event = torch.Stream("mtia:0"), torch.Event()
    early, late = torch.Stream("mtia:0"), torch.Stream("mtia:1")
    with lab.record() as log:
        event.record(stream)
        early.wait_event(event)
        with stream:
            lab.launch("k", us=100)
        event.record(stream)
        late.wait_event(event)
    _, first, kernel, _, second = log.commands
    assert [w.version for w in (first, second)] == [1, 2]
    assert first.finish < kernel.finish == second.finish


def test_elapsed_time_is_virtual_and_exact(lab):
    begin, end = (torch.Event(enable_timing=True) for _ in range(2))
    begin.record()
    lab.launch("k", us=123)
    end.record()
    end.synchronize()
    profile = lab.Profile()
    assert begin.elapsed_time(end) == pytest.approx((profile.launch_us + 123) / 1_000, abs=1e-9)
    assert end.elapsed_time(begin) == -begin.elapsed_time(end)
    assert begin.elapsed_time(begin) == 0


def test_elapsed_time_needs_timing_a_record_and_completion(lab):
    timed, other = (torch.Event(enable_timing=True) for _ in range(2))
    with pytest.raises(ValueError, match="recorded"):
        timed.elapsed_time(other)
    with pytest.raises(ValueError, match="enable_timing"):
        timed.elapsed_time(torch.Event())
    timed.record()
    lab.launch("k", us=1_000)
    other.record()
    with pytest.raises(RuntimeError, match="completed"):
        timed.elapsed_time(other)


def test_an_event_may_be_dropped_while_a_wait_on_it_is_pending(lab):
    stream, seen = torch.Stream("mtia:1"), []
    lab.launch("first", us=50, effect=lambda: seen.append("first"))
    stream.wait_event(torch.mtia.current_stream().record_event())
    with stream:
        lab.launch("second", us=1, effect=lambda: seen.append("second"))
    stream.synchronize()
    assert seen == ["first", "second"]


# The rest of PyTorch with the backend in place


def test_a_backward_on_the_cpu_works_and_enqueues_nothing(lab):
    x = torch.ones(3, requires_grad=True)
    with lab.record() as log:
        (x * 2).sum().backward()
    assert x.grad.tolist() == [2, 2, 2]
    assert not log.commands
