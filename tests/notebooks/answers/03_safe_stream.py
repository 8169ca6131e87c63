# %% wrong: the stream itself -> not put back: the current device, which is 1 and was 0
def safe_stream(stream):
    return stream


# %% wrong: PyTorch's other context -> the body sets one of the other device.*: not put back
def safe_stream(stream):
    return torch.mtia.stream(stream)


# %% wrong: a device context around it -> the body sets one of the other device.*: not put back
@contextlib.contextmanager
def safe_stream(stream):
    with torch.mtia.device(torch.mtia.current_device()), torch.mtia.stream(stream):
        yield


# %% wrong: no finally -> the body raises: not put back
@contextlib.contextmanager
def safe_stream(stream):
    device = torch.mtia.current_device()
    streams = [torch.mtia.current_stream(d) for d in (0, 1)]
    torch.mtia.set_stream(stream)
    yield
    for s in streams:
        torch.mtia.set_stream(s)
    torch.mtia.set_device(device)


# %% wrong: swallows the body's exception -> exception did not come out
@contextlib.contextmanager
def safe_stream(stream):
    device = torch.mtia.current_device()
    streams = [torch.mtia.current_stream(d) for d in (0, 1)]
    torch.mtia.set_stream(stream)
    with contextlib.suppress(Exception):
        yield
    for s in streams:
        torch.mtia.set_stream(s)
    torch.mtia.set_device(device)


# %% wrong: the device before the streams -> does nothing.*: not put back: the current device
@contextlib.contextmanager
def safe_stream(stream):
    device = torch.mtia.current_device()
    streams = [torch.mtia.current_stream(d) for d in (0, 1)]
    torch.mtia.set_stream(stream)
    try:
        yield
    finally:
        torch.mtia.set_device(device)
        for s in streams:
            torch.mtia.set_stream(s)


# %% wrong: only the streams of the two devices that it sees -> not put back:
@contextlib.contextmanager
def safe_stream(stream):
    device, before = torch.mtia.current_device(), torch.mtia.current_stream()
    there = torch.mtia.current_stream(stream.device)
    torch.mtia.set_stream(stream)
    try:
        yield
    finally:
        torch.mtia.set_stream(there)
        torch.mtia.set_stream(before)
        torch.mtia.set_device(device)


# %% wrong: never enters the stream -> inside, the current stream was mtia:
@contextlib.contextmanager
def safe_stream(stream):
    device = torch.mtia.current_device()
    streams = [torch.mtia.current_stream(d) for d in (0, 1)]
    try:
        yield
    finally:
        for s in streams:
            torch.mtia.set_stream(s)
        torch.mtia.set_device(device)


# %% wrong: `with`, which does not enter what is current -> current there already: inside, the
@contextlib.contextmanager
def safe_stream(stream):
    device = torch.mtia.current_device()
    streams = [torch.mtia.current_stream(d) for d in (0, 1)]
    try:
        with stream:
            yield
    finally:
        for s in streams:
            torch.mtia.set_stream(s)
        torch.mtia.set_device(device)


# %% wrong: to the defaults instead of back -> not put back:
@contextlib.contextmanager
def safe_stream(stream):
    torch.mtia.set_stream(stream)
    try:
        yield
    finally:
        for device in (1, 0):
            torch.mtia.set_stream(torch.mtia.default_stream(device))


# %% wrong: no context manager -> it returned nothing, and `with` needs __enter__
def safe_stream(stream):
    torch.mtia.set_stream(stream)


# %% wrong: a generator without its decorator -> put @contextlib.contextmanager above it
def safe_stream(stream):
    torch.mtia.set_stream(stream)
    yield


# %% wrong: notes taken when it is made -> entered later: not put back
class safe_stream:
    def __init__(self, stream):
        self.stream = stream
        self.device = torch.mtia.current_device()
        self.streams = [torch.mtia.current_stream(d) for d in range(2)]

    def __enter__(self):
        torch.mtia.set_stream(self.stream)
        return self.stream

    def __exit__(self, *raised):
        for s in self.streams:
            torch.mtia.set_stream(s)
        torch.mtia.set_device(self.device)


# %% wrong: enters at the call -> made, and not entered: the call alone moved
def safe_stream(stream):
    stack = contextlib.ExitStack()
    stack.callback(torch.mtia.set_device, torch.mtia.current_device())
    for d in range(torch.mtia.device_count()):
        stack.callback(torch.mtia.set_stream, torch.mtia.current_stream(d))
    torch.mtia.set_stream(stream)
    return stack


# %% wrong: takes nothing -> called like this: safe_stream\(stream\)
def safe_stream():
    return torch.mtia.stream(A)


# %% right: a generator with try and finally
@contextlib.contextmanager
def safe_stream(stream):
    device = torch.mtia.current_device()
    streams = [torch.mtia.current_stream(d) for d in range(torch.mtia.device_count())]
    torch.mtia.set_stream(stream)
    try:
        yield stream
    finally:
        for s in streams:
            torch.mtia.set_stream(s)
        torch.mtia.set_device(device)


# %% right: a stack of things to put back
@contextlib.contextmanager
def safe_stream(stream):
    with contextlib.ExitStack() as stack:
        stack.callback(torch.mtia.set_device, torch.mtia.current_device())
        for d in range(torch.mtia.device_count()):
            stack.callback(torch.mtia.set_stream, torch.mtia.current_stream(d))
        torch.mtia.set_stream(stream)
        yield


# %% right: a class with one slot, which this step allows
class safe_stream:
    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        self.device = torch.accelerator.current_device_index()
        self.streams = [torch.accelerator.current_stream(d) for d in (0, 1)]
        torch.accelerator.set_stream(self.stream)

    def __exit__(self, *raised):
        for stream in self.streams:
            torch.accelerator.set_stream(stream)
        torch.accelerator.set_device_index(self.device)
