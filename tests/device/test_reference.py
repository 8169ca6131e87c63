"""The reference model against cases worked out by hand from the design. No torch, no extension."""

import pytest
from reference import Event, KernelFailed, Profile, Refused, Simulator, Stream

US = 1_000


def launch(sim: Simulator, stream: Stream, us: int, seen: list | None = None, name: str = "k"):
    """Launch on `stream` whatever is current; its effect notes `name` in `seen`."""
    device = sim.exchange_device(stream.device)
    previous = sim.exchange_stream(stream)
    sim.launch(name, us * US, None if seen is None else lambda: seen.append(name))
    sim.exchange_stream(previous)
    sim.exchange_device(device)


def times(sim: Simulator) -> list[tuple[int, int, int]]:
    return [(c.enqueue, c.start, c.finish) for c in sim.log]


def test_ids_count_from_one_and_id_zero_is_the_default_stream():
    sim = Simulator()
    assert sim.state() == (0, 0, 0)
    assert [sim.new_stream(d).id for d in (0, 0, 1, 0)] == [1, 2, 1, 3]
    event = Event()
    assert event.id == 0
    sim.record(event, sim.current_stream())
    sim.record(event, sim.current_stream())
    assert (event.id, event.version) == (1, 2)
    assert [c.id for c in sim.log] == [1, 2]


def test_current_device_and_streams_belong_to_a_host_thread():
    sim = Simulator()
    sim.exchange_device(1)
    sim.exchange_stream(sim.new_stream(0))
    sim.exchange_stream(sim.new_stream(1))
    assert sim.state() == (1, 1, 1)
    sim.thread = "other"
    assert sim.state() == (0, 0, 0)
    sim.thread = "main"
    assert sim.state() == (1, 1, 1)


def test_a_stream_is_first_in_first_out_and_two_streams_overlap():
    sim = Simulator()
    one, two = sim.new_stream(0), sim.new_stream(0)
    for stream in (one, two, one):
        launch(sim, stream, 10)
    us = [(2, 2, 12), (4, 4, 14), (6, 12, 22)]
    assert times(sim) == [tuple(t * US for t in row) for row in us]


def test_kernels_queue_for_the_slots_of_their_device_only():
    sim = Simulator(profile=Profile(kernel_slots=1))
    for stream in (sim.new_stream(0), sim.new_stream(0), sim.new_stream(1)):
        launch(sim, stream, 10)
    assert [c.start for c in sim.log] == [2 * US, 12 * US, 6 * US]


def test_a_wait_delays_the_work_behind_it_even_on_another_device():
    sim = Simulator()
    here, there, event = sim.new_stream(0), sim.new_stream(1), Event()
    launch(sim, here, 10)  # 2 to 12
    sim.record(event, here)  # at 12
    sim.wait(event, there)
    launch(sim, there, 1)
    assert times(sim)[2:] == [(3 * US, 12 * US, 12 * US), (5 * US, 12 * US, 13 * US)]
    assert sim.log[2].after == (sim.log[1].id,)


def test_recording_again_does_not_move_an_earlier_wait():
    sim = Simulator()
    one, two, event = sim.new_stream(0), sim.new_stream(0), Event()
    launch(sim, one, 10)
    sim.record(event, one)
    sim.wait(event, two)
    launch(sim, one, 100)
    sim.record(event, one)
    launch(sim, two, 1)
    assert sim.log[-1].start == 12 * US
    sim.wait(event, two)
    assert sim.log[-1].start == event.recording.finish == 112 * US
    assert [c.version for c in sim.log if c.type == "wait"] == [1, 2]


def test_waiting_for_an_event_never_recorded_does_nothing():
    sim = Simulator()
    sim.wait(Event(), sim.current_stream())
    assert sim.query_event(Event()) is True
    sim.synchronize_event(Event())
    assert sim.log == [] and sim.clock == 0


def test_effects_run_in_order_of_finish_once_the_host_clock_has_passed():
    sim, seen = Simulator(), []
    one, two = sim.new_stream(0), sim.new_stream(0)
    launch(sim, one, 20, seen, "long")  # 2 to 22
    launch(sim, two, 5, seen, "short")  # 4 to 9
    assert seen == []
    launch(sim, two, 1, seen, "next")  # enqueued at 6, starts at 9
    assert seen == []
    sim.synchronize_stream(two)  # 7, then blocked until 10
    assert seen == ["short", "next"] and sim.clock == 10 * US
    sim.synchronize_device(0)
    assert seen == ["short", "next", "long"] and sim.clock == 22 * US


def test_a_tie_goes_by_enqueue_order():
    sim, seen = Simulator(), []
    launch(sim, sim.new_stream(0), 12, seen, "first")  # 2 to 14
    launch(sim, sim.new_stream(0), 10, seen, "second")  # 4 to 14
    sim.synchronize_device(0)
    assert seen == ["first", "second"]


