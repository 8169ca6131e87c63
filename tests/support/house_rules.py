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
CHECK = "# Check: "  # then what is checked, in words, without what comes out
# The ways through the notebooks, as notebook 00 offers them.
WAYS = {
    "I use an accelerator": ["00", "08", "05", "09", "10", "11", "12", "13", "03", "04"],
    "I write a backend": ["00", "01", "02", "03", "04", "06", "07", "05", "11", "12"],
}


def prose(nb: NotebookNode) -> str:
    """Return all markdown without its fenced code."""
    text = "\n\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def count_words(text: str) -> int:
    return len(re.findall(r"[^\W\d_][\w'’-]*", text))


def lines(cell: NotebookNode) -> int:
    """Count a cell's lines of code: neither empty ones nor comments."""
    return sum(1 for line in cell.source.splitlines() if line.strip() and line.strip()[0] != "#")


def is_closed(cell: NotebookNode) -> bool:
    """Tell whether a reader does not see a cell's source before he opens it."""
    return cell.metadata.get("jupyter", {}).get("source_hidden", False)


def size(nb: NotebookNode, path: Path) -> Iterator[str]:
    seen = [cell for cell in nb.cells if not is_closed(cell)]
    counts = [0 if is_closed(cell) else lines(cell) for cell in code_cells(nb)]
    words = count_words(prose(nb))
    if len(seen) not in CELLS:
        yield f"{len(seen)} open cells, not {CELLS.start} to {CELLS.stop - 1}"
    if words not in WORDS:
        yield f"{words} words, not {WORDS.start} to {WORDS.stop - 1}"
    if sum(counts) > CODE_LINES:
        yield f"{sum(counts)} lines of code, over {CODE_LINES}"
    middle = median(filter(None, counts)) if any(counts) else 0
    if middle > MEDIAN_LINES:
        yield f"the median code cell has {middle} lines, over {MEDIAN_LINES}"
    for number, count in enumerate(counts, 1):
        if count > LONGEST_CELL:
            yield f"[{number}] has {count} lines, over {LONGEST_CELL}"


def pictures_are_frequent(nb: NotebookNode, path: Path) -> Iterator[str]:
    without = 0
    for number, cell in enumerate(code_cells(nb), 1):
        if is_closed(cell) or is_guess(cell):
            continue
        drawn = any(PICTURE in output.get("data", {}) for output in cell.outputs)
        without = 0 if drawn else without + 1
        if without == CELLS_TO_A_PICTURE:
            yield f"[{number}] is the last of {without} open code cells without a picture"


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
            if "data" in output and not data:  # a progress bar was there, and cleared
                yield f"[{number}] an output is empty"
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
    if not any(calls(node, "state") for node in (asserts(cells[-1]) if cells else [])):
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
        hidden = is_closed(cell)
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
        elif hidden and "check" not in tags(cell):
            yield f"[{number}] is collapsed without the tag solution or check"
    if unsolved:
        yield f"[{unsolved}] is an exercise without a solution"


def exercise_name(cell: NotebookNode) -> str:
    """Return the name of an exercise: that of the answer which its last line has judged, or ""."""
    match (parse(cell.source) or [None])[-1]:
        case ast.Expr(value=ast.Call(args=[ast.Name(id=name), *_], keywords=[])):
            return name
        case _:
            return ""


def judges_are_away(nb: NotebookNode, path: Path) -> Iterator[str]:
    """An exercise cell is what there is to fill in, and one call that judges it."""
    names = []
    for number, cell in enumerate(code_cells(nb), 1):
        if "exercise" in tags(cell):
            name = exercise_name(cell)
            if not name:
                yield f"[{number}] does not end in judge_it(answer), without keywords"
            elif name in names:
                yield f"[{number}] has the name of an earlier exercise: {name}"
            if len(parse(cell.source)) > 2:
                yield f"[{number}] is more than one thing to fill in and the call that judges it"
            names.append(name)


def guess_names(cell: NotebookNode) -> list[str]:
    """Return the names in a cell that is nothing but guesses to fill in, else []."""
    try:
        statements = parse(cell.source)
    except SyntaxError:  # a magic
        return []
    names = []
    for statement in statements:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if is_unset(value):
                names.append(name)
            case _:
                return []
    return names if all(re.fullmatch("guess(_[a-z_]+)?", name) for name in names) else []


def is_unset(value: ast.expr) -> bool:
    if isinstance(value, ast.Dict):
        return all(map(is_unset, value.values))
    return isinstance(value, ast.Constant) and value.value is ...


