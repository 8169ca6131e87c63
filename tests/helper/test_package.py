"""The package as it is declared and shipped."""

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from fnmatch import fnmatch
from importlib.metadata import distributions
from pathlib import Path

import pytest
import slow_first
import torch
from building import ROOT, python
from notebook_files import NOTEBOOKS
from packaging.specifiers import SpecifierSet
from traitlets.config import PyFileConfigLoader

import mtia_lab
from mtia_lab import errors
from mtia_lab.exercises.copies import FIRST, FOLDER
from mtia_lab.load import NEWEST, OLDEST, PIN

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_a_warm_load_imports_no_more_than_it_needs(lab_built):
    program = """
import sys
import mtia_lab
mtia_lab.load()
print(*sorted(name.removeprefix("mtia_lab.") for name in sys.modules if "mtia_lab." in name))
"""
    needed = "build cache device errors folders load log log.lines serialization toolchain"
    assert python(program).stdout.split() == needed.split()


def canonical(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> Path:
    """An environment with the wheel, installed by pip; it finds what the wheel asks for in ours."""
    folder = tmp_path_factory.mktemp("anywhere")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    venv.create(folder / "env")
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "env")}))
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "mtia_lab" not in path.name:
            (packages / path.name).symlink_to(path)
    before = {path.name for path in packages.iterdir()}
    [wheel] = folder.glob("*.whl")
    command = [folder / "env/bin/python", "-m", "pip", "install", "--no-index", "--quiet", wheel]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    new = {path.name for path in packages.iterdir()} - before
    info = f"mtia_lab-{mtia_lab.__version__}.dist-info"
    assert new - {"__pycache__"} == {"mtia_lab", "pytest_mtia_lab.py", info}
    return packages


def run_in(packages: Path, *arguments: str, cwd: Path) -> str:
    """Run the Python of the environment that has these packages; return what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [packages.parents[2] / "bin/python", *arguments]
    result = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_an_installed_wheel_copies_the_notebooks_and_says_how_to_open_them(fresh, tmp_path):
    printed = run_in(fresh, "-m", "mtia_lab", "notebooks", cwd=tmp_path)
    first = tmp_path / FOLDER / FIRST
    assert printed.splitlines()[-1] == f"To begin: jupyter lab {first}"
    copies = {path.name for path in first.parent.glob("*.ipynb")}
    assert copies == {path.name for path in NOTEBOOKS}


def test_an_installed_wheel_builds_its_device_without_a_checkout(fresh, tmp_path):
    program = """
