"""A timeline of anything from three commands to a hundred thousand, as a whole or a part of it."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
from drawings import Drawing, call, command, rerecorded, some_log

from mtia_lab import draw
from mtia_lab.draw import palette
from mtia_lab.draw.lanes import Scale
from mtia_lab.draw.shares import busy_lanes, deepest, spread
from mtia_lab.draw.window import Window
from mtia_lab.log import Log

LEFT, RIGHT = 170, 822


def steady(size, *, streams=1, gap=10.0, takes=5.0):
    """Kernels of `takes` us that start every `gap` us, in turn on several streams."""
    return Log(
        [
            command(k, "kernel", (0, k % streams), (k * gap, k * gap, k * gap + takes), name="k")
            for k in range(1, size + 1)
        ]
    )


def heights(drawing, color):
    """The filled outlines of a colour, each as a list of (left, right, height)."""
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
    assert not Window(log, None, None).readable


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
    window = Window(log, None, None)
    lanes, more = busy_lanes(window, 162)
    assert more == 0 and not window.readable
    for lane in lanes:
        items = window.threads[lane.key[0]] if lane.host else window.streams[lane.key]
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


def test_of_a_thousand_streams_those_with_most_to_do_are_shown():
    log = steady(3000, streams=1000)
    busy = [command(9000 + k, "kernel", (1, 7), (k, k, k + 1), name="mine") for k in range(10)]
    picture = draw.timeline(Log([*log, *busy]))
    chips = [text for text in Drawing(picture).texts if text.words.startswith("stream ")]
    assert len(chips) == 24 and any(text.words == "stream 7" for text in chips)
    assert "and 977 more lanes" in picture.text and "and 977 more lanes" in picture.svg


@pytest.mark.parametrize("size", [301, 3_000, 30_000])
def test_the_size_is_bounded(size):
    picture = draw.timeline(some_log(2, size))
    assert len(picture.svg) < 100_000 and len(picture.text.split("\n")) < 120
    worst = draw.timeline(steady(size, streams=40, gap=1.0, takes=0.6))
    assert len(worst.svg) < 300_000


def test_a_part_is_drawn_as_its_commands_alone_would_be():
    log = steady(1000)
    picture = draw.timeline(log, since=1000, until=1095)
    bars = [r for r in Drawing(picture).rects if r.words.startswith("kernel k, ")]
    assert [r.words for r in bars] == [
        f"kernel k, {t} to {t + 5} \u00b5s" for t in range(1000, 1100, 10)
    ]
    x = Scale(1095, LEFT, RIGHT, 1000).x
    for bar, begin in zip(bars, range(1000, 1100, 10), strict=True):
        assert bar.left == pytest.approx(x(begin), abs=0.02)
        assert bar.right == pytest.approx(max(x(min(begin + 5, 1095)), x(begin) + 2), abs=0.02)
    assert picture.text.startswith("Timeline in virtual time, 1000 to 1095 us")
    assert [t.words for t in Drawing(picture).texts if re.fullmatch(r"1\d\d\d", t.words)] == [
        str(t) for t in range(1000, 1100, 20)
    ]


def test_bars_at_the_border_of_a_part_are_cut():
    log = Log([command(1, "kernel", (0, 0), (0, 10, 90), name="long")])
    (bar,) = [
        r
        for r in Drawing(draw.timeline(log, since=20, until=60)).rects
        if r.words.startswith("kernel")
    ]
    assert (bar.left, bar.right) == (LEFT, RIGHT)
    assert not any(r.words for r in Drawing(draw.timeline(log, since=91, until=99)).rects)
    assert "nothing was enqueued" in draw.timeline(log, since=91, until=99).text


def test_the_queue_of_a_part_counts_what_was_enqueued_before_it():
    times = [(k, max(k, 10 * k - 9), 10 * k + 1) for k in range(1, 9)]
    log = Log([command(k, "kernel", (0, 1), t, name="k") for k, t in enumerate(times, 1)])
    queue = Window(log, 20, 45).queue((0, 1))
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
        ({"since": "10"}, TypeError, "a number of virtual us"),
        ({"until": float("nan")}, TypeError, "a number of virtual us"),
    ],
)
def test_a_part_that_makes_no_sense_is_refused(given, error, words):
    with pytest.raises(error, match=words):
        draw.timeline(rerecorded(), **given)


def test_a_dotted_line_joins_the_end_of_a_wait_with_what_was_waited_for():
    drawing = Drawing(draw.timeline(rerecorded()))
    (line,) = [
        p.get("d")
        for p in drawing.all("path")
        if p.get("stroke-dasharray") == "2 3" and p.get("stroke-width") == "1.2"
    ]
    x1, _, x2, bottom = map(float, re.findall(r"[\d.]+", line))
    assert x1 == x2 == RIGHT  # at 40 us, where the host goes on and `last` ends
    last = next(r for r in drawing.rects if r.words.startswith("kernel last,"))
    assert bottom == last.top
    assert drawing.find("what the host waited for")


# --- findings -----------------------------------------------------------------------------------


@dataclass
class Finding:
    """What `find_hazards` gives, as far as a timeline looks at it."""

    first: object
    second: object
    kind: str = "read-after-write race"
    fix: str = "insert `s2.wait_stream(s1)` before line 7"
    severity: str = "hazard"


def unwrapped(text):
    return re.sub(r"\n +", " ", text)


def side(item):
    where = None if item is None else (item.device, item.stream)
    if item is None:
        return SimpleNamespace(name="host", where=None, command=None, start=6.0, finish=6.0)
    names = {"name": item.name, "start": item.start, "finish": item.finish}
    return SimpleNamespace(where=where, command=item.id, **names)


def race(log, first, second):
    known = {c.id: c for c in log.commands}
    return Finding(side(known.get(first)), side(known.get(second)))


def red(drawing):
    """The missing edges, as their first and last points, and the red frames."""
    fault = palette.FAULT.strong
    edges = [
        list(map(float, re.findall(r"[\d.]+", p.get("d"))))
        for p in drawing.all("path")
        if p.get("stroke-dasharray") == "6 4" and p.get("stroke-width") == "2.4"
    ]
    frames = [r for r in drawing.rects if r.attributes.get("stroke") == fault]
    return [(e[:2], e[-2:]) for e in edges], frames


def test_a_finding_is_a_red_edge_between_its_two_bars():
    log = rerecorded()
    picture = draw.timeline(log, [race(log, 4, 6)])
    drawing = Drawing(picture)
    (((x1, y1), (x2, y2)),), frames = red(drawing)
    first, second = (
        next(r for r in drawing.rects if r.words.startswith(f"kernel {name},"))
        for name in ("second", "consume")
    )
    assert (x1, y1) == (pytest.approx(first.right), pytest.approx(first.bottom))
    assert abs(x2 - second.left) < 8 and abs(y2 - second.top) < 8
    assert [(f.left, f.top) for f in frames] == [(b.left, b.top) for b in (first, second)]
    for words in (unwrapped(picture.text), " ".join(t.words for t in drawing.texts)):
        assert "1. read-after-write race: second (command 4, mtia:0/1, from 12 us)" in words
        assert "consume (command 6, mtia:0/2, from 12 us)" in words
        assert "insert `s2.wait_stream(s1)` before line 7" in words
    assert drawing.find("the order that is missing")


def test_upwards_within_a_lane_and_to_the_host():
    log = rerecorded()
    drawing = Drawing(draw.timeline(log, [race(log, 6, 1), race(log, 1, 4), race(log, 4, None)]))
    edges, frames = red(drawing)
    bars = {r.words.split(",")[0]: r for r in drawing.rects if r.words}
    assert edges[0][0][1] == bars["kernel consume"].top
    assert edges[1][0][1] == bars["kernel first"].top  # up, along, and down again
    assert edges[2][0][1] == bars["kernel second"].top  # up to the host
    assert len(frames) == 6


def test_hints_and_what_is_out_of_sight_are_not_drawn():
    log = rerecorded()
    hint = replace(race(log, 4, 6), severity="hint")
    assert draw.timeline(log, [hint]).svg == draw.timeline(log).svg
    edges, _ = red(Drawing(draw.timeline(log, [race(log, 4, 6)], since=35)))
    assert edges == []


def test_findings_of_a_long_log_are_drawn_where_they_are_and_the_rest_counted():
    log = steady(1000, streams=2)
    found = [race(log, k, k + 1) for k in range(1, 41)]
    picture = draw.timeline(log, found)
    edges, _ = red(Drawing(picture))
    assert len(edges) == 12 and "... and 28 more findings" in picture.text
    x = Scale(10005, LEFT, RIGHT).x
    assert [edge[0][0] for edge in edges] == [
        pytest.approx(x(10 * k + 5), abs=0.02) for k in range(1, 13)
    ]


def test_the_checker_s_own_findings(lab):
    import torch

    x = torch.ones(64, 64).to("mtia")
    one, two = torch.Stream("mtia"), torch.Stream("mtia")
    with lab.record() as log:
        with one:
            y = x @ x
        with two:
            y + 1
        torch.mtia.synchronize()
    found = lab.find_hazards(log)
    picture = draw.timeline(log, found)
    edges, frames = red(Drawing(picture))
    assert len(found) == len(edges) == 1 and len(frames) == 2
    assert found[0].fix in unwrapped(picture.text)
