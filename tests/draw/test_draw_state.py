"""Film strip and thread boxes: the states of the log, and red where one leaked."""

import re

import pytest
from drawings import Drawing, call, moves
from hypothesis import given, settings
from hypothesis import strategies as st

from mtia_lab import State, draw
from mtia_lab.draw import palette
from mtia_lab.log.log import Log

STATES = st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 3))


def tuples(words):
    """Every state written in some text, leaks included."""
    return re.findall(r"\(\d+(?:, \d+)+\)", words)


def told(picture):
    """The states in the order of the frames, in the SVG and in the ASCII."""
    drawing = Drawing(picture)
    frames = [t for t in drawing.texts if re.fullmatch(r"\(\d.*\)( leaked)?", t.words)]
    film = [tuples(text.words)[0] for text in frames]
    lines = [line for line in picture.text.split("\n") if not line.startswith("nothing leaked")]
    return film, tuples("\n".join(lines))


@settings(max_examples=60)
@given(STATES, st.lists(STATES, max_size=12))
def test_a_leak_is_shown_exactly_if_the_last_state_is_not_the_first(start, states):
    picture = draw.filmstrip(Log(moves(states), {0: start}))
    leaks = [start, *states][-1] != start
    red = palette.FAULT.strong
    assert (red in picture.svg) == leaks
    assert ("leaked: " in picture.text.replace("nothing leaked: ", "")) == leaks
    words = [text.words for text in Drawing(picture).texts]
    assert any(w.endswith(") leaked") for w in words) == leaks
    assert any(w.startswith("nothing leaked") for w in words) == (not leaks)
    film, text = told(picture)
    assert film == text == [str(state) for state in [start, *states]]


def test_the_verdict_names_what_leaked():
    log = Log(moves([(1, 0, 2)]), {0: (0, 0, 0)})
    assert "leaked: current device 0 -> 1, stream on mtia:1 0 -> 2" in draw.filmstrip(log).text


def test_only_calls_that_could_set_something_are_frames():
    log = Log(
        [call("getDevice"), call("queryStream"), call("maybeExchangeDevice"), call("setDevice")]
    )
    assert [line for line in draw.filmstrip(log).text.split("\n") if "getDevice" in line] == []
    film, _ = told(draw.filmstrip(log))
    assert len(film) == 3


def test_a_state_that_changes_behind_a_reading_call_is_a_frame():
    log = Log([call("getDevice", (0, 5, 0))], {0: (0, 0, 0)})
    assert "(0, 5, 0) leaked" in draw.filmstrip(log).svg


def test_each_thread_has_its_own_strip_and_verdict():
    here, there = moves([(0, 1, 0), (0, 0, 0)]), moves([(0, 1, 0)], thread=1)
    picture = draw.filmstrip(Log([here[0], *there, here[1]], {0: (0, 0, 0)}))
    words = [text.words for text in Drawing(picture).texts]
    assert any(w.startswith("thread 0: nothing leaked") for w in words)
    assert any(w.startswith("thread 1: leaked: stream on mtia:0") for w in words)


def test_captions_name_phases_and_an_empty_phase_is_seen():
    log = Log(moves([(0, 1, 0), (0, 0, 0)]))
    picture = draw.filmstrip(log, captions=[(0, "enter A"), (1, "body"), (1, "exit A")])
    words = [text.words for text in Drawing(picture).texts]
    assert words.index("enter A") < words.index("body") < words.index("exit A")
    assert "no call" in words and "no call" in picture.text


def test_the_log_alone_decides_the_number_of_devices():
    assert told(draw.filmstrip(Log(), device_count=3))[0] == ["(0, 0, 0, 0)"]
    assert told(draw.filmstrip(Log(moves([(1, 2)]))))[0] == ["(0, 0)", "(1, 2)"]


def test_a_film_of_many_frames_wraps_in_order():
    states = [(k % 2, k, 0) for k in range(1, 23)]
    film, text = told(draw.filmstrip(Log(moves(states))))
    assert film == text == [str(state) for state in [(0, 0, 0), *states]]


def test_threads_shows_each_state_and_what_changed():
    picture = draw.threads(
        before={"main": (0, 0, 0)}, after={"main": State((1, 0, 4)), "worker": (0, 0, 0)}
    )
    words = [text.words for text in Drawing(picture).texts]
    assert words.count("main") == 2 and words.count("worker") == 1
    assert "(1, 0, 4)" in words and "(1, 0, 4)" in picture.text
    assert "> mtia:1 * stream 4 *" in picture.text


def test_threads_takes_a_log():
    log = Log([*moves([(0, 1, 0)]), *moves([(1, 0, 2)], thread=1)], {0: (0, 0, 0)})
    assert tuples(draw.threads(log).text) == ["(0, 1, 0)", "(1, 0, 2)"]


@pytest.mark.parametrize("given", [3, [1], {"main": 7}, {"main": ("a", "b")}])
def test_threads_says_what_it_draws(given):
    with pytest.raises(TypeError, match="mtia_lab.state"):
        draw.threads(given)
