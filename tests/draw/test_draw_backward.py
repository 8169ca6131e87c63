"""Forward and backward, mirrored: what lies where, on both sides of the turn."""

import re

import pytest
from drawings import Drawing, call, command, some_log
from hypothesis import given, settings
from hypothesis import strategies as st
from test_draw import assert_words_have_room

from mtia_lab import draw
from mtia_lab.draw import palette
from mtia_lab.draw.backward import LEFT, RIGHT, apart, halves
from mtia_lab.log.log import Log

TURN = call("hasPrimaryContext", marker="backward")


def there_and_back():
    """An operator on stream 1 between two on stream 0; its backward between theirs."""
    forward = [
        command(1, "kernel", (0, 0), (1, 10, 30), name="first"),
        command(2, "record", (0, 0), (1, 30, 30), event=1, version=1),
        command(3, "wait", (0, 1), (1, 30, 30), event=1, version=1, after=(2,)),
        command(4, "kernel", (0, 1), (1, 30, 50), name="middle"),
    ]
    backward = [
        command(5, "kernel", (0, 1), (5, 60, 80), name="middle_backward"),
        command(6, "record", (0, 1), (5, 80, 80), event=2, version=1),
        command(7, "wait", (0, 0), (5, 80, 80), event=2, version=1, after=(6,)),
        command(8, "copy", (0, 0), (5, 80, 120), name="D2D"),
    ]
    return Log([*forward, TURN, *backward])


def lanes(log):
    """The lanes of forward, then those of backward, from the top down."""
    forward, backward = halves(log)
    return [*forward.lanes(0), *backward.lanes(200)]


def places(log):
    """`x, y` of each dot and each diamond."""
    marks = [(p, lane) for lane in lanes(log) for p in lane.items if p.item.event]
    return [(placed.left, lane.middle) for placed, lane in marks]


def test_the_turn_is_where_the_engine_asks_which_devices_are_in_use():
    forward, backward = halves(there_and_back())
    assert [c.id for c in forward.commands] == [1, 2, 3, 4]
    assert [c.id for c in backward.commands] == [5, 6, 7, 8]
    assert (forward.begin, forward.end, backward.begin, backward.end) == (10, 50, 60, 120)


def test_time_runs_to_the_turn_and_back_again_on_one_scale():
    unit = (RIGHT - LEFT) / 60  # the longer half is 60 us long
    found = {p.item.name: p for lane in lanes(there_and_back()) for p in lane.items}
    spans = {name: (p.left, p.left + p.width) for name, p in found.items() if name}
    assert spans == {
        "first": pytest.approx((RIGHT - 40 * unit, RIGHT - 20 * unit)),
        "middle": pytest.approx((RIGHT - 20 * unit, RIGHT)),
        "middle_backward": pytest.approx((RIGHT - 20 * unit, RIGHT)),
        "D2D": pytest.approx((LEFT, RIGHT - 20 * unit)),
    }


def test_the_streams_of_backward_are_upside_down():
    assert [lane.key for lane in lanes(there_and_back())] == [(0, 0), (0, 1), (0, 1), (0, 0)]
    heights = [lane.bar for lane in lanes(there_and_back())]
    assert heights == sorted(heights) and len(set(heights)) == 4


def test_an_arrow_leads_from_each_recording_to_its_wait():
    log = there_and_back()
    drawing = Drawing(draw.backward(log))
    wide = [p for p in drawing.all("path") if p.get("stroke-width") == "4.5"]
    ends = [list(map(float, re.findall(r"[\d.]+", p.get("d")))) for p in wide]
    tracks = [r for r in drawing.rects if r.attributes["fill"] == palette.PANEL]
    dot, wait, back_dot, back_wait = (x for x, _ in places(log))
    assert (dot, back_dot) == (wait, back_wait)
    for (x1, y1, x2, y2), x, source, target in zip(
        ends, (dot, back_dot), tracks[::2], tracks[1::2], strict=True
    ):
        assert x1 == x2 == pytest.approx(x, abs=0.02)
        assert source.top < y1 < source.bottom < y2 < target.bottom


