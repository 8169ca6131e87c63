"""What the ranks of test_distributed.py run. Sent to them as text, as in collectives.py."""

# ruff: noqa: F821, what they see in the rank: torch, dist, nn, mtia_lab, collectives


def everything(names):
    """On the CPU, where Gloo serves the tensors itself, and on two devices through the host."""
    print("rank", dist.get_rank(), "of", dist.get_world_size(), "by", dist.get_backend())
    first = a_step()  # before the ranks do anything that differs
    mtia_lab.configure("latest", poison=True)
    results = {name: [globals()[name](d) for d in ("cpu", "mtia")] for name in names}
    idle("latest")
    with mtia_lab.sanitizer() as report:
        for name in names:
            results[name].append(globals()[name]("mtia:1"))
    idle("modelled")
    return results, on_streams(), first, sockets(), repr(report), misused(), orders()


def idle(schedule):
    """Wait for both devices, so that the schedule can be chosen; no poison."""
    for device in (0, 1):
        torch.mtia.synchronize(device)
    mtia_lab.configure(schedule, poison=False)


def calls():
    """Of each collective: what begins it, what it reads and what it writes."""
    d, me = "mtia", dist.get_rank()
    x, y, whole, first, second = mine(d), mine(d), torch.empty(4, 3, device=d), two(d), two(d)
    mine_if_root = first if me == 1 else None

    class Both(list):
        def wait(self):
            for work in self:
                work.wait()

    def coalesced():
        with dist._coalescing_manager(async_ops=True) as manager:
            dist.all_reduce(x)
            dist.all_reduce(y)
        return manager

    def begin(function, *arguments):
        return lambda: function(*arguments, async_op=True)

    return {
        "allreduce": (begin(dist.all_reduce, x), [x], [x]),
        "broadcast": (begin(dist.broadcast, x, 0), [x], [x]),
        "reduce": (begin(dist.reduce, x, 0), [x], [x]),
        "all_gather": (begin(dist.all_gather, first, x), [x], first),
        "all_gather_single": (begin(dist.all_gather_into_tensor, whole, x), [x], [whole]),
        "gather": (begin(dist.gather, x, mine_if_root, 1), [x], mine_if_root or []),
        "scatter": (begin(dist.scatter, x, mine_if_root, 1), mine_if_root or [], [x]),
        "reduce_scatter": (begin(dist.reduce_scatter, x, first), first, [x]),
        "reduce_scatter_single": (begin(dist.reduce_scatter_tensor, x, whole), [whole], [x]),
        "all_to_all": (begin(dist.all_to_all, first, second), second, first),
        "all_to_all_single": (begin(dist.all_to_all_single, x, y), [y], [x]),
        "coalesced": (coalesced, [x, y], [x, y]),
        "send and recv": (lambda: Both([dist.isend(x, 1 - me), dist.irecv(y, 1 - me)]), [x], [y]),
    }


def misused():
    """Of each collective: what is found if its tensors are used before `wait()`, and after it."""
    found = {}
    for name, (call, read, written) in calls().items():
        for use in ("read", "change", "after"):
            torch.mtia.synchronize()
            with mtia_lab.sanitizer() as report:
                work = call()
                used = {"read": written, "change": read + written, "after": []}[use]
                for tensor in used:
                    tensor.sum() if use == "read" else tensor.zero_()
                work.wait()
                for tensor in read + written:
                    tensor.zero_()
            assert not report.hints, report.hints
            found[name, use] = bool(used), [(f.kind, f.first.name, f.fix) for f in report]
    return found


