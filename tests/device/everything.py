"""A program of every kind of call, in a fixed order; prints its log. Run by test_determinism."""

import threading

import torch

import mtia_lab

mtia_lab.load()


def on_a_thread(body):
    thread = threading.Thread(target=body)
    thread.start()
    thread.join()


def fail():
    raise ValueError("made to fail")


def work():
    streams = [torch.Stream(f"mtia:{i % 2}", priority=-i) for i in range(4)]
    events = [torch.Event(enable_timing=True) for _ in range(3)]
    for i, stream in enumerate(streams * 3):
        with stream, torch.mtia.device(i % 2):
            mtia_lab.launch(f"kernel {i}", us=5 + 7 * i)
        stream.record_event(torch.Event())
        streams[(i + 1) % 4].wait_stream(stream)
    for event, us in zip(events, (1, 20, 300), strict=True):
        event.record()
        mtia_lab.launch("timed", us=us, effect=set().clear)
        event.query()
    mtia_lab.launch("bad", us=3, effect=fail)
    try:
        torch.mtia.synchronize()
    except RuntimeError as error:
        print(error)
    print(events[0].elapsed_time(events[2]))
    torch.mtia.synchronize(1)
    torch.Generator("mtia:1")
    try:
        torch.mtia.set_device(7)
    except RuntimeError as error:
        print(error)


for schedule in ("modelled", "blocking", "latest", "random:11"):
    mtia_lab.configure(schedule)
    with mtia_lab.record() as log:
        try:
            work()
        except RuntimeError as error:
            print(error)
            torch.mtia.synchronize()
            torch.mtia.synchronize(1)
        on_a_thread(work if schedule != "blocking" else lambda: mtia_lab.launch("thread"))
    print(log.to_json())
    print(log)
