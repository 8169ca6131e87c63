"""What two ranks do together, each on a device `d`: the CPU, or the simulated one.

These functions are sent to the ranks as text (see `mtia_lab.distributed.run`), which is why they
import nothing up here that they need.
"""

# ruff: noqa: F821, what they see in the rank: torch, dist, nn, mtia_lab


def mine(d, *shape):
    """A tensor that tells the ranks apart."""
    shape = shape or (2, 3)
    count = torch.Size(shape).numel()
    return (torch.arange(float(count)).view(shape) * (dist.get_rank() + 1)).to(d)


def two(d, *shape):
    """Room for something from each rank."""
    return [torch.empty(*(shape or (2, 3)), device=d) for _ in range(2)]


def all_reduce(d):
    kinds = (dist.ReduceOp.SUM, dist.ReduceOp.MAX, dist.ReduceOp.MIN, dist.ReduceOp.PRODUCT)
    results = [mine(d) for _ in kinds]
    for x, kind in zip(results, kinds, strict=True):
        dist.all_reduce(x, kind)
    return results


def dtypes(d):
    kinds = (torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.uint8)
    results = [mine(d).to(kind) for kind in kinds]
    for x in results:
        dist.all_reduce(x)
    return results


def wrappers(d):
    from torch.testing._internal.two_tensor import TwoTensor

    x = TwoTensor(mine(d), mine(d) + 1)
    dist.all_reduce(x)
    return [x.a, x.b]


def broadcast(d):
    x = mine(d)
    dist.broadcast(x, 1)
    return x


def reduce(d):
    x = mine(d)
    dist.reduce(x, 1)
    return x


def all_gather(d):
    parts, whole = two(d), torch.empty(4, 3, device=d)
    dist.all_gather(parts, mine(d))
    dist.all_gather_into_tensor(whole, mine(d))
    return [*parts, whole]


def gather(d):
    parts = two(d) if dist.get_rank() == 1 else None
    dist.gather(mine(d), parts, 1)
    return parts or []


def scatter(d):
    x, parts = torch.empty(2, 3, device=d), [mine(d), mine(d) + 1]
    dist.scatter(x, parts if dist.get_rank() == 1 else None, 1)
    return x


def reduce_scatter(d):
    x, y = torch.empty(2, 3, device=d), torch.empty(1, 3, device=d)
    dist.reduce_scatter(x, [mine(d), mine(d) + 1])
    dist.reduce_scatter_tensor(y, mine(d))
    return x, y


def all_to_all(d):
    parts, whole = two(d), torch.empty(2, 3, device=d)
    dist.all_to_all(parts, [mine(d), mine(d) + 1])
    dist.all_to_all_single(whole, mine(d))
    return [*parts, whole]


def send_and_receive(d):
    first, second, third = (torch.empty(2, 3, device=d) for _ in range(3))
    other = 1 - dist.get_rank()
    if other:
        dist.send(mine(d), other)
    else:
        assert dist.recv(first) == other  # from any source, which it names
    works = [dist.isend(mine(d), other), dist.irecv(second, other)]
    operations = [dist.P2POp(dist.isend, mine(d) + 1, other), dist.P2POp(dist.irecv, third, other)]
    works += dist.batch_isend_irecv(operations)
    for work in works:
        work.wait()
    return [second, third] if other else [first, second, third]


def coalesced(d):
    sums, parts, whole = [mine(d), mine(d) + 1], two(d, 1, 3), two(d, 4, 3)
    with dist._coalescing_manager(async_ops=True) as manager:
        for x in sums:
            dist.all_reduce(x)
    manager.wait()
    with dist._coalescing_manager():
        for x in parts:
            dist.reduce_scatter_tensor(x, mine(d))
    with dist._coalescing_manager():
        for x in whole:
            dist.all_gather_into_tensor(x, mine(d))
    return [*sums, *parts, *whole]


