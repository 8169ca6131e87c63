"""A filmed context manager: its phases, what it leaves, and that nothing of it is left after it."""

import pytest
import torch

from mtia_lab.programs.film import film


def test_a_film_has_the_phases_and_the_states_of_a_block(lab):
    stream = torch.Stream("mtia:1")
    shot = film(stream, lambda: torch.mtia.set_device(0))
    assert [name for _, name in shot.captions] == ["enter", "body", "leave"]
    assert shot.states == ((0, 0, 0), (1, 0, stream.stream_id), (0, 0, 0))
    text = shot.picture("the message").text
    assert text.startswith("the message") and text.index("-- enter") < text.index("-- body")
    assert "test_film.py" in text  # the caller's line, not the helper's


def test_it_begins_and_ends_at_the_defaults_whatever_happens(lab):
    with torch.mtia.device(1):
        shot = film(torch.mtia.device(1), lambda: torch.mtia.set_device(0))
        assert shot.states == ((0, 0, 0), (1, 0, 0), (0, 0, 0)) and lab.state() == (0, 0, 0)
    with pytest.raises(ZeroDivisionError):
        film(torch.mtia.device(1), lambda: torch.mtia.set_device(1 / 0))
    assert lab.state() == (0, 0, 0)
