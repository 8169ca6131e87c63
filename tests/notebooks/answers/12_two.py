# %% right: the copies first, then both products
def two(rows, weight):
    upper, lower = rows.chunk(2)
    lower, copy = lower.to("mtia:1"), weight.to("mtia:1")
    products = upper @ weight, lower @ copy
    return torch.cat([products[0], products[1].to("mtia:0")])


# %% right: the weight first, and the other half here
def two(rows, weight):
    upper, lower = rows.chunk(2)
    copy, upper = weight.to("mtia:1"), upper.to("mtia:1")
    below, above = lower @ weight, upper @ copy
    return torch.cat([above.to("mtia:0"), below])


# %% right: the copies on a stream of their own, beside the product
def two(rows, weight):
    upper, lower = rows.chunk(2)
    side = torch.Stream("mtia:0")
    side.wait_stream(torch.accelerator.current_stream())
    with side:
        lower, copy = lower.to("mtia:1"), weight.to("mtia:1")
    products = upper @ weight, lower @ copy
    return torch.cat([products[0], products[1].to("mtia:0")])


# %% right: into one result, without cat
def two(rows, weight):
    upper, lower = rows.chunk(2)
    lower, copy = lower.to("mtia:1"), weight.to("mtia:1")
    result = torch.empty(len(rows), weight.shape[1], device="mtia:0")
    torch.mm(upper, weight, out=result[: len(upper)])
    result[len(upper) :].copy_(lower @ copy)
    return result


# %% right: mtia:1 multiplies on a stream of its own that waits for the copies
def two(rows, weight):
    upper, lower = rows.chunk(2)
    lower, copy = lower.to("mtia:1"), weight.to("mtia:1")
    arrived, done = torch.Event("mtia:1"), torch.Event("mtia:1")
    home, side = torch.mtia.default_stream(1), torch.Stream("mtia:1")
    home.record_event(arrived)
    side.wait_event(arrived)
    above = upper @ weight
    with side:
        below = lower @ copy
        below.record_stream(home)
        done.record(side)
        lower.record_stream(side)
        copy.record_stream(side)
    home.wait_event(done)
    return torch.cat([above, below.to("mtia:0")])


# %% wrong: the copy back reads a block that is freed on its own stream -> reused too soon|rows of
def two(rows, weight):
    upper, lower = rows.chunk(2)
    lower, copy = lower.to("mtia:1"), weight.to("mtia:1")
    arrived, done = torch.Event("mtia:1"), torch.Event("mtia:1")
    home, side = torch.mtia.default_stream(1), torch.Stream("mtia:1")
    home.record_event(arrived)
    side.wait_event(arrived)
    above = upper @ weight
    with side:
        below = lower @ copy
        done.record(side)
        lower.record_stream(side)
        copy.record_stream(side)
    home.wait_event(done)
    return torch.cat([above, below.to("mtia:0")])


# %% wrong: two races, right by value -> right by luck|rows of the result are wrong
side = torch.Stream("mtia:1")


def two(rows, weight):
    upper, lower = rows.chunk(2)
    lower, copy = lower.to("mtia:1"), weight.to("mtia:1")
    with side:
        below = lower @ copy
    above = upper @ weight
    return torch.cat([above, below.to("mtia:0")])


# %% wrong: it waits for a stream with the right number on the wrong device -> luck|rows of the
twin, side = torch.Stream("mtia:0"), torch.Stream("mtia:1")


def two(rows, weight):
    upper, lower = rows.chunk(2)
    lower, copy = lower.to("mtia:1"), weight.to("mtia:1")
    with side:
        side.wait_stream(twin)
        below = lower @ copy
    above = upper @ weight
    return torch.cat([above, below.to("mtia:0")])


# %% wrong: the product stands before the copies -> the product on mtia:1 began when that on mtia:0
def two(rows, weight):
    upper, lower = rows.chunk(2)
    above = upper @ weight
    below = lower.to("mtia:1") @ weight.to("mtia:1")
    return torch.cat([above, below.to("mtia:0")])


# %% wrong: half of what the text has -> time: mtia:1 multiplies for \d+ µs, mtia:0 for \d+: half
def two(rows, weight):
    upper, lower = rows[:512], rows[512:]
    lower, copy = lower.to("mtia:1"), weight.to("mtia:1")
    products = upper @ weight, lower @ copy
    return torch.cat([products[0], products[1].to("mtia:0")])


# %% wrong: all on one device -> no kernel ran on mtia:1
def two(rows, weight):
    return rows @ weight


# %% wrong: all on the other device -> no kernel ran on mtia:0
def two(rows, weight):
    return (rows.to("mtia:1") @ weight.to("mtia:1")).to("mtia:0")


# %% wrong: the result stays on mtia:1 -> the result is on mtia:1, not on mtia:0
def two(rows, weight):
    upper, lower = rows.chunk(2)
    lower, copy = lower.to("mtia:1"), weight.to("mtia:1")
    above, below = upper @ weight, lower @ copy
    return torch.cat([above.to("mtia:1"), below])


# %% wrong: the halves in the wrong order -> rows of the result are wrong, the first is row 0
def two(rows, weight):
    upper, lower = rows.chunk(2)
    lower, copy = lower.to("mtia:1"), weight.to("mtia:1")
    above, below = upper @ weight, lower @ copy
    return torch.cat([below.to("mtia:0"), above])


# %% wrong: half of the result -> the result has the shape \[[56]\d\d, 1024\], and not
def two(rows, weight):
    upper, lower = rows.chunk(2)
    lower, copy = lower.to("mtia:1"), weight.to("mtia:1")
    above, below = upper @ weight, lower @ copy
    return above + below.to("mtia:0")


# %% wrong: the host waits -> the host waited for the device
def two(rows, weight):
    upper, lower = rows.chunk(2)
    lower, copy = lower.to("mtia:1"), weight.to("mtia:1")
    torch.accelerator.synchronize(1)
    above, below = upper @ weight, lower @ copy
    torch.accelerator.synchronize(1)
    return torch.cat([above, below.to("mtia:0")])


# %% wrong: through the host -> the host waited for the device
def two(rows, weight):
    upper, lower = rows.chunk(2)
    lower, copy = lower.cpu().to("mtia:1"), weight.cpu().to("mtia:1")
    above, below = upper @ weight, lower @ copy
    return torch.cat([above, below.to("mtia:0")])


# %% wrong: nothing returned -> it returned nothing, and not the product
def two(rows, weight):
    torch.cat([part @ weight for part in rows.chunk(2)])
