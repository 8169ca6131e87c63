"""Eight host threads at once: no deadlock, nothing shared that belongs to one of them."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

THREADS = 8
ROUNDS = 60
PATIENCE = 60  # seconds until a deadlock is called one; a run takes about one


def together(body) -> list:
    """Run `body(number, meet)` on eight threads that start together; `meet()` waits for all.

    Returns what they returned. A thread that fails breaks the others' wait instead of hanging it.
    """
    barrier = threading.Barrier(THREADS, timeout=PATIENCE)

    def run(number):
        try:
            barrier.wait()
            return body(number, barrier.wait)
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(run, number) for number in range(THREADS)]
        return [f.result(timeout=PATIENCE) for f in futures]


def test_a_new_thread_starts_at_device_0_with_default_streams_whatever_others_do(lab):
    def body(number, meet):
        start = lab.state()
        stream = torch.Stream(f"mtia:{number % 2}")
        torch.mtia.set_stream(stream)
        meet()
        states = {lab.state() for _ in range(ROUNDS)}
        meet()
        return start, states, stream

    torch.mtia.set_device(1)
    for number, (start, states, stream) in enumerate(together(body)):
        device, streams = number % 2, [0, 0]
        streams[device] = stream.stream_id
        assert start == (0, 0, 0)
        assert states == {(device, *streams)}
    assert lab.state() == (1, 0, 0)


def synchronizations(number, stream, event):
    """One of each that holds the interpreter lock and each that does not, in turn."""
    calls = (
        stream.synchronize,
        event.synchronize,
        lambda: torch.mtia.synchronize(stream.device),
        lambda: torch.accelerator.synchronize(stream.device),
    )
    return calls[number % len(calls)]


@pytest.mark.parametrize("schedule", ["modelled", "blocking", "latest", "random:1"])
def test_stress(lab, schedule):
    """Own streams, events that others wait for, Python effects, every way to wait."""
    lab.configure(schedule, lab.Profile(queue_depth=8))
    shared = [torch.Event() for _ in range(THREADS)]
    ran = [[] for _ in range(THREADS)]

    def body(number, meet):
        stream = torch.Stream(f"mtia:{number % 2}")
        shared[number].record(stream)
        meet()
        for round_ in range(ROUNDS):
            with stream:
                state = lab.state()
                assert state.device == number % 2
                assert state.streams[number % 2] == stream.stream_id
                lab.launch("k", us=round_ % 7, effect=lambda r=round_: ran[number].append(r))
                shared[number].record()
                shared[(number + round_) % THREADS].wait()
            if round_ % 5 == 0:
                synchronizations(round_ // 5, stream, shared[number])()
            shared[(number + 1) % THREADS].query()
            assert lab.state() == (0, 0, 0)
        stream.synchronize()
        return stream.query()

    with lab.record() as log:
        assert together(body) == [True] * THREADS
    assert ran == [list(range(ROUNDS))] * THREADS
    kernels = [c for c in log.commands if c.type == "kernel"]
    assert len(kernels) == THREADS * ROUNDS
    assert len({c.thread for c in kernels}) == THREADS
    assert [c.id for c in log.commands] == sorted(c.id for c in log.commands)


def test_two_threads_never_run_effects_at_once(lab):
    """While one works off the queues with the interpreter lock changing hands, others wait."""
    inside, most = [], []

    def effect():
        inside.append(threading.get_ident())
        most.append(len(inside))
        time.sleep(0)  # not to wait: it gives up the interpreter lock
        sum(range(2_000))
        inside.pop()

    def body(number, meet):
        with torch.Stream(f"mtia:{number % 2}") as stream:
            for _ in range(ROUNDS):
                lab.launch("k", us=1, effect=effect)
                stream.synchronize()

    together(body)
    assert len(most) == THREADS * ROUNDS and set(most) == {1}


def test_a_failure_is_told_to_one_thread_and_only_once(lab):
    def fail():
        raise ZeroDivisionError

    def body(number, meet):
        lab.launch(f"<{number}>", us=1, effect=fail)
        meet()
        try:
            torch.mtia.synchronize()
        except RuntimeError as error:
            return str(error)
        return ""

    told = "".join(together(body))
    assert [told.count(f"'<{n}>'") for n in range(THREADS)] == [1] * THREADS


def test_recording_and_reading_the_log_while_others_work(lab):
    def body(number, meet):
        for round_ in range(ROUNDS):
            if number:
                lab.launch("k", us=1)
                torch.Event().record()
            elif round_ % 6 == 0:
                with lab.record() as log:
                    lab.launch("mine", us=1)
                    assert len(log) > 0
                assert "mine" in [c.name for c in log.commands]
        return number

    assert together(body) == list(range(THREADS))
    with lab.record() as log:
        pass
    assert not len(log)


def test_one_stream_object_entered_by_two_threads_keeps_each_threads_streams_apart(lab):
    """What is current is per thread; what a `torch.Stream` object restores is PyTorch's."""
    stream = torch.Stream("mtia:0")

    def body(number, meet):
        torch.mtia.set_stream(stream if number % 2 else torch.mtia.default_stream(0))
        meet()
        return lab.state().streams[0]

    assert together(body) == [0, stream.stream_id] * (THREADS // 2)
