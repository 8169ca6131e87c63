"""Small programs with one mistake each, which `fixed` mends."""

import pytest
import torch


def on_two_streams(streams, fixed, first, second):
    """``first(x)`` on one stream and ``second(x)`` on the other; what they return."""
    one, two = streams
    x = torch.ones(8, device="mtia")
    torch.mtia.synchronize()
    with one:
        y = first(x)
    if fixed:
        two.wait_stream(one)
    with two:
        return y, second(x)


def produce_and_consume(streams, fixed):
    return on_two_streams(streams, fixed, lambda x: x.add_(1), lambda x: x.mul(2))


def overwrite_what_is_read(streams, fixed):
    return on_two_streams(streams, fixed, lambda x: x * 2, torch.Tensor.zero_)


def write_twice(streams, fixed):
    return on_two_streams(streams, fixed, lambda x: x.add_(1), torch.Tensor.zero_)


def free_too_soon(streams, fixed):
    side, _ = streams
    x = torch.ones(1000, device="mtia")
    side.wait_stream(torch.mtia.current_stream())
    with side:
        y = x * 2
    if fixed:
        x.record_stream(side)
    del x
    return y, torch.zeros(1000, device="mtia")


def allocate_here_use_there(streams, fixed):
    side, _ = streams
    x = torch.ones(1000, device="mtia")
    x.add_(1)
    del x
    y = torch.empty(1000, device="mtia")
    if fixed:
        side.wait_stream(torch.mtia.current_stream())
    with side:
        return y.zero_()


def read_on_the_host(streams, fixed):
    x, host = torch.ones(8, device="mtia"), torch.empty(8, pin_memory=True)
    host.copy_(x, non_blocking=True)
    if fixed:
        torch.mtia.current_stream().synchronize()
    return host.sum()


def write_on_the_host(streams, fixed):
    x, host = torch.ones(8, device="mtia"), torch.ones(8, pin_memory=True)
    x.copy_(host, non_blocking=True)
    if fixed:
        torch.mtia.current_stream().synchronize()
    host.zero_()


def record_on_another_device(streams, fixed):
    event, there = streams[0].record_event(), torch.Stream("mtia:1")
    if fixed:
        event = torch.Event()
        there.record_event(event)
    else:
        with pytest.raises(RuntimeError, match="first recorded on mtia:0"):
            there.record_event(event)