def there_and_aside():
    """On stream 0 two recordings at once, behind a wait: one for stream 1, one for stream 2."""
    marks = [
        command(1, "record", (0, 1), (1, 20, 20), event=1, version=1),
        command(2, "wait", (0, 0), (1, 20, 20), event=1, version=1, after=(1,)),
        command(3, "record", (0, 0), (1, 20, 20), event=2, version=1),
        command(4, "wait", (0, 1), (1, 20, 20), event=2, version=1, after=(3,)),
        command(5, "record", (0, 0), (1, 20, 20), event=3, version=1),
        command(6, "wait", (0, 2), (1, 20, 20), event=3, version=1, after=(5,)),
        command(7, "kernel", (0, 0), (1, 20, 40), name="last"),
    ]
    return Log([*marks, TURN, *(changed(c, id=c.id + 10, after=_later(c.after)) for c in marks)])


def _later(ids):
    return tuple(id + 10 for id in ids)


def changed(item, **fields):
    return type(item)(**{name: getattr(item, name) for name in item.__slots__} | fields)


def test_marks_at_one_time_stand_side_by_side():
    found = places(there_and_aside())
    assert len(found) == 12
    for k, (x, y) in enumerate(found):
        assert LEFT - 0.1 < x < RIGHT + 0.1
        assert all(abs(x - a) > 12 or abs(y - b) > 12 for a, b in found[:k])


def test_an_arrow_over_another_lane_passes_beside_the_marks_there():
    drawing = Drawing(draw.backward(there_and_aside()))
    dots = [box for box in drawing.rects if box.words.startswith("record")]
    found = [((box.left + box.right) / 2, (box.top + box.bottom) / 2) for box in dots]
    for shape in drawing.all("polygon"):
        if "".join(shape.itertext()).startswith("wait"):
            corners = [tuple(map(float, p.split(","))) for p in shape.get("points").split()]
            found.append((corners[1][0], corners[0][1]))
    assert len(found) == 12
    wide = 0
    for path in (p for p in drawing.all("path") if p.get("stroke-width") == "4.5"):
        n = list(map(float, re.findall(r"[\d.]+", path.get("d"))))
        if len(n) == 4:
            continue
        wide += 1
        for t in (k / 50 for k in range(3, 48)):
            part = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3]
            x, y = (sum(p * v for p, v in zip(part, n[k::2], strict=True)) for k in (0, 1))
            assert x < RIGHT + 6 and all(abs(x - a) > 5 or abs(y - b) > 5 for a, b in found)
    assert wide == 2


def test_marks_apart_keep_their_order_and_what_is_alone_its_place():
    assert apart([50, 100, 100], True, (10, 600)) == [50, 93.5, 106.5]
    assert apart([50, 100, 100], False, (10, 600)) == [50, 106.5, 93.5]
    assert apart([600, 600], True, (10, 600)) == [587, 600]
    assert apart([10, 10], True, (10, 600)) == [10, 23]
    crowd = apart([300.0] * 20, True, (10, 600))
    assert crowd == sorted(crowd) and crowd[-1] - crowd[0] == pytest.approx(39)
    assert apart([300 + 6.0 * k for k in range(20)], True, (10, 600))[19] == pytest.approx(414)


def test_ascii_has_every_mark_too():
    charts = [line for line in draw.backward(there_and_aside()).text.split("\n") if "|" in line]
    ahead, back = charts[0].split("|")[1], charts[-1].split("|")[1]
    assert "WRR" in ahead and "RRW" in back


def test_it_is_said_who_enqueued_each_half():
    log = there_and_back()
    moved = [c if c.id != 5 else changed(c, thread=3) for c in log.commands]
    text = draw.backward(Log([*moved[:4], TURN, *moved[4:]])).text
    assert "forward, enqueued by host thread 0, 10 to 50 us  -->" in text
    assert "backward, enqueued by host threads 0, 3, 60 to 120 us  <--" in text


def test_ascii_is_mirrored_too():
    lines = draw.backward(there_and_back()).text.split("\n")
    charts = [line for line in lines if "|" in line]
    assert [line.split("|")[0].strip() for line in charts] == [
        *("mtia:0 stream 0", "mtia:0 stream 1"),
        *("mtia:0 stream 1", "mtia:0 stream 0"),
    ]
    middle, back = charts[1].split("|")[1], charts[2].split("|")[1]
    assert middle.strip(".").startswith("W") and middle.endswith("]")
    assert back.endswith("]") and back.strip(".").startswith("R")
    assert charts[3].split("|")[1].startswith("[###")
    turn = next(k for k, line in enumerate(lines) if line.endswith("turn"))
    assert lines.index(charts[1]) < turn < lines.index(charts[2])


