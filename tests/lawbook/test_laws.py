"""The laws, tried: all hold on the simulated device, and one that does not is found."""

import pytest
from notebook_files import NOTEBOOKS

from mtia_lab import lawbook
from mtia_lab.lawbook import tries
from mtia_lab.lawbook.programs import LAWS, THIS_DEVICE, Law
from mtia_lab.log.table import ROWS

WRONG = Law("05", "CUDA too", "An event is complete when it is recorded.", "", lambda device: False)
RAISES = Law("05", "CUDA too", "Raises.", "", lambda device: 1 / 0)
MANY = Law("12", "CUDA too", "Three devices.", "", lambda device: True, devices=3)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.program.__name__)
def test_each_law_holds_on_the_simulated_device(lab, law):
    assert tries.outcome(law, "mtia") == tries.HOLDS, law.sentence


def test_the_table_shows_what_came_of_each(lab):
    table = lab.laws("mtia")
    assert table.broken == [] and not table.here
    text, page = repr(table), table._repr_html_()
    assert text.startswith(f"{len(LAWS)} of {len(LAWS)} laws hold on the simulated device.\n")
    for law in LAWS:
        assert law.sentence in text
        assert law.differs in text
    assert page.count("<tr>") == len(LAWS) + 1 and "may differ" in page
    assert len(LAWS) <= ROWS, "a table shows no more rows"


def test_a_wrong_law_is_found(lab, monkeypatch):
    for module in (tries, lawbook):
        monkeypatch.setattr(module, "LAWS", [LAWS[0], WRONG, RAISES, MANY])
    table = lab.laws("mtia")
    assert table.simulated == (
        *("holds", "does not hold"),
        *("ZeroDivisionError: division by zero", "needs 3 devices"),
    )
    assert table.broken == [WRONG, RAISES]
    assert repr(table).startswith("1 of 4 laws hold")


def test_nothing_is_left_current_and_settings_do_not_matter(lab, streams):
    with lab.schedule("latest"), streams[0]:
        before = lab.state()
        assert lab.laws().broken == []
        assert lab.state() == before and before != (0, 0, 0)


@pytest.mark.parametrize("device", ["cuda", "xpu", "cpu"])
def test_without_another_accelerator_one_sentence_says_so(lab, monkeypatch, device):
    """On a machine that has one it is tried, and must hold there too."""
    monkeypatch.setattr(f"torch.{device}.is_available", lambda: False)
    table = lab.laws(device)
    sentence = f"No other accelerator here: PyTorch finds no {device}."
    assert repr(table) == sentence and table._repr_html_() == f"<p>{sentence}</p>"
    assert table.broken == []


@pytest.mark.parametrize(("device", "error"), [(3, TypeError), ("warp", ValueError)])
def test_what_is_no_device_is_refused(lab, device, error):
    with pytest.raises(error, match="give a type of device"):
        lab.laws(device)


def test_laws_are_tried_in_a_process_of_their_own(lab_built):
    """Here another simulated device stands for another accelerator."""
    assert tries.elsewhere("mtia", devices=1) == [
        tries.needs(law) if law.devices > 1 else tries.HOLDS for law in LAWS
    ]


def test_an_accelerator_that_is_not_there_after_all_is_said_to_be(lab, monkeypatch):
    """`is_available` may say yes, and the process that tries die or find none."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    table = lab.laws("cuda")
    assert {said.partition(":")[0] for said in table.here} == {"not tried"}
    expected = [law for law in LAWS if law.place != THIS_DEVICE]
    assert table.broken == expected and f", 0 on {table.device}." in repr(table)
    assert "cuda" in table._repr_html_()


def test_each_law_names_a_notebook_and_no_two_are_the_same():
    numbers = {path.name[:2] for path in NOTEBOOKS}
    assert {law.notebook for law in LAWS} <= numbers
    assert len({law.sentence for law in LAWS}) == len(LAWS)
