"""Which lines are the reader's own."""

import sysconfig
from importlib.util import find_spec
from pathlib import Path

_TORCH = find_spec("torch")  # it may be built where its sources are
_OTHERS = (
    f"{Path(__file__).parent}/",
    f"{sysconfig.get_path('stdlib')}/",
    "<frozen ",
    *(f"{folder}/" for folder in (_TORCH and _TORCH.submodule_search_locations) or ()),
)
_INSTALLED = "/site-packages/", "/dist-packages/"


def is_readers(file: str) -> bool:
    """Whether the reader wrote it: neither the lab, torch, Python nor anything installed did."""
    return not file.startswith(_OTHERS) and not any(folder in file for folder in _INSTALLED)
