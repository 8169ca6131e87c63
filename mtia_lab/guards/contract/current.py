"""The contract of what is current: devices, streams, and who may change them.

In the words of PyTorch's header where it promises, and else by how its callers rely on it; each
clause says which (basis.py).
"""

from ...contract.basis import ADVICE, ENGINE, MULTI, STREAM
from .clause import Clause

DEVICES = (
    Clause(
        "getDevice.agrees",
        "getDevice sees the device that the hooks made current: two doors, one state.",
        given="torch.mtia.set_device(1)",
        look="torch.accelerator.current_device_index()",
        expected="1",
    ),
    Clause(
        "getDevice.per_thread",
        "Each host thread has a current device of its own, and starts at device 0.",
        given="torch.mtia.set_device(1)",
        look="in_thread(torch.accelerator.current_device_index)",
        expected="0",
        basis=ENGINE,
    ),
    Clause(
        "setDevice.sets",
        "setDevice makes the device current for the hooks, too.",
        do="torch.accelerator.set_device_index(1)",
        look="torch.mtia.current_device()",
        expected="1",
    ),
    Clause(
        "setDevice.keeps_streams",
        "setDevice leaves every device's current stream as it is.",
        given="torch.mtia.set_stream(A)",
        do="torch.accelerator.set_device_index(1)",
        look="current()[1:]",
        expected="A, default(1)",
        basis=STREAM,
    ),
    Clause(
        "setDevice.refuses",
        "setDevice throws for a device that is not there, and changes nothing.",
        given="torch.mtia.set_device(1)",
        look="raises(torch.accelerator.set_device_index, missing), torch.mtia.current_device()",
        expected="True, 1",
        basis=ADVICE,
    ),
    Clause(
        "exchangeDevice.sets",
        "exchangeDevice makes the device current.",
        do="cpp.exchangeDevice(last)",
        look="torch.mtia.current_device()",
        expected="last",
    ),
    Clause(
        "exchangeDevice.returns",
        "exchangeDevice returns the device that was current before.",
        given="torch.mtia.set_device(1)",
        look="cpp.exchangeDevice(0)",
        expected="1",
    ),
    Clause(
        "exchangeDevice.refuses",
        "exchangeDevice throws for a device that is not there, and changes nothing.",
        given="torch.mtia.set_device(1)",
        look="raises(cpp.exchangeDevice, missing), torch.mtia.current_device()",
        expected="True, 1",
        basis=ADVICE,
    ),
    Clause(
        "uncheckedSetDevice.sets",
        "uncheckedSetDevice really sets: destructors restore the device with it.",
        do="cpp.uncheckedSetDevice(last)",
        look="torch.mtia.current_device()",
        expected="last",
    ),
    Clause(
        "uncheckedSetDevice.noexcept",
        "uncheckedSetDevice never throws, not even for a device that is not there.",
        do="cpp.uncheckedSetDevice(missing)",
        look="torch.mtia.current_device()",
        expected="0",
    ),
    Clause(
        "deviceCount.agrees",
        "deviceCount never throws, and counts the same devices as the hooks.",
        look="cpp.deviceCount()",
        expected="torch.mtia.device_count()",
    ),
)

