"""Wiring, ladders and processes follow the facts they are given."""

import pytest
from drawings import DUMMY, FAMILY, LADDERS, PARTS, Drawing

from mtia_lab import draw
from mtia_lab.draw import palette

NOTHING = dict.fromkeys(PARTS, False) | {"torch.mtia": True}


def box_of(drawing, words, k=0):
    """The smallest rectangle round the k-th text that reads so."""
    text = [text for text in drawing.texts if text.words == words][k]
    holding = [box for box in drawing.rects if box.holds(text.left, text.top)]
    return min(holding, key=lambda box: (box.right - box.left) * (box.bottom - box.top))


def is_dashed(box):
    return "stroke-dasharray" in box.attributes


@pytest.mark.parametrize("part", ["hooks", "guard", "generator", "simulator", "dispatcher"])
@pytest.mark.parametrize("there", [True, False])
def test_what_is_missing_is_dashed_and_says_so(part, there):
    facts = PARTS | {"simulator": True, "dispatcher": True}
    picture = draw.wiring(facts, facts | {part: there})
    box = box_of(Drawing(picture), part, k=1)
    assert is_dashed(box) == (not there)
    shown, hidden = f"[{part}]", f"({part})"
    if part == "simulator":
        shown, hidden = "simulator: one state", "simulator: missing"
    assert (picture.text.count(shown), picture.text.count(hidden)) == (1 + there, 1 - there)


def test_both_doors_lead_to_one_state():
    drawing = Drawing(draw.wiring(NOTHING, PARTS))
    state = box_of(drawing, "one state (device, streams)")
    heads = [p.get("points").split()[0].split(",") for p in drawing.all("polygon")]
    ends = {float(x) for x, y in heads if abs(float(y) - state.top) <= 2}
    doors = [box_of(drawing, name, k=1) for name in ("guard", "hooks")]
    for door in doors:
        assert any(door.left < x < door.right and state.left < x < state.right for x in ends)


def test_measured_answers_stand_below():
    picture = draw.wiring({"torch.device(1)": "RuntimeError"}, {"torch.device(1)": "mtia:1"})
    words = [text.words for text in Drawing(picture).texts]
    assert words.count("torch.device(1)") == 2
    for answer in ("RuntimeError", "mtia:1"):
        assert answer in words and answer in picture.text


def test_a_shared_base_stands_at_one_height():
    drawing = Drawing(draw.ladder(LADDERS, dummy=DUMMY))
    floor = box_of(drawing, "object")
    assert [text.words for text in drawing.texts].count("object") == 1
    assert floor.right - floor.left == drawing.width - 48
    # torch.mtia.Stream and torch.cuda.Stream stand side by side, on one torch.Stream.
    base = box_of(drawing, "torch")
    for key in ("torch.mtia.Stream", "torch.cuda.Stream"):
        tag = box_of(drawing, key)
        assert base.left <= tag.left and tag.right <= base.right
    other = box_of(drawing, "torch.cpu.Stream")
    assert other.right < base.left or other.left > base.right


def test_a_ladder_descends():
    drawing = Drawing(draw.ladder(LADDERS, dummy=DUMMY))
    heights = [
        box_of(drawing, w).top for w in ("torch.cuda.streams", "torch._C", "torch", "object")
    ]
    assert heights == sorted(heights) and len(set(heights)) == 4


def test_a_stand_in_is_dashed_and_named_one():
    picture = draw.ladder(LADDERS, dummy=DUMMY)
    drawing = Drawing(picture)
    assert is_dashed(box_of(drawing, "torch._utils (stand-in)"))
    assert not is_dashed(box_of(drawing, "torch.cuda.streams"))
    assert picture.text.count("(stand-in)") == 1
    assert "stand-in" not in draw.ladder(LADDERS).svg


def test_ladders_that_contradict_each_other_still_draw():
    assert draw.ladder({"a": ["X", "Y", "object"], "b": ["Y", "X", "object"]}).text


def test_ladder_of_names_every_class_of_the_order():
    class Mine(dict):
        pass

    here = f"{__name__}.{Mine.__qualname__}"
    assert draw.ladder_of(Mine) == [here, "dict", "object"]
    assert draw.ladder({"Mine": Mine}).svg == draw.ladder({"Mine": [here, "dict", "object"]}).svg
    with pytest.raises(TypeError, match="takes a class, not a dict"):
        draw.ladder_of({})


@pytest.mark.parametrize("count", [0, 7])
def test_too_few_or_too_many_ladders(count):
    with pytest.raises(ValueError, match="one to six"):
        draw.ladder({str(k): ["object"] for k in range(count)})


def test_verdicts_of_processes():
    drawing = Drawing(draw.processes(FAMILY))
    works, fails = box_of(drawing, "child forked before"), box_of(drawing, "child forked after")
    assert works.attributes["stroke"] == palette.GOOD.strong
    assert fails.attributes["stroke"] == palette.FAULT.strong
    text = draw.processes(FAMILY).text
    assert "[works] child forked before: works" in text and "[fails] child forked after" in text


def test_a_life_runs_downwards():
    drawing = Drawing(draw.processes(FAMILY))
    order = ["parent", "child forked before", "torch.mtia.init()", "child forked after", "deep"]
    heights = [drawing.find(words).top for words in order]
    assert heights == sorted(heights)
    assert len([text for text in drawing.texts if text.words == "fork"]) == 4 + 1  # and the legend


def test_what_branches_off_may_be_started_and_code_keeps_its_indentation():
    child = {"name": "child", "steps": ["with a:", "    b()"]}
    picture = draw.processes({"name": "parent", "steps": [child]}, branch="starts")
    drawing = Drawing(picture)
    assert drawing.find("b()").left > drawing.find("with a:").left
    assert len([text for text in drawing.texts if text.words == "starts"]) == 1 + 1
    assert "+-- starts --> child" in picture.text and "|     b()" in picture.text
    assert not [text for text in drawing.texts if text.words == "fork"]


@pytest.mark.parametrize(
    ("tree", "error"),
    [("parent", TypeError), ({}, ValueError), ({"name": "p", "steps": [3]}, TypeError)],
)
def test_processes_says_what_it_draws(tree, error):
    with pytest.raises(error, match="process"):
        draw.processes(tree)
