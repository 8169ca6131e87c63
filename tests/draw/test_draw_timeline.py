"""The timeline: bars in proportion to time, arrows from the right flag to the right wait."""

import re

import pytest
from drawings import Drawing, call, command, rerecorded, some_log

from mtia_lab import draw
from mtia_lab.draw import palette
from mtia_lab.draw.lanes import Scale, queue_of, stack
from mtia_lab.log.log import Log

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


def hatchings(drawing):
    """The hatched areas, as (left, right); the legend's left out."""
    areas = []
    for path in drawing.all("path"):
        points = re.findall(r"[ML](\S+) ", path.get("d"))
        if path.get("d").count("M") > 5:
            areas.append((min(map(float, points)), max(map(float, points))))
    return areas


def test_hatching_marks_when_the_host_waited():
    copying = call("_copy_from", begin=0.0, end=30.0, waits=((2.0, 10.0), (20.0, 30.0)))
    picture = draw.timeline(Log([copying]))
    drawing = Drawing(picture)
    x = axis(drawing)
    assert hatchings(drawing) == [
        pytest.approx((x(2), x(10)), abs=1),
        pytest.approx((x(20), x(30)), abs=1),
    ]
    assert drawing.find("_copy_from waits") and drawing.find("waits (hatched)")
    lane = picture.text.split("\n")[2].partition("|")[2]
    assert lane.index("~") == pytest.approx(len(lane) * 2 / 30, abs=1)
    assert picture.text.split("\n")[-1].split()[3:] == ["_copy_from", "18", "0", "30"]


def test_a_synchronization_that_had_nothing_to_wait_for_is_not_hatched():
    picture = draw.timeline(Log([call("synchronizeStream", begin=0.0, end=9.0)]))
    assert hatchings(Drawing(picture)) == [] and "waits" not in picture.svg + picture.text


def test_a_copy_looks_like_no_kernel():
    where = [command(k, t, (0, 0), (k, k, k + 1), name=t) for k, t in ((1, "kernel"), (2, "copy"))]
    picture = draw.timeline(Log(where))
    drawing = Drawing(picture)
    fills = {t: bar(drawing, f"{t} {t},").attributes["fill"] for t in ("kernel", "copy")}
    assert fills["copy"] == palette.COPY.strong
    assert fills["kernel"] == palette.stream_hue(0).pale
    assert any(text.words == "copy" for text in drawing.texts)
    assert re.search(r"\[=+kernel=+\]\[#+copy#+\]", picture.text)
    assert "copy" not in draw.timeline(Log(where[:1])).svg


def backlog(size):
    """Kernels of 10 us, launched 1 us apart from another thread than any that calls."""
    times = [(k, max(k, 10 * k - 9), 10 * k + 1) for k in range(1, size + 1)]
    return Log([command(k, "kernel", (0, 1), t, name="k") for k, t in enumerate(times, 1)])


def test_a_strip_shows_the_queue_build_up_and_drain():
    steps = queue_of(backlog(5).commands)
    assert steps == [(2, 1), (3, 2), (4, 3), (5, 4), (11, 3), (21, 2), (31, 1), (41, 0)]
    picture = draw.timeline(backlog(5))
    drawing = Drawing(picture)
    strip = next(p for p in drawing.all("polygon") if len(p.get("points").split()) == 17)
    points = [tuple(map(float, point.split(","))) for point in strip.get("points").split()]
    x = axis(drawing)
    assert [px for px, _ in points[1::2]] == pytest.approx([x(t) for t, _ in steps], abs=0.02)
    floor = points[0][1]
    heights = [floor - y for _, y in points[2::2]]
    assert heights == pytest.approx([heights[0] * count for _, count in steps], abs=0.03)
    assert drawing.find("in its queue: up to 4")
    row = next(line for line in picture.text.split("\n") if "in its queue" in line)
    digits = re.sub(r"(.)\1*", r"\1", row.partition("|")[2].strip("."))
    assert digits in ("1234321", "234321", "124321", "134321", "24321")


def test_a_short_queue_has_no_strip():
    assert queue_of(backlog(3).commands) == []
    assert "queue" not in draw.timeline(backlog(3)).svg + draw.timeline(backlog(3)).text


def launch_lines(log):
    drawing = Drawing(draw.timeline(log))
    found = [p.get("d") for p in drawing.all("path") if p.get("stroke-width") == "1.2"]
    return drawing, [tuple(map(float, re.findall(r"[\d.]+", d))) for d in found]


def test_a_thin_line_joins_each_launch_with_its_bar():
    log = Log([call("launch", begin=0.0, end=6.0), *backlog(5).commands])
    drawing, found = launch_lines(log)
    x = axis(drawing)
    bars = [(line[0], line[2]) for line in found if line[1] != line[3]]
    wanted = [(x(c.enqueue), x(c.start)) for c in log.commands]
    assert bars == [pytest.approx(pair, abs=0.02) for pair in wanted]
    assert drawing.find("from its launch")


def test_many_launches_are_not_joined():
    log = Log([call("launch", begin=0.0, end=6.0), *backlog(17).commands])
    drawing, found = launch_lines(log)
    assert [line for line in found if line[1] != line[3]] == []
    assert not any(text.words == "from its launch" for text in drawing.texts)


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
        if item.type in ("kernel", "copy"):
            assert f"{item.type} {item.name}" in row
            assert bar(drawing, f"{item.type} {item.name}, {row.split()[-2]} to {row.split()[-1]} ")
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


def test_a_dashed_arrow_leads_from_a_draw_to_the_next_on_another_stream():
    first = command(1, "kernel", (0, 1), (1, 1, 40), name="rand")
    second = command(2, "kernel", (0, 2), (2, 40, 50), name="rand", after=(1,))
    picture = draw.timeline(Log([first, second]))
    drawing = Drawing(picture)
    x = axis(drawing)
    (path,) = [p.get("d") for p in drawing.all("path") if p.get("stroke-dasharray")][:-1]
    begin = tuple(map(float, re.findall(r"[\d.]+", path)))
    top, bottom = lane(drawing, 0, 1)
    assert begin[0] == pytest.approx(x(40), abs=0.02) and top < begin[1] < bottom
    assert drawing.find("next draw on one generator")
    assert "kernel rand, after command 1" in picture.text
    same = command(2, "kernel", (0, 1), (2, 40, 50), name="rand", after=(1,))
    assert "generator" not in draw.timeline(Log([first, same])).svg


def test_of_crowded_names_that_of_a_call_that_waits_is_shown():
    calls = [call(f"launch_{k}", begin=k / 5, end=(k + 1) / 5) for k in range(6)]
    waiting = call("item", begin=1.2, end=2.0, waits=((1.4, 2.0),))
    late = command(1, "kernel", (0, 0), (0, 0, 100), name="k")
    words = [t.words for t in Drawing(draw.timeline(Log([*calls, waiting, late]))).texts]
    assert "item waits" in words
    assert any(call.name not in words for call in calls)  # crowded indeed


def test_a_dotted_line_joins_the_end_of_a_wait_with_what_was_waited_for():
    drawing = Drawing(draw.timeline(rerecorded()))
    (line,) = [
        p.get("d")
        for p in drawing.all("path")
        if p.get("stroke-dasharray") == "2 3" and p.get("stroke-width") == "1.2"
    ]
    x1, _, x2, bottom = map(float, re.findall(r"[\d.]+", line))
    assert x1 == x2 == 822  # at 40 us, where the host goes on and `last` ends
    last = next(r for r in drawing.rects if r.words.startswith("kernel last,"))
    assert bottom == last.top
    assert drawing.find("what the host waited for")
