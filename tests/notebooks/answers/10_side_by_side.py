# %% right: on the two streams of the notebook
def side_by_side(x, losses):
    parts, streams = [], (side, other)
    for stream, loss in zip(streams, losses, strict=True):
        stream.wait_stream(main)
        with stream:
            parts.append(torch.autograd.grad(loss(x), x)[0])
    for stream, part in zip(streams, parts, strict=True):
        main.wait_stream(stream)
        part.record_stream(main)
    return parts[0] + parts[1]


# %% right: on two new streams
def side_by_side(x, losses):
    parts, streams = [], [torch.Stream("mtia") for _ in losses]
    for stream, loss in zip(streams, losses, strict=True):
        stream.wait_stream(main)
        with stream:
            parts.append(torch.autograd.grad(loss(x), x)[0])
    for stream, part in zip(streams, parts, strict=True):
        main.wait_stream(stream)
        part.record_stream(main)
    return parts[0] + parts[1]


# %% right: forward on two streams, and one backward, which the engine spreads
def side_by_side(x, losses):
    values = []
    for stream, loss in zip((side, other), losses, strict=True):
        stream.wait_stream(main)
        with stream:
            values.append(loss(x))
    return torch.autograd.grad(values, x)[0]


# %% right: the memory is kept by its owner until main has read it
def new():
    return torch.Stream("mtia"), torch.Stream("mtia")


def grad_of(loss, x):
    return torch.autograd.grad(loss(x), x)[0]


def side_by_side(x, losses):
    parts, streams = [], new()
    for stream in streams:
        stream.wait_stream(main)
    for stream, loss in zip(streams, losses, strict=True):
        with stream:
            parts.append(grad_of(loss, x))
    for stream in streams:
        main.wait_event(stream.record_event())
    total = parts[0] + parts[1]
    for stream in streams:
        stream.wait_stream(main)
    return total


# %% wrong: one after the other -> time: took \d+ µs, and \d+ µs will do: all products run on one
def side_by_side(x, losses):
    return one_by_one(x, losses)


# %% wrong: both on one stream, which is not the default one -> time: took \d+ µs
def side_by_side(x, losses):
    parts, streams = [], (side, side)
    for stream, loss in zip(streams, losses, strict=True):
        stream.wait_stream(main)
        with stream:
            parts.append(torch.autograd.grad(loss(x), x)[0])
    for stream, part in zip(streams, parts, strict=True):
        main.wait_stream(stream)
        part.record_stream(main)
    return parts[0] + parts[1]


# %% wrong: backward is called on main -> will do: the second backward begins behind the first
def side_by_side(x, losses):
    values = []
    for stream, loss in zip((side, other), losses, strict=True):
        stream.wait_stream(main)
        with stream:
            values.append(loss(x))
    parts = [torch.autograd.grad(value, x)[0] for value in values]
    return parts[0] + parts[1]


# %% wrong: main waits for the first before the second begins -> time: took \d+ µs
def side_by_side(x, losses):
    def gradient(loss):
        return torch.autograd.grad(loss(x), x)[0]

    return on(side, gradient, losses[0]) + on(other, gradient, losses[1])


# %% wrong: nothing waits for x -> expected|race
def side_by_side(x, losses):
    parts, streams = [], (side, other)
    for stream, loss in zip(streams, losses, strict=True):
        with stream:
            parts.append(torch.autograd.grad(loss(x), x)[0])
    for stream, part in zip(streams, parts, strict=True):
        main.wait_stream(stream)
        part.record_stream(main)
    return parts[0] + parts[1]


# %% wrong: main does not wait for the gradients -> expected|race
def side_by_side(x, losses):
    parts, streams = [], (side, other)
    for stream, loss in zip(streams, losses, strict=True):
        stream.wait_stream(main)
        with stream:
            parts.append(torch.autograd.grad(loss(x), x)[0])
    for part in parts:
        part.record_stream(main)
    return parts[0] + parts[1]


# %% wrong: main waits for one of the two -> expected|race
def side_by_side(x, losses):
    parts, streams = [], (side, other)
    for stream, loss in zip(streams, losses, strict=True):
        stream.wait_stream(main)
        with stream:
            parts.append(torch.autograd.grad(loss(x), x)[0])
    for part in parts:
        part.record_stream(main)
    main.wait_stream(side)
    return parts[0] + parts[1]


# %% wrong: the memory is not lent to main -> memory reused too soon|expected|race|luck
def side_by_side(x, losses):
    parts, streams = [], (side, other)
    for stream, loss in zip(streams, losses, strict=True):
        stream.wait_stream(main)
        with stream:
            parts.append(torch.autograd.grad(loss(x), x)[0])
    for stream in streams:
        main.wait_stream(stream)
    return parts[0] + parts[1]


# %% wrong: the memory is lent to its own stream -> memory reused too soon|expected|race|luck
def side_by_side(x, losses):
    parts, streams = [], (side, other)
    for stream, loss in zip(streams, losses, strict=True):
        stream.wait_stream(main)
        with stream:
            parts.append(torch.autograd.grad(loss(x), x)[0])
    for stream, part in zip(streams, parts, strict=True):
        main.wait_stream(stream)
        part.record_stream(stream)
    return parts[0] + parts[1]


# %% wrong: the host waits for both -> the host: it waited for the device
def side_by_side(x, losses):
    parts, streams = [], (side, other)
    for stream, loss in zip(streams, losses, strict=True):
        stream.wait_stream(main)
        with stream:
            parts.append(torch.autograd.grad(loss(x), x)[0])
    for stream in streams:
        stream.synchronize()
    return parts[0] + parts[1]


# %% wrong: forward on one stream, and so its backward, whatever is current -> time: took \d+ µs
def side_by_side(x, losses):
    values = [loss(x) for loss in losses]
    parts = []
    for stream, value in zip((side, other), values, strict=True):
        stream.wait_stream(main)
        with stream:
            parts.append(torch.autograd.grad(value, x)[0])
    for stream, part in zip((side, other), parts, strict=True):
        main.wait_stream(stream)
        part.record_stream(main)
    return parts[0] + parts[1]


# %% wrong: one of the losses is left out -> expected .*, got
def side_by_side(x, losses):
    parts, streams = [], (side, other)
    for stream, loss in zip(streams, losses, strict=True):
        stream.wait_stream(main)
        with stream:
            parts.append(torch.autograd.grad(loss(x), x)[0])
    for stream, part in zip(streams, parts, strict=True):
        main.wait_stream(stream)
        part.record_stream(main)
    return parts[0] + parts[0]


# %% wrong: it returns both gradients -> where the sum of the gradients was asked for
def side_by_side(x, losses):
    parts, streams = [], (side, other)
    for stream, loss in zip(streams, losses, strict=True):
        stream.wait_stream(main)
        with stream:
            parts.append(torch.autograd.grad(loss(x), x)[0])
    for stream, part in zip(streams, parts, strict=True):
        main.wait_stream(stream)
        part.record_stream(main)
    return parts


# %% wrong: it returns nothing -> returned None, where the sum of the gradients was asked for
def side_by_side(x, losses):
    parts, streams = [], (side, other)
    for stream, loss in zip(streams, losses, strict=True):
        stream.wait_stream(main)
        with stream:
            parts.append(torch.autograd.grad(loss(x), x)[0])
    for stream, part in zip(streams, parts, strict=True):
        main.wait_stream(stream)
        part.record_stream(main)
    parts[0] + parts[1]
