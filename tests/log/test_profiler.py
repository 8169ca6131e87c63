"""torch.profiler has the device's commands: on their streams, as long as in virtual time.

When a bar begins depends on the wall clock; nothing here does.
"""

import json
from collections import Counter

import pytest
import torch
from torch.profiler import ProfilerActivity, profile, record_function

CPU, MTIA = ProfilerActivity.CPU, ProfilerActivity.MTIA


@pytest.fixture
def profiled(lab, tmp_path):
    """A function that profiles a program: what the profiler has, its trace file, and our log."""

    def run(program, activities=(CPU, MTIA)):
        with lab.record() as log, profile(activities=activities) as found:
            program()
            torch.mtia.synchronize()
        path = tmp_path / "trace.json"
        found.export_chrome_trace(str(path))
        return found, json.loads(path.read_text())["traceEvents"], log

    return run


def on_device(found):
    return [e for e in found.events() if e.device_type == torch.autograd.DeviceType.MTIA]


def seen(event):
    """Name, device, stream, and duration in ns."""
    where = (event.name, event.device_index, event.device_resource_id)
    return (*where, round(event.time_range.elapsed_us() * 1000))


def logged(command):
    verb = {"record": "record ", "wait": "wait for "}.get(command.type, "")
    took = 0 if verb else round((command.finish - command.start) * 1000)
    return (verb + command.name, command.device, command.stream, took)


def two_streams():
    side, event = torch.Stream("mtia"), torch.Event()
    x, w = torch.ones(64, 64).to("mtia"), torch.ones(64, 64, device="mtia:1", requires_grad=True)
    y = x + 1
    event.record()
    with side:
        side.wait_event(event)
        y @ y
    (w * w).sum().backward()
    y.cpu()


def test_every_command_is_there_on_its_stream_and_as_long_as_in_the_log(profiled):
    found, _, log = profiled(two_streams)
    assert Counter(map(seen, on_device(found))) == Counter(map(logged, log.commands))
    assert len({(c.device, c.stream) for c in log.commands}) == 3


def test_key_averages_add_up_device_time(profiled, lab):
    def program():
        for _ in range(3):
            lab.launch("mine", us=50)

    found, _, _ = profiled(program)
    (row,) = [row for row in found.key_averages() if row.key == "mine"]
    assert (row.count, round(row.self_device_time_total, 3)) == (3, 150.0)
    assert "Self MTIA" in found.key_averages().table()


def test_an_arrow_leads_from_the_operator_to_its_kernel(profiled):
    _, events, _ = profiled(lambda: torch.ones(8, device="mtia").exp())
    (bar,) = [e for e in events if e["ph"] == "X" and e["name"] == "exp"]
    (end,) = [e for e in events if e["ph"] == "f" and e["ts"] == bar["ts"] and e["pid"] == 0]
    (begin,) = [e for e in events if e["ph"] == "s" and e["id"] == end["id"]]
    (op,) = [e for e in events if e["ph"] == "X" and e["name"] == "aten::exp"]
    assert op["ts"] <= begin["ts"] <= op["ts"] + op["dur"] and begin["ts"] <= end["ts"]
    assert (begin["pid"], begin["tid"]) == (op["pid"], op["tid"])
    assert bar["args"]["External id"] == op["args"]["External id"]


def test_devices_and_streams_have_their_names(profiled):
    _, events, log = profiled(two_streams)
    side = max(command.stream for command in log.commands)
    names = {(e["name"], e["pid"], e["tid"]): e["args"] for e in events if e["ph"] == "M"}
    assert [names["process_name", d, 0]["name"] for d in (0, 1)] == ["mtia:0", "mtia:1"]
    assert [names["process_labels", d, 0]["labels"] for d in (0, 1)] == ["MTIA 0", "MTIA 1"]
    assert names["thread_name", 0, side] == {"name": f"stream {side}"}


def bars(events):
    """The commands in the trace file, as (stream, begin, end) in ns, in the order of enqueueing."""
    found = [e for e in events if e["ph"] == "X" and e["cat"] == "mtia_ccp_events"]
    return [(e["tid"], round(e["ts"] * 1e3), round((e["ts"] + e["dur"]) * 1e3)) for e in found]


def test_a_command_never_starts_before_what_comes_before_it(profiled, lab):
    def program():
        side, event = torch.Stream("mtia"), torch.Event()
        for _ in range(2):
            lab.launch("long", us=1e6)  # the host is faster than that on any machine
        event.record()
        with side:
            side.wait_event(event)
            lab.launch("after", us=1)

    _, events, _ = profiled(program)
    (_, _, a), (_, b, c), (_, d, _), (_, e, _), (_, f, _) = bars(events)
    assert a - 10 <= b and c - 10 <= d and d - 10 <= e and e - 10 <= f
    assert f - a > 0.99e9


@pytest.mark.parametrize(("slots", "overlap"), [(1, False), (2, True)])
def test_kernels_overlap_up_to_the_profile_s_limit(profiled, lab, slots, overlap):
    lab.configure(profile=lab.Profile(kernel_slots=slots))

    def program():
        for _ in range(2):
            with torch.Stream("mtia"):
                lab.launch("long", us=1e6)

    (_, _, end), (_, begin, _) = bars(profiled(program)[1])
    assert (begin < end - 10) == overlap


def test_without_mtia_among_the_activities_nothing_of_it_is_there(profiled):
    found, events, _ = profiled(two_streams, activities=(CPU,))
    assert on_device(found) == [] and bars(events) == []


def test_a_second_profile_starts_anew(profiled, lab):
    profiled(lambda: lab.launch("first", us=1))
    lab.launch("between", us=1)
    found, _, _ = profiled(lambda: lab.launch("second", us=1))
    assert [e.name for e in on_device(found)] == ["second"]


def test_an_operator_left_open_by_one_profile_is_forgotten_by_the_next(lab):
    with profile(activities=(CPU, MTIA)):
        open_operator = torch._C._profiler._RecordFunctionFast("open")
        open_operator.__enter__()
    with profile(activities=(CPU, MTIA)) as found:
        torch.ones(1)  # each profile numbers operators from 1
        torch.Event().record()
    open_operator.__exit__(None, None, None)
    (event,) = on_device(found)
    assert event.linked_correlation_id == 0


@pytest.mark.filterwarnings("ignore:.*Profiler clears events")
def test_every_cycle_of_a_schedule_has_its_own(lab):
    seen = []
    plan = torch.profiler.schedule(wait=1, warmup=1, active=2, repeat=2)
    with profile(
        activities=(CPU, MTIA),
        schedule=plan,
        on_trace_ready=lambda found: seen.append([e.name for e in on_device(found)]),
    ) as found:
        for step in range(8):
            lab.launch(f"step {step}", us=1)
            found.step()
    assert seen == [["step 2", "step 3"], ["step 6", "step 7"]]


def test_the_commands_of_a_replay_are_there(profiled):
    x, graph = torch.ones(3, device="mtia"), torch.mtia.MTIAGraph()
    with torch.mtia.graph(graph):
        x + 1
    found, _, _ = profiled(lambda: (graph.replay(), graph.replay()))
    assert [e.name for e in on_device(found)] == ["add", "add"]


def test_names_survive(profiled, lab):
    name = 'a "quoted" \\ name\n\u00e9'
    with record_function("mine"):
        found, _, _ = profiled(lambda: lab.launch(name, us=1))
    assert len(on_device(found)) == 1  # and the file could be read as JSON
