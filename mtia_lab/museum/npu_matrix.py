"""When is `record_stream` needed? The six rows of torch_npu's test of its sanitizer, as programs.

torch_npu says of each whether there is a race, and whether memory may be used again too soon:
gitcode.com/Ascend/pytorch, test/npu/test_sanitizer_record_stream.py.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Stream, Tensor

from .slow import work


class Row(NamedTuple):
    """A way to order two streams, of which one made a tensor and the other reads it.

    Attributes:
        race: whether the reader may come too early.
        reuse: whether the memory may be used again too soon.
        before: called with the maker, the reader and the tensor before it is read.
        after: the same, behind the read.
    """

    race: bool
    reuse: bool
    before: Callable[..., object] = lambda *_: None
    after: Callable[..., object] = lambda *_: None


def _reader_waits(maker: Stream, reader: Stream, x: Tensor) -> None:
    reader.wait_stream(maker)


def _maker_waits(maker: Stream, reader: Stream, x: Tensor) -> None:
    maker.wait_stream(reader)


def _synchronize(maker: Stream, reader: Stream, x: Tensor) -> None:
    torch.accelerator.synchronize()


def _record(maker: Stream, reader: Stream, x: Tensor) -> None:
    x.record_stream(reader)


MATRIX = {
    "nothing": Row(True, True),
    "the reader waits": Row(False, True, _reader_waits),
    "the maker waits": Row(True, False, after=_maker_waits),
    "both wait": Row(False, False, _reader_waits, _maker_waits),
    "the device is synchronized": Row(False, False, _synchronize, _synchronize),
    "record_stream": Row(True, False, after=_record),
}


def program(device: str, row: Row) -> list[float]:
    """Make a tensor, read it on another stream, free it, and let its maker fill the next one."""
    maker, reader = torch.accelerator.current_stream(), torch.Stream(device)
    work(device)
    x = torch.ones(4096, device=device)
    row.before(maker, reader, x)
    with reader:
        work(device)
        y = x * 2
    row.after(maker, reader, x)
    del x
    torch.zeros(4096, device=device)
    torch.accelerator.synchronize()
    return [y[0].item()]
