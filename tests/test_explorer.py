"""The explorer where it is shown: a widget beside the timeline, or the timeline alone."""

import json
import sys
import zlib
from types import SimpleNamespace

import pytest
from drawings import rerecorded
from nbconvert import HTMLExporter
from nbformat.v4 import new_output
from notebook_files import code, notebook
from refresh_notebooks import as_stored

import mtia_lab
from mtia_lab import explorer, isolated
from mtia_lab.draw import timeline
from mtia_lab.explorer.sources import source_lines
from mtia_lab.explorer.widget import Explorer
from mtia_lab.log import Log
from mtia_lab.records import Access, Command

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def jupyter(monkeypatch):
    """As in a notebook: there is a kernel."""
    shell = SimpleNamespace(kernel=object(), history_manager=SimpleNamespace(input_hist_raw=[]))
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    return shell


def test_a_notebook_gets_a_widget_and_the_timeline(jupyter):
    log = rerecorded()
    shown, again, picture = mtia_lab.explore(log), mtia_lab.explore(log), timeline(log)
    assert isinstance(shown, Explorer)
    bundle = shown._repr_mimebundle_()
    assert bundle.pop(VIEW)["model_id"] == shown.model_id
    assert bundle == picture._repr_mimebundle_()
    assert repr(shown) == repr(again) == picture.text


def test_outside_of_jupyter_it_is_the_timeline():
    shown = mtia_lab.explore(rerecorded())
    assert shown.svg == timeline(rerecorded()).svg
    assert shown.text.startswith(timeline(rerecorded()).text)
    assert shown.text.endswith("\nIn JupyterLab, mtia_lab.explore(log) lets you go through it.")
    assert VIEW not in shown._repr_mimebundle_()


def test_without_anywidget_it_is_the_timeline(jupyter, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    shown = mtia_lab.explore(rerecorded())
    assert "\nTo go through it, install anywidget (" in shown.text


def test_of_a_log_beyond_all_bounds_it_is_the_timeline(jupyter, monkeypatch):
    monkeypatch.setattr(explorer, "MOST", 9)
    assert "This log has 10 records, too many" in mtia_lab.explore(rerecorded()).text


def test_what_was_found_is_in_both(jupyter):
    access = Access(0, 512, 16, "float32[4]")
    at = {"enqueue": 0, "start": 0, "finish": 9, "thread": 0, "event": None, "version": None}
    at |= {"after": (), "site": "In[3]:2", "type": "kernel", "device": 0}
    writes = Command(id=1, name="mm", stream=1, writes=(access,), **at)
    reads = Command(id=2, name="relu", stream=2, reads=(access,), **at)
    shown = mtia_lab.explore(Log([writes, reads]))
    (found,) = json.loads(zlib.decompress(shown.payload))["findings"]
    assert found["title"].startswith("read-after-write race") and found["hazard"]
    assert found["records"] == [0, 1]
    assert "wait_stream" in found["text"]
    assert shown._repr_mimebundle_()["image/svg+xml"] != timeline(Log([writes, reads])).svg
    assert not json.loads(zlib.decompress(mtia_lab.explore(Log([writes, reads]), ()).payload))[
        "findings"
    ]


def test_an_empty_log_can_be_explored(jupyter):
    assert "nothing was enqueued" in repr(mtia_lab.explore(Log()))


def test_loading_imports_no_widgets():
    program = "import sys, mtia_lab\nmtia_lab.load()\nassert 'anywidget' not in sys.modules"
    program += "\nmtia_lab.explore\nassert 'anywidget' not in sys.modules"
    assert isolated.run(program).ok


def test_what_is_exported_or_stored_is_the_timeline():
    shown = Explorer(rerecorded())
    output = new_output("execute_result", data=shown._repr_mimebundle_(), execution_count=1)
    nb = notebook(code("mtia_lab.explore(log)", output))
    html, _ = HTMLExporter().from_notebook_node(nb)
    assert "image/svg+xml;base64," in html or "<svg" in html
    assert shown.model_id not in html
    assert VIEW in nb.cells[0].outputs[0].data
    stored = as_stored(nb)
    assert "image/svg+xml" in stored
    assert VIEW not in stored and shown.model_id not in stored


def test_lines_are_found_in_cells_and_in_files(jupyter):
    jupyter.history_manager.input_hist_raw = ["", "x = 1\n  y = 2", "z"]
    here = sys._getframe().f_lineno
    sites = {"In[1]:2", "In[1]:3", "In[7]:1", f"test_explorer.py:{here}", "nowhere.py:1", None}
    assert source_lines(sites) == {
        "In[1]:2": "y = 2",
        f"test_explorer.py:{here}": "here = sys._getframe().f_lineno",
    }
