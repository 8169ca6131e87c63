"""ARCHITECTURE.md is true: its tree is the tree, and its table is what the sources say."""

import re

import architecture
import pytest
from notebook_files import ROOT

TEXT = architecture.MAP.read_text(encoding="utf-8")
BACKEND = ROOT / "cpp_extensions/backend"
# The class that keeps each table's contract, and its files.
DOORS = {
    "MTIAGuardImpl": ["guard.cpp"],
    "MTIAHooks": ["hooks.cpp"],
    "MTIAAllocator": ["allocator.cpp"],
}


def body_of(door: str, virtual: str) -> str:
    """The definition of one virtual."""
    text = "".join((BACKEND / file).read_text(encoding="utf-8") for file in DOORS[door])
    found = re.search(rf"{door}::{virtual}\(.*?\n?\}}\n(?=\n|$)", text, re.DOTALL)
    assert found, f"{door} does not override {virtual}"
    return found[0]


def rows() -> list[tuple[str, str, str]]:
    tables = re.findall(r"\| virtual \| in `sim/` \| CUDA \|\n\|---.*?\n((?:\|.*\n)+)", TEXT)
    assert len(tables) == len(DOORS)
    return [
        (door, *re.findall(r"`(\w+)`", line)[:2])
        for door, table in zip(DOORS, tables, strict=True)
        for line in table.splitlines()
    ]


@pytest.mark.parametrize(("door", "virtual", "function"), rows())
def test_a_virtual_calls_what_the_table_says(door, virtual, function):
    assert re.search(rf"sim::{function}\b", body_of(door, virtual))


def test_every_virtual_of_the_guard_that_asks_the_simulator_is_in_the_table():
    text = (BACKEND / "guard.h").read_text(encoding="utf-8")
    names = set(re.findall(r"\b([a-z]\w+)\((?:[^()]|\n)*\)[^;{]*?override;", text))
    beside = {"getDeviceCapability", "getStreamNativeHandle"}  # CUDA has no function for these
    assert names - {virtual for door, virtual, _ in rows() if door == "MTIAGuardImpl"} == beside


def test_the_tree_is_current():
    tree = architecture.BLOCK.search(TEXT)[0]
    assert tree == architecture.tree(), "run `python tools/architecture.py`"


def test_every_file_says_what_it_is():
    said = [line.split(maxsplit=1) for line in architecture.tree().splitlines() if line]
    folders = ("front/", "cpp_extensions/", "tests/support/", "tools/")
    silent = [line[0] for line in said if len(line) == 1]
    plain = {"aten/", "backend/", "bindings/", "sim/", "graph/", "internal/", "log/", "memory/"}
    assert [name for name in silent if name not in plain and name not in folders] == []


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_file_that_a_page_names_is_there(page):
    """By its path from the root or the end of it."""
    tops = ("cpp_extensions", "mtia_lab", "tests", "tools", "notebooks", "docs")
    files = [str(path) for top in tops for path in (ROOT / top).rglob("*.*")]
    files += map(str, ROOT.glob("*.*"))
    prose = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.M | re.S)
    named = set(re.findall(r"`([\w./-]+\.(?:pyi?|cpp|h|md))`", prose))
    assert [name for name in named if not any(f.endswith(f"/{name}") for f in files)] == []
