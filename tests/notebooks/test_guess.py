"""A guess beside what came: said in words, never a failure, whatever the guess is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtia_lab import compare

BELIEFS = {36: "you put both into one stream", 5: "you did not count the launch"}


class Broken:
    """Whose every look at it raises."""

    def __eq__(self, other):
        raise RuntimeError("no")

    def __repr__(self):
        raise RuntimeError("no")

    __hash__ = None


@pytest.mark.parametrize(
    ("guess", "said"),
    [
        (..., "no guess. It is 35."),
        (35, "35, as you guessed."),
        (35.0, "35, as you guessed."),
        (36, "36: you put both into one stream. It is 35."),
        (30, "30 is too small. It is 35."),
        ("35", "wanted a number, got a str. It is 35."),
        (True, "wanted a number, got a bool. It is 35."),
    ],
)
def test_a_guess_a_belief_and_no_guess(guess, said):
    found = compare(guess, 35, BELIEFS)
    assert repr(found) == found.message == said
    assert found.outcome == 35 and found.guess is guess


def test_a_belief_may_be_of_any_kind_and_no_list_of_beliefs_is_needed():
    assert repr(compare((0, 1), (1, 0), {(0, 1): "swapped"})) == "(0, 1): swapped. It is (1, 0)."
    assert repr(compare((0, 2), (1, 0), {(0, 1): "swapped"})).endswith("It is (1, 0).")
    assert repr(compare(False, True, {False: "you waited"})) == "False: you waited. It is True."
    assert repr(compare(0, 1)) == "0 is too small. It is 1."


def test_a_list_is_as_good_as_a_tuple():
    said = repr(compare([0, 1], [1, 0], {(0, 1): "swapped"}))
    assert said == "[0, 1]: swapped. It is [1, 0]."
    assert repr(compare((1, 0), [1, 0])) == "[1, 0], as you guessed."


def test_what_was_written_is_what_is_said():
    said = repr(compare([0, 2], (0, 1)))
    assert said == "[0, 2] is wrong at position 1 (counted from 0). It is (0, 1)."
    assert repr(compare([1], 3)) == "wanted a number, got a list. It is 3."
    assert repr(compare(["a", "b"], {"b", "a"})) == "{'a', 'b'}, as you guessed."
    assert "lacks something" in repr(compare(["a"], {"b", "a"}))


def test_a_number_may_be_near_enough():
    near = lambda guess: repr(compare(guess, 36, {30: "nearly"}, within=4))  # noqa: E731
    assert near(36) == "36, as you guessed."
    assert near(40) == "36; 40 is near enough." and near(32.5) == "36; 32.5 is near enough."
    assert near(41) == "41 is too large. It is 36." and near(30) == "30: nearly. It is 36."
    named = compare({"a": 2, "b": True}, {"a": 1, "b": False}, within=1)
    assert repr(named) == "a: 1; 2 is near enough.\nb: True is not so. It is False."
    assert repr(compare(10**400, 1.5, within=4)).endswith("It is 1.5.")


@pytest.mark.parametrize(
    ("within", "error"), [("4", TypeError), (True, TypeError), (-1, ValueError)]
)
def test_a_distance_that_is_none_is_refused(within, error):
    with pytest.raises(error, match=f"within is {within!r}, but has to be"):
        compare(36, 36, within=within)


def test_half_a_tuple_is_no_guess():
    assert repr(compare((0, ...), (0, 1))) == "no guess. It is (0, 1)."


class TestNames:
    CAME = {"one stream": 35, "two": 20}

    @pytest.mark.parametrize("guess", [..., {}, {"one stream": ...}])
    def test_nothing_filled_in(self, guess):
        assert repr(compare(guess, self.CAME)).splitlines() == [
            "one stream: no guess. It is 35.",
            "two: no guess. It is 20.",
        ]

    def test_each_has_a_line_and_beliefs_of_its_own(self):
        beliefs = {"two": {35: "you put both into one stream"}}
        assert repr(compare({"one stream": 35, "two": 35}, self.CAME, beliefs)).splitlines() == [
            "one stream: 35, as you guessed.",
            "two: 35: you put both into one stream. It is 20.",
        ]

    def test_other_names_and_what_has_none(self):
        *_, last = repr(compare({"three": 1, 4: 2}, self.CAME)).splitlines()
        assert last == "nobody asked for: three, 4"
        said = repr(compare(35, self.CAME))
        assert said == "a dict with a guess for each name was asked for: one stream, two"


TEXT = st.text().filter(lambda text: "0x" not in text)  # which marks an address below


@given(st.recursive(st.none() | st.floats() | TEXT | st.just(...), st.lists))
@pytest.mark.parametrize("outcome", [35, True, "x", [1, 2], (0, 1), {1, 2}, {"a": 1}, None])
def test_no_guess_fails(outcome, guess):
    said = repr(compare(guess, outcome, None if isinstance(outcome, dict) else {"a": "b"}))
    assert said and "0x" not in said


@pytest.mark.parametrize("guess", [Broken(), [Broken()], {"a": Broken(), Broken: 1}])
@pytest.mark.parametrize("outcome", [35, [1], {"a": 1}])
def test_a_guess_that_cannot_be_looked_at_fails_no_more(outcome, guess):
    assert repr(compare(guess, outcome))
