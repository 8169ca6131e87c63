"""The explorer where it is shown: a page beside the timeline, or the timeline alone."""

import base64
import json
import re
import sys
import zlib
from types import SimpleNamespace

import in_us
import pytest
from drawings import rerecorded
from nbconvert import HTMLExporter
from nbformat.v4 import new_output
from notebook_files import code, notebook
from refresh_notebooks import as_stored

import mtia_lab
from mtia_lab import explorer
from mtia_lab.draw import timeline
from mtia_lab.explorer.page import EXPLORER, FRONT, KNOBS
from mtia_lab.explorer.payload import source_lines
from mtia_lab.log.log import Log
from mtia_lab.log.records import Access


@pytest.fixture
def jupyter(monkeypatch):
    """As in a notebook: there is a kernel."""
    shell = SimpleNamespace(kernel=object(), history_manager=SimpleNamespace(input_hist_raw=[]))
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    return shell


def packed(shown):
    """What the script of an explorer's page holds: its program, and the data of the log."""
    return [
        zlib.decompress(base64.b64decode(text)) for text in re.findall('"([^"]*)"', script(shown))
    ]


def script(shown):
    (found,) = re.findall("<script>(.*)</script>", shown._repr_mimebundle_()["text/html"])
    return found.rpartition("}")[2]


def test_what_is_shown_is_the_timeline_and_a_page():
    log = rerecorded()
    shown, again, picture = mtia_lab.explore(log), mtia_lab.explore(log), timeline(log)
    bundle = shown._repr_mimebundle_()
    assert bundle == again._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/svg+xml", "text/html"}
    assert bundle["image/svg+xml"] == picture.svg
    assert bundle["text/html"].startswith('<div><img src="data:image/svg+xml;base64,')
    assert "\n" not in bundle["text/html"]
    assert bundle["text/plain"] == repr(shown)
    assert repr(shown).startswith(picture.text)
    assert repr(shown).endswith("\nIn JupyterLab, mtia_lab.explore(log) lets you go through it.")


def test_every_file_of_the_front_is_part_of_a_page():
    named = {f"{part}.js" for page in (EXPLORER, KNOBS) for part in page.parts}
    named |= {f"{style}.css" for page in (EXPLORER, KNOBS) for style in page.styles}
    assert {path.name for path in FRONT.iterdir()} == named | {"boot.js"}


def test_the_page_holds_all_that_it_needs():
    program, data = packed(mtia_lab.explore(rerecorded()))
    for part in EXPLORER.parts:
        assert (FRONT / f"{part}.js").read_text() in program.decode(), part
    assert json.loads(data)["lanes"][0]["name"] == "host thread 0"
    assert b"import(" not in program and b"fetch(" not in program and b"http" not in data


def many(count):
    """A log of so many commands, one each µs."""
    commands = (
        in_us.command(k, "kernel", f"k{k % 7}", 0, 1, k, k, k + 1, 0, None, None, (), None)
        for k in range(count)
    )
    return Log(list(commands))


def records(shown):
    """How many the page has."""
    return len(json.loads(packed(shown)[1])["records"]["kind"])


def test_a_log_beyond_all_bounds_has_no_page_and_says_so(monkeypatch):
    monkeypatch.setattr(explorer, "MOST_STORED", 9)
    shown = mtia_lab.explore(rerecorded())
    why = "This log has 10 records, too much for a page."
    assert shown.text.endswith(f"\n{why}")
    assert shown._repr_mimebundle_()["text/html"].endswith(f"<p>{why}</p></div>")
    assert "<script>" not in shown._repr_mimebundle_()["text/html"]


def test_since_and_until_show_a_part_and_a_sentence_says_so():
    log = many(100)
    shown = mtia_lab.explore(log, since=20, until=30)
    assert 11 <= records(shown) <= 13 < len(log)
    words = f"from 20 us to 30 us: {records(shown)} of 100 records."
    assert words in shown.text and words in shown._repr_mimebundle_()["text/html"]
    data = json.loads(packed(shown)[1])
    assert data["begin"] == 20_000
    assert "<p>" not in mtia_lab.explore(log)._repr_mimebundle_()["text/html"]
    for wrong, error in ({"since": 5, "until": 5}, ValueError), ({"until": "9"}, TypeError):
        with pytest.raises(error):
            mtia_lab.explore(log, **wrong)


