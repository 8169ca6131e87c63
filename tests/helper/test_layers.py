"""The layers of the house: what may import what, in Python and in C++. ARCHITECTURE.md draws it."""

import ast
import re
from pathlib import Path

import pytest
from notebook_files import ROOT

PACKAGE, SOURCES = ROOT / "mtia_lab", ROOT / "cpp_extensions"
# Who may import whom, beside itself. The files at the top of the package are the helper; the two
# that put everything together, lazily, are not among them.
HELPER = "helper"
MAY_IMPORT = {
    HELPER: set(),
    "log": {HELPER},
    "isolated": {HELPER},
    "draw": {HELPER, "log"},
    "hazards": {HELPER, "log", "draw"},
    "contract": {HELPER, "log", "isolated"},
    "guards": {HELPER, "log", "draw", "isolated", "contract"},
    "distributed": {HELPER, "isolated"},
    "explorer": {HELPER, "log", "draw", "hazards"},
    "programs": {HELPER, "log", "draw", "hazards", "explorer"},
    "lawbook": {HELPER, "log", "isolated", "programs", "contract"},
    "museum": {HELPER, "log", "programs"},
    "exercises": {
        *(HELPER, "log", "isolated", "distributed"),
        *("draw", "hazards", "guards", "programs"),
    },
}
ASSEMBLY = {"__init__.py", "__main__.py"}
MOST_HELPERS = 13  # files at the top of the package
MAY_INCLUDE = {
    "sim": set(),
    "backend": {"sim"},
    "aten": {"sim", "backend"},
    "bindings": {"sim", "backend", "aten"},
    "": {"sim", "backend", "aten", "bindings"},  # the compiler's units: they register everything
}


def room_of(path: Path) -> str:
    inner = path.relative_to(PACKAGE).parts
    return inner[0] if len(inner) > 1 else HELPER


def imported(path: Path) -> list[Path]:
    """The files and folders of the package that a module imports, anywhere in it."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found += [folder.joinpath(*name.split(".")) for name in names]
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [getattr(node, "module", None) or ""] + [alias.name for alias in node.names]
            assert not any(name.partition(".")[0] == "mtia_lab" for name in names), path
    return found


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "_server.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_downward_and_never_the_package_itself(path):
    room = room_of(path)
    if room == HELPER and path.name in ASSEMBLY:
        return
    for target in imported(path):
        assert target != PACKAGE
        other = room_of(target / "__init__.py" if target.is_dir() else target)
        assert other in MAY_IMPORT[room] | {room}, f"{path.name} imports {target}"


# What works something out from a log; `finding` and `report` can show themselves.
ANALYSIS = [
    *(PACKAGE / "log").glob("*.py"),
    *(p for p in (PACKAGE / "hazards").glob("*.py") if p.stem not in ("finding", "report")),
    *(PACKAGE / "explorer" / f"{name}.py" for name in ("memory", "model", "moments")),
]


@pytest.mark.parametrize("path", ANALYSIS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_analysis_does_not_know_the_view(path):
    assert not any(PACKAGE / "draw" in (t, *t.parents) for t in imported(path))


def test_every_folder_has_its_place():
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == set(MAY_IMPORT) - {HELPER}


def test_the_helper_is_small():
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_HELPERS


SOURCE_FILES = sorted([*SOURCES.rglob("*.cpp"), *SOURCES.rglob("*.h")])


@pytest.mark.parametrize("path", SOURCE_FILES, ids=lambda path: str(path.relative_to(SOURCES)))
def test_a_source_includes_downward(path):
    def room(file: Path) -> str:
        inner = file.relative_to(SOURCES).parts
        return inner[0] if len(inner) > 1 else ""

    for name in re.findall(r'#include "(.*?)"', path.read_text(encoding="utf-8")):
        target = (path.parent / name).resolve()
        assert target.is_file(), name
        assert room(target) in MAY_INCLUDE[room(path)] | {room(path)}, name
        if "internal" in target.parts:
            its_unit = path == SOURCES / "runtime.cpp"
            assert room(path) == "sim" or its_unit, f"{name} is the simulator's own"


SIM_HEADERS = sorted((SOURCES / "sim").rglob("*.h"))
# At the start of a line, so in no class: `type name(arguments)`, then what ends it.
FUNCTION = (
    r"^(?!inline|template|using|constexpr)[\w\[][\w:<>,&*\[\] ]*?[ &*](\w+)"
    r"\((?:[^(){};]|\([^()]*\))*\)(?: noexcept)?"
)


@pytest.mark.parametrize("path", SIM_HEADERS, ids=lambda path: str(path.relative_to(SOURCES)))
def test_what_a_header_of_the_simulator_declares_is_in_the_source_of_its_name(path):
    header, source = path.read_text(encoding="utf-8"), path.with_suffix(".cpp")
    declared = set(re.findall(rf"{FUNCTION};", header, re.MULTILINE))
    text = source.read_text(encoding="utf-8") if source.exists() else ""
    defined = set(re.findall(rf"{FUNCTION} {{", text, re.MULTILINE))
    assert declared <= defined
    for name in set(re.findall(r"^(?! |using)[\w:<>&*, ]*?\b(\w+)::~?\w+\(", text, re.MULTILINE)):
        assert re.search(rf"^(struct|class) {name}\b", header, re.MULTILINE), name


def test_no_source_names_a_module_of_the_package():
    for path in SOURCE_FILES:
        text = path.read_text(encoding="utf-8")
        found = re.search(r'ImportModule\("mtia_lab|mtia_lab\.(?!load|configure)\w+\.', text)
        assert not found, path
