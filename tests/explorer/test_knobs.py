"""A picture with knobs: a run for each setting, errors for the reader, a page that holds all."""

import base64
import json
import re
import zlib

import pytest

from mtia_lab import draw
from mtia_lab.explorer import knobs
from mtia_lab.log.log import Log


def titled(**setting):
    return draw.timeline(
        Log(), title=" ".join(f"{name}={value}" for name, value in setting.items())
    )


def data_of(page):
    """What the page was given, as its script unpacks it."""
    (packed,) = re.findall(
        r'\("[^"]+", "([^"]+)"\)</script>', page._repr_mimebundle_()["text/html"]
    )
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def test_there_is_a_picture_for_each_setting_the_last_knob_first():
    page = knobs(titled, long=[10, 30], short=[5, "</script>", 7])
    data = data_of(page)
    assert data["knobs"][1] == {"name": "short", "values": ["5", "</script>", "7"]}
    headlines = [headline.partition(",")[0] for _, headline in data["pictures"]]
    assert headlines == [f"long={a} short={b}" for a in (10, 30) for b in (5, "</script>", 7)]
    assert [svg for svg, _ in data["pictures"]][-1] == titled(long=30, short=7).svg


def test_where_no_page_runs_the_first_setting_and_the_ranges_are_left():
    page = knobs(titled, long=[10, 30])
    bundle = page._repr_mimebundle_()
    assert bundle["image/svg+xml"] == titled(long=10).svg
    assert bundle["text/plain"] == f"{titled(long=10).text}\n\nKnobs, in JupyterLab: long: 10, 30"
    assert bundle["text/html"].startswith("<div><img ")


def test_each_setting_runs_once():
    seen = []
    knobs(lambda us: seen.append(us) or titled(us=us), us=[3, 1, 2])
    assert seen == [3, 1, 2]


@pytest.mark.parametrize(
    ("program", "values", "error", "says"),
    [
        (3, {"us": [1]}, TypeError, "a function that draws, not an int"),
        (titled, {"us": 5}, TypeError, "as values of us a list, not an int"),
        (titled, {}, TypeError, "us=\\[5, 50\\]"),
        (titled, {"us": []}, ValueError, "0 combinations"),
        (titled, {"a": range(10), "b": range(10)}, ValueError, "100 combinations"),
        (lambda us: us, {"us": [1]}, TypeError, "returned a int, and has to return a picture"),
    ],
)
def test_what_it_cannot_draw_it_says(program, values, error, says):
    with pytest.raises(error, match=says):
        knobs(program, **values)


def test_a_program_that_raises_is_the_readers_and_says_for_which_values():
    def fails(us):
        return 1 / (us - 2)

    with pytest.raises(ZeroDivisionError) as raised:
        knobs(fails, us=[2, 3])
    assert raised.value.__notes__ == ["With us=2."]
