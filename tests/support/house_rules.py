"""How the notebooks are written, where that can be counted: rules as in sound_rules.py."""

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import nbformat
from nbformat import NotebookNode
from notebook_files import code_cells, printed, tags

CELLS = range(25, 46)
WORDS = range(900, 2501)
GPU_WORDS = range(60, 121)
CODE_LINES = 250
MEDIAN_LINES = 5
LONGEST_CELL = 25
CELLS_TO_A_PICTURE = 5
PICTURE = "image/svg+xml"
PLACE = r"\*PyTorch\*, `([\w./]+)`|\*CUDA too\*|\*this device\*"  # notebook 00 explains them
SOLUTION = "# Solution: open it when you have tried."


def prose(nb: NotebookNode) -> str:
    """Return all markdown without its fenced code."""
    text = "\n\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def count_words(text: str) -> int:
    return len(re.findall(r"[^\W\d_][\w'’-]*", text))


def lines(cell: NotebookNode) -> int:
    """Count a cell's lines of code: neither empty ones nor comments."""
    return sum(1 for line in cell.source.splitlines() if line.strip() and line.strip()[0] != "#")


def size(nb: NotebookNode, path: Path) -> Iterator[str]:
    counts = [lines(cell) for cell in code_cells(nb)]
    words = count_words(prose(nb))
    if len(nb.cells) not in CELLS:
        yield f"{len(nb.cells)} cells, not {CELLS.start} to {CELLS.stop - 1}"
    if words not in WORDS:
        yield f"{words} words, not {WORDS.start} to {WORDS.stop - 1}"
    if sum(counts) > CODE_LINES:
        yield f"{sum(counts)} lines of code, over {CODE_LINES}"
    if counts and median(counts) > MEDIAN_LINES:
        yield f"the median code cell has {median(counts)} lines, over {MEDIAN_LINES}"
    for number, count in enumerate(counts, 1):
        if count > LONGEST_CELL:
            yield f"[{number}] has {count} lines, over {LONGEST_CELL}"


def pictures_are_frequent(nb: NotebookNode, path: Path) -> Iterator[str]:
    cells = code_cells(nb)
    without = 0
    for number, cell in enumerate(cells, 1):
        drawn = any(PICTURE in output.get("data", {}) for output in cell.outputs)
        without = 0 if drawn else without + 1
        if without == CELLS_TO_A_PICTURE:
            yield f"[{number - without + 1}] to [{number}]: {without} code cells and no picture"


def pictures_are_bundles(nb: NotebookNode, path: Path) -> Iterator[str]:
    """A picture must survive without a kernel, on GitHub and under a screen reader."""
    for number, cell in enumerate(code_cells(nb), 1):
        for output in cell.outputs:
            data = output.get("data", {})
            if PICTURE in data:
                if not data.get("text/plain", "").strip():
                    yield f"[{number}] a picture has no plain text"
                if not re.search(r"<img\b[^>]*\balt=", data.get("text/html", "")):
                    yield f"[{number}] a picture has no <img> with alt text"
            if data and "text/plain" not in data:
                yield f"[{number}] an output has no plain text, so it can only be seen"


def begins_with_load(nb: NotebookNode, path: Path) -> Iterator[str]:
    """Nothing but imports may come before `mtia_lab.load()`. Notebook 00 may check first."""
    cells = code_cells(nb)
    first = cells[0].source if cells else ""
    tree = parse(first)
    imported = any(
        isinstance(node, ast.Import) and node.names[0].name == "mtia_lab" for node in tree
    )
    if not imported:
        yield "[1] does not import mtia_lab"
    statements = [node for node in tree if not isinstance(node, ast.Import | ast.ImportFrom)]
    if not path.name.startswith("00_") and not (statements and calls(statements[0], "load")):
        yield "[1] does not call mtia_lab.load() right after its imports"


def ends_at_default(nb: NotebookNode, path: Path) -> Iterator[str]:
    """The last code cell asserts that device and streams are the default ones again."""
    cells = code_cells(nb)
    asserts = [n for n in parse(cells[-1].source if cells else "") if isinstance(n, ast.Assert)]
    if not any(calls(node, "state") for node in asserts):
        yield "the last code cell does not assert that mtia_lab.state() is the default"