STREAMS = (
    Clause(
        "getStream.agrees",
        "getStream sees the stream that the hooks made current.",
        given="torch.mtia.set_stream(A)",
        look="torch.accelerator.current_stream()",
        expected="A",
    ),
    Clause(
        "getStream.of_device",
        "getStream answers for the device it is asked about, current or not.",
        given="torch.mtia.set_stream(B); torch.mtia.set_device(0)",
        look="torch.accelerator.current_stream(1)",
        expected="B",
    ),
    Clause(
        "getStream.per_thread",
        "Each host thread has current streams of its own, and starts with the default ones.",
        given="torch.mtia.set_stream(A)",
        look="in_thread(cpp.getStream, 0)",
        expected="default(0)",
    ),
    Clause(
        "exchangeStream.sets",
        "exchangeStream makes the stream current for the hooks, too.",
        do="cpp.exchangeStream(A)",
        look="torch.mtia.current_stream(0)",
        expected="A",
    ),
    Clause(
        "exchangeStream.returns",
        "exchangeStream returns the stream that was current on that stream's device before.",
        given="torch.mtia.set_stream(A)",
        look="cpp.exchangeStream(C)",
        expected="A",
    ),
    Clause(
        "exchangeStream.nothing_else",
        "exchangeStream leaves the current device and the other devices' streams alone.",
        given="torch.mtia.set_stream(A)",
        do="cpp.exchangeStream(B)",
        look="current()[:2]",
        expected="0, A",
        basis=MULTI,
    ),
    Clause(
        "getDefaultStream.constant",
        "getDefaultStream gives the default stream, whatever is current.",
        given="torch.mtia.set_stream(A)",
        look="cpp.getDefaultStream(0)",
        expected="default(0)",
    ),
    Clause(
        "getNewStream.distinct",
        "getNewStream makes a stream on the device asked for that is none of the others.",
        do="x, y = cpp.getNewStream(1), cpp.getNewStream(1)",
        look="x.device_index, y.device_index, len({x, y, B, default(1)})",
        expected="1, 1, 4",
    ),
    Clause(
        "getNewStream.not_current",
        "getNewStream makes nothing current.",
        do="cpp.getNewStream(1)",
        look="current()",
        expected="0, default(0), default(1)",
        basis=STREAM,
    ),
    Clause(
        "getNewStream.minus_one",
        "getNewStream takes index -1 for the current device, as torch.Stream('mtia') asks.",
        given="torch.mtia.set_device(1)",
        look="torch.Stream('mtia').device",
        expected="torch.device('mtia:1')",
        basis=STREAM,
    ),
    Clause(
        "getNewStream.priority",
        "getNewStream makes a stream of the priority that is asked for.",
        do="x = torch.Stream('mtia:1', priority=-1)",
        look="stream_priority(x)",
        expected="-1",
    ),
    Clause(
        "getStreamFromGlobalPool.of_device",
        "getStreamFromGlobalPool gives a stream of the device asked for, not the default one.",
        do="x = cpp.getStreamFromGlobalPool(1)",
        look="x.device_index, x == default(1)",
        expected="1, False",
    ),
    Clause(
        "getStreamNativeHandle.tells_apart",
        "getStreamNativeHandle gives one handle for one stream, and another for another.",
        look="A.native_handle == A.native_handle, A.native_handle == C.native_handle",
        expected="True, False",
    ),
)


def _leaves(method: str, do: str, given: str = "") -> Clause:
    """CUDA's guard sets the device for many a call, and puts it back."""
    sentence = f"{method} leaves the current device and the current streams alone."
    return Clause(
        f"{method}.leaves_current",
        sentence,
        given=given,
        do=do,
        look="current()",
        expected="0, default(0), default(1)",
        basis=ADVICE,
    )


_RECORDED = "e = torch.Event(enable_timing=True); e.record(B); torch.mtia.set_device(0)"

# What asks about the other device, or works on it, does not go there for good.
BYSTANDERS = (
    _leaves("getStream", "cpp.getStream(1)"),
    _leaves("getDefaultStream", "cpp.getDefaultStream(1)"),
    _leaves("getStreamFromGlobalPool", "cpp.getStreamFromGlobalPool(1)"),
    _leaves("getStreamNativeHandle", "B.native_handle"),
    _leaves("queryStream", "B.query()"),
    _leaves("synchronizeStream", "B.synchronize()"),
    _leaves("synchronizeDevice", "cpp.synchronizeDevice(1)"),
    _leaves("record", "e.record(B)", "e = torch.Event()"),
    _leaves("block", "B.wait_event(e)", "e = torch.Event(); e.record(A)"),
    _leaves("queryEvent", "e.query()", _RECORDED),
    _leaves("synchronizeEvent", "e.synchronize()", _RECORDED),
    _leaves("elapsedTime", "e.elapsed_time(e)", f"{_RECORDED}; torch.mtia.synchronize(1)"),
    _leaves("destroyEvent", "del e", _RECORDED),
    _leaves("recordDataPtrOnStream", "cpp.handedOutAgain(B)"),
)
