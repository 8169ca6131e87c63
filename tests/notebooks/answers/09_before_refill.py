# %% right: the stream that fills waits for the one that reads
def before_refill(s1, s2):
    s1.wait_stream(s2)


# %% right: by an event
def before_refill(s1, s2):
    s1.wait_event(s2.record_event())


# %% right: by an event of its own, as the current stream
def before_refill(s1, s2):
    read = torch.Event()
    read.record(s2)
    with s1:
        read.wait()


# %% wrong: the wrong way round -> write-after-read race|expected
def before_refill(s1, s2):
    s2.wait_stream(s1)


# %% wrong: it does something, but nothing that orders -> right by luck|expected
def before_refill(s1, s2):
    for _ in range(60):
        s2.query()


# %% wrong: the host waits for the reader -> time: took \d+ µs, and \d+ µs will do
def before_refill(s1, s2):
    s2.synchronize()


# %% wrong: the host waits for everything -> time: took \d+ µs
def before_refill(s1, s2):
    torch.mtia.synchronize()


# %% wrong: it waits for an event that was recorded a round before -> expected|right by luck
events = []


def before_refill(s1, s2):
    if events:
        s1.wait_event(events[-1])
    events.append(s1.record_event())


# %% wrong: it waits for the first round only -> expected|right by luck
rounds = []


def before_refill(s1, s2):
    rounds.append(s1)
    if len(rounds) == 1:
        s1.wait_stream(s2)


# %% wrong: both wait for each other, one of them in vain -> waits in vain: needless wait|took
def before_refill(s1, s2):
    s1.wait_stream(s2)
    s1.wait_stream(s2)


# %% wrong: streams of the notebook and not those that are given -> expected|right by luck
a, b = torch.Stream("mtia"), torch.Stream("mtia")


def before_refill(s1, s2):
    a.wait_stream(b)


# %% wrong: it fails -> raised AttributeError: 'torch.Stream' object has no attribute
def before_refill(s1, s2):
    s1.wait(s2)