def is_guess(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and bool(guess_names(cell))


def guesses_are_taken(nb: NotebookNode, path: Path) -> Iterator[str]:
    """Predict: a cell `guess_... = ...` follows, and a later one compares it with what came."""
    names: list[str] = []
    for cell, following in zip(nb.cells, [*nb.cells[1:], None], strict=True):
        if cell.cell_type != "markdown":
            names += guess_names(cell)
            continue
        asked = re.search(r"^.*\bPredict\b.*", cell.source, re.MULTILINE)
        if asked and "**Predict" not in asked[0]:
            yield f"write **Predict**: {asked[0][:60]}"
        if bool(asked) != (following is not None and is_guess(following)):
            where = (asked[0] if asked else following.source)[:60]
            yield f"**Predict** and a cell guess_... = ... belong together: {where}"
    for name in names:
        if names.count(name) > 1:
            yield f"two guesses have one name: {name}"
        pattern = rf"\bcompare\(\s*{name}\b"
        if not any(re.search(pattern, cell.source) for cell in code_cells(nb)):
            yield f"nothing compares {name} with what came"


def checks_are_closed(nb: NotebookNode, path: Path) -> Iterator[str]:
    """What only asserts is closed, says what it checks, and has words for each assertion."""
    for number, cell in enumerate(code_cells(nb), 1):
        if "check" in tags(cell):
            first = cell.source.splitlines()[0]
            if not is_closed(cell) or cell.metadata["jupyter"].get("outputs_hidden", False):
                yield f"[{number}] is a check: set jupyter.source_hidden, and not outputs_hidden"
            if not first.startswith(CHECK):
                yield f"[{number}] does not begin with: {CHECK}..."
            asserted = [node for node in walk(cell.source) if isinstance(node, ast.Assert)]
            if not asserted:  # a comparison with a guess never fails
                yield f"[{number}] is a check that asserts nothing"
            for node in asserted:
                if node.msg is None:
                    yield f"[{number}] an assertion without words: {ast.unparse(node)[:60]}"
        elif not {"solution", "exercise"} & {*tags(cell)} and asserts(cell):
            yield f"[{number}] asserts in plain sight: give it the tag check"


def head_and_foot(nb: NotebookNode, path: Path) -> Iterator[str]:
    texts = [cell.source for cell in nb.cells if cell.cell_type == "markdown"]
    head, foot = " ".join(texts[:2]).lower(), " ".join(texts[-3:]).lower()
    for needed in ("difficulty", "minutes", "need to know"):
        if needed not in head:
            yield f"the top does not say: {needed}"
    if "what you now know" not in foot:
        yield 'the end does not say "what you now know"'


def ways_go_on(nb: NotebookNode, path: Path) -> Iterator[str]:
    """The last text says for each way that the notebook is on what comes next, if anything.

    As in "- *I write a backend*: [05 Events](05_events.ipynb), where ...". Notebook 00 lists both.
    """
    number, foot = path.name[:2], prose(nb).rpartition("\n## ")[2]
    for way, numbers in WAYS.items():
        lines = re.findall(rf"^- \*{way}\*: (.*)", foot, re.MULTILINE)
        wanted = [numbers[numbers.index(number) + 1 :][:1]] if number in numbers else []
        if [linked(line) for line in lines] != wanted:
            yield f"the end does not go on to {wanted} in: - *{way}*: ..."
        listed = re.search(rf"^\*\*{way}\*\*.*?\n\n", prose(nb), re.MULTILINE | re.DOTALL)
        if number == "00" and linked(listed[0] if listed else "") != numbers[1:]:
            yield f"notebook 00 does not list after **{way}**: {numbers[1:]}"


def needs_are_taught(nb: NotebookNode, path: Path) -> Iterator[str]:
    """The notebooks that one needs come before it on each way that it is on."""
    number, head = path.name[:2], prose(nb).partition("\n## ")[0].lower()
    needs = head.partition("need to know")[2].partition("\n\n")[0]
    needed = {*re.findall(r"\b\d\d\b", needs)}
    for first, last in re.findall(r"\b(\d\d) to (\d\d)\b", needs):
        needed |= {f"{number:02d}" for number in range(int(first), int(last))}
    for way, numbers in WAYS.items():
        before = numbers[: numbers.index(number)] if number in numbers else needed
        if unknown := needed.difference(before):
            yield f"not taught yet on the way {way!r}: {', '.join(sorted(unknown))}"


def linked(text: str) -> list[str]:
    """Return the numbers of the notebooks that a text links to."""
    return re.findall(r"\]\((\d\d)_\w+\.ipynb\)", text)


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


def asserts(cell: NotebookNode) -> list[ast.Assert]:
    """Return the assertions of a cell, without those in its functions and blocks."""
    if cell.source.startswith("%%"):
        return []
    return [node for node in parse(cell.source) if isinstance(node, ast.Assert)]


def walk(source: str) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(source))


def calls(tree: ast.AST, name: str) -> bool:
    """Tell whether `mtia_lab.name(...)`, or `name(...)`, is called anywhere in `tree`."""
    called = (ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(function in (name, f"mtia_lab.{name}") for function in called)


HOUSE = [size, pictures_are_frequent, pictures_are_bundles, begins_with_load, ends_at_default]
HOUSE += [exercises_are_whole, judges_are_away, guesses_are_taken, checks_are_closed]
HOUSE += [head_and_foot, ways_go_on, needs_are_taught, laws_have_a_place, gpu_section]
HOUSE += [source_is_not_pasted, links_lead_somewhere]
