"""A backend of `torch.distributed` for tensors on the simulated device: Gloo, through the host.

Importing this module registers it under the name `mtia_gloo`, for tensors of both the CPU and
the device::

    torch.distributed.init_process_group("mtia_gloo", store=..., rank=..., world_size=...)
"""

from .group import BACKEND, PeerLost
from .ranks import RanksFailed, run

__all__ = ["BACKEND", "PeerLost", "RanksFailed", "run"]