def orders():
    """What is right, and what is not, though it is called in the right order on the host."""
    side, values, found = torch.Stream("mtia"), {}, {}
    for fixed in (False, True):
        x = torch.zeros(2, device="mtia")
        torch.mtia.synchronize()
        with mtia_lab.sanitizer() as report:
            with side:
                mtia_lab.launch("busy", us=500)
                x.add_(1)
            if fixed:
                torch.mtia.current_stream().wait_stream(side)
            dist.all_reduce(x)
        found["made on another stream", fixed] = [(f.kind, f.fix) for f in report]
        values["made on another stream", fixed] = x.tolist()
    twice = torch.ones(2, device="mtia")
    works = [dist.all_reduce(twice, async_op=True) for _ in range(2)]
    works[1].wait()
    values["twice, waited for once"] = twice.tolist()
    synchronized = torch.ones(2, device="mtia")
    dist.all_reduce(synchronized, async_op=True)
    torch.mtia.synchronize()
    values["a device synchronized instead"] = synchronized.tolist()
    asked = torch.ones(2, device="mtia")
    work = dist.all_reduce(asked, async_op=True)
    with mtia_lab.sanitizer() as report:
        while not work.is_completed():
            pass
        values["asked until it was complete"] = asked.tolist()
    found["asked until it was complete"] = list(map(repr, report))
    early = torch.ones(2, device="mtia")
    work = dist.all_reduce(early, async_op=True)
    values["read too early"] = early.tolist()
    work.wait()
    values["read late enough"] = early.tolist()
    return values, found


def on_streams():
    """A collective called on `side` and waited for on `other`, while the default stream is busy."""
    busy, side, other = torch.mtia.current_stream(), torch.Stream("mtia"), torch.Stream("mtia")
    x = torch.ones(2, device="mtia")
    torch.mtia.synchronize()
    with mtia_lab.record() as log:
        mtia_lab.launch("busy", us=1e6)
        with side:
            mtia_lab.launch("before", us=100)
            work = dist.all_reduce(x, async_op=True)
        with other:
            mtia_lab.launch("long", us=1e5)
            work.wait()
        still_busy = not busy.query()
    torch.mtia.synchronize()
    return log, (side.stream_id, other.stream_id), still_busy


def a_step():
    """The log of the third step of DDP: in the second, it makes a bucket of each layer."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4)).to("mtia")
    wrapped = nn.parallel.DistributedDataParallel(layers, bucket_cap_mb=1e-4)
    for _ in range(3):
        torch.mtia.synchronize()
        with mtia_lab.record() as log:
            wrapped(torch.ones(4, 8, device="mtia")).sum().backward()
    torch.mtia.synchronize()
    return log


def sockets():
    """The addresses that this process's sockets are bound or connected to, from /proc."""
    import contextlib
    import os
    import re
    import socket

    found, mine = set(), set()
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the listing's own is closed by now
            mine.add(os.readlink(f"/proc/self/fd/{descriptor}"))
    for family, name in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        with open(f"/proc/self/net/{name}") as table:
            rows = [row.split() for row in list(table)[1:]]
        for row in rows:
            if f"socket:[{row[9]}]" in mine:
                for end in row[1:3]:
                    words = re.findall("." * 8, end.partition(":")[0])
                    raw = b"".join(bytes.fromhex(word)[::-1] for word in words)
                    found.add(socket.inet_ntop(family, raw))
    return found


def one_raises_one_dies():
    """And rank 0 waits for them."""
    import os

    print(os.getpid(), flush=True)
    if dist.get_rank() == 1:
        raise ValueError("no")
    if dist.get_rank() == 2:
        os._exit(3)
    dist.barrier()


def all_but_one_leave():
    """Each in a way of its own, instead of returning; rank 0 waits for them."""
    import os
    import sys

    print(os.getpid(), flush=True)
    if dist.get_rank() == 1:
        sys.exit(0)
    if dist.get_rank() == 2:
        sys.exit("text")
    if dist.get_rank() == 3:
        os._exit(0)
    if dist.get_rank() == 4:
        return lambda: None  # which cannot be copied
    dist.barrier()
    return None


def one_alone():
    """Rank 1 does not call it."""
    if dist.get_rank() == 0:
        dist.all_reduce(torch.ones(2))


def other_operations():
    """Which nobody notices on the way."""
    dist.all_reduce(torch.ones(2), (dist.ReduceOp.SUM, dist.ReduceOp.MAX)[dist.get_rank()])


def leaves_the_group():
    """As tutorials end."""
    dist.all_reduce(torch.ones(1))
    if dist.get_rank() == 1:
        dist.destroy_process_group()
    return dist.is_initialized()


def one_is_stuck():
    """And rank 0 waits for it."""
    import os
    import time

    print(os.getpid(), flush=True)
    while dist.get_rank() == 1:
        time.sleep(1)
    dist.barrier()
