"""Context managers that say what to write when they are used without `with`."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ContextDecorator, contextmanager
from functools import partial, wraps
from typing import Any, Generic, NoReturn, ParamSpec, TypeVar, get_args, get_type_hints

from ..errors import NotBegun

P = ParamSpec("P")
T = TypeVar("T")


class Block(ContextDecorator, Generic[T]):
    """What `record()` and its like return. Enter it with `with`; anything else is an error.

    Attributes:
        write: the line of Python that the reader meant.
        done: what is done by it, such as "recorded".
    """

    def __init__(
        self, make: Callable[[], AbstractContextManager[T]], write: str, done: str
    ) -> None:
        self._make, self.write, self.done = make, write, done
        self._entered: list[AbstractContextManager[T]] = []

    def __enter__(self) -> T:
        self._entered.append(self._make())
        return self._entered[-1].__enter__()

    def __exit__(self, *raised: Any) -> bool | None:
        return self._entered.pop().__exit__(*raised)

    def __repr__(self) -> str:
        return f"Nothing is {self.done} yet. Write: {self.write}"

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
            f"Nothing is {self.done} yet.",
            "the call alone does not begin it; it needs a block that it lasts for.",
            f"write `{self.write}`, with what it is for below it, indented.",
        )


def _spelled_out(function: Callable[..., Any]) -> inspect.Signature:
    """The signature, with each keyword of `**wanted: Unpack[...]` by its name."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    if parameters and parameters[-1].kind is inspect.Parameter.VAR_KEYWORD:
        (wanted,) = get_args(get_type_hints(function)[parameters.pop().name])
        parameters += [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None)
            for name in wanted.__annotations__
        ]
    return signature.replace(parameters=parameters)


def block(
    name: str = "", done: str = "recorded"
) -> Callable[[Callable[P, Iterator[T]]], Callable[P, Block[T]]]:
    """Make a generator function a function that gives a `Block`, as `contextmanager` does.

    Args:
        name: what the advice calls the thing that the block yields; "" if it yields none.
        done: what is done by it.
    """

    def decorate(function: Callable[P, Iterator[T]]) -> Callable[P, Block[T]]:
        signature = _spelled_out(function)
        ending = f" as {name}:" if name else ":"

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> Block[T]:
            signature.bind(*args, **kwargs)
            given = [*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())]
            write = f"with mtia_lab.{function.__name__}({', '.join(given)}){ending}"
            return Block(partial(contextmanager(function), *args, **kwargs), write, done)

        return call

    return decorate
