# %% right: the host waits for the stream of the copy
def before_read(s1, s2):
    s2.synchronize()


# %% right: it waits for an event behind the copy
def before_read(s1, s2):
    s2.record_event().synchronize()


# %% right: it asks until the answer is yes
def before_read(s1, s2):
    while not s2.query():
        pass


# %% right: it waits for the current stream, which it chooses
def before_read(s1, s2):
    with s2:
        torch.mtia.current_stream().synchronize()


# %% wrong: it asks sixty times, whatever the answer -> host reads too soon|expected .*, got
def before_read(s1, s2):
    for _ in range(60):
        s2.query()


# %% wrong: it asks two hundred times, which is enough by the clock -> expected .*, got|took
def before_read(s1, s2):
    for _ in range(200):
        s2.query()


# %% wrong: it waits for everything -> time: took 1\d\d µs, and \d\d µs will do
def before_read(s1, s2):
    torch.mtia.synchronize()


# %% wrong: it waits for the other stream -> time: took 1\d\d µs
def before_read(s1, s2):
    s1.synchronize()


# %% wrong: a stream waits, and the host does not -> expected .*, got nan
def before_read(s1, s2):
    s1.wait_stream(s2)


# %% wrong: the stream of the copy waits, and the host does not -> expected .*, got nan
def before_read(s1, s2):
    s2.wait_stream(s1)


# %% wrong: an event that nobody recorded -> expected .*, got nan
def before_read(s1, s2):
    torch.Event().synchronize()


# %% wrong: it waits for the default stream -> expected .*, got nan
def before_read(s1, s2):
    torch.mtia.default_stream().synchronize()


# %% wrong: it launches other work for a while -> expected .*, got
def before_read(s1, s2):
    for _ in range(25):
        mtia_lab.launch("other work", us=1)
