# %% wrong: PyTorch's -> the thread that came
def shareable_stream(stream):
    return stream


# %% wrong: one stack for all threads -> the thread that came first: not put back
class shareable_stream:
    def __init__(self, stream):
        self.stream, self.notes = stream, []

    def __enter__(self):
        streams = [torch.mtia.current_stream(d) for d in (0, 1)]
        device = torch.mtia.current_device()
        try:
            torch.mtia.set_stream(self.stream)
        except RuntimeError:
            torch.mtia.set_device(device)
            raise
        self.notes.append((device, streams))

    def __exit__(self, *raised):
        device, streams = self.notes.pop()
        for stream in streams:
            torch.mtia.set_stream(stream)
        torch.mtia.set_device(device)


# %% wrong: a stack for each thread, and a refused stream moves the device -> refused: not put back
class shareable_stream:
    def __init__(self, stream):
        self.stream, self.notes = stream, threading.local()

    def __enter__(self):
        streams = [torch.mtia.current_stream(d) for d in (0, 1)]
        vars(self.notes).setdefault("stack", []).append((torch.mtia.current_device(), streams))
        torch.mtia.set_stream(self.stream)

    def __exit__(self, *raised):
        device, streams = self.notes.stack.pop()
        for stream in streams:
            torch.mtia.set_stream(stream)
        torch.mtia.set_device(device)


# %% wrong: a slot for each thread -> leaving entry 2 of 3: not put back
class shareable_stream:
    def __init__(self, stream):
        self.stream, self.notes = stream, threading.local()

    def __enter__(self):
        device = torch.mtia.current_device()
        self.notes.streams = [torch.mtia.current_stream(d) for d in (0, 1)]
        self.notes.device = device
        try:
            torch.mtia.set_stream(self.stream)
        except RuntimeError:
            torch.mtia.set_device(device)
            raise

    def __exit__(self, *raised):
        for stream in self.notes.streams:
            torch.mtia.set_stream(stream)
        torch.mtia.set_device(self.notes.device)


# %% wrong: a refused stream is hidden from the caller -> the forged stream was accepted
class shareable_stream:
    def __init__(self, stream):
        self.stream, self.notes = stream, threading.local()

    def __enter__(self):
        streams = [torch.mtia.current_stream(d) for d in (0, 1)]
        device = torch.mtia.current_device()
        vars(self.notes).setdefault("stack", []).append((device, streams))
        try:
            torch.mtia.set_stream(self.stream)
        except RuntimeError:
            torch.mtia.set_device(device)

    def __exit__(self, *raised):
        device, streams = self.notes.stack.pop()
        for stream in streams:
            torch.mtia.set_stream(stream)
        torch.mtia.set_device(device)


# %% wrong: a generator -> can be entered once; write a class
@contextlib.contextmanager
def shareable_stream(stream):
    device = torch.mtia.current_device()
    streams = [torch.mtia.current_stream(d) for d in (0, 1)]
    try:
        torch.mtia.set_stream(stream)
        yield
    finally:
        for s in streams:
            torch.mtia.set_stream(s)
        torch.mtia.set_device(device)


# %% right: a stack in threading.local
class shareable_stream:
    def __init__(self, stream):
        self.stream, self.notes = stream, threading.local()

    def __enter__(self):
        streams = [torch.mtia.current_stream(d) for d in (0, 1)]
        device = torch.mtia.current_device()
        try:
            torch.mtia.set_stream(self.stream)
        except RuntimeError:
            torch.mtia.set_device(device)
            raise
        vars(self.notes).setdefault("stack", []).append((device, streams))

    def __exit__(self, *raised):
        device, streams = self.notes.stack.pop()
        for stream in streams:
            torch.mtia.set_stream(stream)
        torch.mtia.set_device(device)


# %% right: a dictionary by thread
class shareable_stream:
    def __init__(self, stream):
        self.stream, self.stacks = stream, {}

    def __enter__(self):
        stack = contextlib.ExitStack()
        with stack:
            stack.callback(torch.mtia.set_device, torch.mtia.current_device())
            for d in (0, 1):
                stack.callback(torch.mtia.set_stream, torch.mtia.current_stream(d))
            torch.mtia.set_stream(self.stream)
            self.stacks.setdefault(threading.get_ident(), []).append(stack.pop_all())

    def __exit__(self, *raised):
        self.stacks[threading.get_ident()].pop().close()


# %% right: a refused stream is tried before anything is noted
class shareable_stream:
    here = threading.local()

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        before = torch.accelerator.current_device_index()
        try:
            with torch.mtia.device(before):
                streams = [torch.accelerator.current_stream(d) for d in (0, 1)]
                torch.accelerator.set_stream(self.stream)
        finally:
            torch.accelerator.set_device_index(before)
        notes = self.here.__dict__.setdefault(id(self), [])
        notes.append((before, streams))
        torch.accelerator.set_device_index(self.stream.device_index)

    def __exit__(self, *raised):
        device, streams = self.here.__dict__[id(self)].pop()
        for stream in streams:
            torch.accelerator.set_stream(stream)
        torch.accelerator.set_device_index(device)


# %% right: refuses in words of its own
class shareable_stream:
    def __init__(self, stream):
        self.stream, self.notes = stream, threading.local()

    def __enter__(self):
        streams = [torch.mtia.current_stream(d) for d in (0, 1)]
        device = torch.mtia.current_device()
        try:
            torch.mtia.set_stream(self.stream)
        except RuntimeError as error:
            torch.mtia.set_device(device)
            raise ValueError("stream refused") from error
        vars(self.notes).setdefault("stack", []).append((device, streams))

    def __exit__(self, *raised):
        device, streams = self.notes.stack.pop()
        for stream in streams:
            torch.mtia.set_stream(stream)
        torch.mtia.set_device(device)
