# %% right: as in the solution
def fixed(s1, s2, batches, weight):
    stages = [torch.empty(256, 256).pin_memory() for _ in range(2)]
    events, means = [torch.Event(), torch.Event()], []
    for k, batch in enumerate(batches):
        stage, event = stages[k % 2], events[k % 2]
        event.synchronize()
        stage.copy_(batch)
        with s1:
            x = stage.to("mtia", non_blocking=True)
        event.record(s1)
        s2.wait_stream(s1)
        with s2:
            means.append((x @ weight).mean())
        x.record_stream(s2)
    with s2:
        return torch.stack(means).tolist()


# %% right: by the copy's event instead of all that the stream has
def fixed(s1, s2, batches, weight):
    stages = [torch.empty(256, 256).pin_memory() for _ in range(2)]
    events, means = [torch.Event(), torch.Event()], []
    for k, batch in enumerate(batches):
        stage, event = stages[k % 2], events[k % 2]
        event.synchronize()
        stage.copy_(batch)
        with s1:
            x = stage.to("mtia", non_blocking=True)
        event.record(s1)
        s2.wait_event(event)
        with s2:
            means.append((x @ weight).mean())
        x.record_stream(s2)
    with s2:
        return torch.stack(means).tolist()


# %% right: a stage for each batch, so no stage is filled again
def fixed(s1, s2, batches, weight):
    means = []
    for batch in batches:
        stage = batch.pin_memory()
        with s1:
            x = stage.to("mtia", non_blocking=True)
        s2.wait_stream(s1)
        with s2:
            means.append((x @ weight).mean())
        x.record_stream(s2)
    with s2:
        return torch.stack(means).tolist()


# %% right: three stages in turn
def fixed(s1, s2, batches, weight):
    stages = [torch.empty(256, 256).pin_memory() for _ in range(3)]
    events, means = [torch.Event() for _ in range(3)], []
    for k, batch in enumerate(batches):
        stage, event = stages[k % 3], events[k % 3]
        event.synchronize()
        stage.copy_(batch)
        with s1:
            x = stage.to("mtia", non_blocking=True)
        event.record(s1)
        s2.wait_stream(s1)
        with s2:
            means.append((x @ weight).mean())
        x.record_stream(s2)
    with s2:
        return torch.stack(means).tolist()


# %% right: the copy is kept until the end, so nobody gets its memory
def fixed(s1, s2, batches, weight):
    stages = [torch.empty(256, 256).pin_memory() for _ in range(2)]
    events, means, kept = [torch.Event(), torch.Event()], [], []
    for k, batch in enumerate(batches):
        stage, event = stages[k % 2], events[k % 2]
        event.synchronize()
        stage.copy_(batch)
        with s1:
            x = stage.to("mtia", non_blocking=True)
        event.record(s1)
        s2.wait_stream(s1)
        with s2:
            means.append((x @ weight).mean())
        kept.append(x)
    with s2:
        return torch.stack(means).tolist()


# %% wrong: as it was -> expected
def fixed(s1, s2, batches, weight):
    stages = [torch.empty(256, 256).pin_memory() for _ in range(2)]
    events, means = [torch.Event(), torch.Event()], []
    for k, batch in enumerate(batches):
        stage, event = stages[k % 2], events[k % 2]
        event.synchronize()
        stage.copy_(batch)
        event.record(s1)
        s2.wait_stream(s1)
        with s1:
            x = stage.to("mtia", non_blocking=True)
        with s2:
            means.append((x @ weight).mean())
        x.record_stream(s1)
    with s2:
        return torch.stack(means).tolist()


# %% wrong: the wait stands before the copy -> read-after-write race|expected
def fixed(s1, s2, batches, weight):
    stages = [torch.empty(256, 256).pin_memory() for _ in range(2)]
    events, means = [torch.Event(), torch.Event()], []
    for k, batch in enumerate(batches):
        stage, event = stages[k % 2], events[k % 2]
        event.synchronize()
        stage.copy_(batch)
        s2.wait_stream(s1)
        with s1:
            x = stage.to("mtia", non_blocking=True)
        event.record(s1)
        with s2:
            means.append((x @ weight).mean())
        x.record_stream(s2)
    with s2:
        return torch.stack(means).tolist()


# %% wrong: the event is recorded before the copy -> host writes too soon|expected
def fixed(s1, s2, batches, weight):
    stages = [torch.empty(256, 256).pin_memory() for _ in range(2)]
    events, means = [torch.Event(), torch.Event()], []
    for k, batch in enumerate(batches):
        stage, event = stages[k % 2], events[k % 2]
        event.synchronize()
        stage.copy_(batch)
        event.record(s1)
        with s1:
            x = stage.to("mtia", non_blocking=True)
        s2.wait_stream(s1)
        with s2:
            means.append((x @ weight).mean())
        x.record_stream(s2)
    with s2:
        return torch.stack(means).tolist()


