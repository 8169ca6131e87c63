"""The timeline: bars in proportion to time, arrows from the right flag to the right wait."""

import re

import pytest
from drawings import Drawing, call, command, rerecorded, some_log

from mtia_lab import draw
from mtia_lab.draw.lanes import Scale, stack
from mtia_lab.log import Log

LOG = rerecorded()
PICTURE = draw.timeline(LOG)


def bar(drawing, begin):
    """The bar whose tooltip begins so."""
    return next(rect for rect in drawing.rects if rect.words.startswith(begin))


def axis(drawing):
    """The place of a time, taken from two labels of the axis."""
    x0, x1 = (float(drawing.find(str(t)).attributes["x"]) for t in (0, 10))
    return lambda time: x0 + (x1 - x0) * time / 10


def arrows(drawing):
    """`(x, y)` of the two ends of each arrow, in the order of drawing; halos left out."""
    ends = []
    for path in drawing.all("path"):
        found = re.fullmatch(r"M(\S+) (\S+) C\S+ \S+ \S+ \S+ (\S+) (\S+)", path.get("d"))
        if found and path.get("stroke") != "#ffffff":
            x1, y1, x2, y2 = map(float, found.groups())
            ends.append(((x1, y1), (x2, y2)))
    return ends


def lane(drawing, device, stream):
    """The top and bottom of the bars of a stream, from its label."""
    chips = [text for text in drawing.texts if text.words == f"stream {stream}"]
    names = [text for text in drawing.texts if text.words == f"mtia:{device}"]
    middle = next((c.top + c.bottom) / 2 for c in chips for n in names if abs(c.top - n.top) < 4)
    return middle - 14, middle + 14


def test_bars_lie_where_the_axis_says():
    drawing = Drawing(PICTURE)
    x = axis(drawing)
    for item in LOG.commands:
        if item.type == "kernel":
            box = bar(drawing, f"kernel {item.name},")
            assert box.left == pytest.approx(x(item.start), abs=0.02)
            assert box.right == pytest.approx(x(item.finish), abs=0.02)
            top, bottom = lane(drawing, item.device, item.stream)
            assert top - 2 <= box.top < box.bottom <= bottom + 2
    waiting = bar(drawing, "synchronizeStream,")
    assert (waiting.left, waiting.right) == pytest.approx((x(2), x(40)), abs=0.02)


def test_an_arrow_joins_each_wait_with_its_own_recording():
    drawing = Drawing(PICTURE)
    x = axis(drawing)
    first, second = arrows(drawing)
    # Version 1, at 12, releases stream 2; the arrow did not move to version 2, at 32.
    for (begin, end), time, target in ((first, 12, (0, 2)), (second, 32, (1, 0))):
        assert begin[0] == pytest.approx(x(time), abs=0.02)
        assert end[0] == pytest.approx(x(time), abs=0.02)
        source_top, source_bottom = lane(drawing, 0, 1)
        assert source_top - 2 <= begin[1] <= source_bottom + 2
        top, bottom = lane(drawing, *target)
        assert top <= end[1] <= bottom


def test_an_arrow_upwards_starts_at_the_top_of_the_flag():
    log = Log(
        [
            command(1, "kernel", (0, 2), (2, 2, 10), name="produce"),
            command(2, "record", (0, 2), (3, 10, 10), event=1, version=1),
            command(3, "wait", (0, 1), (4, 10, 10), event=1, version=1, after=(2,)),
        ]
    )
    drawing = Drawing(draw.timeline(log))
    (((_, begin), (_, end)),) = arrows(drawing)
    assert begin < lane(drawing, 0, 2)[0]
    top, bottom = lane(drawing, 0, 1)
    assert top <= end <= bottom


def test_a_recording_from_before_the_log_is_hinted_at():
    log = Log([command(9, "wait", (0, 1), (4, 10, 10), event=1, version=3, after=(2,))])
    picture = draw.timeline(log)
    drawing = Drawing(picture)
    assert arrows(drawing) == []
    assert drawing.find("recorded before this log")
    assert "wait for e1 v3, recorded by command 2" in picture.text


def test_flags_name_event_and_version():
    drawing = Drawing(PICTURE)
    assert [t.words for t in drawing.texts if re.fullmatch(r"e\d+ v\d+", t.words)] == [
        "e1 v1",
        "e1 v2",
    ]


@pytest.mark.parametrize("blocked", [True, False])
def test_hatching_marks_what_waited(blocked):
    log = Log([call("synchronizeStream" if blocked else "launch", begin=0.0, end=9.0)])
    drawing = Drawing(draw.timeline(log))
    hatched = [path for path in drawing.all("path") if path.get("d").count("M") > 5]
    assert bool(hatched) == blocked
    assert any(text.words == "held back (hatched)" for text in drawing.texts) == blocked
    assert ("ssss" in draw.timeline(log).text) == blocked


def test_a_wait_that_cost_nothing_is_not_hatched():
    done = command(1, "record", (0, 1), (1, 1, 1), event=1, version=1)
    wait = command(2, "wait", (0, 2), (5, 5, 5), event=1, version=1, after=(1,))
    assert "hatched" not in draw.timeline(Log([done, wait])).svg


@pytest.mark.parametrize("seed", range(5))
def test_ascii_and_svg_tell_the_same_facts(seed):
    log = some_log(seed, 30, names=("mul", "softmax_backward"))
    picture = draw.timeline(log)
    drawing = Drawing(picture)
    for item in log.commands:
        row = next(line for line in picture.text.split("\n") if line.startswith(f"{item.id:>4}  "))
        assert f"mtia:{item.device} stream {item.stream}" in row
        assert row.split()[-2:] == [
            f"{t:.3f}".rstrip("0").rstrip(".") for t in (item.start, item.finish)
        ]
        assert lane(drawing, item.device, item.stream)
        if item.type == "kernel":
            assert f"kernel {item.name}" in row
            assert bar(drawing, f"kernel {item.name}, {row.split()[-2]} to {row.split()[-1]} ")
        else:
            assert f"e{item.event} v{item.version}" in row
    marks = [p for p in drawing.all("polygon") if len(p.get("points").split()) == 4]
    # One diamond a wait, and one in the legend.
    assert len(marks) == 1 + sum(item.type == "wait" for item in log.commands)


def test_ticks_are_round_and_few():
    for end, expected in ((22.0, 5), (100.0, 20), (1.0, 0.2), (0.004, 0.0005), (8.0, 1)):
        ticks = Scale(end, 0, 1).ticks()
        assert ticks[1] - ticks[0] == pytest.approx(expected)
        assert len(ticks) <= 9 and ticks[-1] <= end * 1.0001


def test_labels_take_the_lowest_free_row():
    assert list(stack([(0, 10), (5, 15), (20, 30), (21, 31)], rows=2)) == [0, 1, 0, 1]
    assert list(stack([(0, 9), (0, 9), (0, 9)], rows=2)) == [0, 1, None]
