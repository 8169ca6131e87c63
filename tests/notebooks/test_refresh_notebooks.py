"""refresh_notebooks.py: what it stores, what it refuses, and that the stored notebooks are such."""

import os

import nbformat
import pytest
from notebook_files import METADATA, NOTEBOOKS, code, markdown, write
from refresh_notebooks import as_stored, main, names_of_this_machine, refresh

SOUND = [
    markdown("# A notebook"),
    code("import os\n\nprint(os.path.basename(os.getcwd()))", tags=["exercise"]),
    code("6 * 7", hidden=True),
    code("raise KeyError('announced')", tags=["raises-exception"]),
    "{'b', 'a'} == {'a', 'b'}",
]
REFUSED = {
    "raises": ("x = 1\n1 / 0", "[2] raised ZeroDivisionError: division by zero\nThe cell:\nx = 1"),
    "dies": ("os._exit(1)", "[2] killed the kernel"),
    "does not raise": (code("1", tags=["raises-exception"]), "[2] has the tag raises-exception"),
    "is skipped": ("# NBVAL_SKIP\n1", "[2] asks nbval to look away"),
    "prints an address": ("object()", "[2] printed an address: 'at 0x"),
    "prints a path": ("os.__file__", "[2] printed a path: '/"),
    "prints its folder": ("os.path.expanduser('~')", "[2] printed a name of this machine"),
    "prints its process id": ("os.getpid()", "a second run gave something else"),
    "misspells a magic": ("%no_such_magic", "[2] raised UsageError"),
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A sound notebook after one refresh."""
    path = write(tmp_path_factory.mktemp("sound") / "sound.ipynb", *SOUND)
    assert refresh(path) == (True, "refreshed")
    return path


def test_a_second_run_gives_the_same_bytes(stored):
    before = stored.read_bytes()
    assert refresh(stored, check=True) == (True, "unchanged")
    assert refresh(stored) == (True, "unchanged")
    assert stored.read_bytes() == before


def test_outputs_are_those_of_a_run_in_the_folder(stored):
    nb = nbformat.read(stored, as_version=4)
    printed, result, raised, last = (cell.outputs for cell in nb.cells[1:])
    assert printed[0].text.startswith("sound")
    assert result[0].data == {"text/plain": "42"}
    assert raised[0].ename == "KeyError" and len(raised[0].traceback) == 1
    assert last[0].data == {"text/plain": "True"}
    assert [cell.execution_count for cell in nb.cells[1:]] == [1, 2, 3, 4]


def test_only_lasting_metadata_is_kept(stored):
    nb = nbformat.read(stored, as_version=4)
    assert nb.metadata == METADATA
    assert [cell.metadata for cell in nb.cells] == [
        {},
        {"tags": ["exercise"]},
        {"collapsed": True, "jupyter": {"outputs_hidden": True, "source_hidden": True}},
        {"tags": ["raises-exception"]},
        {},
    ]


def test_volatile_metadata_is_dropped(stored):
    nb = nbformat.read(stored, as_version=4)
    nb.metadata.language_info.version = "3.11.7"
    nb.metadata.widgets = {}
    nb.cells[1].metadata.update(scrolled=True, collapsed=False, execution={"iopub.execute": "now"})
    nb.cells[1].metadata.jupyter = {"outputs_hidden": False}
    assert as_stored(nb) == stored.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    """The message for each notebook of REFUSED; they run side by side, as all notebooks do."""
    from concurrent.futures import ThreadPoolExecutor

    folder = tmp_path_factory.mktemp("refused")
    paths = [write(folder / f"{name}.ipynb", "import os", REFUSED[name][0]) for name in REFUSED]
    before = [path.read_bytes() for path in paths]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(refresh, paths))
    assert [path.read_bytes() for path in paths] == before, "a refused notebook was written"
    assert not any(fine for fine, _ in outcomes)
    return dict(zip(REFUSED, (message for _, message in outcomes), strict=True))


@pytest.mark.parametrize("name", REFUSED)
def test_what_must_not_be_stored_is_refused(refusals, name):
    assert REFUSED[name][1] in refusals[name]


def test_check_writes_nothing_and_fails_on_a_change(tmp_path, capsys):
    path = write(tmp_path / "stale.ipynb", "1 + 1")
    before = path.read_bytes()
    assert main(["--check", str(path)]) == 1
    assert path.read_bytes() == before
    assert "stale.ipynb: would change" in capsys.readouterr().out


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebooks_are_stored_as_refresh_stores_them(path):
    """That a run gives these outputs is for nbval to say; a third run would cost a minute."""
    nb = nbformat.read(path, as_version=4)
    assert names_of_this_machine(nb) == []
    assert as_stored(nb) == path.read_text(encoding="utf-8")
