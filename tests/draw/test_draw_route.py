"""The route of a call ends where the dispatcher's rules say, and the picture shows it there."""

import pytest
from drawings import KEYS, ROUTES, Drawing

from mtia_lab import draw
from mtia_lab.draw import palette
from mtia_lab.draw.route import stop

AUTOGRAD, VIEW, DEVICE = KEYS


def boxes_of(drawing, words):
    """The smallest rectangle round each text that reads so."""
    found = []
    for text in (text for text in drawing.texts if text.words == words):
        holding = [box for box in drawing.rects if box.holds(text.left, text.top)]
        found.append(min(holding, key=lambda box: box.right - box.left))
    return found


@pytest.mark.parametrize(
    ("kinds", "end"),
    [
        (("autograd kernel", "fallthrough", "kernel"), DEVICE),
        (("autograd kernel", "kernel", "backend fallback"), DEVICE),
        (("autograd kernel", "fallthrough", "default backend kernel"), DEVICE),
        (("math kernel", "fallthrough", "math kernel"), AUTOGRAD),
        (("autograd kernel", "math kernel", "kernel"), VIEW),
    ],
)
def test_a_route_ends_at_a_composite_or_at_the_device(kinds, end):
    table = dict(zip(KEYS, kinds, strict=True))
    assert KEYS[stop(table)] == end
    text = draw.route({"op": table}).text
    (line,) = [line for line in text.split("\n") if "ends here" in line]
    assert line.split()[0] == end
    assert text.count("(not reached)") == len(KEYS) - 1 - KEYS.index(end)


def test_each_kind_has_its_color_and_a_key_that_is_not_reached_has_none():
    drawing = Drawing(draw.route(ROUTES))
    (fallback,) = boxes_of(drawing, "backend fallback")
    (composite,) = boxes_of(drawing, "math kernel")  # twice in the table, reached once
    passing = boxes_of(drawing, "autograd kernel")
    assert fallback.attributes["fill"] == palette.DOOR.pale
    assert composite.attributes["fill"] == palette.GOOD.pale
    assert [box.attributes["fill"] for box in passing] == [palette.WHITE] * 2


def test_keys_stand_in_order_and_ends_below():
    picture = draw.route(ROUTES, {"relu": "enqueues relu", "linear": ["calls t", "then addmm"]})
    drawing = Drawing(picture)
    heights = [drawing.find(words).top for words in (*KEYS, "calls t", "then addmm")]
    assert heights == sorted(heights)
    relu, linear = drawing.find("relu"), drawing.find("linear")
    assert relu.left < drawing.find("enqueues relu").right < linear.left
    assert "  = enqueues relu" in picture.text and "  = then addmm" in picture.text


@pytest.mark.parametrize("count", [0, 7])
def test_too_few_or_too_many(count):
    with pytest.raises(ValueError, match="one to six"):
        draw.route({str(k): {"MTIA": "kernel"} for k in range(count)})


def test_operators_have_the_same_keys():
    with pytest.raises(ValueError, match="'b'.*CPU.*MTIA"):
        draw.route({"a": {"MTIA": "kernel"}, "b": {"CPU": "kernel"}})
