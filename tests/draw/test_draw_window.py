"""A part of a timeline: the commands from one moment to another, as if there were no others."""

import re

import pytest
from drawings import Drawing, command, rerecorded, steady

from mtia_lab import draw
from mtia_lab.draw.lanes import LEFT, RIGHT, Scale, Window, lay_out
from mtia_lab.log.log import Log


def test_a_part_is_drawn_as_its_commands_alone_would_be():
    log = steady(1000)
    picture = draw.timeline(log, since=1000, until=1095)
    bars = [r.words for r in Drawing(picture).rects if r.words.startswith("kernel k, ")]
    assert bars == [f"kernel k, {t} to {t + 5} \u00b5s" for t in range(1000, 1100, 10)]
    window, scale = Window(log, 1000, 1095, True), Scale(1095, LEFT, RIGHT, 1000)
    (lane,) = lay_out(window, scale, 0.0).lanes
    for placed, begin in zip(lane.items, range(1000, 1100, 10), strict=True):
        assert placed.left == scale.x(begin)
        assert placed.width == max(scale.x(min(begin + 5, 1095)) - scale.x(begin), 2)
    assert picture.text.startswith("Timeline in virtual time, 1000 to 1095 us")
    assert [t.words for t in Drawing(picture).texts if re.fullmatch(r"1\d\d\d", t.words)] == [
        str(t) for t in range(1000, 1100, 20)
    ]


def test_bars_at_the_border_of_a_part_are_cut():
    log = Log([command(1, "kernel", (0, 0), (0, 10, 90), name="long")])
    (lane,) = lay_out(Window(log, 20, 60, True), Scale(60, LEFT, RIGHT, 20), 0.0).lanes
    assert (lane.items[0].left, lane.items[0].width) == (LEFT, RIGHT - LEFT)
    assert not any(r.words for r in Drawing(draw.timeline(log, since=91, until=99)).rects)
    assert "nothing was enqueued" in draw.timeline(log, since=91, until=99).text


def test_the_queue_of_a_part_counts_what_was_enqueued_before_it():
    times = [(k, max(k, 10 * k - 9), 10 * k + 1) for k in range(1, 9)]
    log = Log([command(k, "kernel", (0, 1), t, name="k") for k, t in enumerate(times, 1)])
    queue = Window(log, 20, 45, True).queue((0, 1))
    assert queue == [(20, 6), (21, 5), (31, 4), (41, 3), (45, 0)]


def test_an_arrow_from_before_a_part_says_so():
    picture = draw.timeline(rerecorded(), since=20)
    assert "recorded before this window" in [t.words for t in Drawing(picture).texts] or (
        "e1 v2" in picture.svg
    )
    late = draw.timeline(rerecorded(), since=33, until=39)
    assert "recorded before" not in late.svg
    wait = command(9, "wait", (0, 1), (40, 50, 50), event=1, version=1, after=(1,))
    early = command(1, "record", (0, 2), (1, 1, 1), event=1, version=1)
    assert "recorded before this window" in draw.timeline(Log([early, wait]), since=45).svg


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"since": 30, "until": 20}, ValueError, "has to come before"),
        ({"until": 0}, ValueError, "is empty"),
        ({"since": "10"}, TypeError, "a number of microseconds"),
        ({"until": float("nan")}, TypeError, "a number of microseconds"),
    ],
)
def test_a_part_that_makes_no_sense_is_refused(given, error, words):
    with pytest.raises(error, match=words):
        draw.timeline(rerecorded(), **given)