import mtia_lab
from mtia_lab import build
print(mtia_lab.__file__, build.source_root(), repr(mtia_lab.load()), sep="\\n")
"""
    package = fresh / "mtia_lab"
    ready = "MTIA Lab: 2 simulated devices, ready"
    expected = [str(package / "__init__.py"), str(package / "cpp_extensions"), ready]
    assert run_in(fresh, "-c", program, cwd=tmp_path).splitlines() == expected
    sources = {p.relative_to(ROOT) for p in (ROOT / "cpp_extensions").rglob("*.*")}
    shipped = {p.relative_to(package) for p in (package / "cpp_extensions").rglob("*.*")}
    assert sources == shipped


def test_a_wheel_has_the_explorers_page_and_the_plugin(fresh):
    front = sorted(path.name for path in (ROOT / "mtia_lab/explorer/front").iterdir())
    assert front == sorted(path.name for path in (fresh / "mtia_lab/explorer/front").iterdir())
    assert (fresh / "mtia_lab/contract/test_contract.py").is_file()  # for pytest --pyargs
    assert "theme.css" in front and "explorer.js" in front
    points = (fresh / f"mtia_lab-{mtia_lab.__version__}.dist-info/entry_points.txt").read_text()
    assert points.split() == ["[pytest11]", "pytest_mtia_lab", "=", "pytest_mtia_lab"]


def test_jupyterlab_opens_the_first_working_copy():
    file = ROOT / ".jupyter/jupyter_lab_config.py"
    settings = PyFileConfigLoader(file.name, str(file.parent)).load_config()
    assert settings.LabApp.default_url == f"/lab/tree/{FOLDER}/{FIRST}"


def test_a_readers_own_style_sheet_comes_after_the_labs(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    (tmp_path / "custom").mkdir()
    (tmp_path / "custom/custom.css").write_text(".own {}", encoding="utf-8")
    (tmp_path / "custom/font.woff").touch()
    file = ROOT / ".jupyter/jupyter_lab_config.py"
    settings = PyFileConfigLoader(file.name, str(file.parent)).load_config()
    folders = map(Path, settings.ServerApp.tornado_settings.get_value({})["static_custom_path"])
    served = {path.name: path for folder in reversed([*folders]) for path in folder.iterdir()}
    assert served["custom.css"].read_text("utf-8").split("\n") == [
        '@import url("lab.css");',
        ".own {}",
    ]
    assert {"lab.css", "font.woff"} < {*served}


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_every_declared_dependency_is_pinned():
    declared = sum(PROJECT["optional-dependencies"].values(), PROJECT["dependencies"])
    names = {canonical(re.match(r"[\w.-]+", line)[0]) for line in declared} - {PROJECT["name"]}
    pins = pinned()
    assert names <= {canonical(name) for name in pins}
    assert pins["torch"] == PIN


def test_every_pin_takes_the_oldest_python_that_the_project_takes():
    """Debian 12 has 3.11.2: a pin that asks for 3.11.5 ends `make setup` there."""
    oldest = re.fullmatch(r">=(3\.\d+)", PROJECT["requires-python"])[1] + ".0"
    found = {canonical(found.name): found for found in distributions()}
    asked = {
        name: found[canonical(name)].metadata["Requires-Python"] or ""
        for name, version in pinned().items()
        if canonical(name) in found and found[canonical(name)].version == version
    }
    assert len(asked) > 80
    assert [name for name in asked if oldest not in SpecifierSet(asked[name])] == []


def test_the_declared_range_of_torch_is_what_the_sources_support():
    declared = next(line for line in PROJECT["dependencies"] if line.startswith("torch>"))
    (low, first), (high, end) = OLDEST, NEWEST
    assert declared == f"torch>={low}.{first}"
    assert f"torch {low}.{first} to {high}.{end} " in (ROOT / "README.md").read_text(
        encoding="utf-8"
    )
    assert tuple(map(int, torch.__version__.split(".")[:2])) >= OLDEST


def test_make_help_lists_every_command():
    text = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())
    run = ["make", "--no-print-directory", "help"]
    shown = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in shown.splitlines()} == phony


def test_no_folder_of_tests_is_passed_over(request):
    """pytest does not look into folders of some names, `build` among them, and says nothing."""
    passed_over = request.config.getini("norecursedirs")
    folders = {part for path in (ROOT / "tests").rglob("test_*.py") for part in path.parts[:-1]}
    folders -= set(ROOT.parts)
    assert folders and not [f for f in folders if any(fnmatch(f, p) for p in passed_over)]


def test_the_files_that_are_run_first_are_there():
    stems = {path.stem for path in [*(ROOT / "tests").rglob("test_*.py"), *NOTEBOOKS]}
    assert [stem for stem in slow_first.FIRST if stem not in stems] == []


def test_each_public_name_is_there_and_no_other():
    for name in mtia_lab.__all__:
        found = getattr(mtia_lab, name)
        assert found is sys.modules.get(f"mtia_lab.{name}") or found.__name__ == name
    assert dir(mtia_lab) == mtia_lab.__all__ and {"load", "record", "draw"} <= set(dir(mtia_lab))
    namespace = {}
    exec("from mtia_lab import *", namespace)
    assert namespace.keys() - {"__builtins__"} == set(mtia_lab.__all__)
    with pytest.raises(errors.UnknownAttribute, match="nothing_such"):
        mtia_lab.nothing_such  # noqa: B018
