"""The timeline: bars in proportion to time, arrows from the right flag to the right wait."""

import re

import pytest
from drawings import Drawing, call, command, rerecorded, some_log

from mtia_lab import draw
from mtia_lab.draw import palette
from mtia_lab.draw.lanes import BAR, LEFT, RIGHT, Scale, Window, lay_out, stack
from mtia_lab.log.attribution import queue_of
from mtia_lab.log.log import Log

LOG = rerecorded()
X = Scale(40, LEFT, RIGHT).x


def layout(log, end=40.0):
    return lay_out(Window(log, 0.0, end), Scale(end, LEFT, RIGHT), 0.0)


def lane(log, key):
    return next(lane for lane in layout(log).lanes if lane.key == key)


def bar(drawing, begin):
    """The bar whose tooltip begins so."""
    return next(rect for rect in drawing.rects if rect.words.startswith(begin))


def axis(drawing):
    """The place of a time, taken from two labels of the axis."""
    x0, x1 = (float(drawing.find(str(t)).attributes["x"]) for t in (0, 10))
    return lambda time: x0 + (x1 - x0) * time / 10


def test_bars_lie_where_the_axis_says():
    for placed in (placed for lane in layout(LOG).lanes for placed in lane.items):
        times = (placed.item.begin, placed.item.end) if placed.item in LOG.calls else None
        start, finish = times or (placed.item.start, placed.item.finish)
        assert placed.left == X(start) and placed.width == max(X(finish) - X(start), 2)
    assert lane(LOG, 0).items[1].stalls == ((X(2), X(40) - X(2)),)


def test_what_is_painted_is_what_is_laid_out():
    drawing = Drawing(draw.timeline(LOG))
    tracks = [r for r in drawing.rects if r.attributes["fill"] == palette.PANEL]
    x = axis(drawing)
    for lane, track in zip(layout(LOG).lanes, tracks, strict=True):
        assert (track.left, track.right, track.bottom - track.top) == (LEFT, RIGHT, BAR)
        for placed in lane.items:
            if getattr(placed.item, "type", "call") in ("call", "kernel"):
                box = next(r for r in drawing.rects if f"{placed.item.name}, " in r.words)
                assert box.top == track.top and box.left == pytest.approx(placed.left, abs=0.01)
                assert box.right - box.left == pytest.approx(placed.width, abs=0.01)
    assert (x(0), x(40)) == (LEFT, pytest.approx(RIGHT, abs=0.05))
    ends = [(link.begin, link.end) for link in layout(LOG).of("tie")]
    paths = [p.get("d") for p in drawing.all("path") if p.get("stroke-width") == "4.5"]
    numbers = [list(map(float, re.findall(r"[\d.]+", d))) for d in paths]
    assert [(n[0], n[-2]) for n in numbers] == [
        pytest.approx((begin[0], end[0]), abs=0.01) for begin, end in ends
    ]


def test_an_arrow_joins_each_wait_with_its_own_recording():
    # Version 1, at 12, releases stream 2; the arrow did not move to version 2, at 32.
    first, second = layout(LOG).of("tie")
    source = lane(LOG, (0, 1)).bar
    assert (first.begin, second.begin) == ((X(12), source + BAR), (X(32), source + BAR))
    assert first.end == (X(12), lane(LOG, (0, 2)).middle - 8)
    assert second.end == (X(32), lane(LOG, (1, 0)).middle - 8)


def test_an_arrow_upwards_starts_at_the_top_of_the_flag():
    log = Log(
        [
            command(1, "kernel", (0, 2), (2, 2, 10), name="produce"),
            command(2, "record", (0, 2), (3, 10, 10), event=1, version=1),
            command(3, "wait", (0, 1), (4, 10, 10), event=1, version=1, after=(2,)),
        ]
    )
    (link,) = layout(log).of("tie")
    source = lane(log, (0, 2))
    assert link.begin[1] == source.top_of(1) < source.bar
    assert link.end[1] == lane(log, (0, 1)).middle + 8


def test_a_recording_from_before_the_log_is_hinted_at():
    log = Log([command(9, "wait", (0, 1), (4, 10, 10), event=1, version=3, after=(2,))])
    picture = draw.timeline(log)
    assert [link.kind for link in layout(log).links] == ["before"]
    assert Drawing(picture).find("recorded before this log")
    assert "wait for e1 v3, recorded earlier" in picture.text


def test_flags_name_event_and_version():
    drawing = Drawing(draw.timeline(LOG))
    assert [t.words for t in drawing.texts if re.fullmatch(r"e\d+ v\d+", t.words)] == [
        "e1 v1",
        "e1 v2",
    ]