def test_a_query_costs_time_and_so_polling_ends():
    sim = Simulator()
    launch(sim, sim.current_stream(), 2)
    answers = [sim.query_stream(sim.current_stream()) for _ in range(4)]
    assert answers == [False, False, False, True]
    assert sim.clock == 4 * US


def test_elapsed_time_is_between_the_recordings():
    sim, begin, end = Simulator(), Event(), Event()
    sim.record(begin, sim.current_stream())  # at 0.5
    launch(sim, sim.current_stream(), 10)  # 2.5 to 12.5
    sim.record(end, sim.current_stream())
    with pytest.raises(Refused, match="not complete"):
        sim.elapsed(begin, end)
    sim.synchronize_event(end)
    assert sim.elapsed(begin, end) == 0.012
    assert sim.elapsed(end, begin) == -0.012


def test_an_event_belongs_to_the_device_of_its_first_record():
    sim, here, there = Simulator(), Event(), Event()
    sim.record(here, sim.current_stream(0))
    with pytest.raises(Refused):
        sim.record(here, sim.current_stream(1))
    assert here.version == 1 and len(sim.log) == 1
    sim.record(there, sim.current_stream(1))
    sim.synchronize_device(1)
    with pytest.raises(Refused, match="two devices"):
        sim.elapsed(here, there)


def test_blocking_finishes_each_command_before_its_call_returns():
    sim, seen = Simulator("blocking"), []
    launch(sim, sim.new_stream(0), 10, seen, "a")
    assert sim.clock == 12 * US and seen == ["a"]
    launch(sim, sim.new_stream(0), 10, seen, "b")
    assert sim.clock == 24 * US and seen == ["a", "b"]
    assert sim.pending == []


def test_latest_runs_nothing_until_asked_and_then_only_what_happens_before():
    sim, seen = Simulator("latest"), []
    one, two, three = (sim.new_stream(0) for _ in range(3))
    event = Event()
    launch(sim, one, 10, seen, "produce")
    sim.record(event, one)
    launch(sim, one, 10, seen, "after the record")
    sim.wait(event, two)
    launch(sim, two, 10, seen, "consume")
    launch(sim, three, 1, seen, "unrelated")
    sim.clock += 1_000 * US
    launch(sim, two, 1, seen, "late")
    assert seen == []
    sim.synchronize_stream(two)
    assert seen == ["produce", "consume", "late"]
    sim.synchronize_device(0)
    assert seen[3:] == ["unrelated", "after the record"]


def test_latest_answers_a_query_from_the_clock_and_then_forces_that_work():
    sim, seen, event = Simulator("latest"), [], Event()
    other = sim.new_stream(0)
    launch(sim, other, 1, seen, "unrelated")
    launch(sim, sim.current_stream(), 2, seen, "a")
    sim.record(event, sim.current_stream())
    while not sim.query_event(event):
        assert seen == []
    assert seen == ["a"]


@pytest.mark.parametrize("schedule, ran", [("modelled", ["u", "a"]), ("latest", ["a"])])
def test_a_full_queue_makes_the_host_wait_for_the_oldest_command(schedule, ran):
    sim, seen = Simulator(schedule, Profile(queue_depth=2)), []
    launch(sim, sim.new_stream(0), 1, seen, "u")  # 2 to 3
    stream = sim.new_stream(0)
    for name in "ab":
        launch(sim, stream, 10, seen, name)  # 4 to 14, 14 to 24
    launch(sim, stream, 10, seen, "c")  # full: waits until 14, and only then pays for the call
    assert seen == ran
    assert times(sim)[-1] == (16 * US, 24 * US, 34 * US)


def test_random_durations_are_drawn_one_per_kernel_in_enqueue_order():
    # Published first outputs of SplitMix64 from seed 1234567 (Rosetta Code, "Splitmix64").
    draws = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    sim = Simulator("random", seed=1234567)
    for stream in (sim.current_stream(0), sim.current_stream(1), sim.current_stream(0)):
        launch(sim, stream, 10)
        sim.record(Event(), stream)
    kernels = [c for c in sim.log if c.type == "kernel"]
    expected = [10 * US * (1 + d % 400) // 100 for d in draws]
    assert [c.finish - c.start for c in kernels] == expected
    assert {c.finish - c.start for c in sim.log if c.type == "record"} == {0}


def fail():
    raise ValueError("boom")


def test_a_failure_waits_for_a_synchronization_of_its_device_and_is_told_once():
    sim, seen = Simulator(), []
    sim.launch("bad", US, fail)
    sim.launch("worse", US, fail)
    sim.launch("good", US, lambda: seen.append("good"))
    sim.synchronize_device(1)
    with pytest.raises(KernelFailed, match="bad on stream 0: boom; worse on stream 0: boom"):
        sim.synchronize_device(0)
    assert seen == ["good"]
    sim.synchronize_device(0)


def test_under_blocking_a_failure_raises_at_the_launch():
    sim = Simulator("blocking")
    with pytest.raises(KernelFailed, match="bad"):
        sim.launch("bad", US, fail)
    sim.synchronize_device(0)
