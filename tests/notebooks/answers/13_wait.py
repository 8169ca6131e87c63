# %% right: as in the solution
def wait(place, copied):
    if place == "update":
        copied.synchronize()


# %% right: at every place; at two of them it costs little
def wait(place, copied):
    if place != "launch":
        copied.synchronize()


# %% right: with a match
def wait(place, copied):
    match place:
        case "update":
            copied.synchronize()


# %% right: it asks first
def wait(place, copied):
    if place == "update" and not copied.query():
        copied.synchronize()


# %% wrong: it only reads -> not started|expected|host writes too soon
def wait(place, copied):
    return copied


# %% wrong: as in the first fix -> expected|right by luck: host writes too soon
def wait(place, copied):
    if place == "prepare":
        copied.synchronize()


# %% wrong: before the model, for copies of this step -> time: took \d+ µs
def wait(place, copied):
    if place == "launch":
        copied.synchronize()


# %% wrong: the whole device, and so for the model -> time: took \d+ µs, and \d+ µs will do
def wait(place, copied):
    if place == "update":
        torch.accelerator.synchronize()


# %% wrong: a stream waits, and the host goes on -> expected|host writes too soon
def wait(place, copied):
    if place == "update":
        torch.accelerator.current_stream().wait_event(copied)


# %% wrong: it asks, and goes on whatever the answer -> expected|host writes too soon
def wait(place, copied):
    if place == "update":
        copied.query()


# %% wrong: an event of its own, behind the model -> time: took \d+ µs|expected
def wait(place, copied):
    if place == "update":
        torch.accelerator.current_stream().record_event().synchronize()


# %% wrong: it takes one argument -> it is called like this: wait\(place, copied\)
def wait(place):
    return place
