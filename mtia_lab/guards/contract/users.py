"""What PyTorch builds on the guard: contexts of Python, guards of C++, autograd."""

from ...contract.basis import ACCELERATOR, ENGINE, MULTI, SCOPE, STREAM, STREAM_SCOPE
from .clause import Clause

CONTEXTS = (
    Clause(
        "with stream.enters",
        "`with stream:` makes the stream and its device current.",
        do="with B:\n    inside = current()",
        look="inside",
        expected="1, default(0), B",
        basis=STREAM,
    ),
    Clause(
        "with stream.restores",
        "`with stream:` puts back the device, and the stream on the device it used.",
        given="torch.mtia.set_stream(B); torch.mtia.set_stream(A)",
        do="with torch.Stream('mtia:1'):\n    pass",
        look="current()",
        expected="0, A, B",
        basis=STREAM,
    ),
    Clause(
        "with stream.unwinds",
        "`with stream:` puts them back also when an exception passes.",
        given="torch.mtia.set_device(1)",
        do="with suppress(KeyError), A:\n    raise KeyError",
        look="current()",
        expected="1, default(0), default(1)",
        basis=STREAM,
    ),
    Clause(
        "with device_index.enters",
        "`with torch.accelerator.device_index(i):` makes the device current.",
        do="with torch.accelerator.device_index(1):\n    inside = torch.mtia.current_device()",
        look="inside",
        expected="1",
        basis=ACCELERATOR,
    ),
    Clause(
        "with device_index.unwinds",
        "`with torch.accelerator.device_index(i):` puts the device back, exception or not.",
        do="with suppress(KeyError), torch.accelerator.device_index(1):\n    raise KeyError",
        look="torch.mtia.current_device()",
        expected="0",
        basis=ACCELERATOR,
    ),
    Clause(
        "wait_stream.orders",
        "`C.wait_stream(A)` makes later work of C wait for what is in A now.",
        given="kernel(A, 'a', us=500)",
        do="C.wait_stream(A); kernel(C, 'c')",
        look="when('c', 'a')",
        expected="'after a'",
        basis=STREAM,
    ),
)

SCOPES = (
    Clause(
        "DeviceGuard.enters",
        "c10::DeviceGuard makes its device current.",
        do="inside = cpp.DeviceGuard(1)",
        look="inside",
        expected="1, default(0), default(1)",
        basis=SCOPE,
    ),
    Clause(
        "DeviceGuard.unwinds",
        "c10::DeviceGuard puts the device back, also when an exception passes.",
        do="cpp.DeviceGuard(1, throws=True)",
        look="torch.mtia.current_device()",
        expected="0",
        basis=SCOPE,
    ),
    Clause(
        "OptionalDeviceGuard.unwinds",
        "c10::OptionalDeviceGuard puts the device back, also when an exception passes.",
        do="cpp.OptionalDeviceGuard(1, throws=True)",
        look="torch.mtia.current_device()",
        expected="0",
        basis=SCOPE,
    ),
    Clause(
        "StreamGuard.enters",
        "c10::StreamGuard makes its stream and that stream's device current.",
        do="inside = cpp.StreamGuard(B)",
        look="inside",
        expected="1, default(0), B",
        basis=STREAM_SCOPE,
    ),
    Clause(
        "StreamGuard.unwinds",
        "c10::StreamGuard puts both back, also when an exception passes.",
        do="cpp.StreamGuard(B, throws=True)",
        look="current()",
        expected="0, default(0), default(1)",
        basis=STREAM_SCOPE,
    ),
    Clause(
        "MultiStreamGuard.enters",
        "c10::MultiStreamGuard makes a stream current on each of several devices.",
        do="inside = cpp.MultiStreamGuard(A, B)",
        look="inside",
        expected="0, A, B",
        basis=MULTI,
    ),
    Clause(
        "MultiStreamGuard.unwinds",
        "c10::MultiStreamGuard puts the streams back and leaves the device alone.",
        do="cpp.MultiStreamGuard(A, B, throws=True)",
        look="current()",
        expected="0, default(0), default(1)",
        basis=MULTI,
    ),
)

AUTOGRAD = (
    Clause(
        "autograd.stream",
        "Backward runs on a thread of its own, on the device and stream of the forward.",
        do="with B:\n    y = Spy.apply(torch.empty((), device='mtia:1', requires_grad=True))\n"
        "y.backward()",
        look="seen['another thread'], seen['device'], seen['stream']",
        expected="True, 1, B",
        basis=ENGINE,
    ),
    Clause(
        "autograd.restores",
        "Backward leaves this thread's device and streams as they were.",
        given="torch.mtia.set_stream(A)",
        do="y = Spy.apply(torch.empty((), device='mtia:0', requires_grad=True))\ny.backward()",
        look="current()",
        expected="0, A, default(1)",
        basis=ENGINE,
    ),
)
