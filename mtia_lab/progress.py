"""How a cold build shows what it is doing: in a terminal, in a notebook, in a log file."""

import sys
from typing import TextIO

from .errors import ipython_shell


class Progress:
    """Say nothing. The base of the others, and what a warm load gets."""

    def say(self, text: str) -> None:
        """Show one line."""

    def done(self) -> None:
        """The build ended well. After an error or an interrupt what was said stays."""


class Lines(Progress):
    """One line each on a stream."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class Notebook(Progress):
    """Lines under the cell that vanish at the end, and nothing else that the cell has shown.

    A stored output must not depend on whether the library was there already, so at the end the
    display has no content, as it had when it began: an output that every reader passes over.
    """

    def __init__(self) -> None:
        from IPython.display import display

        self._text = ""
        self._handle = display({}, raw=True, display_id=True)

    def say(self, text: str) -> None:
        self._text += text + "\n"
        self._handle.update({"text/plain": self._text}, raw=True)

    def done(self) -> None:
        self._handle.update({}, raw=True)


def choose() -> Progress:
    """Return what suits the place where `load()` was called."""
    in_notebook = hasattr(ipython_shell(), "kernel")
    return Notebook() if in_notebook else Lines(sys.stderr)
