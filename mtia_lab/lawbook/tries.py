"""Trying the laws: here, or in a process of its own, where another accelerator may be."""

import json
from concurrent.futures import ThreadPoolExecutor

import torch

from .. import isolated
from ..programs.settings import configured
from .programs import LAWS, Law

HOLDS, FAILS = "holds", "does not hold"
TIMEOUT = 300  # seconds: a first use of a GPU compiles and initializes
_MARK = "law "


def here(device: str) -> list[str]:
    """What came of each law on a device of this process."""
    return [outcome(law, device) for law in LAWS]


def simulated() -> list[str]:
    """What came of each law on the simulated device, whatever is configured now."""
    with configured("modelled", poison=False):
        return here("mtia")


def elsewhere(device: str, *, devices: int | None = None) -> list[str]:
    """What came of each law in a process of its own: it may die or hang, and this one does not.

    Args:
        device: a type of device that has to be the accelerator there.
        devices: for a simulated one, how many it has.
    """
    code = f"from {__name__} import report; report({device!r})"
    result = isolated.run(code, timeout=TIMEOUT, devices=devices)
    lines = result.stdout.splitlines()
    found = [json.loads(line.removeprefix(_MARK)) for line in lines if line.startswith(_MARK)]
    why = f"not tried: {result.error or 'the process said nothing'}"
    return [*found, *[why] * (len(LAWS) - len(found))]


def report(device: str) -> None:
    """Print what came of each law, for `elsewhere`."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is None or accelerator.type != device:
        raise RuntimeError(f"the accelerator is {accelerator}, not {device}")
    for law in LAWS:
        print(_MARK + json.dumps(outcome(law, device)), flush=True)


def outcome(law: Law, device: str) -> str:
    """What came of one law, in words."""
    if torch.accelerator.device_count() < law.devices:
        return needs(law)
    with ThreadPoolExecutor(1) as thread:  # a new one: at device 0 and the default stream
        return thread.submit(_tried, law, device).result()


def needs(law: Law) -> str:
    """What is said of a law for which there are too few devices."""
    return f"needs {law.devices} devices"


def _tried(law: Law, device: str) -> str:
    try:
        return HOLDS if law.program(device) else FAILS
    except Exception as error:  # of an accelerator that cannot do it: that is an outcome as well
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"[:60]
