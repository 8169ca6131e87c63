"""A contract in a picture: a square for each clause, and a card for what was not kept."""

import itertools

import pytest
from drawings import Drawing, contract, outcome

from mtia_lab import draw
from mtia_lab.draw import palette
from mtia_lab.draw.clauses import LOOKS, MOST_CARDS


def squares(drawing, status):
    """The clauses' squares of one status; the legend's have no tooltip."""
    look = LOOKS[status]
    return [box for box in drawing.rects if box.words and box.attributes["fill"] == look.hue.pale]


def test_there_is_a_square_for_each_clause_with_its_sentence():
    drawing = Drawing(draw.clauses(contract()))
    for status in LOOKS:
        clauses = [o.clause for o in contract() if o.status == status]
        found = [square.words.partition(":")[0] for square in squares(drawing, status)]
        assert len(found) == len(clauses)
    (unreached,) = squares(drawing, "not reached")
    sentence = "It makes the stream current for the hooks, too."
    assert unreached.words == f"destroyEvent.x: {sentence} (header)"
    assert unreached.attributes["stroke-dasharray"]


def test_the_shape_says_what_a_clause_rests_on():
    kinds = ["header", "caller", "advice"]
    picture = draw.clauses([outcome(f"a.{kind}", kind=kind) for kind in kinds for _ in "ab"])
    drawing = Drawing(picture)
    square, _, round_one, _ = squares(drawing, "kept")  # advice is a slanted one, no rectangle
    assert float(square.attributes["rx"]) < float(round_one.attributes["rx"])
    assert "PyTorch's header (2)   a caller relies on it (2)   advice (2)" in picture.text
    assert drawing.find("advice (2)")


def test_what_breaks_with_one_error_has_one_card():
    errors = [outcome(f"a.{k}", "broken", k, "RuntimeError: no events", raised=True) for k in "xyz"]
    values = [outcome(f"b.{k}", "broken", "1", "2") for k in "pq"]
    picture = draw.clauses([*errors, *values])
    assert picture.text.count("no events") == 1 and "The same in a.y, a.z." in picture.text
    assert picture.text.count("saw 2") == 2, "an equal value is another fault"
    assert Drawing(picture).find("The same in a.y, a.z.")


def test_squares_leave_room_for_the_next_method_however_many_there_are():
    drawing = Drawing(draw.clauses([outcome(f"{m}.{k}") for m in "abc" for k in range(12)]))
    names = [drawing.find(name) for name in "abc"]
    rows = [squares(drawing, "kept")[k : k + 12] for k in (0, 12, 24)]
    for row, following in zip(rows, names[1:], strict=False):
        assert row[-1].right < following.left
        assert all(a.right < b.left for a, b in itertools.pairwise(row))
    assert rows[2][-1].right < drawing.width


def test_a_method_with_a_fault_is_red_and_no_other():
    faults = [outcome("two.b", "broken"), outcome("six.c", "not reached")]
    drawing = Drawing(draw.clauses([outcome("one.a"), outcome("two.a"), *faults]))
    fills = {name: drawing.find(name).attributes["fill"] for name in ("one", "two", "six")}
    assert fills == {"one": palette.INK, "two": palette.FAULT.strong, "six": palette.INK}


def test_a_card_tells_what_was_run_expected_and_seen():
    faults = [outcome("a.b", "broken", "A", "C"), outcome("c.d", "broken", "", "the process hung")]
    picture = draw.clauses([outcome("x.y"), *faults])
    drawing = Drawing(picture)
    for words in ("a.b", "with B:", "cpp.look()", "expected A", "saw C", "the process hung"):
        assert drawing.find(words) and words in picture.text
    assert drawing.find("with B:").left < drawing.find("cpp.look()").left
    assert "saw the process hung" not in picture.text
    assert "3 clauses: 1 kept, 2 broken" in picture.text
    assert "x +" in picture.text and "a X" in picture.text and "x.y" not in picture.text


def test_after_some_cards_the_rest_is_named():
    faults = [outcome(f"a.{k}", "broken") for k in range(MOST_CARDS + 2)]
    picture = draw.clauses(faults)
    assert picture.text.count("expected A") == MOST_CARDS
    assert f"And 2 more: a.{MOST_CARDS}, a.{MOST_CARDS + 1}." in picture.text
    assert "And" not in draw.clauses(faults[:MOST_CARDS]).text


def test_a_clause_not_reached_has_no_card_and_stands_under_its_reason():
    reasons = {"a": "no events", "b": "2 clauses hung before", "c": "no events"}
    left = [outcome(f"{k}.x", "not reached", "", why) for k, why in reasons.items()]
    faults = [outcome(f"z.{k}", "broken") for k in range(MOST_CARDS)]
    text = draw.clauses([*left, *faults]).text
    assert text.count("expected A") == MOST_CARDS and "more:" not in text
    assert "Not reached (no events): a.x, c.x." in text
    assert "Not reached (2 clauses hung before): b.x." in text


def test_the_words_of_the_cards_are_explained_and_no_others():
    def told(code, status="broken"):
        return draw.clauses([outcome("a.b", status, "1", "2", code)]).text

    assert "when(x, y) says" in told("when('c', 'a')") and "pause(f" not in told("when('c', 'a')")
    assert "Spy is an autograd" in told("Spy.apply(x)") and "cpp.f calls" not in told("Spy()")
    assert "B is a stream" in told("pause(f)") and "B is a stream" not in told("pause()", "kept")
    assert "says" not in told("when('c', 'a')", "kept")


def test_what_the_guard_printed_stands_below():
    assert "The guard printed" not in draw.clauses([outcome("a.b")]).text
    picture = draw.clauses([outcome("a.b")], printed="hello\n" * 20)
    assert picture.text.count("  hello") == 8 and "and 12 more lines" in picture.text
    assert Drawing(picture).find("The guard printed:")


def test_no_outcomes_are_no_picture():
    with pytest.raises(ValueError, match="no outcomes"):
        draw.clauses([])