def test_without_a_backward_pass_there_is_no_turn():
    picture = draw.backward(Log(there_and_back().commands))
    assert "no backward pass in this log" in picture.text and "turn" not in picture.text
    assert "no forward pass in this log" in draw.backward(Log()).text


@pytest.mark.parametrize("seed", range(3))
def test_ascii_and_svg_tell_the_same_facts(seed):
    records = list(some_log(seed, 20, names=("mul", "softmax_backward")))
    log = Log([*records[:20], TURN, *records[20:]])
    picture = draw.backward(log)
    drawing = Drawing(picture)
    tips = [box.words for box in drawing.rects] + [
        "".join(p.itertext()) for p in drawing.all("polygon")
    ]
    for item in log.commands:
        row = next(line for line in picture.text.split("\n") if line.startswith(f"{item.id:>4}  "))
        assert f"mtia:{item.device} stream {item.stream}" in row
        start, finish = (
            f"{t:.3f}".rstrip("0").rstrip(".") or "0" for t in (item.start, item.finish)
        )
        assert row.split()[-2:] == [start, finish]
        if item.type in ("kernel", "copy"):
            assert f"{item.type} {item.name}" in row
            assert f"{item.type} {item.name}, {start} to {finish} \u00b5s" in tips
        else:
            assert any(
                tip.startswith(f"{item.type}") and f"e{item.event} v{item.version}" in tip
                for tip in tips
            )


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(0, 60))
def test_words_have_room_whatever_was_logged(seed, size, turn):
    records = list(some_log(seed, size))
    assert_words_have_room(draw.backward(Log([*records[:turn], TURN, *records[turn:]])))


def training(steps):
    """A log of steps: a forward kernel, a backward one, and one of the optimizer, 10 us each."""
    records, time = [], 0.0
    for k in range(steps):
        for part in ("forward", "turn", "backward", "optimizer"):
            line = "backward" if part == "turn" else part
            marker = "backward" if part == "turn" else None
            records.append(call("getDevice", begin=time, end=time, site=line, marker=marker))
            if part != "turn":
                times = (time, time, time + 10)
                work = command(len(records), "kernel", (0, 0), times, name=f"{part} {k}")
                records.append(work)
                time += 10
    return Log(records)


def test_of_several_steps_one_is_drawn_or_it_is_refused():
    log = training(3)
    with pytest.raises(ValueError, match=r"3 backward passes: draw one of them.*step=0"):
        draw.backward(log)
    shown = [re.findall(r"kernel (\w+ \d)", draw.backward(log, step=k).text) for k in range(3)]
    assert shown == [
        ["forward 0", "backward 0"],
        ["optimizer 0", "forward 1", "backward 1"],
        ["optimizer 1", "forward 2", "backward 2"],
    ]
    assert draw.backward(log, step=-1).svg == draw.backward(log, step=2).svg
    assert "since the backward before, and forward" in draw.backward(log, step=1).text
    assert "since the backward" not in draw.backward(log, step=0).text
    for step in (3, -4):
        with pytest.raises(ValueError, match=f"3 backward passes, and no step {step}"):
            draw.backward(log, step=step)
    with pytest.raises(ValueError, match="no backward pass, and so no step -1: leave it out"):
        draw.backward(training(0), step=-1)
    with pytest.raises(TypeError, match="as step a number"):
        draw.backward(log, step="last")
    alone = draw.backward(training(1), step=0)
    assert "optimizer" not in alone.text and "optimizer 0" in draw.backward(training(1)).text


def test_a_backward_within_a_backward_is_part_of_it():
    turn = call("getDevice", site="train.py:9", marker="backward")
    inner = call("getDevice", site=None, marker="backward", thread=1)
    works = [command(k, "kernel", (0, 0), (k, k, k + 1), name=f"k{k}") for k in range(1, 5)]
    log = Log([works[0], turn, works[1], inner, works[2], turn, works[3]])
    forward, backward = halves(log)
    assert draw.backward(log).text.count("kernel k") == 4
    assert (len(forward.commands), len(backward.commands)) == (1, 3)
