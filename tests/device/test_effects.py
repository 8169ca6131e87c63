"""Effects of kernels: when they run, what they may not do, and how their failures are told."""

import gc
import weakref

import pytest
import torch


def fail(message="boom"):
    raise ZeroDivisionError(message)


def test_an_effect_runs_when_the_host_clock_has_passed_its_kernel(lab):
    seen = []
    lab.launch("k", us=10, effect=lambda: seen.append("k"))
    assert seen == []
    while not torch.mtia.current_stream().query():
        assert seen == []
    assert seen == ["k"]


@pytest.mark.parametrize("schedule", ["modelled", "blocking", "latest", "random:1"])
def test_effects_of_ordered_kernels_run_in_their_order(lab, schedule):
    lab.configure(schedule)
    seen, first, second = [], torch.Stream("mtia:0"), torch.Stream("mtia:1")
    with first:
        lab.launch("a", us=1_000, effect=lambda: seen.append("a"))
    second.wait_stream(first)
    with second:
        lab.launch("b", us=1, effect=lambda: seen.append("b"))
    second.synchronize()
    assert seen == ["a", "b"]


def test_latest_shows_a_missing_wait(lab):
    seen, first, second = [], torch.Stream("mtia:0"), torch.Stream("mtia:0")
    lab.configure("latest")
    with first:
        lab.launch("a", us=1, effect=lambda: seen.append("a"))
    with second:
        lab.launch("b", us=1_000, effect=lambda: seen.append("b"))
    second.synchronize()
    assert seen == ["b"]


def raises(error):
    def effect():
        raise error

    return effect


RUNTIME_CALLS = {
    "launch": lambda lab, s, e: lab.launch("inner"),
    "configure": lambda lab, s, e: lab.configure("modelled"),
    "mtia.synchronize": lambda lab, s, e: torch.mtia.synchronize(),
    "accelerator.synchronize": lambda lab, s, e: torch.accelerator.synchronize(),
    "query": lambda lab, s, e: s.query(),
    "stream.synchronize": lambda lab, s, e: s.synchronize(),
    "record": lambda lab, s, e: s.record_event(),
    "wait": lambda lab, s, e: s.wait_event(e),
    "event.query": lambda lab, s, e: e.query(),
    "event.synchronize": lambda lab, s, e: e.synchronize(),
    "new stream": lambda lab, s, e: torch.Stream("mtia:1"),
    "set_device": lambda lab, s, e: torch.mtia.set_device(1),
    "with stream": lambda lab, s, e: s.__enter__(),
    "mtia.set_stream": lambda lab, s, e: torch.mtia.set_stream(s),
}


@pytest.mark.parametrize("call", RUNTIME_CALLS.values(), ids=RUNTIME_CALLS)
def test_an_effect_that_calls_the_runtime_fails(lab, call):
    stream, event = torch.Stream("mtia:0"), torch.Event()
    event.record()
    lab.launch("greedy", us=1, effect=lambda: call(lab, stream, event))
    with pytest.raises(RuntimeError, match="'greedy' failed.*inside"):
        torch.mtia.synchronize()
    assert lab.state() == (0, 0, 0)
    torch.mtia.synchronize()


def test_an_effect_may_look_compute_and_let_go_of_events(lab):
    events, seen = [torch.Event() for _ in range(3)], []
    for event in events:
        event.record()

    def effect():
        del events[:]
        seen.append((lab.host_clock(), lab.state(), torch.ones(3).sum().item()))

    lab.launch("modest", us=1, effect=effect)
    torch.mtia.synchronize()
    assert [s[1:] for s in seen] == [((0, 0, 0), 3.0)]


def test_a_failure_is_told_at_the_next_synchronization_with_what_failed_and_where(lab):
    stream, seen = torch.Stream("mtia:1"), []
    with stream:
        lab.launch("division", us=7, effect=fail)
        lab.launch("next", us=1, effect=lambda: seen.append("next"))
    with pytest.raises(RuntimeError) as raised:
        stream.synchronize()
    message = str(raised.value)
    assert f"'division' failed on stream {stream.stream_id} of mtia:1" in message
    assert "us of virtual time" in message and "ZeroDivisionError: boom" in message
    assert "test_effects.py" not in message, "lines are captured only while recording"
    assert seen == ["next"], "the stream did not go on"
    stream.synchronize()


