"""ARCHITECTURE.md's tree: `python tools/architecture.py` writes it from what each file says it is.

A line a file, or one for a header and its source: the first sentence of its docstring or comment.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAP = ROOT / "ARCHITECTURE.md"
ROOMS = ("cpp_extensions", "mtia_lab", "tests/support", "tools", "benchmarks")
KINDS = {".h", ".cpp", ".py", ".js", ".css"}
BLOCK = re.compile(r"(?<=<!-- tree -->\n```text\n).*?(?=```\n<!-- end -->)", re.DOTALL)
WIDTH = 24  # of the column of names
LONGEST = 120  # of a line


def purpose(path: Path) -> str:
    """The first sentence of what a file says it is; empty if it says nothing."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        said = ast.get_docstring(ast.parse(text)) or ""
    else:
        first = re.match(r"/\*(.*?)\*/|((?://[^\n]*\n)+)", text, re.DOTALL)
        comment = (first[1] or first[2]) if first else ""
        said = re.sub(r"^//|^\s*\*", "", comment, flags=re.MULTILINE)
    said = " ".join(said.split("\n\n")[0].split())
    said = re.split(r"(?<=[.!?]) (?=[A-Z`])", said)[0].rstrip(".")
    return said.replace("``", "`")


def lines(folder: Path, depth: int = 0) -> list[str]:
    """The tree below a folder, what is in it before what is below it."""
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in KINDS:
            stem = path.stem if path.suffix in (".h", ".cpp") else path.name
            files.setdefault(stem, []).append(path)
    found = []
    for name, paths in files.items():
        if name == "__init__.py":
            continue  # its folder's line
        kinds = sorted(path.suffix[1:] for path in paths)
        shown = name if "." in name else f"{name}.{{h,cpp}}" if len(kinds) == 2 else paths[0].name
        said = next(filter(None, (purpose(path) for path in reversed(paths))), "")
        found.append(f"{'  ' * depth}{shown:<{WIDTH}} {said}".rstrip())
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        below = lines(inner, depth + 1)
        if below:
            init = inner / "__init__.py"
            said = purpose(init) if init.exists() else ""
            found += [f"{'  ' * depth}{inner.name + '/':<{WIDTH}} {said}".rstrip(), *below]
    return found


def tree() -> str:
    """The whole tree."""
    rooms = []
    for room in ROOMS:
        init = ROOT / room / "__init__.py"
        said = purpose(init) if init.exists() else ""
        rooms += [f"{room + '/':<{WIDTH + 2}} {said}".rstrip(), *lines(ROOT / room, 1), ""]
    cut = [line if len(line) <= LONGEST else line[: LONGEST - 3] + "..." for line in rooms]
    return "\n".join(cut).rstrip() + "\n"


if __name__ == "__main__":
    MAP.write_text(BLOCK.sub(lambda _: tree(), MAP.read_text(encoding="utf-8")), encoding="utf-8")
