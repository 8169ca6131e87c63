"""Feedback for exercises: what kind of wrong, never a crash, never the answer."""

import contextlib
import datetime
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtia_lab.exercises.check import check

WHY = "A stream is three numbers."


def says(feedback, status, *words):
    """Assert the status, and that each of the words is in what is shown."""
    assert feedback.status == status, feedback
    assert repr(feedback).startswith(status)
    assert feedback.ok == bool(feedback) == (status == "right")
    for word in words:
        assert word in repr(feedback)


class TestValues:
    @pytest.mark.parametrize(
        "value", [0, True, 2.5, "mtia", (0, 1, 0), [1], {2}, None, {"a": 1}, math.nan, float("inf")]
    )
    def test_the_answer_is_right_and_says_why(self, value):
        says(check(value, expected=value, why=WHY), "right", WHY)

    @given(st.floats(-1e300, 1e300))
    def test_a_float_may_be_off_by_rounding(self, value):
        says(check(value * (1 + 1e-12), expected=value), "right")

    @pytest.mark.parametrize("expected", [1, {"a": 1}, None])
    def test_an_ellipsis_is_not_started(self, expected):
        says(check(..., expected=expected), "not started")

    @pytest.mark.parametrize(
        ("attempt", "expected", "words"),
        [
            ("1", 1, "wanted a number, got a str"),
            (True, 1, "wanted a number, got a bool"),
            (1, True, "wanted True or False, got 1"),
            ([0, 1], (0, 1), "wanted a tuple, got a list"),
            (None, "x", "got nothing"),
            (3, {"a": 1}, "wanted a dict, got an int"),
        ],
    )
    def test_a_wrong_type_names_both(self, attempt, expected, words):
        says(check(attempt, expected=expected), "wrong type", words)

    @pytest.mark.parametrize(
        ("attempt", "expected", "words"),
        [
            (2, 70, "2 is too small"),
            (90.5, 70, "90.5 is too large"),
            (True, False, "not so"),
            ((0, 1, 1), (0, 1, 70), "wrong at position 2"),
            ((0, 1), (0, 1, 70), "length 2, which is too short"),
            ({1, 2}, {1, 70}, "has too much in it and lacks something"),
            ("cuda", "mtia", "'cuda' is not it"),
        ],
    )
    def test_a_wrong_value_says_how_but_not_what_is_right(self, attempt, expected, words):
        feedback = check(attempt, expected=expected)
        says(feedback, "wrong value", words)
        assert "70" not in repr(feedback) and "mtia" not in repr(feedback)


class TestPredictions:
    EXPECTED = {"first": True, "second": 3, "third": (0, 0, 1)}

    def test_nothing_filled_in(self):
        says(check({}, expected=self.EXPECTED), "not started")
        says(check(dict.fromkeys(self.EXPECTED, ...), expected=self.EXPECTED), "not started")

    def test_part_of_it(self):
        attempt = self.EXPECTED | {"second": ...}
        says(check(attempt, expected=self.EXPECTED), "not yet", "2 of 3", "not started: second")

    def test_each_wrong_one_is_named(self):
        feedback = check({"first": False, "second": "3", "fourth": 1}, expected=self.EXPECTED)
        says(feedback, "not yet", "0 of 3 right", "first: False is not so")
        says(feedback, "not yet", "second: wanted a number, got a str")
        says(feedback, "not yet", "not started: third", "not asked: fourth")

    def test_only_types_are_wrong(self):
        says(check(self.EXPECTED | {"second": "3"}, expected=self.EXPECTED), "not yet", "2 of 3")

    def test_what_nobody_asked_for_is_said(self):
        feedback = check(self.EXPECTED | {"fourth": 1}, expected=self.EXPECTED)
        says(feedback, "not yet", "3 of 3 right", "not asked: fourth")

    def test_a_reason_is_said_of_a_wrong_value_alone(self):
        reasons = {"second": "one more came", "third": "no device was asked for"}
        attempt = self.EXPECTED | {"second": 4}
        feedback = check(attempt, expected=self.EXPECTED, reasons=reasons)
        says(feedback, "not yet", "  second: one more came")
        assert "third" not in repr(feedback)
        says(check({"second": "4"}, expected={"second": 3}, reasons=reasons), "not yet", "a number")

    def test_all_right(self):
        says(check(dict(self.EXPECTED), expected=self.EXPECTED, why=WHY), "right", WHY)


def stub(x): ...


def ellipsis(x):
    return ...


def unimplemented(x):
    """With a docstring."""
    raise NotImplementedError


@contextlib.contextmanager
def managed_stub(x): ...


class Stub:
    """Nothing yet."""


CASES = {
    "one": lambda f: f(1) == 2,
    "two": lambda f: None if f(2) == 3 else "forgets to add one",
}


