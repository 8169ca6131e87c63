"""What tests of notebooks share: the process that their sessions are forked from."""

import pytest


@pytest.fixture(scope="module")
def server(lab_built):
    import sessions  # and all of torch, for those who ask

    with sessions.server() as server:
        yield server
