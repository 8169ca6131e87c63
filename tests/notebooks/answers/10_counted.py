# %% right: from the laws
counted = {straight: 0, wholly_aside: 2, relay: 3, twice_aside: 4, detached: 0}


# %% right: in another order, as sums
counted = {detached: 0, relay: 1 + 1 + 1, twice_aside: 2 * 2, wholly_aside: 1 + 1, straight: 0}


# %% right: counted in a log of each
def waits(function):
    loss = function(leaf())
    with mtia_lab.record() as log:
        loss.backward()
    return [command for command in log.commands if command.type == "wait"]


functions = straight, wholly_aside, relay, twice_aside, detached
counted = {function: len(waits(function)) for function in functions}


# %% wrong: the end is forgotten -> wholly_aside: 1: both the starting gradient and the wait
counted = {straight: 0, wholly_aside: 1, relay: 3, twice_aside: 4, detached: 0}


# %% wrong: what is detached counts as well -> detached: 2 waits are in forward; backward has them
counted = {straight: 0, wholly_aside: 2, relay: 3, twice_aside: 4, detached: 2}


# %% wrong: a pair for a stream, not for an edge -> twice_aside: 2: you counted streams
counted = {straight: 0, wholly_aside: 2, relay: 3, twice_aside: 2, detached: 0}


# %% wrong: the events of forward are counted -> relay: 4 waits are in forward
counted = {straight: 0, wholly_aside: 2, relay: 4, twice_aside: 4, detached: 2}


# %% wrong: one of five is filled in -> not started: straight, wholly_aside, twice_aside, detached
counted = {straight: ..., wholly_aside: ..., relay: 3, twice_aside: ..., detached: ...}


# %% wrong: one function is left out -> no count for detached
counted = {straight: 0, wholly_aside: 2, relay: 3, twice_aside: 4}


# %% wrong: names instead of functions -> the keys are the functions themselves
counted = {"straight": 0, "wholly_aside": 2, "relay": 3, "twice_aside": 4, "detached": 0}


# %% wrong: the pairs and not their number -> relay.*: wanted a number, got a list
here_to_side = [("main", "side"), ("side", "main")]
counted = {straight: [], wholly_aside: here_to_side, relay: [], twice_aside: [], detached: []}


# %% wrong: numbers without functions -> wanted a dict of counts by function, got
counted = [0, 2, 3, 4, 0]


# %% wrong: nothing is filled in -> not started
counted = {straight: ..., wholly_aside: ..., relay: ..., twice_aside: ..., detached: ...}
