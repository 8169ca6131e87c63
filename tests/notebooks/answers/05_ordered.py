# %% wrong: not started -> not started


def ordered(a, b, c): ...


# %% wrong: no order at all -> left, on stream b, does not wait for load, which it needs
ordered = unordered


# %% wrong: waits before it records -> left, on stream b, does not wait for load
def ordered(a, b, c):
    event = torch.Event()
    b.wait_event(event)
    c.wait_event(event)
    kernel(a, "load", us=40)
    event.record(a)
    kernel(b, "left", us=30)
    kernel(c, "right", us=50)
    a.wait_stream(b)
    a.wait_stream(c)
    kernel(a, "merge", us=10)


# %% wrong: records before the kernel it means -> right, on stream c, does not wait for load
def ordered(a, b, c):
    event = a.record_event()
    kernel(a, "load", us=40)
    b.wait_event(event)
    c.wait_event(event)
    kernel(b, "left", us=30)
    kernel(c, "right", us=50)
    a.wait_event(b.record_event())
    a.wait_event(c.record_event())
    kernel(a, "merge", us=10)


# %% wrong: merge forgets right -> merge, on stream a, does not wait for right, which it needs
def ordered(a, b, c):
    kernel(a, "load", us=40)
    event = a.record_event()
    b.wait_event(event)
    c.wait_event(event)
    kernel(b, "left", us=30)
    kernel(c, "right", us=50)
    a.wait_event(b.record_event())
    kernel(a, "merge", us=10)


# %% wrong: one after the other -> right, on stream c, waits for left, which it does not need
def ordered(a, b, c):
    kernel(a, "load", us=40)
    b.wait_stream(a)
    kernel(b, "left", us=30)
    c.wait_stream(b)
    kernel(c, "right", us=50)
    a.wait_stream(c)
    kernel(a, "merge", us=10)


# %% wrong: both waits behind the last recording -> merge, on stream a, does not wait for left
def ordered(a, b, c):
    event = torch.Event()
    kernel(a, "load", us=40)
    event.record(a)
    b.wait_event(event)
    c.wait_event(event)
    kernel(b, "left", us=30)
    kernel(c, "right", us=50)
    event.record(b)
    event.record(c)
    a.wait_event(event)
    kernel(a, "merge", us=10)


# %% wrong: four recordings -> recordings: there are 4, and fewer will do
def ordered(a, b, c):
    kernel(a, "load", us=40)
    b.wait_stream(a)
    c.wait_stream(a)
    kernel(b, "left", us=30)
    kernel(c, "right", us=50)
    a.wait_stream(b)
    a.wait_stream(c)
    kernel(a, "merge", us=10)


# %% wrong: the host waits -> the host waits \(synchronizeStream\); let a stream wait
def ordered(a, b, c):
    kernel(a, "load", us=40)
    a.synchronize()
    kernel(b, "left", us=30)
    kernel(c, "right", us=50)
    b.synchronize()
    c.synchronize()
    kernel(a, "merge", us=10)


# %% wrong: the host asks until it is so -> the host asks whether work is done \(queryEvent\)
def ordered(a, b, c):
    kernel(a, "load", us=40)
    event = a.record_event()
    while not event.query():
        pass
    kernel(b, "left", us=30)
    kernel(c, "right", us=50)
    a.wait_event(b.record_event())
    a.wait_event(c.record_event())
    kernel(a, "merge", us=10)


# %% wrong: other durations -> load has to take 40 µs, and took 4 µs
def ordered(a, b, c):
    kernel(a, "load", us=4)
    event = a.record_event()
    b.wait_event(event)
    c.wait_event(event)
    kernel(b, "left", us=30)
    kernel(c, "right", us=50)
    a.wait_event(b.record_event())
    a.wait_event(c.record_event())
    kernel(a, "merge", us=10)


# %% wrong: all on one stream -> left has to run on stream b, and ran on a
def ordered(a, b, c):
    kernel(a, "load", us=40)
    kernel(a, "left", us=30)
    kernel(a, "right", us=50)
    kernel(a, "merge", us=10)


# %% wrong: forgets merge -> merge has to run once, and ran 0 times
def ordered(a, b, c):
    kernel(a, "load", us=40)
    event = a.record_event()
    b.wait_event(event)
    c.wait_event(event)
    kernel(b, "left", us=30)
    kernel(c, "right", us=50)


# %% wrong: no function -> function
ordered = 3


# %% right: one event, recorded three times
def ordered(a, b, c):
    event = torch.Event()
    kernel(a, "load", us=40)
    event.record(a)
    b.wait_event(event)
    c.wait_event(event)
    kernel(b, "left", us=30)
    kernel(c, "right", us=50)
    for stream in (b, c):
        event.record(stream)
        a.wait_event(event)
    kernel(a, "merge", us=10)


# %% right: three events, waited for as soon as there is something to wait for
def ordered(a, b, c):
    kernel(a, "load", us=40)
    load = a.record_event()
    b.wait_event(load)
    kernel(b, "left", us=30)
    left = b.record_event()
    c.wait_event(load)
    kernel(c, "right", us=50)
    a.wait_event(left)
    a.wait_stream(c)
    kernel(a, "merge", us=10)


# %% right: b waits for c behind left, and a for b alone
def ordered(a, b, c):
    kernel(a, "load", us=40)
    load = a.record_event()
    b.wait_event(load)
    c.wait_event(load)
    kernel(b, "left", us=30)
    kernel(c, "right", us=50)
    b.wait_stream(c)
    a.wait_stream(b)
    kernel(a, "merge", us=10)


# %% right: c waits for b behind right, launched without the helper
def ordered(a, b, c):
    load = torch.Event()
    with a:
        mtia_lab.launch("load", us=40)
        load.record()
    with c:
        load.wait()
        mtia_lab.launch("right", us=50)
    with b:
        load.wait()
        mtia_lab.launch("left", us=30)
    c.wait_stream(b)
    a.wait_stream(c)
    with a:
        mtia_lab.launch("merge", us=10)
