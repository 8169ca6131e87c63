"""Small sources, compilers that misbehave and processes, for the tests of building and loading."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

from mtia_lab import build, progress
from mtia_lab.cache import LIBRARY, Build, Cache

ROOT = Path(__file__).parents[2]
NASTY = "it's a näst\"y $folder ✓"  # what a folder may be called


def write_sources(folder: Path, answer: int = 42) -> Path:
    """Write a small library that needs no PyTorch header and whose `answer()` is `answer`."""
    for name, text in {
        "answer.cpp": '#include "inner/value.h"\nextern "C" int answer() { return value(); }\n',
        "value.cpp": '#include "inner/value.cpp"\n',
        "inner/value.h": "int value();\n",
        "inner/value.cpp": f'#include "value.h"\nint value() {{ return {answer}; }}\n',
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def recipe(sources: Path, monkeypatch, include_paths=()) -> build.Recipe:
    """Return the recipe for `sources` under the environment as it is now."""
    monkeypatch.setenv("MTIA_LAB_SOURCES", str(sources))
    return build.Recipe.now(include_paths)


def answer(found: Build) -> int:
    """Open the library and call it."""
    return ctypes.CDLL(str(found.library)).answer()


def script(path: Path, text: str) -> str:
    """Write an executable shell script; returns its path."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def pretend(library: Path, monkeypatch, before=lambda: None) -> list[int]:
    """Make compiling a copy of `library`, after `before()`; returns a list that grows by it."""
    compiled = []

    def compile_library(files, origin, private, **how):
        compiled.append(os.getpid())
        before()
        out = private / LIBRARY
        out.write_bytes(library.read_bytes())
        return out

    monkeypatch.setattr("mtia_lab.compiler.compile_library", compile_library)
    return compiled


def quietly(wanted: build.Recipe, folder: Path, **how) -> Build:
    """Return the build of `wanted` in the cache `folder`, without a word."""
    return build.ensure(wanted, Cache(folder), progress=progress.Progress(), **how)


def python(program: str, *arguments: str, cwd=ROOT, executable=sys.executable, **environment):
    """Run a Python program to its end; returns what `subprocess.run` does."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [executable, "-c", program, *arguments]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
