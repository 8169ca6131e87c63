"""What the ranks of test_distributed.py run. Sent to them as text, as in collectives.py."""

# ruff: noqa: F821, what they see in the rank: torch, dist, nn, mtia_lab, collectives


def everything(names):
    """On the CPU, where Gloo serves the tensors itself, and on two devices through the host."""
    print("rank", dist.get_rank(), "of", dist.get_world_size(), "by", dist.get_backend())
    first = a_step()  # before the ranks do anything that differs
    mtia_lab.configure("latest", poison=True)
    results = {name: [globals()[name](d) for d in ("cpu", "mtia", "mtia:1")] for name in names}
    for device in (0, 1):
        torch.mtia.synchronize(device)
    mtia_lab.configure("modelled", poison=False)
    return results, on_streams(), first, sockets()


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
        called = len(log)
        with other:
            mtia_lab.launch("long", us=1e5)
            work.wait()
        still_busy = not busy.query()
    torch.mtia.synchronize()
    return log, called, (side.stream_id, other.stream_id), still_busy


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


def one_is_stuck():
    """And rank 0 waits for it."""
    import os
    import time

    print(os.getpid(), flush=True)
    while dist.get_rank() == 1:
        time.sleep(1)
    dist.barrier()
