"""What the tests of graph capture share."""

import torch

SCHEDULES = ["modelled", "blocking", "latest", "random:5"]


def capture(body, stream=None, pool=None, **options) -> torch.mtia.MTIAGraph:
    """A graph of what `body` enqueues on `stream`, by default the current one."""
    graph = torch.mtia.MTIAGraph(**options)
    # Without a stream, torch.mtia.graph takes whatever was current when it was first used at all.
    with torch.mtia.graph(graph, stream=stream or torch.mtia.current_stream(), pool=pool):
        body()
    return graph


def numbers(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32, device="mtia")
