"""Guards that are wrong in one place: the name of each fault in cpp/guards/mutations.h -> clauses.

A fault breaks the clauses of its own method, and of whoever is built upon it. Nothing else.
"""

from pathlib import Path

CELL = Path(__file__).parents[1] / "cpp" / "guards" / "mutations.h"
INCLUDES = "#include <csignal>\n#include <thread>\n#include <unistd.h>\n"
SOURCE = INCLUDES + CELL.read_text(encoding="utf-8")

_SCOPES = ("DeviceGuard", "OptionalDeviceGuard", "StreamGuard")
_UNWINDS = {"with device_index.unwinds", *(f"{scope}.unwinds" for scope in _SCOPES)}

FAULTS = {
    # Devices
    "a shadow of the device": {
        *("getDevice.agrees", "setDevice.sets", "setDevice.refuses"),
        *("exchangeDevice.sets", "exchangeDevice.returns", "exchangeDevice.refuses"),
        *("uncheckedSetDevice.sets",),
        *("with stream.enters", "with device_index.enters"),
        *("DeviceGuard.enters", "StreamGuard.enters", "autograd.stream"),
    },
    "getDevice is of the process": {
        *("getDevice.per_thread", "getStream.agrees", "with stream.enters"),
    },
    "setDevice ignores": {"setDevice.sets", "setDevice.refuses", "with stream.enters"},
    "setDevice swallows": {"setDevice.refuses"},
    "setDevice resets the stream": {"setDevice.keeps_streams", "with stream.restores"},
    "exchangeDevice returns the new one": {
        *("exchangeDevice.returns", "with stream.restores", *_UNWINDS),
    },
    "exchangeDevice swallows": {"exchangeDevice.refuses"},
    "exchangeDevice sets nothing": {
        *("exchangeDevice.sets", "exchangeDevice.refuses", "with device_index.enters"),
        *("DeviceGuard.enters", "StreamGuard.enters"),
    },
    "uncheckedSetDevice ignores": {"uncheckedSetDevice.sets", "with stream.restores", *_UNWINDS},
    "deviceCount is one": {"deviceCount.agrees", "autograd.stream"},
    # Streams
    "getStream of the current device": {
        *("getStream.of_device", "with stream.restores", "with stream.unwinds"),
    },
    "getStream is the default one": {
        *("getStream.agrees", "getStream.of_device", "with stream.restores", "autograd.stream"),
    },
    "getStream forgets other threads": {"getStream.per_thread"},
    "exchangeStream stores nothing": {
        *("exchangeStream.sets", "with stream.enters", "StreamGuard.enters"),
        *("MultiStreamGuard.enters", "autograd.stream"),
    },
    "exchangeStream returns the new one": {
        *("exchangeStream.returns", "StreamGuard.unwinds", "MultiStreamGuard.unwinds"),
    },
    "exchangeStream sets the device": {
        *("exchangeStream.nothing_else", "MultiStreamGuard.enters", "MultiStreamGuard.unwinds"),
    },
    "getDefaultStream is current": {"getDefaultStream.constant"},
    "getNewStream gives the default one": {"getNewStream.distinct", "getNewStream.priority"},
    "getNewStream forgets the priority": {"getNewStream.priority"},
    "getNewStream on device 0": {"getNewStream.distinct", "getNewStream.minus_one"},
    "getNewStream makes current": {"getNewStream.not_current", "with stream.restores"},
    "pool of default streams": {"getStreamFromGlobalPool.of_device"},
    "one native handle": {"getStreamNativeHandle.tells_apart"},
    "queryStream says yes": {"queryStream.answers"},
    "queryStream waits": {"queryStream.answers", "queryStream.asks_only"},
    "synchronizeStream returns at once": {"synchronizeStream.waits"},
    "synchronizeStream waits for the device": {"synchronizeStream.waits"},
    "synchronizeDevice waits for the current stream": {"synchronizeDevice.waits"},
    # Events
    "record once": {"record.again"},
    "record forgets its flag": {
        *("record.timing", "elapsedTime.milliseconds", "elapsedTime.leaves_current"),
    },
    "record on the current stream": {
        *("record.behind", "record.in_stream", "record.again", "record.keeps_waits"),
        *("block.orders",),
        *("queryEvent.answers", "synchronizeEvent.waits", "elapsedTime.milliseconds"),
        *("destroyEvent.keeps_waits", "wait_stream.orders"),
    },
    "record waits": {
        *("record.behind", "record.again", "record.no_wait", "record.keeps_waits"),
        *("block.later_only",),
        *("queryEvent.answers", "elapsedTime.milliseconds"),
    },
    "block does nothing": {
        *("record.keeps_waits", "block.orders", "destroyEvent.keeps_waits", "wait_stream.orders"),
    },
    "block stops the host": {"block.no_wait"},
    "block wants a recorded event": {"block.unrecorded"},
    "queryEvent says yes": {"record.behind", "record.again", "queryEvent.answers"},
    "queryEvent waits": {
        *("record.behind", "record.again", "queryEvent.answers", "queryEvent.asks_only"),
    },
    "queryEvent wants a recorded event": {"queryEvent.unrecorded"},
    "synchronizeEvent returns at once": {"synchronizeEvent.waits"},
    "synchronizeEvent wants a recorded event": {"synchronizeEvent.unrecorded"},
    "elapsedTime in microseconds": {"elapsedTime.milliseconds"},
    "destroyEvent waits": {"destroyEvent.noexcept"},
    # Memory
    "recordDataPtrOnStream ignores": {"recordDataPtrOnStream.holds"},
    # What is current
    "getStream sets the device": {"getStream.leaves_current", "StreamGuard.enters"},
    "getDefaultStream sets the device": {"getDefaultStream.leaves_current"},
    "getStreamFromGlobalPool sets the device": {"getStreamFromGlobalPool.leaves_current"},
    "getStreamNativeHandle sets the device": {"getStreamNativeHandle.leaves_current"},
    "queryStream sets the device": {"queryStream.leaves_current"},
    "synchronizeStream sets the device": {"synchronizeStream.leaves_current"},
    "synchronizeDevice sets the device": {"synchronizeDevice.leaves_current"},
    "record sets the device": {"record.leaves_current"},
    "block sets the device": {"block.leaves_current"},
    "queryEvent sets the device": {"queryEvent.leaves_current", "elapsedTime.leaves_current"},
    "synchronizeEvent sets the device": {"synchronizeEvent.leaves_current"},
    "elapsedTime sets the device": {"elapsedTime.leaves_current"},
    "destroyEvent sets the device": {"destroyEvent.leaves_current"},
    "recordDataPtrOnStream sets the device": {"recordDataPtrOnStream.leaves_current"},
}

# Clauses that no fault of one method breaks alone: they are broken by the faults that end the
# process, or by a restoring method that fails in more than one way.
ELSEWHERE = {"uncheckedSetDevice.noexcept", "autograd.restores", "record.makes"}


# Methods on which others build: two faults among them might hide each other.
_FAMILIES = (
    {"a", "getDevice", "setDevice", "exchangeDevice", "uncheckedSetDevice", "deviceCount"}
    | {"getStream", "exchangeStream", "getNewStream"},
    {"record", "block", "queryEvent", "destroyEvent"},
)


def _family(fault: str) -> str:
    method = fault.split()[0]
    return next((min(family) for family in _FAMILIES if method in family), method)


def _apart(one: str, two: str) -> bool:
    """Whether two faults are of different families and break different clauses."""
    return _family(one) != _family(two) and not FAULTS[one] & FAULTS[two]


def _batches() -> list[tuple[str, ...]]:
    """Faults that can be tried together."""
    batches: list[list[str]] = []
    for fault in FAULTS:
        for batch in batches:
            if all(_apart(fault, other) for other in batch):
                batch.append(fault)
                break
        else:
            batches.append([fault])
    return [tuple(batch) for batch in batches]


BATCHES = [(), *_batches()]
