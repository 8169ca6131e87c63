# %% wrong: a generator -> can be entered once; write a class
@contextlib.contextmanager
def nestable_stream(stream):
    device = torch.mtia.current_device()
    streams = [torch.mtia.current_stream(d) for d in (0, 1)]
    torch.mtia.set_stream(stream)
    try:
        yield
    finally:
        for s in streams:
            torch.mtia.set_stream(s)
        torch.mtia.set_device(device)


# %% wrong: PyTorch's -> one object, entered inside itself: leaving entry
def nestable_stream(stream):
    return torch.mtia.stream(stream)


# %% wrong: one slot -> leaving entry 2 of 3: not put back
class nestable_stream:
    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        self.device = torch.mtia.current_device()
        self.streams = [torch.mtia.current_stream(d) for d in (0, 1)]
        torch.mtia.set_stream(self.stream)

    def __exit__(self, *raised):
        for stream in self.streams:
            torch.mtia.set_stream(stream)
        torch.mtia.set_device(self.device)


# %% wrong: a slot that is filled on making -> not put back
class nestable_stream:
    def __init__(self, stream):
        self.stream = stream
        self.device = torch.mtia.current_device()
        self.streams = [torch.mtia.current_stream(d) for d in (0, 1)]

    def __enter__(self):
        torch.mtia.set_stream(self.stream)

    def __exit__(self, *raised):
        for stream in self.streams:
            torch.mtia.set_stream(stream)
        torch.mtia.set_device(self.device)


# %% wrong: counts, and restores only at the outermost exit -> leaving entry 3 of 3: not put back
class nestable_stream:
    def __init__(self, stream):
        self.stream, self.depth = stream, 0

    def __enter__(self):
        if self.depth == 0:
            self.device = torch.mtia.current_device()
            self.streams = [torch.mtia.current_stream(d) for d in (0, 1)]
        self.depth += 1
        torch.mtia.set_stream(self.stream)

    def __exit__(self, *raised):
        self.depth -= 1
        if self.depth == 0:
            for stream in self.streams:
                torch.mtia.set_stream(stream)
            torch.mtia.set_device(self.device)


# %% wrong: takes the oldest note -> leaving entry 3 of 3: not put back
class nestable_stream:
    def __init__(self, stream):
        self.stream, self.notes = stream, []

    def __enter__(self):
        streams = [torch.mtia.current_stream(d) for d in (0, 1)]
        self.notes.append((torch.mtia.current_device(), streams))
        torch.mtia.set_stream(self.stream)

    def __exit__(self, *raised):
        device, streams = self.notes.pop(0)
        for stream in streams:
            torch.mtia.set_stream(stream)
        torch.mtia.set_device(device)


# %% right: a stack
class nestable_stream:
    def __init__(self, stream):
        self.stream, self.notes = stream, []

    def __enter__(self):
        streams = [torch.mtia.current_stream(d) for d in (0, 1)]
        self.notes.append((torch.mtia.current_device(), streams))
        torch.mtia.set_stream(self.stream)

    def __exit__(self, *raised):
        device, streams = self.notes.pop()
        for stream in streams:
            torch.mtia.set_stream(stream)
        torch.mtia.set_device(device)


# %% right: a stack of managers that are entered once
class nestable_stream:
    def __init__(self, stream):
        self.stream, self.entered = stream, []

    @contextlib.contextmanager
    def once(self):
        device = torch.mtia.current_device()
        streams = [torch.mtia.current_stream(d) for d in (0, 1)]
        torch.mtia.set_stream(self.stream)
        try:
            yield
        finally:
            for stream in streams:
                torch.mtia.set_stream(stream)
            torch.mtia.set_device(device)

    def __enter__(self):
        self.entered.append(self.once())
        self.entered[-1].__enter__()

    def __exit__(self, *raised):
        return self.entered.pop().__exit__(*raised)


# %% right: a linked list in place of the stack, behind a function
class _Stream:
    def __init__(self, stream):
        self.stream, self.note = stream, None

    def __enter__(self):
        streams = tuple(torch.accelerator.current_stream(d) for d in (1, 0))
        self.note = (torch.accelerator.current_device_index(), streams, self.note)
        torch.accelerator.set_stream(self.stream)
        return self.stream

    def __exit__(self, *raised):
        device, streams, self.note = self.note
        for stream in streams:
            torch.accelerator.set_stream(stream)
        torch.accelerator.set_device_index(device)


def nestable_stream(stream):
    return _Stream(stream)
