"""The simulated device for tests that need it in their own process."""

import pytest


@pytest.fixture
def lab():
    """`mtia_lab`, loaded, idle, at its defaults and at device 0 with default streams."""
    import machines

    import mtia_lab

    mtia_lab.load()
    machines.idle_at_defaults()
    mtia_lab.configure(schedule="modelled", profile=mtia_lab.Profile(), poison=False)
    yield mtia_lab
    machines.idle_at_defaults()
