"""A picture in a file: what a notebook shows, whole or not at all."""

import sys
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from drawings import rerecorded

from mtia_lab import draw, errors, explore


@pytest.fixture
def picture():
    return draw.timeline(rerecorded(), title="Events \u2713 & more")


def test_svg_and_text_are_what_a_notebook_shows(picture, tmp_path):
    path = picture.save(tmp_path / "x.svg")
    assert path == tmp_path / "x.svg" and path.read_text() == picture.svg + "\n"
    assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert picture.save(str(tmp_path / "x.txt")).read_text() == picture.text + "\n"


def test_png_is_made_by_a_library_that_is_installed(picture, tmp_path, monkeypatch):
    def svg2png(bytestring, scale):
        assert scale == 2
        return b"PNG of " + bytestring

    monkeypatch.setitem(sys.modules, "cairosvg", SimpleNamespace(svg2png=svg2png))
    assert picture.save(tmp_path / "x.png").read_bytes() == b"PNG of " + picture.svg.encode()


def test_without_one_it_says_what_to_do_and_leaves_no_file(picture, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    with pytest.raises(errors.NoConverter, match=r"takes the package cairosvg.*\n\n.*save it as"):
        picture.save(tmp_path / "x.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("make", "endings"),
    [
        (lambda: draw.timeline(rerecorded()), ".svg or .txt or .png"),
        (lambda: explore(rerecorded()), ".html or .svg or .txt or .png"),
    ],
)
def test_another_name_is_refused_with_those_there_are(make, endings, tmp_path):
    with pytest.raises(ValueError, match=f"'x.gif' is no name for a picture: .* {endings}"):
        make().save(tmp_path / "x.gif")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        make().save(tmp_path / "nowhere/x.svg")
    with pytest.raises(TypeError, match="not to None"):
        make().save(None)


def test_an_explorer_is_saved_as_its_timeline_too(tmp_path):
    explorer = explore(rerecorded())
    assert explorer.save(tmp_path / "x.svg").read_text() == draw.timeline(rerecorded()).svg + "\n"
    page = explorer.save(tmp_path / "x.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and explorer.beside in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")  # it asks for nothing