def exercises_are_whole(nb: NotebookNode, path: Path) -> Iterator[str]:
    """Exercise: tag `exercise`, prints "not started". Then a collapsed, asserted `solution`."""
    cells = list(enumerate(code_cells(nb), 1))
    found = ["exercise" in tags(cell) for _, cell in cells]
    if not any(found):
        yield "no code cell has the tag exercise"
    unsolved = None
    for number, cell in cells:
        idle = "not started" in printed(cell)
        hidden = cell.metadata.get("jupyter", {}).get("source_hidden", False)
        if "exercise" in tags(cell):
            if unsolved:
                yield f"[{unsolved}] is an exercise without a solution"
            unsolved = number
            if not idle:
                yield f'[{number}] is an exercise and does not print "not started"'
        elif idle:
            yield f'[{number}] prints "not started" without the tag exercise'
        if "solution" in tags(cell):
            if not unsolved:
                yield f"[{number}] is a solution without an exercise before it"
            unsolved = None
            if not hidden:
                yield f"[{number}] is a solution in plain sight: set jupyter.source_hidden"
            if not cell.metadata.get("jupyter", {}).get("outputs_hidden", False):
                yield f"[{number}] shows what its solution gives: set jupyter.outputs_hidden"
            if cell.source.splitlines()[0] != SOLUTION:  # the line of a collapsed cell that is seen
                yield f"[{number}] does not begin with: {SOLUTION}"
            if not any(isinstance(n, ast.Assert) for n in walk(cell.source)):
                yield f"[{number}] is a solution without an assertion"
        elif hidden:
            yield f"[{number}] is collapsed without the tag solution"
    if unsolved:
        yield f"[{unsolved}] is an exercise without a solution"


def head_and_foot(nb: NotebookNode, path: Path) -> Iterator[str]:
    texts = [cell.source for cell in nb.cells if cell.cell_type == "markdown"]
    head, foot = " ".join(texts[:2]).lower(), " ".join(texts[-3:]).lower()
    for needed in ("difficulty", "minutes", "need to know"):
        if needed not in head:
            yield f"the top does not say: {needed}"
    if "what you now know" not in foot:
        yield 'the end does not say "what you now know"'
    following = sorted(other.name for other in path.parent.glob("[0-9][0-9]_*.ipynb"))
    following = [name for name in following if name > path.name]
    if following and following[0].lower() not in foot:
        yield f"the end does not link to the next notebook, {following[0]}"


def laws_have_a_place(nb: NotebookNode, path: Path) -> Iterator[str]:
    """Each law says whose it is, and PyTorch's in which file."""
    laws = re.findall(r"^.*\*\*(?:the )?law\b.*", prose(nb), re.MULTILINE | re.IGNORECASE)
    if not laws:
        yield "no law"
    for law in laws:
        found = re.match(rf"> \*\*Law\*\* \((?:{PLACE})\)\. ", law)
        if not found:
            yield f"a law without its place, as in > **Law** (*CUDA too*). ...: {law[:60]}"
        elif found[1] and not is_there(found[1]):
            yield f"torch has no {found[1]}"


def is_there(file: str) -> bool:
    """Tell whether PyTorch has a file, as far as headers and Python go: these are installed."""
    torch = Path(find_spec("torch").origin).parent
    header, module = torch / "include" / file.removeprefix("aten/src/"), torch.parent / file
    places = {".h": header, ".py": module}
    return places.get(module.suffix, torch).exists()


def gpu_section(nb: NotebookNode, path: Path) -> Iterator[str]:
    """Before its last section a notebook says what differs on a GPU, and how to see it there."""
    pattern = r"^## On your GPU\n((?:(?!^## ).*\n)+)## What you now know$"
    found = re.search(pattern, prose(nb), re.MULTILINE)
    if not found:
        yield 'no section "On your GPU" right before "What you now know"'
    elif (words := count_words(found[1])) not in GPU_WORDS:
        yield f'"On your GPU" has {words} words, not {GPU_WORDS.start} to {GPU_WORDS.stop - 1}'


def source_is_not_pasted(nb: NotebookNode, path: Path) -> Iterator[str]:
    for cell in nb.cells:
        if cell.cell_type == "markdown" and re.search(
            r"^```\s*(c\+\+|cpp|cxx|c)\b", cell.source, re.M
        ):
            yield "C++ is pasted into the prose: show it with mtia_lab.source(tag)"


def links_lead_somewhere(nb: NotebookNode, path: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(\s*<?([^)>\s]+)", prose(nb)):
        if re.match(r"[a-z]+:", target):
            continue  # the network is not asked
        name, _, anchor = target.partition("#")
        file = path.parent / name if name else path
        if file != path and not file.exists():
            yield f"a link leads nowhere: {target}"
        elif anchor and file.suffix == ".ipynb":
            other = nb if file == path else nbformat.read(file, as_version=4)
            if anchor not in anchors(other):
                yield f"a link leads to no heading: {target}"


def anchors(nb: NotebookNode) -> list[str]:
    """Return the headings of a notebook as JupyterLab makes link targets of them."""
    headings = re.findall(r"^#{1,6}\s+(.+?)\s*#*$", prose(nb), re.MULTILINE)
    return [re.sub(r"[*_`]", "", heading).replace(" ", "-") for heading in headings]


def parse(source: str) -> list[ast.stmt]:
    return ast.parse(source).body


def walk(source: str) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(source))


def calls(tree: ast.AST, name: str) -> bool:
    """Tell whether `mtia_lab.name(...)`, or `name(...)`, is called anywhere in `tree`."""
    called = (ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(function in (name, f"mtia_lab.{name}") for function in called)


HOUSE = [size, pictures_are_frequent, pictures_are_bundles, begins_with_load, ends_at_default]
HOUSE += [exercises_are_whole, head_and_foot, laws_have_a_place, gpu_section]
HOUSE += [source_is_not_pasted, links_lead_somewhere]
