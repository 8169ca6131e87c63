"""The tree of calls: each call under its door, in order, with the state it left behind."""

import pytest
from drawings import Drawing, call, turned_hooks

from mtia_lab import draw
from mtia_lab.draw import palette
from mtia_lab.log.log import Log


def test_each_call_stands_in_the_column_of_its_door_and_in_order():
    guard = Log([call("getDevice", result="mtia:0"), call("setDevice", (1, 0, 0), args="mtia:1")])
    drawing = Drawing(draw.calls({"with B:": guard, "set(B)": turned_hooks()}))
    heads = {door: drawing.find(door) for door in ("guard", "hooks", "state")}
    words = ["getDevice() -> mtia:0", "setDevice(mtia:1)", "getCurrentDevice() -> 0"]
    words += ["setCurrentDevice(1)", "setCurrentStream(mtia:0/9) raised"]
    texts = [drawing.find(line) for line in words]
    assert [text.top for text in texts] == sorted(text.top for text in texts)
    for text, door in zip(texts, ["guard"] * 2 + ["hooks"] * 3, strict=True):
        (box,) = [b for b in drawing.rects[1:] if b.holds(text.left, text.top)]
        middle = (heads[door].left + heads[door].right) / 2
        assert box.left < middle < box.right


def test_a_picture_of_one_door_gives_all_its_room_to_that_door():
    long = call("record", args="new event, mtia:1/3", result="event 1")
    drawing = Drawing(draw.calls({"A.wait_stream(B)": Log([long])}))
    assert drawing.find("record(new event, mtia:1/3) -> event 1")
    assert not any("hooks" in text.words for text in drawing.texts)
    one = drawing.find("guard").right
    assert one > Drawing(draw.calls({"x": Log([long]), "y": turned_hooks()})).find("guard").right


def test_only_a_state_that_changed_is_marked():
    picture = draw.calls({"set(B)": turned_hooks()})
    states = [line for line in picture.text.splitlines() if line.startswith("  +- ")]
    assert [line.split("  ")[-1].strip() for line in states if "* (" in line] == ["* (1, 0, 0)"]
    assert len(states) == 3  # the launch goes through no door
    drawing = Drawing(picture)
    weights = [text.attributes.get("font-weight") for text in drawing.texts if "(1," in text.words]
    assert weights == ["bold", None]
    framed = [b for b in drawing.rects if b.attributes["fill"] == palette.PANEL]
    assert len(framed) == 2  # the state's, and the legend's


def test_the_state_before_counts_if_it_is_known():
    log = Log([call("getDevice", (1, 0, 0))])
    assert "* (1, 0, 0)" in draw.calls({"x": log}).text
    known = Log([call("getDevice", (1, 0, 0))], {0: (1, 0, 0)})
    assert "* (1, 0, 0)" not in draw.calls({"x": known}).text


def test_no_call_and_no_log():
    assert "  no call" in draw.calls({"torch.Event()": Log()}).text
    with pytest.raises(ValueError, match="no logs"):
        draw.calls({})
