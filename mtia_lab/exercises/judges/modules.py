"""The exercise of notebook 01: which calls latch a process, measured in a fresh one for each."""

from functools import cache

from ...isolated import run_each
from ..check import Answer, Feedback, check

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


def judge_latches(answer: Answer) -> Feedback:
    """Judge guesses, by letter, of whether a call latches its process."""
    if answer is ...:
        return check(answer, expected={})
    came = {True: "load() was refused after it", False: "load() worked after it"}
    return check(
        answer,
        expected=measured(),
        reasons={k: f"{came[latches]}: {REASONS[k]}" for k, latches in measured().items()},
        why="a call latches if it needs an answer from the hooks, not if it only handles names",
    )


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
