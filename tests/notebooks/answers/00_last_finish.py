# %% right: the largest of three ends
def last_finish(a, b, c):
    return max(2 + a, 4 + b, 6 + c)


# %% right: a loop that keeps the host's time, as the simulator does
def last_finish(*kernels):
    host = last = 0.0
    for us in kernels:
        host += 2
        last = max(last, host + us)
    return last


# %% right: enumerated, as an int or a float
def last_finish(a, b, c):
    ends = [2 * n + us for n, us in enumerate((a, b, c), start=1)]
    return float(sorted(ends)[-1])


# %% right: measured on the device itself
def last_finish(*times):
    with mtia_lab.record() as log:
        for us in times:
            with torch.Stream("mtia:1"):
                mtia_lab.launch(us=us)
        torch.accelerator.synchronize(1)
    return max(command.finish for command in log.commands)


# %% right: measured, and not waited for
def last_finish(*times):
    with mtia_lab.record() as log:
        for us in times:
            with torch.Stream("mtia:0"):
                mtia_lab.launch("kernel", us=us)
    return max(command.finish for command in log.commands)


# %% wrong: a number, right for three kernels of 10 µs -> wanted a function, got an int
last_finish = 16


# %% wrong: a constant -> a long one first, .* expected \d+, got 16
def last_finish(a, b, c):
    return 16


# %% wrong: all in one stream -> that is one stream
def last_finish(a, b, c):
    return 2 + a + b + c


# %% wrong: launches are free -> leaves out what the launches cost
def last_finish(a, b, c):
    return max(a, b, c)


# %% wrong: kernels wait for the last launch -> does not wait until the later ones are launched
def last_finish(a, b, c):
    return 6 + max(a, b, c)


# %% wrong: the last launched finishes last -> need not finish last
def last_finish(a, b, c):
    return 6 + c


# %% wrong: the first launch is free -> starts when its launch returns
def last_finish(a, b, c):
    return max(a, 2 + b, 4 + c)


# %% wrong: it prints instead of returning -> it returned nothing; end it with `return`
def last_finish(a, b, c):
    print(max(2 + a, 4 + b, 6 + c))


# %% wrong: text -> expected a number of µs, got '
def last_finish(a, b, c):
    return str(max(2 + a, 4 + b, 6 + c))


# %% wrong: it takes a list -> called like this: last_finish\(a, b, c\)
def last_finish(kernels):
    return max(kernels) + 6


# %% wrong: an error of the reader's own -> ZeroDivisionError.* at line 2 of last_finish
def last_finish(a, b, c):
    return a / 0


# %% wrong: not started -> not started
def last_finish(a, b, c): ...


# %% wrong: the sum of all -> one stream, and it leaves out what the launches cost
def last_finish(a, b, c):
    return a + b + c


# %% wrong: two beliefs at once, so none is named -> expected \d+, got \d+$
def last_finish(a, b, c):
    return max(2 + a, 4 + b, 6 + c) + 2
