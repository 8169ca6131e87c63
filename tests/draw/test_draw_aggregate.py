"""A timeline of more commands than can be drawn one by one: what it keeps, and how large it is."""

import re
from collections import Counter

import pytest
from drawings import Drawing, call, command, some_log, steady

from mtia_lab import draw
from mtia_lab.draw import palette
from mtia_lab.draw.aggregate import busy_lanes, spread
from mtia_lab.draw.lanes import LEFT, RIGHT, Scale, Window
from mtia_lab.draw.lanes_text import deepest
from mtia_lab.log.log import Log


def heights(drawing, color):
    """The filled outlines of a color, each as a list of (left, right, height)."""
    found = []
    for path in (p for p in drawing.all("path") if p.get("fill") == color):
        for outline in path.get("d").split("Z")[:-1]:
            x, floor = map(float, re.match(r"M(\S+) ([\d.]+)", outline).groups())
            height = 0.0
            for letter, number in re.findall(r"([HV])([\d.]+)", outline):
                if letter == "H":
                    found.append((x, float(number), height))
                    x = float(number)
                else:
                    height = floor - float(number)
    return found


@pytest.mark.parametrize(("size", "one_by_one"), [(3, True), (300, True), (301, False)])
def test_up_to_300_commands_are_drawn_one_by_one(size, one_by_one):
    picture = draw.timeline(steady(size))
    bars = [r for r in Drawing(picture).rects if r.words.startswith("kernel k, ")]
    assert len(bars) == (size if one_by_one else 0)
    assert picture.text.count("kernel k") == (size if one_by_one else 0)
    assert ("since= and until=" in picture.text.replace("\n", " ")) != one_by_one


@pytest.mark.parametrize(
    "log",
    [
        Log([call("query", begin=k, end=k + 0.5) for k in range(1001)]),
        steady(66, streams=33),
    ],
    ids=["calls", "lanes"],
)
def test_many_calls_or_lanes_are_not_drawn_one_by_one_either(log):
    assert not Window(log, 0.0, 1e6).readable


def test_heights_are_shares_of_time():
    """Two stretches of work with a pause between: half of each column busy, all of it, nothing."""
    half = [command(k, "kernel", (0, 1), (k, k, k + 0.5), name="half") for k in range(400)]
    full = [command(k, "copy", (0, 1), (k, k, k + 1), name="full") for k in range(600, 1000)]
    drawing = Drawing(draw.timeline(Log([*half, *full])))
    stacked = heights(drawing, palette.stream_hue(1).pale)  # kernels on top of copies
    copies = heights(drawing, palette.COPY.strong)
    x = Scale(1000, LEFT, RIGHT).x
    kernels = [step for step in stacked if step[0] < x(500)]
    for left, right, height in kernels:
        inside = left >= x(7) and right <= x(393)
        assert right <= x(407) and (not inside or height == pytest.approx(14, rel=0.11))
    for left, right, height in copies:
        assert left >= x(593) and (left < x(607) or height == pytest.approx(28, abs=0.02))
        assert right <= RIGHT
    area = sum((right - left) * height for left, right, height in kernels)
    assert area == pytest.approx((x(400) - x(0)) * 14, rel=1e-3)
    words = [text.words for text in drawing.texts]
    assert "400 \u00b7 50% busy" in words or "401 \u00b7 50% busy" in words


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_in_the_columns(seed):
    log = some_log(seed, 900)
    window = Window(log, 0.0, max(item.finish for item in log.commands) + 1)
    lanes, more = busy_lanes(window, 162)
    assert more == 0 and not window.readable
    for lane in lanes:
        items = window.threads[lane.key] if lane.host else window.streams[lane.key]
        work = [i for i in items if lane.host or i.type in ("kernel", "copy")]
        assert lane.kinds.total() == len(items)
        assert sum(block.count for block in lane.blocks) == len(work)
        assert sum(count for count, _ in lane.names.values()) == len(work)
        if not lane.host:
            time = sum(item.finish - item.start for item in work)
            assert lane.share("kernel", "copy") * window.end == pytest.approx(time)
            waits = Counter(
                next((c.device, c.stream) for c in log.commands if c.id == w.after[0])
                for w in items
                if w.type == "wait"
            )
            assert lane.sources == waits
            held = sum(w.start - window.held[w.id] for w in items if w.id in window.held)
            assert lane.share("waits") * window.end == pytest.approx(held)
        else:
            waited = sum(item.waited for item in items)
            assert lane.share("waits") * window.end == pytest.approx(waited)
        half = lane.halved()
        assert [half.share(k) for k in lane.layers] == [
            pytest.approx(lane.share(k)) for k in lane.layers
        ]
        assert max([0, *half.queue]) == max([0, *lane.queue])


def test_spread_covers_what_intervals_cover():
    scale = Scale(30.0, 0, 3, 10.0)
    intervals = [(0, 12), (13, 14), (19, 21), (22, 35), (40, 50), (25, 25)]
    width = 20 / 3
    fine = [sum(a <= 10 + (k + 0.5) / 300 < b for a, b in intervals) / 2000 for k in range(6000)]
    expected = [sum(fine[2000 * k : 2000 * (k + 1)]) for k in range(3)]
    assert spread(intervals, scale, 3) == [pytest.approx(e, abs=2e-3) for e in expected]
    assert width * sum(spread(intervals, scale, 3)) == pytest.approx(2 + 1 + 2 + 8)


def test_the_queue_keeps_its_peaks():
    steps = [(0.0, 1), (1.0, 7), (1.1, 2), (60.0, 0), (90.0, 3), (90.5, 0)]
    assert deepest(steps, Scale(100.0, 0, 10), 10) == [7, 2, 2, 2, 2, 2, 2, 0, 0, 3]


def test_what_took_longest_and_what_was_waited_for_is_said():
    text = draw.timeline(some_log(1, 900, names=("mul", "softmax"))).text
    assert re.search(r"longest: [\d,]+ \w+, [\d,]+ \w+; waits for mtia:\d/\d \(\d+\)", text)
    assert re.search(r"^mul +\d+ +[\d.,]+$", text, re.MULTILINE)


def test_of_500_streams_those_with_most_to_do_are_shown():
    log = steady(3000, streams=500)
    busy = [command(9000 + k, "kernel", (1, 777), (k, k, k + 1), name="mine") for k in range(10)]
    picture = draw.timeline(Log([*log, *busy]))
    chips = [text for text in Drawing(picture).texts if text.words.startswith("stream ")]
    assert len(chips) == 24 and any(text.words == "stream 777" for text in chips)
    assert "and 477 more lanes" in picture.text and "and 477 more lanes" in picture.svg


@pytest.mark.parametrize("size", [301, 3_000, 30_000])
def test_the_size_is_bounded(size):
    picture = draw.timeline(some_log(2, size))
    assert len(picture.svg) < 100_000 and len(picture.text.split("\n")) < 120
    worst = draw.timeline(steady(size, streams=40, gap=1.0, takes=0.6))
    assert len(worst.svg) < 300_000