class TestCases:
    @pytest.mark.parametrize("attempt", [..., stub, ellipsis, unimplemented, managed_stub, Stub])
    def test_nothing_filled_in(self, attempt):
        says(check(attempt, cases=CASES), "not started")

    def test_right(self):
        says(check(lambda x: x + 1, cases=CASES, why=WHY), "right", WHY)

    def test_each_failing_case_is_named_with_its_hint(self):
        feedback = check(lambda x: 2, cases=CASES)
        says(feedback, "not yet", "1 of 2 right", "two: forgets to add one")
        assert "one:" not in repr(feedback)

    def test_a_failed_assertion_is_a_hint(self):
        def asserts(f):
            assert f(1) == 3, "leaves device 1 current"

        says(check(lambda x: x, cases={"trap": asserts}), "not yet", "leaves device 1 current")

    def test_an_exception_names_the_line_of_the_reader(self):
        def attempt(x):
            y = x + 1
            return y.missing

        feedback = check(attempt, cases=CASES)
        says(feedback, "not yet", "AttributeError", "at line 3 of attempt: return y.missing")
        assert "Traceback" not in repr(feedback)

    def test_an_exception_in_a_method_of_the_reader(self):
        class Named:
            def name(self):
                return self.nothing

        feedback = check(Named, cases={"named": lambda cls: cls().name()})
        says(feedback, "not yet", "named: raised AttributeError", "at line 2 of name")

    @pytest.mark.parametrize("kind", [classmethod, staticmethod])
    def test_an_exception_in_a_method_of_the_readers_class(self, kind):
        class Named:
            name_of = kind(lambda *handle: {}["nothing"])

        feedback = check(Named, cases={"named": lambda cls: cls.name_of(1)})
        says(feedback, "not yet", "named: raised KeyError", "at line 1 of <lambda>")

    def test_what_does_not_fit_its_call_is_said_without_the_name_of_an_exception(self):
        feedback = check(3, cases=CASES)
        says(feedback, "not yet", "one, two: cannot be used: 'int' object is not callable")

    def test_not_implemented_by_a_library_is_not_the_readers_doing(self):
        def attempt(x):  # torch, too, raises this from C++ where an operator has no kernel
            return datetime.tzinfo().utcoffset(None)

        says(check(attempt, cases=CASES), "not yet", "raised NotImplementedError")

    def test_a_wrong_kind_of_thing(self):
        wanted = check(5, cases=CASES, wants=type)
        says(wanted, "wrong type", "wanted a class, got an int")
        says(check(5, cases=CASES), "not yet", "'int' object is not callable")

    def test_the_function_that_is_checked_keeps_its_name(self):
        def attempt(x):
            return x

        says(check(attempt, cases={"name": lambda f: f.__name__ == "attempt"}), "right")


class Hostile:
    """Raises whatever is done to it."""

    def __eq__(self, other):
        raise SystemExit("eq")

    __hash__ = None

    def __repr__(self):
        raise ValueError("repr")

    def __bool__(self):
        raise RuntimeError("bool")

    def __getattr__(self, name):
        raise OSError(name)


class Lying(Hostile):
    @property
    def __class__(self):
        raise RuntimeError("class")


class HostileDict(dict):
    def get(self, *args):
        raise GeneratorExit


class HostileError(Exception):
    def __str__(self):
        raise ValueError


def exits(x):
    raise SystemExit(3)


def raises_hostile(x):
    raise HostileError


def endless(x):
    return endless(x)


HOSTILE = {
    "object": Hostile,
    "object that lies about its class": Lying,
    "dict": lambda: HostileDict(a=1),
    "value in a dict": lambda: {"a": Hostile()},
    "values in a list": lambda: [Hostile()] * 2,
    "values in a tuple": lambda: (Hostile(), Hostile()),
    "endless iterator": itertools.count,
    "generator": lambda: (x for x in "ab"),
    "huge number": lambda: 10**5000,
    "huge list": lambda: [0] * 10**6,
    "huge text": lambda: "x" * 10**6,
    "class": lambda: Hostile,
    "address": object,
    "not a number": lambda: math.nan,
}


class TestNothingCrashesIt:
    @pytest.mark.parametrize("expected", [3, "x", (1, 2), {1}, {"a": 1}, None, 2.5, True])
    @pytest.mark.parametrize("name", HOSTILE)
    def test_values(self, name, expected):
        attempt = HOSTILE[name]()  # made here: pytest itself would stumble over some of them
        for feedback in (check(attempt, expected=expected), check(attempt, cases=CASES)):
            assert not feedback.ok
            assert len(repr(feedback)) < 2000 and " at 0x" not in repr(feedback)

    def test_one_bad_value_among_good_ones(self):
        feedback = check({"a": Hostile(), "b": 2}, expected={"a": 1, "b": 2})
        says(feedback, "not yet", "1 of 2 right", "a: wanted a number")

    @pytest.mark.parametrize("attempt", [exits, raises_hostile, endless])
    def test_functions(self, attempt):
        says(check(attempt, cases=CASES), "not yet", "one, two: raised")

    def test_hostile_answers_of_a_case(self):
        says(check(lambda: 0, cases={"c": lambda f: Hostile()}), "not yet", "RuntimeError: bool")

    def test_an_interrupt_is_the_readers_own(self):
        def attempt(x):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            check(attempt, cases=CASES)


def test_an_exercise_asks_one_thing():
    for both_or_none in ({}, {"expected": 1, "cases": CASES}):
        with pytest.raises(TypeError, match="exactly one"):
            check(1, **both_or_none)
