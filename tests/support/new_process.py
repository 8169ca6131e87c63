"""Tests that need a process of their own: written as functions, forked from one that has torch."""

import inspect
from collections.abc import Callable

from mtia_lab import isolated

PRELUDE = """
import contextlib, os, shutil, sys, tempfile, threading
from pathlib import Path
import pytest, torch
import mtia_lab
from mtia_lab import build, cache, compiler, errors
loading = sys.modules["mtia_lab.load"]
"""


class Programs:
    """The tests of one module that run in new processes, all started together."""

    def __init__(self):
        self.sources: dict[str, str] = {}

    def test(self, function: Callable[[], None]) -> Callable[[dict], None]:
        """Make `function`, which sees only `PRELUDE` and `setup`, a test with the fixture `ran`."""
        name, source = function.__name__, inspect.getsource(function)
        self.sources[name] = f"{source[source.index('def ') :]}\n{name}()\n"

        def test(ran):
            assert ran[name].ok, f"{ran[name].error}\n{ran[name].stderr}"

        test.__name__, test.__doc__ = name, function.__doc__
        return test

    def run(self, setup: str) -> dict[str, isolated.Result]:
        """Run all of them; what `setup` assigns they all see."""
        return isolated.run_each(self.sources, PRELUDE + setup, timeout=300)
