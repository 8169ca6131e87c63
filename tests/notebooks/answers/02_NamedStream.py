# %% right: a dictionary keyed by handles, which are equal if their numbers are
class NamedStream(torch.Stream):
    names = {}

    def __new__(cls, name, device="mtia", priority=0):
        stream = super().__new__(cls, device, priority=priority)
        cls.names[stream] = name
        return stream

    @classmethod
    def name_of(cls, handle):
        return cls.names.get(handle)


# %% right: keyed by the numbers themselves
NAMES = {}


class NamedStream(torch.Stream):
    def __new__(cls, name, device):
        stream = torch.Stream.__new__(cls, device)
        NAMES[stream.device_index, stream.stream_id] = name
        return stream

    @staticmethod
    def name_of(handle):
        return NAMES.get((handle.device_index, handle.stream_id))


# %% right: keyed by the backend's own name for the stream
class NamedStream(torch.Stream):
    names = {}

    def __new__(cls, name, *where, **how):
        stream = super().__new__(cls, *where, **how)
        cls.names[stream.native_handle] = name
        return stream

    @classmethod
    def name_of(cls, handle):
        return cls.names.get(handle.native_handle)


# %% right: a list, looked through by ==
class NamedStream(torch.Stream):
    known = []

    def __new__(cls, name, device):
        stream = super().__new__(cls, torch.device(device))
        NamedStream.known.append((stream, name))
        return stream

    def name_of(handle):
        return next((name for stream, name in NamedStream.known if stream == handle), None)


# %% wrong: an attribute of the one object -> name_of\(handle\) of stream \d+ of mtia:0 gave None
class NamedStream(torch.Stream):
    def __new__(cls, name, device):
        stream = super().__new__(cls, device)
        stream.name = name
        return stream

    @staticmethod
    def name_of(handle):
        return getattr(handle, "name", None)


# %% wrong: the id alone -> two streams with one id, on two devices: .*\n  a stream without a name:
class NamedStream(torch.Stream):
    names = {}

    def __new__(cls, name, device):
        stream = super().__new__(cls, device)
        cls.names[stream.stream_id] = name
        return stream

    @classmethod
    def name_of(cls, handle):
        return cls.names.get(handle.stream_id)


# %% wrong: it forgets with the first handle -> the first one is gone: .* gave None
import weakref


class NamedStream(torch.Stream):
    names = weakref.WeakKeyDictionary()

    def __new__(cls, name, device):
        stream = super().__new__(cls, device)
        cls.names[stream] = name
        return stream

    @classmethod
    def name_of(cls, handle):
        return cls.names.get(handle)


# %% wrong: it keeps the latest few -> the first of 200: name_of\(handle\) of .* gave None
class NamedStream(torch.Stream):
    names = {}

    def __new__(cls, name, device):
        stream = super().__new__(cls, device=device)
        cls.names[stream] = name
        while len(cls.names) > 4:
            cls.names.pop(next(iter(cls.names)))
        return stream

    @classmethod
    def name_of(cls, handle):
        return cls.names.get(handle)


# %% wrong: keyed by the object -> current_stream\(\) of mtia:0: name_of\(handle\) of .* gave None
class NamedStream(torch.Stream):
    names = {}

    def __new__(cls, name, device):
        stream = super().__new__(cls, device)
        cls.names[id(stream)] = name
        return stream

    @classmethod
    def name_of(cls, handle):
        return cls.names.get(id(handle))


# %% wrong: the last name for all -> two streams of one device: .* gave 'compute
class NamedStream(torch.Stream):
    last = None

    def __new__(cls, name, device):
        cls.last = name
        return super().__new__(cls, device)

    @classmethod
    def name_of(cls, handle):
        return cls.last


# %% wrong: __init__ is too late -> 'mtia:0'\) raised Stream.*look at __new__
class NamedStream(torch.Stream):
    names = {}

    def __init__(self, name, device):
        super().__init__(device)
        self.names[self] = name

    @classmethod
    def name_of(cls, handle):
        return cls.names.get(handle)


# %% wrong: a stream without a name is an error -> raised KeyError.* at line 3 of name_of
class NamedStream(torch.Stream):
    names = {}

    def __new__(cls, name, device):
        stream = super().__new__(cls, device)
        cls.names[stream] = name
        return stream

    @classmethod
    def name_of(cls, handle):
        return cls.names[handle]


# %% wrong: the device is lost -> gave a stream of mtia:0
class NamedStream(torch.Stream):
    names = {}

    def __new__(cls, name, device):
        stream = super().__new__(cls)
        cls.names[stream] = name
        return stream

    @classmethod
    def name_of(cls, handle):
        return cls.names.get(handle)


# %% wrong: not called on the class -> is it a classmethod or a staticmethod
class NamedStream(torch.Stream):
    def __new__(cls, name, device):
        return super().__new__(cls, device)

    def name_of(self, handle):
        return "copies"


# %% wrong: no name_of -> it has no name_of
class NamedStream(torch.Stream):
    def __new__(cls, name, device):
        return super().__new__(cls, device)


# %% wrong: not a stream -> derive the class from torch.Stream
class NamedStream:
    def __init__(self, name, device):
        self.name, self.device = name, device

    def name_of(handle):
        return None


# %% wrong: a function -> wanted a class, got a function
def NamedStream(name, device):
    return torch.Stream(device)


# %% wrong: not started -> not started
class NamedStream(torch.Stream): ...
