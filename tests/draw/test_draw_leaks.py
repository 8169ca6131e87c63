"""The matrix of contexts: a cross where a film does not end as it began, and its cells' films."""

import pytest
from drawings import Drawing, contexts

from mtia_lab import draw
from mtia_lab.draw import palette
from mtia_lab.draw.leaks import Film
from mtia_lab.log.log import Log


def test_a_film_knows_its_states_and_what_leaked():
    films = contexts()
    leak, stray = films["with A:"]["set_device(1)"], films["with torch.mtia.stream(A):"]["nothing"]
    assert stray.states == ((0, 0, 0), (1, 0, 3), (1, 2, 3))
    assert stray.leaked == {"device": (0, 1), "mtia:0": (0, 2), "mtia:1": (0, 3)}
    assert leak.leaked == {"device": (0, 1)}
    assert Film(Log()).states == ((0, 0, 0),) * 3 and Film(Log()).leaked == {}


def test_each_cell_says_how_it_ends_and_red_is_what_leaked():
    picture = draw.leaks(contexts())
    assert picture.text.splitlines()[2:5] == [
        "                              set_device(1)                      nothing",
        "with A:                       (1, 0, 0) !                        (0, 0, 0)",
        "with torch.mtia.stream(A):    (0, 0, 0)                          (1, 2, 3) !",
    ]
    drawing = Drawing(picture)
    words = [text.words for text in drawing.texts]
    assert "device 0 \u2192 1" in words and "mtia:0 0 \u2192 2" in words
    red = [box for box in drawing.rects if box.attributes.get("stroke") == palette.FAULT.strong]
    ends = [[t.words for t in drawing.texts if box.holds(t.left, t.top)] for box in red[:2]]
    assert ["(1, 0, 0)" in end or "(1, 2, 3)" in end for end in ends] == [True, True]


def test_each_cell_opens_its_film_strip():
    picture = draw.leaks(contexts())
    page = picture._repr_mimebundle_()["text/html"]
    for row, films in contexts().items():
        for column, film in films.items():
            strip = film.picture(f"{row}  {column}")
            assert strip.text == picture.films[row][column].text
            body = strip._repr_mimebundle_()["text/html"]
            assert f"<details><summary><code>{column}</code></summary>{body}</details>" in page
    assert page.startswith("<img") and page.count("<details>") == page.count("</details>") == 6


@pytest.mark.parametrize(
    ("films", "error", "words"),
    [
        (3, TypeError, "takes a mapping"),
        ({"a": Log()}, TypeError, "'a' has something else"),
        ({"a": {"b": Log()}}, TypeError, "'a' has something else"),
        ({"a": {"b": Film(Log())}, "c": {"d": Film(Log())}}, ValueError, "other columns"),
        ({"a": {str(k): Film(Log()) for k in range(7)}}, ValueError, "room for 6 columns"),
        ({str(k): {"b": Film(Log())} for k in range(25)}, ValueError, "24 contexts"),
    ],
)
def test_what_is_no_matrix_is_refused(films, error, words):
    with pytest.raises(error, match=words):
        draw.leaks(films)


def test_no_context_is_a_picture_too():
    assert draw.leaks({}).text.startswith("What each context leaves behind")
    assert draw.leaks({"a": {}}).films == {"a": {}}
