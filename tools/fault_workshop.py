"""Devices that are wrong in one place: the faults of fault_list*.py, planted in copies of the C++.

A build takes minutes. So all faults whose place is a function go into one device, each behind a
switch: the body of a function stands there once for each of its faults, and as it is, and an
environment variable says which of them runs. What is no function, such as a member's type, is
built by itself.
"""

import dataclasses
import re
import shutil
from pathlib import Path

from fault_list import FAULTS as RUNTIME_FAULTS
from fault_list import Fault
from fault_list_operators import OPERATOR_FAULTS
from notebook_files import ROOT

from mtia_lab import build
from mtia_lab.cache import Cache
from mtia_lab.errors import CompileError
from mtia_lab.folders import default_folder

FAULTS = RUNTIME_FAULTS + OPERATOR_FAULTS
SOURCES = ROOT / "cpp_extensions"
SWITCH = "MTIA_LAB_FAULT"  # names the fault that is on, when the device is loaded
HEADER = "planted.h"
_SWITCHES = f"""#pragma once
#include <cstdlib>
#include <string_view>

namespace mtia {{

inline bool planted(std::string_view fault) {{
  static const char* const chosen = std::getenv("{SWITCH}");
  return chosen != nullptr && fault == chosen;
}}

}}  // namespace mtia
"""


class Misplaced(Exception):
    """A fault that cannot be planted: its text is not there exactly once, or does not compile."""


class Workshop:
    """A device with switches, and the few that are built by themselves, as they are asked for.

    They lie in a folder of the cache, so that the next time nothing is built that has not changed.
    """

    def __init__(self, scratch: Path):
        self.scratch, self.sound, self.sources = scratch, scratch / "as found", scratch / "sources"
        # Everything as it is now: it takes minutes, and somebody may be editing.
        self.package = scratch / "package"
        shutil.copytree(ROOT / "mtia_lab", self.package / "mtia_lab")
        shutil.copytree(SOURCES, self.sound)
        shutil.copytree(SOURCES, self.sources)
        self.switched = switch(FAULTS, self.sources)

    def build(self, fault: Fault | None) -> dict[str, str]:
        """Build a device, with `fault` if one is given; return the environment that selects it.

        Raises Misplaced if that cannot be done.
        """
        name = fault.name if fault else "no fault"
        folder = self.scratch / name
        changed = folder / "cpp_extensions"
        shutil.copytree(self.sound, changed)
        if fault:
            plant(fault, changed)
        behind_switch = not fault or fault.name in self.switched
        library = self._library(self.sources if behind_switch else changed, name)
        recipe = recipe_of(changed)
        cache = Cache(folder / "cache")
        with cache.private_folder() as private:
            moved = shutil.copy(library, private / library.name)
            cache.publish(recipe.name, private, moved, recipe.facts(0))
        return {
            "MTIA_LAB_SOURCES": str(changed),
            "MTIA_LAB_CACHE": str(folder / "cache"),
            "MTIA_LAB_FAULTS": str(self.package),
            SWITCH: name,
        }

    def _library(self, sources: Path, name: str) -> Path:
        recipe = recipe_of(sources)
        recipe = dataclasses.replace(recipe, flags=(*recipe.flags, "-O0"))  # it runs for seconds
        try:
            return build.ensure(recipe, Cache(default_folder() / "faults")).library
        except CompileError as error:
            raise Misplaced(f"{name}: it does not build\n{error}") from None


def recipe_of(sources: Path) -> build.Recipe:
    """The recipe of the device, for other sources."""
    return dataclasses.replace(build.Recipe.now(), origin=sources, files=build._read(sources))


def switch(faults: list[Fault], sources: Path) -> set[str]:
    """Put all faults of functions into `sources`, each behind a switch; return their names."""
    ways: dict[str, dict[str, str]] = {}  # of a function's tag: the wrong bodies by their faults
    for fault in faults:
        file, begin, end = place(fault.at, sources)
        sound, wrong = file.read_text(encoding="utf-8"), planted(fault, sources)[1]
        head = begin + body_of(sound[begin:end])
        if head > begin and wrong[:head] == sound[:head]:
            body = wrong[head : len(wrong) - len(sound[end:]) - 1]
            ways.setdefault(fault.at, {})[fault.name] = body
    for tag, wrongs in ways.items():
        file, begin, end = place(tag, sources)
        text = file.read_text(encoding="utf-8")
        head = begin + body_of(text[begin:end])
        switches = [f'if (::mtia::planted("{n}")) {{\n{body}}} else ' for n, body in wrongs.items()]
        body = f"{''.join(switches)}{{\n{text[head : end - 1]}}}\n}}"
        include = "" if f'"{HEADER}"' in text else f'#include "{HEADER}"\n'
        file.write_text(include + text[:head] + body + text[end:], encoding="utf-8")
    (sources / HEADER).write_text(_SWITCHES, encoding="utf-8")
    return {name for wrongs in ways.values() for name in wrongs}


def body_of(block: str) -> int:
    """Where the body of a function begins, behind its brace; 0 if the block is no such function."""
    head = re.match(r"(?: *//.*\n)* *(?!struct|class)\w[^{}]*\{\n", block)
    return head.end() if head and block.endswith("}") else 0


def plant(fault: Fault, sources: Path) -> Path:
    """Put the fault into `sources`; return the file."""
    file, text = planted(fault, sources)
    file.write_text(text, encoding="utf-8")
    return file


def planted(fault: Fault, sources: Path) -> tuple[Path, str]:
    """A file, and its text with the fault, whose own text must be there exactly once."""
    file, begin, end = place(fault.at, sources)
    text = file.read_text(encoding="utf-8")
    words = r"\s*".join(map(re.escape, re.findall(r"\w+|[^\w\s]", fault.old)))
    wrong, count = re.subn(words, lambda _: fault.new, text[begin:end])
    if count != 1:
        raise Misplaced(f"{fault.name}: [{fault.at}] has this {count} times, not once: {fault.old}")
    return file, text[:begin] + wrong + text[end:]


def place(tag: str, sources: Path) -> tuple[Path, int, int]:
    """The file with the line `// [tag]`, and where the block under it begins and ends."""
    block = re.compile(rf"^( *)// \[{re.escape(tag)}\]\n(.*?^\1\}};?$)", re.MULTILINE | re.DOTALL)
    for file in sorted(sources.rglob("*.*")):
        if found := block.search(file.read_text(encoding="utf-8")):
            return file, *found.span(2)
    raise Misplaced(f"no C++ is tagged [{tag}]")
