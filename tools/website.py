"""Write the site: `make site` makes pages of README, guides and notebooks, as they are stored.

    python tools/website.py FOLDER [PAGE ...]

Nothing is run: stored outputs are what tests compare, and explorers in them need no kernel. A page
is a file of this repository; without any, all are taken, and a link that leads nowhere is an error.
Solutions, checks and what answers a question are closed until they are opened.
"""

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from house_rules import is_guess
from nbformat import NotebookNode
from notebook_files import NOTEBOOKS, ROOT, tags
from sphinx.cmd.build import main as sphinx

GUIDES = [*sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")), "TEACHING.md"]
DEVELOPMENT = ["ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "mtia_lab/log/schema.md"]
FIRST = "README.md"
SECTIONS = {
    "Notebooks": [f"notebooks/{path.name}" for path in NOTEBOOKS],
    "Guides": GUIDES,
    "Development": DEVELOPMENT,
}
CONFIGURATION = ROOT / "docs" / "website"
CLOSED = {"solution": ("hide-cell", "the solution"), "check": ("hide-cell", "the check")}
LINK = re.compile(r"\]\(([^()#\s:]+)")
ANCHOR = re.compile(r"\]\(#[\w-]+\)")  # JupyterLab keeps capitals in them, Sphinx and GitHub do not


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("pages", nargs="*", metavar="PAGE")
    options = parser.parse_args(arguments)
    if unknown := {*options.pages} - {page for pages in SECTIONS.values() for page in pages}:
        parser.error(f"no page of the site is {' or '.join(sorted(unknown))}")
    chosen = {
        section: [page for page in pages if page in options.pages or not options.pages]
        for section, pages in SECTIONS.items()
    }
    with tempfile.TemporaryDirectory() as name:
        source, built = Path(name, "pages"), Path(name, "built")  # MyST leaves a folder beside it
        stage(source, chosen)
        strict = [] if options.pages else ["--fail-on-warning", "--keep-going"]
        how = ["--quiet", *strict, "-c", str(CONFIGURATION), "-d", str(Path(name, "doctrees"))]
        if failed := sphinx([*how, str(source), str(built)]):
            return failed
        shutil.copytree(built, options.folder, dirs_exist_ok=True)
    return 0


def stage(source: Path, sections: dict[str, list[str]]) -> None:
    """Lay the pages, and the files they link to, in a folder as they lie in the repository."""
    text = (ROOT / FIRST).read_text(encoding="utf-8")
    source.mkdir()
    (source / "index.md").write_text(text + "".join(map(contents, sections.items())))
    copy_linked(source, ROOT, text)
    for page in (page for pages in sections.values() for page in pages):
        path, target = ROOT / page, source / page
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".ipynb":
            nbformat.write(closed(nbformat.read(path, as_version=4)), target)
        else:
            shutil.copy(path, target)
            copy_linked(source, path.parent, path.read_text(encoding="utf-8"))


def contents(section: tuple[str, list[str]]) -> str:
    """Return what puts a section into the sidebar."""
    name, pages = section
    listed = "\n".join(page.rpartition(".")[0] for page in pages)
    return f"\n```{{toctree}}\n:hidden:\n:caption: {name}\n\n{listed}\n```\n"


def copy_linked(source: Path, folder: Path, text: str) -> None:
    """Copy the files that a page links to and that are no pages: to be shown, or downloaded."""
    for path in (folder / link for link in LINK.findall(text)):
        if path.is_file() and path.suffix not in (".md", ".ipynb"):
            target = source / path.resolve().relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def closed(nb: NotebookNode) -> NotebookNode:
    """Return the notebook with everything closed that a reader should guess or try first."""
    guessed = False  # a guess was asked for, and no text has come since
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            guessed = False
            cell.source = ANCHOR.sub(lambda found: found[0].lower(), cell.source)
            continue
        guessed = guessed or is_guess(cell)
        kinds = [CLOSED[tag] for tag in tags(cell) if tag in CLOSED]
        for tag, what in kinds or ([("hide-output", "what came")] if guessed else []):
            close(cell, tag, what)
    return nb


def close(cell: NotebookNode, tag: str, what: str) -> None:
    cell.metadata["tags"] = [*tags(cell), tag]
    prompts = {"code_prompt_show": f"Show {what}", "code_prompt_hide": f"Hide {what}"}
    cell.metadata["mystnb"] = prompts
    cell.metadata.pop("jupyter", None)
    cell.metadata.pop("collapsed", None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
