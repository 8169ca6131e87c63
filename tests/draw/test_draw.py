"""What every picture has in common: it can be shown anywhere, and its words have room."""

import ast
import base64
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from drawings import NASTY, Drawing, gallery, outcome, racing_log, some_heap, some_log
from hypothesis import given, settings
from hypothesis import strategies as st
from notebook_files import ROOT

from mtia_lab import draw
from mtia_lab.draw.leaks import Film
from mtia_lab.draw.svg import Canvas
from mtia_lab.draw.text import page
from mtia_lab.hazards import find_hazards
from mtia_lab.log.log import Log

GALLERY = gallery()
EVERY = pytest.mark.parametrize("picture", GALLERY.values(), ids=GALLERY.keys())
ELEMENTS = {"svg", "rect", "text", "path", "polygon", "title"}
ATTRIBUTES = {
    *("x", "y", "width", "height", "rx", "viewBox", "d", "points", "fill", "stroke"),
    *("stroke-width", "stroke-dasharray", "paint-order", "font-family", "font-size"),
    *("font-weight", "text-anchor"),
}


def attributes_of(page):
    """The attributes of the image that some HTML begins with, as a browser reads them."""
    tags = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.append((tag, dict(attributes)))
    parser.feed(page)
    (tag, attributes), *more = tags
    assert {tag for tag, _ in more} <= {"details", "summary", "code", "blockquote", "img"}
    assert tag == "img" and set(attributes) == {"src", "alt"}
    return attributes


@EVERY
def test_the_bundle_tells_one_picture_three_ways(picture):
    bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/svg+xml", "text/html"}
    assert bundle["text/plain"] == repr(picture) == picture.text
    image = attributes_of(bundle["text/html"])
    kind, _, data = image["src"].partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(data).decode() == bundle["image/svg+xml"] == picture.svg
    assert image["alt"] == picture.text.split("\n")[0]  # a screen reader reads it all


TITLED = {
    "backward": [Log()],
    "calls": [{"a": Log()}],
    "clauses": [[outcome("a.b")]],
    "devices": [Log()],
    "filmstrip": [Log()],
    "ladder": [{"a": ["object"]}],
    "leaks": [{"a": {"b": Film(Log())}}],
    "memory": [Log()],
    "processes": [{"name": "a"}],
    "route": [{"a": {"CPU": "kernel"}}],
    "threads": [{"a": (0, 0, 0)}],
    "timeline": [some_log(1, 400)],
    "wiring": [{}, {}],
}


@pytest.mark.parametrize("kind", TITLED)
def test_a_title_is_the_message_and_stands_on_top(kind):
    message = "`with A:` left us on <mtia:1>"
    usual, titled = (getattr(draw, kind)(*TITLED[kind], **t) for t in ({}, {"title": message}))
    assert titled.text.startswith(message) and message not in usual.text
    top = min(Drawing(titled).texts, key=lambda text: text.top)
    assert top.words == message.replace("`", "")
    with pytest.raises(TypeError, match="title is of type int"):
        getattr(draw, kind)(*TITLED[kind], title=3)
    assert getattr(draw, kind)(*TITLED[kind], title=NASTY).text.isascii()


def test_only_what_has_its_own_message_takes_no_title():
    others = {"hazard", "hazards", "ladder_of", "Picture"}
    assert set(draw.__all__) - set(TITLED) == others


@EVERY
def test_the_text_is_plain_and_at_most_100_columns(picture):
    assert picture.text.isascii()
    assert all(line.isprintable() and len(line) <= 100 for line in picture.text.split("\n"))


@EVERY
def test_the_svg_uses_nothing_that_a_notebook_may_strip(picture):
    drawing = Drawing(picture)
    for element in drawing.elements:
        assert element.tag.removeprefix("{http://www.w3.org/2000/svg}") in ELEMENTS
        assert set(element.attrib) <= ATTRIBUTES
        assert element.get("font-family") in (None, "sans-serif", "monospace")
    assert "nan" not in picture.svg and "inf" not in picture.svg.replace("info", "")


@EVERY
def test_words_are_large_enough_to_be_read(picture):
    assert min(float(text.attributes["font-size"]) for text in Drawing(picture).texts) >= 12


@EVERY
def test_the_svg_brings_its_own_white_card(picture):
    drawing = Drawing(picture)
    assert drawing.width <= 860
    card = drawing.rects[0]
    assert card.attributes["fill"] == "#ffffff"
    assert (card.left, card.top) == (0.5, 0.5)
    assert (card.right, card.bottom) == (drawing.width - 0.5, drawing.height - 0.5)
    for box in drawing.rects:
        assert 0 <= box.left <= box.right <= drawing.width
        assert 0 <= box.top <= box.bottom <= drawing.height


def assert_words_have_room(picture):
    drawing = Drawing(picture)
    texts, rects = drawing.texts, drawing.rects
    for text in texts:
        x, y = (text.left + text.right) / 2, (text.top + text.bottom) / 2
        holding = (box for box in rects if box.holds(x, y))
        box = min(holding, key=lambda box: (box.right - box.left) * (box.bottom - box.top))
        assert box.left <= text.left and text.right <= box.right, text.words
        assert box.top <= text.top and text.bottom <= box.bottom, text.words
    for k, a in enumerate(texts):
        for b in texts[:k]:
            apart = a.right <= b.left or b.right <= a.left or a.bottom <= b.top or b.bottom <= a.top
            assert apart, (a.words, b.words)


@EVERY
def test_words_stay_in_their_boxes_and_off_each_other(picture):
    assert_words_have_room(picture)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(1, 60))
def test_words_have_room_whatever_was_logged(seed, size):
    log = some_log(seed, size)
    for make in (draw.timeline, draw.filmstrip, draw.threads):
        assert_words_have_room(make(log))
    assert_words_have_room(draw.memory(some_heap(seed, size)))
    assert_words_have_room(draw.hazards(find_hazards(racing_log(seed, size))))


def test_markup_in_names_is_only_text():
    name = '<b x="1">&lt; it\'s'
    picture = draw.threads({name: (0, 0, 0)})
    assert Drawing(picture).find(name)
    assert "<b" not in picture.svg and "<b" not in picture._repr_mimebundle_()["text/html"]


def test_names_are_made_harmless_where_a_picture_is_finished():
    c = Canvas()
    c.text(0, 0, NASTY)
    c.rect(0, 0, 9, 9, NASTY, fill=NASTY)
    assert ET.fromstring(c.svg(9)) is not None and "<&" not in c.svg(9) and "\x1b" not in c.svg(9)
    (line,) = page(NASTY).split("\n")
    assert line.isascii() and line.isprintable() and len(line) == 100


def test_the_same_facts_give_the_same_bytes_in_every_process():
    program = (
        "from drawings import gallery; print([p._repr_mimebundle_() for p in gallery().values()])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT / "tests/support",
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(draw.__file__).parents[2])},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_drawing_imports_nothing_but_the_standard_library():
    for path in Path(draw.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module]
            else:
                continue
            roots = {module.partition(".")[0] for module in modules}
            assert roots <= set(sys.stdlib_module_names), f"{path.name} imports {roots}"
