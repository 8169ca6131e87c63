"""Context managers that say what to write when they are used without `with`."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ContextDecorator, contextmanager
from functools import partial, wraps
from typing import Any, Generic, NoReturn, ParamSpec, TypeVar

from ..errors import NotBegun

P = ParamSpec("P")
T = TypeVar("T")


class Block(ContextDecorator, Generic[T]):
    """What `record()` and its like return. Enter it with `with`; anything else is an error.

    Attributes:
        write: the line of Python that the reader meant.
    """

    def __init__(self, make: Callable[[], AbstractContextManager[T]], write: str) -> None:
        self._make, self.write = make, write
        self._entered: list[AbstractContextManager[T]] = []

    def __enter__(self) -> T:
        self._entered.append(self._make())
        return self._entered[-1].__enter__()

    def __exit__(self, *raised: Any) -> bool | None:
        return self._entered.pop().__exit__(*raised)

    def __repr__(self) -> str:
        return f"Nothing is recorded yet. Write: {self.write}"

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise self._not_begun()

    def __len__(self) -> int:
        raise self._not_begun()

    def __iter__(self) -> Iterator[NoReturn]:
        raise self._not_begun()

    def __getitem__(self, index: Any) -> NoReturn:
        raise self._not_begun()

    def _not_begun(self) -> NotBegun:
        return NotBegun(
            "Nothing is recorded yet.",
            "the call alone does not begin a recording; it needs a block that it lasts for.",
            f"write `{self.write}`, with what to record below it, indented.",
        )


def block(name: str) -> Callable[[Callable[P, Iterator[T]]], Callable[P, Block[T]]]:
    """Make a generator function a function that gives a `Block`, as `contextmanager` does.

    Args:
        name: what the advice calls the thing that the block yields.
    """

    def decorate(function: Callable[P, Iterator[T]]) -> Callable[P, Block[T]]:
        write = f"with mtia_lab.{function.__name__}() as {name}:"
        signature = inspect.signature(function)

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> Block[T]:
            signature.bind(*args, **kwargs)
            return Block(partial(contextmanager(function), *args, **kwargs), write)

        return call

    return decorate