def test_hatching_marks_when_the_host_waited():
    copying = call("_copy_from", begin=0.0, end=30.0, waits=((2.0, 10.0), (20.0, 30.0)))
    log = Log([copying])
    assert lane(log, 0).items[0].stalls == ((X(2), X(10) - X(2)), (X(20), X(30) - X(20)))
    picture = draw.timeline(log)
    drawing = Drawing(picture)
    assert drawing.find("_copy_from waits") and drawing.find("waits (hatched)")
    cells = picture.text.split("\n")[2].partition("|")[2]
    assert cells.index("~") == pytest.approx(len(cells) * 2 / 30, abs=1)
    assert picture.text.split("\n")[-1].split()[3:] == ["_copy_from", "18", "0", "30"]


def test_a_synchronization_that_had_nothing_to_wait_for_is_not_hatched():
    log = Log([call("synchronizeStream", begin=0.0, end=9.0)])
    picture = draw.timeline(log)
    assert lane(log, 0).items[0].stalls == () and "waits" not in picture.svg + picture.text


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
    assert max(count for _, count in queue_of(backlog(3).commands)) == 2
    assert lane(backlog(3), (0, 1)).queue == []
    assert "queue" not in draw.timeline(backlog(3)).svg + draw.timeline(backlog(3)).text


def launched(size):
    return Log([call("launch", begin=0.0, end=6.0), *backlog(size).commands])


def test_a_thin_line_joins_each_launch_with_its_bar():
    log = launched(4)
    host, stream = layout(log).lanes
    assert [(link.begin, link.end) for link in layout(log).of("launch")] == [
        ((X(c.enqueue), host.bar + BAR), (X(c.start), stream.bar)) for c in log.commands
    ]
    assert Drawing(draw.timeline(log)).find("from its launch")


def test_many_launches_are_not_joined():
    assert layout(launched(17), 200.0).of("launch") == []
    assert "from its launch" not in draw.timeline(launched(17)).svg


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
    log = Log([first, second])
    found, x = layout(log, 50.0), Scale(50, LEFT, RIGHT).x(40)
    (link,), (one, two) = found.of("chain"), found.lanes
    assert (link.begin, link.end) == ((x, one.middle), (x, two.middle))
    picture = draw.timeline(log)
    assert Drawing(picture).find("next draw on one generator")
    assert "kernel rand, after no. 1" in picture.text
    same = command(2, "kernel", (0, 1), (2, 40, 50), name="rand", after=(1,))
    assert "generator" not in draw.timeline(Log([first, same])).svg


def test_of_crowded_names_that_of_a_call_that_waits_is_shown():
    calls = [call(f"launch_{k}", begin=k / 5, end=(k + 1) / 5) for k in range(6)]
    waiting = call("item", begin=1.2, end=2.0, waits=((1.4, 2.0),))
    late = command(1, "kernel", (0, 0), (0, 0, 100), name="k")
    picture = draw.timeline(Log([*calls, waiting, late]))
    texts = Drawing(picture).texts
    enlarged = next(t for t in texts if t.words == "enlarged: the first 2 \u00b5s of the host")
    words = [t.words for t in texts if t.top < enlarged.top]
    assert "item waits" in words
    assert any(call.name not in words for call in calls)  # crowded indeed
    below = [t.words for t in texts if t.top > enlarged.top]
    assert {call.name for call in calls} <= set(below)
    assert "2" in below and "k" not in below  # its own axis, and no stream


@pytest.mark.parametrize("names, later", [(2, 0), (9, 12)])
def test_nothing_is_enlarged_where_nothing_is_crowded_or_the_host_goes_on(names, later):
    calls = [call(f"launch_{k}", begin=k / 5, end=(k + 1) / 5) for k in range(names)]
    calls += [call("launch", begin=k, end=k + 1) for k in range(50, 50 + later)]
    late = command(1, "kernel", (0, 0), (0, 0, 100), name="k")
    assert "enlarged" not in draw.timeline(Log([*calls, late])).svg


def test_a_dotted_line_joins_the_end_of_a_wait_with_what_was_waited_for():
    (link,) = layout(LOG).of("release")
    assert link.begin == (X(40), lane(LOG, 0).bar + BAR)  # where the host goes on
    assert link.end == (X(40), lane(LOG, (1, 0)).bar)  # and `last` ends
    assert Drawing(draw.timeline(LOG)).find("what the host waited for")
