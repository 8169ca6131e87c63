"""Pictures of findings: the missing edge joins the two bars, and red is for hazards alone."""

import itertools
import re

import in_us
import pytest
from drawings import Drawing, racing_log
from hypothesis import given, settings
from hypothesis import strategies as st

from mtia_lab import draw
from mtia_lab.draw import palette
from mtia_lab.draw.hazard import LISTED, MOST, Stretch
from mtia_lab.hazards import find_hazards
from mtia_lab.log.log import Log
from mtia_lab.log.records import Access, Known

RED, GREEN = palette.FAULT.strong, palette.GOOD.strong
X = (Access(0, 0, 16, "float32", (4,), None, 4),)


def command(id, type, stream, start, finish, **fields):
    given = {"event": None, "version": None, "after": ()} | fields
    return in_us.command(
        id, type, f"k{id}", 0, stream, start, start, finish, 0, site="In[3]:2", **given
    )


LOG = Log(
    [
        command(1, "kernel", 1, 2.0, 12.0, writes=X),
        command(2, "record", 1, 12.0, 12.0, event=1, version=1),
        command(3, "kernel", 1, 12.0, 40.0, writes=X),
        in_us.call("guard", "block", "", None, None, 0, 4.0, 4.0, (0, 0, 0), "In[3]:2"),
        command(4, "wait", 2, 12.0, 12.0, event=1, version=1, after=(2,)),
        command(5, "kernel", 2, 13.0, 20.0, reads=X),
    ]
)
FINDING = find_hazards(LOG)[0]


def bar(drawing, words):
    return next(rect for rect in drawing.rects if rect.words == words)


def edges(drawing, color):
    """The two ends of each dashed line of a color, the legend's left out."""
    found = []
    for path in drawing.all("path"):
        if path.get("stroke") == color and path.get("stroke-dasharray"):
            points = [
                tuple(map(float, p)) for p in re.findall(r"([-\d.]+) ([-\d.]+)", path.get("d"))
            ]
            found.append((points[0], points[-1]))
    return found[: len(found) // 2] if len(found) > 1 else found


def test_the_missing_edge_leads_from_the_end_of_the_first_to_the_beginning_of_the_second():
    drawing = Drawing(draw.hazard(FINDING))
    first, second = bar(drawing, "k3"), bar(drawing, "k5")
    (((x1, y1), (x2, y2)),) = [ends for ends in edges(drawing, RED) if ends[0][1] != ends[1][1]]
    assert first.right - 8 <= x1 <= first.right and y1 in (first.top, first.bottom)
    assert second.left <= x2 <= second.left + 14 and abs(y2 - second.top) < 12
    assert (first.attributes["stroke"], second.attributes["stroke"]) == (RED, RED)
    assert bar(drawing, "k1").attributes["stroke"] != RED


def test_both_sides_and_the_fix_are_told_in_both_forms():
    picture = draw.hazard(FINDING)
    words = [text.words for text in Drawing(picture).texts]
    assert "1. k3" in words and "2. k5" in words
    assert f"fix: {FINDING.fix}  ({FINDING.legend})".replace("  (", " (") in words
    assert FINDING.why in words
    assert picture.text.count("[") >= 3 and "1 k3" in picture.text and "2 k5" in picture.text
    assert FINDING.fix in picture.text
    rows = [line.split("|")[1] for line in picture.text.splitlines() if "|" in line]
    assert [row.find("1 k3") > row.find("R") > row.find("k1") for row in rows[:1]] == [True]
    assert "W" in rows[1] and rows[1].find("W") < rows[1].find("2 k5")


def test_hints_are_not_red():
    known = (Known(0, None, 5, 5),)
    sync = [
        in_us.call(
            "guard", "synchronizeDevice", "0", None, None, 0, 50.0, 51.0, (0,), site, (), known
        )
        for site in ("In[4]:1", "In[4]:2")
    ]
    report = find_hazards(Log([*LOG, *sync]))
    assert RED in draw.hazards(report).svg
    (hint,) = report.hints
    picture = draw.hazard(hint)
    assert RED not in picture.svg and GREEN in picture.svg
    assert "delete the synchronization" in picture.text


def test_a_report_draws_its_first_findings_tells_of_some_and_counts_the_rest():
    report = find_hazards(racing_log(2, 60))
    assert len(report) > MOST + 1
    picture = draw.hazards(report)
    words = [text.words for text in Drawing(picture).texts]
    assert words.count("HAZARD") == MOST
    assert f"and {len(report) - MOST} more: print(report) has them" in words
    assert len(report) > LISTED and picture.text.count("\nhazard ") == LISTED
    rest = f"... and {len(report) - LISTED} more, the first of them in report[20:]"
    assert picture.text.endswith(rest)
    assert draw.hazards(report[20:]).text.count("\nhazard ") == len(report) - LISTED
    assert report._repr_mimebundle_()["text/plain"] == picture.text
    assert report[0]._repr_mimebundle_()["text/plain"] == draw.hazard(report[0]).text


def test_an_empty_report_is_a_line():
    picture = draw.hazards(find_hazards(Log()))
    assert picture.text == "no hazards in 0 commands on 0 streams"
    assert [text.words for text in Drawing(picture).texts] == [picture.text]


nanoseconds = st.integers(0, 10**9)  # of which times in a log are thousandths
spans = st.tuples(nanoseconds, nanoseconds).map(lambda p: (p[0] / 1000, sum(p) / 1000))


@settings(max_examples=60)
@given(st.lists(spans, min_size=1, max_size=12))
def test_stretched_time_keeps_its_order_and_its_room(spans):
    scale = Stretch(spans, 100, 800, spans[:1])
    times = sorted({time for span in spans for time in span})
    places = [scale.x(time) for time in times]
    assert places == sorted(places) and all(100 <= place <= 800 for place in places)
    if len(times) > 1:
        least = min(b - a for a, b in itertools.pairwise(places))
        assert least >= 0.5 * (places[-1] - places[0]) / (6 * len(times))
        assert scale.x((times[0] + times[1]) / 2) == pytest.approx((places[0] + places[1]) / 2)