def test_a_log_too_long_is_shown_in_part_around_its_first_hazard(monkeypatch):
    log = many(400)
    monkeypatch.setattr(explorer, "MOST", 40)
    at_first = mtia_lab.explore(log, ())
    assert "from 0 us to 39 us: 40 of 400 records." in at_first.text
    access = Access(0, 512, 16, "float32", (4,), None, 4)
    race = [
        in_us.command(id, "kernel", name, 0, stream, at, at, at + 9, 0, None, None, (), None, *uses)
        for id, stream, name, at, uses in (
            (900, 1, "writes", 200, ((), (access,))),
            (901, 2, "reads", 201, ((access,), ())),
        )
    ]
    log = Log(sorted([*log, *race], key=lambda record: record.enqueue_ns))
    shown = mtia_lab.explore(log)
    assert "from 192 us to 229 us: 41 of 402 records." in shown.text
    data = json.loads(packed(shown)[1])
    (record,) = data["opening"]["records"]
    assert data["strings"][data["records"]["name"][record]] == "reads"


def test_of_a_long_log_it_says_what_it_is_doing(monkeypatch, capsys):
    mtia_lab.explore(many(30))
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(explorer, "QUICK", 20)
    mtia_lab.explore(many(30))
    assert capsys.readouterr().err.startswith("looking for hazards in 30 records\n")


def test_a_part_shrinks_until_it_can_be_stored(monkeypatch):
    log = many(2000)
    whole = mtia_lab.explore(log)
    monkeypatch.setattr(explorer, "MOST_STORED", len(whole.beside) - 1000)
    part = mtia_lab.explore(log)
    assert len(part.beside) < len(whole.beside) - 1000 and 500 < records(part) <= 1000


def test_what_was_found_is_in_both():
    access = Access(0, 512, 16, "float32", (4,), None, 4)
    at = {"enqueue": 0, "start": 0, "finish": 9, "thread": 0, "event": None, "version": None}
    at |= {"after": (), "site": "In[3]:2", "type": "kernel", "device": 0}
    writes = in_us.command(id=1, name="mm", stream=1, writes=(access,), **at)
    reads = in_us.command(id=2, name="relu", stream=2, reads=(access,), **at)
    shown = mtia_lab.explore(Log([writes, reads]))
    (found,) = json.loads(packed(shown)[1])["findings"]
    assert found["title"].startswith("read-after-write race") and found["hazard"]
    assert found["records"] == [0, 1]
    assert "wait_stream" in found["text"]
    assert shown._repr_mimebundle_()["image/svg+xml"] != timeline(Log([writes, reads])).svg
    assert json.loads(packed(mtia_lab.explore(Log([writes, reads]), ()))[1])["findings"] == []


def test_an_empty_log_can_be_explored():
    assert "nothing was enqueued" in repr(mtia_lab.explore(Log()))


def test_what_is_exported_is_the_page_and_what_is_stored_has_it():
    shown = mtia_lab.explore(rerecorded())
    output = new_output("execute_result", data=shown._repr_mimebundle_(), execution_count=1)
    nb = notebook(code("mtia_lab.explore(log)", output))
    html, _ = HTMLExporter().from_notebook_node(nb)
    assert html.count(script(shown)) == as_stored(nb).count(json.dumps(script(shown))[1:-1]) == 1


def test_lines_are_found_in_cells_and_in_files(jupyter):
    jupyter.history_manager.input_hist_raw = ["", "x = 1\n  y = 2", "z"]
    here = sys._getframe().f_lineno
    sites = {"In[1]:2", "In[1]:3", "In[7]:1", f"test_explorer.py:{here}", "nowhere.py:1", None}
    assert source_lines(sites) == {
        "In[1]:2": "y = 2",
        f"test_explorer.py:{here}": "here = sys._getframe().f_lineno",
    }
