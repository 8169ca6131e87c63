"""The exercise of notebook 01: which calls latch a process, measured in a fresh one for each."""

from collections.abc import Mapping
from functools import cache

from ...isolated import run_each
from ..check import NOT_STARTED, RIGHT, WRONG_TYPE, WRONG_VALUE, Answer, Feedback, one_line, show

# Each is the first thing that a process does after `import torch`.
CALLS = {
    "a": "torch.mtia.is_available()",
    "b": "torch.mtia.device_count()",
    "c": "torch.accelerator.is_available()",
    "d": "torch.manual_seed(0)",
    "e": "torch.Stream()",
    "f": 'torch.get_device_module("mtia")',
    "g": "torch.ones(2).is_pinned()",
    "h": 'torch.device("mtia:1")',
}
REASONS = {
    "a": "it looks whether hooks are registered, sees none, and says False without asking any",
    "b": "only the hooks know how many devices there are",
    "c": "it asks which is the accelerator, and that asks the hooks",
    "d": "a seed for a device that nobody has used is put in a queue",
    "e": "without a device it means the accelerator, and asks which that is",
    "f": "it finds a module of Python by its name",
    "g": "memory is pinned for the accelerator, and it asks which that is",
    "h": "a torch.device is a name, and nobody is asked",
}
_ANSWER = 'a dict with True or False for each letter, such as {"a": True}'


def judge_latches(answer: Answer) -> Feedback:
    """Judge guesses, by letter, of whether a call latches its process."""
    if answer is ...:
        return _not_started()
    if not isinstance(answer, Mapping):
        return Feedback(WRONG_TYPE, f"wanted {_ANSWER}, got {show(answer)}")
    given = {letter: answer.get(letter, ...) for letter in CALLS}
    todo = [letter for letter, guess in given.items() if guess is ...]
    if len(todo) == len(CALLS):
        return _not_started()
    wrong = [line for letter, guess in given.items() if (line := _wrong(letter, guess))]
    more = [one_line(key) for key in answer if key not in CALLS]
    lines = [f"{len(CALLS) - len(todo) - len(wrong)} of {len(CALLS)} right", *wrong]
    lines += [f"  not started: {', '.join(todo)}"] if todo else []
    lines += [f"  not asked: {', '.join(more)}"] if more else []
    if wrong or more:
        return Feedback(WRONG_VALUE, "\n".join(lines))
    if todo:
        return Feedback(NOT_STARTED, "\n".join(lines))
    because = "a call latches if it needs an answer from the hooks, not if it only handles names"
    return Feedback(RIGHT, because)


@cache
def measured() -> dict[str, bool]:
    """Whether `mtia_lab.load()` is refused after each call, in a process of its own."""
    after = "with contextlib.suppress(RuntimeError): {}\nmtia_lab.load()"
    programs = {letter: after.format(call) for letter, call in CALLS.items()}
    results = run_each(programs, "import contextlib, torch, mtia_lab")
    return {
        letter: (result.error or "").startswith("ProcessLatched")
        for letter, result in results.items()
    }


def _wrong(letter: str, guess: object) -> str:
    """A line on what is wrong with a guess, and why; "" if it is right, or not made."""
    latches = measured()[letter]
    if guess is ... or guess is latches:
        return ""
    if not isinstance(guess, bool):
        return f"  {letter}: wanted True or False, got {show(guess)}"
    came = "load() was refused after it" if latches else "load() worked after it"
    return f"  {letter}: {came}: {REASONS[letter]}"


def _not_started() -> Feedback:
    return Feedback(NOT_STARTED, "put True or False in place of each ... and run the cell again")
