# %% right: divided first, as DDP does
def average(parameters):
    for parameter in parameters:
        parameter.grad /= dist.get_world_size()
        dist.all_reduce(parameter.grad)


# %% right: divided afterwards
def average(parameters):
    for parameter in parameters:
        dist.all_reduce(parameter.grad, op=dist.ReduceOp.SUM)
        parameter.grad.div_(dist.get_world_size())


# %% right: all at once, and waited for
def average(parameters):
    works = [dist.all_reduce(p.grad, async_op=True) for p in parameters]
    for work, parameter in zip(works, parameters, strict=True):
        work.wait()
        parameter.grad /= dist.get_world_size()


# %% right: one collective for all of them
def average(parameters):
    flat = torch.cat([parameter.grad.flatten() for parameter in parameters])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    parts = flat.split([parameter.numel() for parameter in parameters])
    for parameter, part in zip(parameters, parts, strict=True):
        parameter.grad = part.view_as(parameter)


# %% right: gathered, and the mean taken
def average(parameters):
    for parameter in parameters:
        parts = [torch.empty_like(parameter) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, parameter.grad)
        parameter.grad = torch.stack(parts).mean(0)


# %% right: with an import and a function of its own
def average(parameters):
    from torch.distributed import all_reduce, get_world_size

    def mean(gradient):
        all_reduce(gradient)
        return gradient / get_world_size()

    for parameter in parameters:
        parameter.grad = mean(parameter.grad)


# %% right: a function of another name
def mean_over_all(parameters):
    for parameter in parameters:
        dist.all_reduce(parameter.grad, op=dist.ReduceOp.AVG)


average = mean_over_all


# %% wrong: the sum -> the gradient is the sum over the ranks, and not the mean
def average(parameters):
    for parameter in parameters:
        dist.all_reduce(parameter.grad)


# %% wrong: nothing added up -> neither|half of|its own
def average(parameters):
    for parameter in parameters:
        parameter.grad /= dist.get_world_size()


# %% wrong: into a name that nobody reads -> the gradient is its own, as before
def average(parameters):
    for parameter in parameters:
        gradient = parameter.grad.clone()
        dist.all_reduce(gradient)
        gradient /= dist.get_world_size()


# %% wrong: a variable of the notebook -> NameError: name 'world' .* none of this notebook's
world = 2


def average(parameters):
    for parameter in parameters:
        dist.all_reduce(parameter.grad)
        parameter.grad /= world


# %% wrong: the parameters, not their gradients -> its own, as before. The parameters themselves
def average(parameters):
    for parameter in parameters:
        dist.all_reduce(parameter.data)
        parameter.data /= dist.get_world_size()


# %% wrong: only one rank takes part -> rank 0 called allreduce.*rank 1 returned
def average(parameters):
    if dist.get_rank() == 0:
        for parameter in parameters:
            dist.all_reduce(parameter.grad)
            parameter.grad /= dist.get_world_size()


# %% wrong: only rank 0 has the mean -> rank 1(, 2)?, parameter 0: the gradient is
def average(parameters):
    for parameter in parameters:
        dist.reduce(parameter.grad, dst=0)
        parameter.grad /= dist.get_world_size()


# %% wrong: rank 0's gradients for all -> its own, as before; rank 1, 2, .* that of rank 0
def average(parameters):
    for parameter in parameters:
        dist.broadcast(parameter.grad, src=0)


# %% wrong: not waited for -> right by luck|the gradient is
def average(parameters):
    for parameter in parameters:
        parameter.grad /= dist.get_world_size()
        dist.all_reduce(parameter.grad, async_op=True)


# %% wrong: for two ranks only -> rank 0, 1, 2, parameter 0: the gradient is half of the sum
def average(parameters):
    for parameter in parameters:
        parameter.grad /= 2
        dist.all_reduce(parameter.grad)


# %% wrong: it takes the step as well -> rank 0: the parameters were changed as well
def average(parameters):
    for parameter in parameters:
        parameter.grad /= dist.get_world_size()
        dist.all_reduce(parameter.grad)
        parameter.data -= 0.1 * parameter.grad


# %% wrong: divided twice -> the mean, divided once more
def average(parameters):
    for parameter in parameters:
        parameter.grad /= dist.get_world_size()
        dist.all_reduce(parameter.grad)
        parameter.grad /= dist.get_world_size()


# %% wrong: it raises -> each rank: RuntimeError: .*average\.py:2
def average(parameters):
    dist.all_reduce(torch.stack([parameter.grad for parameter in parameters]))
