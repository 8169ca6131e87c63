"""What axe-core, which checks how accessible a page is, finds wrong with one."""

from typing import Any

import pytest


def complaints(page: Any, **options: Any) -> list[tuple[str, str]]:
    """Of each rule that is broken: its name, and the HTML of the first element that breaks it.

    Args:
        page: of Playwright, as it is to be looked at.
        options: of axe-core's `run`.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="it has axe-core")
    found = axe.Axe().run(page, options=options).response
    assert len(found["passes"]) > 20, "next to nothing was checked"
    return [(v["id"], v["nodes"][0]["html"][:99]) for v in found["violations"]]
