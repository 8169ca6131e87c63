# %% right: each step writes where its input lies
def frugal(x):
    work = x - x.min()
    work /= work.max()
    work *= work
    return work.mean()


# %% right: names deleted, and out=
def frugal(x):
    work = torch.sub(x, x.min())
    torch.div(work, work.max(), out=work)
    return torch.mul(work, work, out=work).mean()


# %% right: divided only at the end
def frugal(x):
    low, high = x.min(), x.max()
    return (x - low).square_().mean() / (high - low) ** 2


# %% right: in pieces, which needs far less
def frugal(x):
    low, high = x.min(), x.max()
    total = torch.zeros((), device=x.device)
    for piece in x.split(1 << 16):
        total += ((piece - low) / (high - low)).square().sum()
    return total / x.numel()


# %% right: in eight pieces of what the text has
def frugal(x):
    low, high = x.min(), x.max()
    total = torch.zeros((), device=x.device)
    for piece in x.split(2**18):
        scaled = (piece - low) / (high - low)
        total += (scaled * scaled).sum()
    return total / x.numel()


# %% right: the smallest and the largest as numbers of Python, for which the host waits
def frugal(x):
    low, high = x.min().item(), x.max().item()
    return x.sub(low).div_(high - low).pow_(2).mean()


# %% right: on a stream of its own, ordered
def frugal(x):
    side = torch.Stream("mtia")
    side.wait_stream(torch.accelerator.current_stream())
    with side:
        work = x - x.min()
        work.div_(work.max()).square_()
        result = work.mean()
    torch.accelerator.current_stream().wait_stream(side)
    x.record_stream(side)
    result.record_stream(torch.accelerator.current_stream())
    return result


# %% wrong: as it was -> 3\.\d+ times the size of x, \d MiB, at its worst moment: 1\.5 will do
def frugal(x):
    return wasteful(x)


# %% wrong: the minimum forgotten, which nobody notices where it is 0 -> expected 0\.\d+, got
def frugal(x):
    t = x / x.max()
    t *= t
    return t.mean()


# %% wrong: a constant from the notebook's x -> for numbers from -\d.* expected 0\.\d+, got 0\.33
def frugal(x):
    return torch.tensor(0.3333, device=x.device)


# %% wrong: computed on the CPU -> MiB were copied to the host: let the device compute
def frugal(x):
    return wasteful(x.cpu()).to(x.device)


# %% wrong: the result stays on the CPU -> its result is on cpu, and x on mtia:0
def frugal(x):
    return torch.tensor(wasteful(x).item())


# %% wrong: x is the work space -> it was changed: x\[\d+\] was \S+, and is \S+ afterwards
def frugal(x):
    x -= x.min()
    x /= x.max()
    x *= x
    return x.mean()


# %% wrong: x is put back, and not quite -> it was changed: x\[\d+\] was (\S+), and is (?!\1 )
def frugal(x):
    low, high = x.min(), x.max()
    x -= low
    x /= high - low
    result = (x * x).mean()
    x *= high - low
    x += low
    return result


# %% wrong: a Python number -> it returned a float; return a tensor, as wasteful does
def frugal(x):
    work = x - x.min()
    work /= work.max()
    work *= work
    return work.mean().item()


# %% wrong: nothing returned -> it returned nothing; return a tensor
def frugal(x):
    work = x - x.min()
    work /= work.max()
    work *= work


# %% wrong: the squares get a block of their own -> 2\.\d+ times the size of x
def frugal(x):
    work = x - x.min()
    work /= work.max()
    return (work * work).mean()


# %% wrong: no mean -> it returned as many numbers as x has: one was
def frugal(x):
    work = x - x.min()
    work /= work.max()
    return work.square_()


# %% wrong: half precision, which saves memory and loses the number -> expected|its dtype
def frugal(x):
    work = x.half()
    work -= work.min()
    work /= work.max()
    return work.square_().mean()


# %% wrong: on another stream, in no order with the one that made x -> a hazard: |expected
def frugal(x):
    side = torch.Stream("mtia")
    shifted = x - x.min()
    with side:
        shifted /= shifted.max()
        shifted *= shifted
    return shifted.mean()
