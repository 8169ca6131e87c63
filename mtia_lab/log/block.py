"""Context managers that say what to write when they are used without `with`."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import ContextDecorator, contextmanager
from functools import partial, wraps

from ..errors import NotBegun


class Block(ContextDecorator):
    """What `record()` and its like return. Enter it with `with`; anything else is an error.

    Attributes:
        write: the line of Python that the reader meant.
    """

    def __init__(self, make: Callable, write: str) -> None:
        self._make, self.write, self._entered = make, write, []

    def __enter__(self):
        self._entered.append(self._make())
        return self._entered[-1].__enter__()

    def __exit__(self, *raised) -> bool | None:
        return self._entered.pop().__exit__(*raised)

    def __repr__(self) -> str:
        return f"Nothing is recorded yet. Write: {self.write}"

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        raise self._not_begun()

    def __len__(self) -> int:
        raise self._not_begun()

    def __iter__(self) -> Iterator:
        raise self._not_begun()

    def __getitem__(self, index):
        raise self._not_begun()

    def _not_begun(self) -> NotBegun:
        return NotBegun(
            "Nothing is recorded yet.",
            "the call alone does not begin a recording; it needs a block that it lasts for.",
            f"write `{self.write}`, with what to record below it, indented.",
        )


def block(name: str) -> Callable:
    """Make a generator function a function that gives a `Block`, as `contextmanager` does.

    Args:
        name: what the advice calls the thing that the block yields.
    """

    def decorate(function: Callable) -> Callable:
        write = f"with mtia_lab.{function.__name__}() as {name}:"
        signature = inspect.signature(function)

        @wraps(function)
        def call(*args, **kwargs) -> Block:
            signature.bind(*args, **kwargs)
            return Block(partial(contextmanager(function), *args, **kwargs), write)

        return call

    return decorate
