"""`cpp` of the clauses: the guard's methods, and the guards of C++, called from Python."""

import ctypes
from typing import Any

import torch

State = tuple[int, torch.Stream, torch.Stream]


def current() -> State:
    """What is current as the hooks see it: the device, the stream on mtia:0, and on mtia:1."""
    stream = torch.mtia.current_stream
    return torch.mtia.current_device(), stream(0), stream(1)


class _Ref(ctypes.Structure):
    _fields_ = (("device", ctypes.c_int64), ("id", ctypes.c_int64))


def _ref(stream: torch.Stream) -> _Ref:
    return _Ref(stream.device_index, stream.stream_id)


def _stream(ref: _Ref) -> torch.Stream:
    kind = torch.mtia.default_stream(0).device_type
    return torch.Stream(stream_id=ref.id, device_index=ref.device, device_type=kind)


class Probes:
    """Each function takes and returns what its namesake does, in Python's types.

    A guard of C++ returns what was current inside its scope; its destructor has run then, because
    of an exception if `throws`.

    Raises:
        RuntimeError: it threw; with the first line of its message.
    """

    def __init__(self, library: str):
        self._library = ctypes.CDLL(library)
        self._library.problem.restype = ctypes.c_char_p

    def install(self, guard: str, notes: int) -> None:
        """Put the guard of another library in the place of the registered one."""
        make = ctypes.CDLL(guard).make_guard
        self._call("install", ctypes.cast(make, ctypes.c_void_p), notes)

    def _call(self, name: str, *args: Any) -> None:
        function = getattr(self._library, name)
        function.restype = ctypes.c_bool
        if not function(*args):
            raise RuntimeError(self._library.problem().decode(errors="replace").partition("\n")[0])

    def _number(self, name: str, *args: Any) -> int:
        answer = ctypes.c_int64()
        self._call(name, *args, ctypes.byref(answer))
        return answer.value

    def _found(self, name: str, *args: Any) -> torch.Stream:
        answer = _Ref()
        self._call(name, *args, ctypes.byref(answer))
        return _stream(answer)

    def getDevice(self) -> int:
        return self._number("getDevice")

    def exchangeDevice(self, index: int) -> int:
        return self._number("exchangeDevice", index)

    def uncheckedSetDevice(self, index: int) -> None:
        self._call("uncheckedSetDevice", index)

    def deviceCount(self) -> int:
        return self._number("deviceCount")

    def getStream(self, index: int) -> torch.Stream:
        return self._found("getStream", index)

    def getDefaultStream(self, index: int) -> torch.Stream:
        return self._found("getDefaultStream", index)

    def getNewStream(self, index: int) -> torch.Stream:
        return self._found("getNewStream", index)

    def getStreamFromGlobalPool(self, index: int) -> torch.Stream:
        return self._found("getStreamFromGlobalPool", index)

    def exchangeStream(self, stream: torch.Stream) -> torch.Stream:
        return self._found("exchangeStream", ctypes.byref(_ref(stream)))

    def synchronizeDevice(self, index: int) -> None:
        self._call("synchronizeDevice", index)

    def blockUnrecorded(self, stream: torch.Stream) -> None:
        """`block` with the handle of an event that was never recorded: null."""
        self._call("blockUnrecorded", ctypes.byref(_ref(stream)))

    def queryUnrecorded(self) -> bool:
        """`queryEvent` with that handle."""
        return bool(self._number("queryUnrecorded"))

    def synchronizeUnrecorded(self) -> None:
        """`synchronizeEvent` with that handle."""
        self._call("synchronizeUnrecorded")

    def handedOutAgain(self, stream: torch.Stream) -> bool:
        """Whether freed memory that `stream` was said to use is allocated again at once."""
        return bool(self._number("handedOutAgain", ctypes.byref(_ref(stream))))

    def DeviceGuard(self, index: int, throws: bool = False) -> State:
        return self._scope("DeviceGuard", index, throws=throws)

    def OptionalDeviceGuard(self, index: int, throws: bool = False) -> State:
        return self._scope("OptionalDeviceGuard", index, throws=throws)

    def StreamGuard(self, stream: torch.Stream, throws: bool = False) -> State:
        return self._scope("StreamGuard", ctypes.byref(_ref(stream)), throws=throws)

    def MultiStreamGuard(self, *streams: torch.Stream, throws: bool = False) -> State:
        refs = (ctypes.byref(_ref(stream)) for stream in streams)
        return self._scope("MultiStreamGuard", *refs, throws=throws)

    def _scope(self, name: str, *args: Any, throws: bool) -> State:
        inside: list[State] = []
        look = ctypes.CFUNCTYPE(None)(lambda: inside.append(current()))
        self._call(name, *args, look, ctypes.c_bool(throws))
        return inside[0]