def test_the_time_of_a_failure_is_its_kernels_finish(lab):
    with lab.record() as log:
        before = lab.host_clock()
        lab.launch("division", us=7, effect=fail)
    finish = before + log.commands[0].finish
    with pytest.raises(RuntimeError, match=rf"at {finish:.12g} us"):
        torch.mtia.synchronize()


def test_while_recording_a_failure_names_the_line_that_launched(lab):
    with lab.record() as log:
        lab.launch("division", us=7, effect=fail)
    site = log.commands[0].site
    assert site.startswith("test_effects.py:")
    with pytest.raises(RuntimeError, match=f"enqueued at {site}"):
        torch.mtia.synchronize()


SYNCHRONIZATIONS = {
    "stream": lambda s, e: s.synchronize(),
    "event": lambda s, e: e.synchronize(),
    "mtia": lambda s, e: torch.mtia.synchronize(s.device),
    "accelerator": lambda s, e: torch.accelerator.synchronize(s.device),
}


@pytest.mark.parametrize("schedule", ["modelled", "latest", "random:1"])
@pytest.mark.parametrize("call", SYNCHRONIZATIONS.values(), ids=SYNCHRONIZATIONS)
def test_every_synchronization_tells_and_nothing_else_does(lab, call, schedule):
    lab.configure(schedule)
    stream = torch.Stream("mtia:1")
    with stream:
        lab.launch("division", us=1, effect=fail)
        event = stream.record_event()
        lab.launch("next", us=1)
    while not (stream.query() and event.query()):
        pass
    torch.mtia.synchronize(0)
    stream.wait_event(torch.mtia.default_stream(0).record_event())
    with pytest.raises(RuntimeError, match="division"):
        call(stream, event)
    call(stream, event)


def test_failures_before_one_synchronization_are_told_together(lab):
    for name in ("first", "second"):
        lab.launch(name, us=1, effect=fail)
    with pytest.raises(RuntimeError, match=r"(?s)'first'.*'second'"):
        torch.mtia.synchronize()


def test_under_blocking_the_launch_itself_raises(lab):
    lab.configure("blocking")
    with pytest.raises(RuntimeError, match="'division'"):
        lab.launch("division", us=1, effect=fail)
    torch.mtia.synchronize()


class Unprintable(Exception):
    def __str__(self):
        raise ValueError("no text")


@pytest.mark.parametrize(
    "error, told",
    [
        (ValueError(), "ValueError"),
        (ValueError("\udc80"), "ValueError"),
        (ValueError("naïve – “quoted”\n2nd line"), "naïve – “quoted”"),
        (Unprintable(), "Unprintable"),
    ],
    ids=["empty", "surrogate", "unicode", "unprintable"],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_whatever_an_effect_raises_is_told(lab, error, told):
    lab.launch("k", us=1, effect=raises(error))
    with pytest.raises(RuntimeError, match=told) as raised:
        torch.mtia.synchronize()
    assert raised.value.__cause__ is error


def test_what_several_effects_raised_is_all_there(lab):
    errors = [ValueError("first"), KeyError("second")]
    for error in errors:
        lab.launch("k", us=1, effect=raises(error))
    with pytest.raises(RuntimeError, match="(?s)first.*second") as raised:
        torch.mtia.synchronize()
    assert isinstance(raised.value.__cause__, ExceptionGroup)
    assert list(raised.value.__cause__.exceptions) == errors


@pytest.mark.parametrize("fails", [False, True])
def test_an_effect_is_let_go_once_it_has_run(lab, fails):
    class Effect:
        def __call__(self):
            if fails:
                raise ZeroDivisionError

    effect = Effect()
    alive = weakref.ref(effect)
    lab.launch("k", us=1, effect=effect)
    del effect
    assert alive() is not None
    if fails:
        with pytest.raises(RuntimeError):
            torch.mtia.synchronize()
    torch.mtia.synchronize()
    gc.collect()
    assert alive() is None


def test_an_effect_that_owns_the_last_reference_to_an_event(lab):
    event = torch.Event()
    event.record()
    lab.launch("k", us=1, effect=lambda event=event: event.event_id)
    del event
    torch.mtia.synchronize()


def test_the_names_of_kernels_come_back_as_they_were(lab):
    names = ["", "naïve – “quoted”", 'a"b\\c\n', "\x00"]
    with lab.record() as log:
        for name in names:
            lab.launch(name, us=1)
    assert [c.name for c in log.commands] == names
