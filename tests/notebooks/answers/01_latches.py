# %% right: written out
latches = {"a": False, "b": True, "c": True, "d": False}
latches |= {"e": True, "f": False, "g": True, "h": False}


# %% right: computed
latches = {letter: letter in "bceg" for letter in "abcdefgh"}


# %% right: measured, by somebody who does not guess
from mtia_lab.exercises.judges.modules import CALLS

programs = {
    letter: f"import contextlib, mtia_lab\nwith contextlib.suppress(RuntimeError): {call}\n"
    "mtia_lab.load()"
    for letter, call in CALLS.items()
}
latches = {letter: not result.ok for letter, result in isolated.run_each(programs).items()}


# %% wrong: each call latches -> a: load\(\) worked after it: it looks whether hooks
latches = dict.fromkeys("abcdefgh", True)


# %% wrong: no call latches -> b: load\(\) was refused after it: only the hooks know
latches = dict.fromkeys("abcdefgh", False)


# %% wrong: only what counts devices -> e: load\(\) was refused after it: .*\n  g: load\(\) was ref
latches = {letter: letter in "bc" for letter in "abcdefgh"}


# %% wrong: what names mtia latches -> 2 of 8 right
latches = {letter: letter in "abfh" for letter in "abcdefgh"}


# %% wrong: seeding is asked of the device -> d: load\(\) worked after it: a seed
latches = {letter: letter in "bcdeg" for letter in "abcdefgh"}


# %% wrong: numbers -> a, d, f, h: wanted True or False, got 0
latches = {letter: int(letter in "bceg") for letter in "abcdefgh"}


# %% wrong: one letter too many -> not asked: i
latches = {letter: letter in "bceg" for letter in "abcdefghi"}


# %% wrong: half of it -> 4 of 8 right\n  not started: e, f, g, h
latches = {letter: letter in "bceg" for letter in "abcd"} | {"e": ...}


# %% wrong: a list -> wanted a dict, got a list; its keys are a, b,
latches = ["b", "c", "e", "g"]


# %% wrong: nothing filled in -> not started: replace the ...
latches = dict.fromkeys("abcdefgh", ...)
