"""A reader's guess beside what came: `compare` says what a wrong one believed, and never fails."""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import WrongArgument, WrongValue
from .check import RIGHT, WRONG_VALUE, Answer, compare_values, one_line, show


@dataclass(frozen=True, repr=False)
class Comparison:
    """A guess and what came.

    Attributes:
        guess: what the reader put in place of `...`, or `...`.
        outcome: what came.
        message: both in words, a line for each part of the outcome that has a name.
    """

    guess: Answer = field(compare=False)
    outcome: Answer
    message: str

    def __repr__(self) -> str:
        return self.message


def compare(
    guess: Answer,
    outcome: Answer,
    beliefs: Mapping[Any, str] | None = None,
    *,
    within: float = 0.0,
) -> Comparison:
    """Compare a guess with what came. No guess is fine, and so is any wrong one.

    Args:
        guess: what the reader wrote, or `...`; for an outcome with names, a dict of guesses, in
            which any may be missing or `...`.
        outcome: what came in the run just now; a dict if it has several named parts.
        beliefs: a wrong guess -> what one believes who guesses it, as "you put both into one
            stream". For an outcome with names: name -> such a dict. What a wrong guess would be
            depends on the run, so its keys are best computed from the log.
        within: how far from the outcome a guess of a number may be, to be near enough.

    Raises:
        TypeError, ValueError: `within` is no distance.
    """
    if isinstance(within, bool) or not isinstance(within, int | float):
        raise WrongArgument(f"within is {within!r}, but has to be a number, such as 0.5")
    if not within >= 0:
        raise WrongValue(f"within is {within}, but has to be 0 or more, such as 0.5")
    beliefs = beliefs or {}
    if not isinstance(outcome, Mapping):
        return Comparison(guess, outcome, _sentence(guess, outcome, beliefs, within))
    if guess is not ... and not isinstance(guess, Mapping):
        message = f"a dict with a guess for each name was asked for: {_listed(outcome)}"
        return Comparison(guess, outcome, message)
    guesses: Mapping[Any, Answer] = {} if guess is ... else guess
    said = {
        name: _sentence(guesses.get(name, ...), value, beliefs.get(name) or {}, within)
        for name, value in outcome.items()
    }
    lines = [f"{one_line(name)}: {sentence}" for name, sentence in said.items()]
    unknown = [name for name in guesses if name not in outcome]
    lines += [f"nobody asked for: {_listed(unknown)}"] if unknown else []
    return Comparison(guess, outcome, "\n".join(lines))


def _sentence(
    guess: Answer, outcome: Answer, beliefs: Mapping[Any, str] | Any, within: float
) -> str:
    came = _show(outcome)
    if guess is ... or (isinstance(guess, tuple | list) and any(part is ... for part in guess)):
        return f"no guess. It is {came}."
    status, wrong = _compared(guess, outcome)
    if status == RIGHT:
        return f"{came}, as you guessed."
    if status == WRONG_VALUE and _distance(guess, outcome) <= within:
        return f"{came}; {show(guess)} is near enough."
    for other, belief in beliefs.items():
        if _compared(guess, other)[0] == RIGHT:
            return f"{show(guess)}: {belief}. It is {came}."
    return f"{wrong}. It is {came}."


def _distance(guess: Answer, outcome: Answer) -> float:
    """Of two numbers; of all else it is infinite."""
    pair = guess, outcome
    numbers = [n for n in pair if isinstance(n, int | float) and not isinstance(n, bool)]
    with contextlib.suppress(OverflowError):  # of a whole number that no float can hold
        return abs(numbers[0] - numbers[1]) if len(numbers) == 2 else math.inf
    return math.inf


def _compared(guess: Answer, outcome: Answer) -> tuple[str, str]:
    """As `compare_values`; which kind of brackets was written is nothing that anybody guesses."""
    if isinstance(guess, tuple | list) and isinstance(outcome, tuple | list):
        outcome = type(guess)(outcome)
    elif isinstance(guess, tuple | list) and isinstance(outcome, set | frozenset):
        with contextlib.suppress(TypeError):  # of what cannot be in a set
            guess = set(guess)
    return compare_values(guess, outcome)


def _show(value: Answer) -> str:
    """On one line, the same on every run: the order of a set's strings is not."""
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(repr, value))) + "}"
    return one_line(repr(value))


def _listed(names: Any) -> str:
    return ", ".join(one_line(name) for name in names)
