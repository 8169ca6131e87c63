"""Whether two tensors have a byte in common: columns of one matrix lie between one another."""

import re
from functools import lru_cache

import numpy

from ..records import Access

_STRIDED = re.compile(r".*\[(.*)\] strides \[(.*)\]")
_WORK = 100_000  # steps of the search; numpy's own measure


@lru_cache(maxsize=4096)
def gaps(tensor: str) -> tuple | None:
    """(sizes, strides) of a tensor that leaves out bytes between its first and last; else None.

    Args:
        tensor: an access's description of it.
    """
    given = _STRIDED.fullmatch(tensor)
    if given is None:
        return None
    sizes, strides = (tuple(map(int, numbers.split(","))) for numbers in given.groups())
    dense = 1
    for stride, size in sorted(zip(strides, sizes, strict=True)):
        if size > 1 and stride > dense:
            return sizes, strides
        if stride == dense:
            dense *= size
    return None


def overlap(one: Access, other: Access) -> bool:
    """Whether two accesses have a byte in common. If it is too hard to say, they may."""
    if one.device != other.device:
        return False
    if gaps(one.tensor) is None and gaps(other.tensor) is None:
        begin = max(one.address, other.address)
        return begin < min(one.address + one.bytes, other.address + other.bytes)
    try:
        return numpy.shares_memory(_array(one), _array(other), max_work=_WORK)
    except numpy.exceptions.TooHardError:
        return True


class _Elements:
    """What numpy asks of memory: where the elements are. Nobody looks at them."""

    def __init__(self, address: int, item: int, sizes: tuple, strides: tuple) -> None:
        self.__array_interface__ = {
            "version": 3,
            "data": (4096 + address, True),
            "typestr": f"|V{item}",
            "shape": sizes,
            "strides": tuple(item * stride for stride in strides),
        }


def _array(access: Access) -> numpy.ndarray:
    sizes, strides = gaps(access.tensor) or ((access.bytes,), (1,))
    reach = sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True)) + 1
    return numpy.asarray(_Elements(access.address, access.bytes // reach, sizes, strides))