# %% wrong: the event is recorded on the stream that computes -> host writes too soon|expected
def fixed(s1, s2, batches, weight):
    stages = [torch.empty(256, 256).pin_memory() for _ in range(2)]
    events, means = [torch.Event(), torch.Event()], []
    for k, batch in enumerate(batches):
        stage, event = stages[k % 2], events[k % 2]
        event.synchronize()
        stage.copy_(batch)
        with s1:
            x = stage.to("mtia", non_blocking=True)
        event.record(s2)
        s2.wait_stream(s1)
        with s2:
            means.append((x @ weight).mean())
        x.record_stream(s2)
    with s2:
        return torch.stack(means).tolist()


# %% wrong: the memory is recorded for its own stream -> memory reused too soon|expected
def fixed(s1, s2, batches, weight):
    stages = [torch.empty(256, 256).pin_memory() for _ in range(2)]
    events, means = [torch.Event(), torch.Event()], []
    for k, batch in enumerate(batches):
        stage, event = stages[k % 2], events[k % 2]
        event.synchronize()
        stage.copy_(batch)
        with s1:
            x = stage.to("mtia", non_blocking=True)
        event.record(s1)
        s2.wait_stream(s1)
        with s2:
            means.append((x @ weight).mean())
        x.record_stream(s1)
    with s2:
        return torch.stack(means).tolist()


# %% wrong: nobody says that s2 uses the copy -> memory reused too soon|expected
def fixed(s1, s2, batches, weight):
    stages = [torch.empty(256, 256).pin_memory() for _ in range(2)]
    events, means = [torch.Event(), torch.Event()], []
    for k, batch in enumerate(batches):
        stage, event = stages[k % 2], events[k % 2]
        event.synchronize()
        stage.copy_(batch)
        with s1:
            x = stage.to("mtia", non_blocking=True)
        event.record(s1)
        s2.wait_stream(s1)
        with s2:
            means.append((x @ weight).mean())
    with s2:
        return torch.stack(means).tolist()


# %% wrong: the host waits in each round -> took \d+ µs, and \d+ µs will do|waits in vain
def fixed(s1, s2, batches, weight):
    stages = [torch.empty(256, 256).pin_memory() for _ in range(2)]
    events, means = [torch.Event(), torch.Event()], []
    for k, batch in enumerate(batches):
        stage, event = stages[k % 2], events[k % 2]
        event.synchronize()
        stage.copy_(batch)
        with s1:
            x = stage.to("mtia", non_blocking=True)
        event.record(s1)
        s1.synchronize()
        s2.wait_stream(s1)
        with s2:
            means.append((x @ weight).mean())
        x.record_stream(s2)
    with s2:
        return torch.stack(means).tolist()


# %% wrong: everything waits in each round -> took \d+ µs
def fixed(s1, s2, batches, weight):
    stages = [torch.empty(256, 256).pin_memory() for _ in range(2)]
    events, means = [torch.Event(), torch.Event()], []
    for k, batch in enumerate(batches):
        stage, event = stages[k % 2], events[k % 2]
        event.synchronize()
        stage.copy_(batch)
        with s1:
            x = stage.to("mtia", non_blocking=True)
        event.record(s1)
        s2.wait_stream(s1)
        with s2:
            means.append((x @ weight).mean())
        torch.mtia.synchronize()
    with s2:
        return torch.stack(means).tolist()


# %% wrong: the owner waits for each product, so nothing overlaps -> took \d+ µs
def fixed(s1, s2, batches, weight):
    stages = [torch.empty(256, 256).pin_memory() for _ in range(2)]
    events, means = [torch.Event(), torch.Event()], []
    for k, batch in enumerate(batches):
        stage, event = stages[k % 2], events[k % 2]
        event.synchronize()
        stage.copy_(batch)
        with s1:
            x = stage.to("mtia", non_blocking=True)
        event.record(s1)
        s2.wait_stream(s1)
        with s2:
            means.append((x @ weight).mean())
        s1.wait_stream(s2)
    with s2:
        return torch.stack(means).tolist()


# %% wrong: a blocking copy from ordinary memory -> took|waits in vain: needless synchronization
def fixed(s1, s2, batches, weight):
    stages = [torch.empty(256, 256).pin_memory() for _ in range(2)]
    events, means = [torch.Event(), torch.Event()], []
    for k, batch in enumerate(batches):
        stage, event = stages[k % 2], events[k % 2]
        event.synchronize()
        stage.copy_(batch)
        with s1:
            x = batch.to("mtia")
        event.record(s1)
        s2.wait_stream(s1)
        with s2:
            means.append((x @ weight).mean())
        x.record_stream(s2)
    with s2:
        return torch.stack(means).tolist()


# %% wrong: it computes on the CPU -> mm has to run 6 times, and ran not at all
def fixed(s1, s2, batches, weight):
    return [(batch @ weight.cpu()).mean().item() for batch in batches]


# %% wrong: the values of the exercise, and no run -> expected .*, got \[0.0, 1.0
def fixed(s1, s2, batches, weight):
    return [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


# %% wrong: it returns nothing -> returned None, where a list of means was asked for
def fixed(s1, s2, batches, weight):
    means = [batch.mean() for batch in batches]