def views(d):
    """Into a larger tensor, transposed, and twice the same."""
    whole = mine(d, 4, 3)
    dist.all_reduce(whole[1:3])
    transposed = mine(d).t()
    dist.broadcast(transposed.t(), 0)
    return whole, transposed


def asynchronous(d):
    x, y = mine(d), mine(d) + 1
    works = [dist.all_reduce(t, async_op=True) for t in (x, y)]
    for work in reversed(works):
        work.wait()
        work.wait()  # once more changes nothing
    future = dist.all_reduce(mine(d), async_op=True).get_future()
    return x, y, future.then(lambda done: done.value()[0] * 2).wait(), future.wait()[0]


def groups(d):
    pair, one = dist.new_group([0, 1]), dist.new_group([1])
    x = mine(d)
    dist.all_reduce(x, group=pair)
    if dist.get_rank() == 1:
        dist.all_reduce(x, group=one)
    return x


def objects(d):
    got, first = [None, None], [mine(d), d]
    dist.all_gather_object(got, mine(d))
    dist.broadcast_object_list(first, 1)
    dist.barrier(device_ids=[0])  # which has no part in it
    return [*got, first[0]]


def functional(d):
    from torch.distributed import _functional_collectives as functional

    world = dist.group.WORLD
    results = [
        functional.all_reduce(mine(d), "sum", world),
        functional.all_gather_tensor(mine(d), 0, world),
        functional.reduce_scatter_tensor(mine(d), "sum", 0, world),
        functional.all_to_all_single(mine(d), None, None, world),
        *functional.all_reduce_coalesced([mine(d), mine(d) + 1], "sum", world),
    ]
    return [functional.wait_tensor(x) for x in results]


def model(d):
    torch.manual_seed(dist.get_rank())  # DDP makes them equal
    layers = nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 4)
    return nn.Sequential(*layers).to(d)


def trained(d, wrapped, make=None):
    """Three steps on batches that differ from rank to rank."""
    optimizer = (make or torch.optim.SGD)(wrapped.parameters(), lr=0.1)
    torch.manual_seed(5 + dist.get_rank())
    for _ in range(3):
        optimizer.zero_grad()
        wrapped(torch.randn(4, 8).to(d)).square().sum().backward()
        optimizer.step()
    return wrapped


def ddp(d):
    """Every way in which DDP reduces, one bucket a parameter among them; accumulation as well."""
    results = []
    ways = [{}, {"gradient_as_bucket_view": True}, {"find_unused_parameters": True}]
    for options in [*ways, {"static_graph": True}, {"bucket_cap_mb": 1e-4}]:
        wrapped = trained(d, nn.parallel.DistributedDataParallel(model(d), **options))
        if not options:
            with wrapped.no_sync():
                wrapped(mine(d, 4, 8)).sum().backward()
            wrapped(mine(d, 4, 8)).sum().backward()
        results += [p.grad.clone() for p in wrapped.parameters()]
        results += wrapped.state_dict().values()
    return results


def fsdp(d):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh, wrapped = init_device_mesh(d.partition(":")[0], (2,)), model(d)
    for layer in (wrapped[0], wrapped[3], wrapped):
        fully_shard(layer, mesh=mesh)
    return [p.full_tensor() for p in trained(d, wrapped).parameters()]


def sharded_tensors(d):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    x = distribute_tensor(
        mine("cpu", 4, 2).to(d), init_device_mesh(d.partition(":")[0], (2,)), [Shard(0)]
    )
    return (x @ x.t()).full_tensor(), x.sum().full_tensor()


def sharded_optimizer(d):
    from torch.distributed.optim import ZeroRedundancyOptimizer

    def make(parameters, lr):
        return ZeroRedundancyOptimizer(parameters, torch.optim.Adam, lr=lr)

    return list(
        trained(d, nn.parallel.DistributedDataParallel(model(d)), make).state_dict().values()
    )
