"""Holding a backend against clauses in this process; check.py starts it."""

import contextlib
import json
import os
import runpy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

from .backend import Backend, Broken, NotReached, first_line, lacks
from .clause import BROKEN, CLAUSES, KEPT, NOT_REACHED, Clause

BEGIN, END = "@clause ", "@outcome "  # of the lines that it prints


def run(type: str, setup: str, keys: Sequence[str]) -> None:
    """Try the clauses named, in order, and print a line before each and one with its outcome.

    A clause that is broken is the last one: what it left behind is no fault of the next.

    Args:
        type: of device, which has to be the accelerator here.
        setup: a file of Python that makes it so, and may define `slow`; or "".
        keys: of clauses.

    Raises:
        RuntimeError: there is no such accelerator.
    """
    backend = prepared(type, setup)
    for clause in CLAUSES:
        if clause.key in keys:
            print(f"\n{BEGIN}{clause.key}", flush=True)
            status, seen = outcome(clause, backend)
            print(f"\n{END}{json.dumps([status, seen])}", flush=True)
            if status == BROKEN:
                break
    os._exit(0)  # what is registered for the exit might call a guard that is wrong


def prepared(type: str, setup: str = "") -> Backend:
    """The backend, once its author's file has been run; nothing of the device is used by this.

    Raises:
        RuntimeError: the accelerator here is another one, or none.
    """
    names = runpy.run_path(setup) if setup else {}
    accelerator = torch.accelerator.current_accelerator()
    if accelerator is None or accelerator.type != type:
        found = f"the accelerator is {accelerator}" if accelerator else "there is no accelerator"
        raise RuntimeError(f"PyTorch says that {found}, where {type} is expected")
    given = {name: names[name] for name in ("slow", "clock") if name in names}
    return Backend(type, **given)


def outcome(clause: Clause, backend: Backend) -> tuple[str, str]:
    """Hold the backend against one clause: "kept", "broken" or "not reached", and what was seen."""
    with ThreadPoolExecutor(1) as thread:  # a new one: at device 0 and the default stream
        return thread.submit(_tried, clause, backend).result()


def _tried(clause: Clause, backend: Backend) -> tuple[str, str]:
    try:
        clause.program(backend)
    except NotReached as reason:
        return NOT_REACHED, str(reason)
    except Broken as fault:
        return BROKEN, str(fault)
    except Exception as error:  # the backend's, of whatever kind
        missing = lacks(str(error))
        return (NOT_REACHED, f"needs {missing}") if missing else (BROKEN, first_line(error))
    finally:
        if not clause.alone:
            with contextlib.suppress(Exception):  # of a backend that cannot wait
                for index in range(torch.accelerator.device_count()):
                    torch.accelerator.synchronize(index)
    return KEPT, ""
