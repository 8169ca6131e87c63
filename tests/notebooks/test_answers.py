"""Each exercise's judge, in its own cells: wrong answers are refused in words, right ones accepted.

The answers to an exercise lie in `answers/`, in a file with the notebook's number and the answer's
name, as 03_safe_stream.py. It is cut by lines "# %% right: what is particular about it" and
"# %% wrong: what it gets wrong -> pattern", of which the refusal must contain the pattern.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
import sessions
from house_rules import exercise_name
from notebook_files import NOTEBOOKS, tags

ANSWERS = Path(__file__).parent / "answers"
LEAST = {"wrong": 5, "right": 3}
# What Python says about code of ours that was given something else than it expects.
RAW = r"zip\(\)|NoneType|_GeneratorContextManager|object is not|not so\b|cannot be used"


@dataclass
class Exercise:
    """An exercise cell of a notebook."""

    path: Path
    name: str
    before: list[int]  # the cells of the set-up, and of its section before it
    call: str  # its last line, which judges


@dataclass
class Given:
    """An answer."""

    verdict: str  # "right" or "wrong"
    what: str
    pattern: str
    source: str


def exercises(path):
    nb = nbformat.read(path, as_version=4)
    setup, *others = sessions.sections(nb)
    for section in others:
        for at, position in enumerate(section):
            cell = nb.cells[position]
            if "exercise" in tags(cell):
                call = ast.unparse(ast.parse(cell.source).body[-1])
                yield Exercise(path, exercise_name(cell), setup + section[:at], call)


def answers(path):
    marks = re.compile(r"^# %% (right|wrong): (.*?)(?: -> (.*))?\n", re.MULTILINE)
    _, *parts = marks.split(path.read_text(encoding="utf-8"))
    return [
        Given(v, what, pattern or "", s)
        for v, what, pattern, s in zip(*[iter(parts)] * 4, strict=True)
    ]


EXERCISES = {f"{e.path.name[:2]}_{e.name}": e for path in NOTEBOOKS for e in exercises(path)}
FILES = {path.stem: path for path in sorted(ANSWERS.glob("*.py"))}


def test_each_exercise_has_answers_and_each_answer_an_exercise():
    assert EXERCISES.keys() == FILES.keys()


@pytest.mark.parametrize("name", FILES)
def test_there_are_enough_answers(name):
    given = [answer.verdict for answer in answers(FILES[name])]
    assert {
        verdict: least for verdict, least in LEAST.items() if given.count(verdict) < least
    } == {}


@pytest.mark.parametrize("name", FILES)
def test_wrong_answers_are_refused_in_words_and_right_ones_accepted(name, server):
    exercise, given = EXERCISES[name], answers(FILES[name])
    cells = [f"{answer.source}\n{exercise.call}" for answer in given]
    played = sessions.play_each(server, exercise.path, {"": [*exercise.before, *cells]})[""]
    assert sessions.failures(played) == []
    bad = []
    for answer, (_, said, _) in zip(given, played[-len(given) :], strict=True):
        accepted = re.match(r"right: .", said)
        if answer.verdict == "right" and not accepted:
            bad.append(f"refused, and right ({answer.what}): {said}")
        if answer.verdict == "wrong" and (
            accepted or not re.match("wrong|not yet|not started", said)
        ):
            bad.append(f"accepted, and wrong ({answer.what}): {said}")
        if re.search(RAW, said) or not re.search(answer.pattern, said):
            bad.append(f"badly said, wanted {answer.pattern!r} ({answer.what}): {said}")
    assert not bad, "\n".join(bad)
