"""Findings in a timeline: a red edge from the one bar to the other."""

import re
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
from drawings import Drawing, rerecorded, steady

from mtia_lab import draw
from mtia_lab.draw import palette
from mtia_lab.draw.lanes import LEFT, RIGHT, Scale


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
        assert "1. read-after-write race: second (mtia:0/1, from 12 us)" in words
        assert "consume (mtia:0/2, from 12 us)" in words
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
    assert len(edges) == 12 and "... and 28 more: show the report" in picture.text
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
