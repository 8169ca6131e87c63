"""The extension compiled as PyTorch's own tests for MTIA compile theirs, and used without the lab.

One file, their include paths, no flag of ours and no `mtia_lab.load()`. What those six tests rely
on is held here in other words. The library is kept in the lab's cache, since it takes as long to
compile as the device: it is compiled again when a source, torch or the compiler has changed.
"""

import json
import re
from pathlib import Path

import pytest
from building import ROOT, python

from mtia_lab import build
from mtia_lab.cache import LIBRARY, Cache
from mtia_lab.folders import default_folder

COMPILE = """
import sys
from torch.utils import cpp_extension

cpp_extension.load(
    name="mtia_extension",
    sources=["cpp_extensions/mtia_extension.cpp"],
    build_directory=sys.argv[1],
    extra_include_paths=["cpp_extensions", "path / with spaces in it", "path with quote'"],
    is_python_module=False,
)
"""
USE = """
import json, sys
import torch

torch.ops.load_library(sys.argv[1])

def inside(context, ask):
    with context:
        return ask()

def refusal(act):
    try:
        act()
    except Exception as error:
        return type(error).__name__ + ": " + str(error)

now, on = torch.mtia.current_stream, torch.mtia.current_device
first = now()
own = [torch.mtia.Stream() for _ in range(2)]
there = torch.mtia.Stream(device="mtia:1")
stream = torch.Stream()
timed, other = (torch.Event(enable_timing=True) for _ in range(2))
ids = [timed.event_id]
other.record()
stream.record_event(event=timed)
untimed = stream.record_event()
ids += [timed.event_id, untimed.event_id]
for event in (timed, other, untimed):
    event.synchronize()
elapsed = timed.elapsed_time(other)
timed.record(stream=stream)
found = {
    "of the device module": torch.get_device_module("mtia:0").current_stream().device_type,
    "MTIA": int(torch._C._autograd.DeviceType.MTIA),
    "default, new": [first.stream_id, [each.stream_id for each in own]],
    "current": [inside(torch.mtia.stream(each), now) == each for each in own] + [now() == first],
    "queries": [own[0].query(), first.synchronize(), first.query()],
    "devices": [inside(torch.mtia.device(k), on) for k in range(2)] + [on()],
    "by stream": [inside(torch.mtia.stream(there), on), on()],
    "generic": [stream.device_type, timed.device.type],
    "ids": ids + [timed.event_id],
    "elapsed": elapsed,
    "refused": refusal(lambda: timed.elapsed_time(untimed)),
}
print(json.dumps(found))
"""


def test_each_source_is_part_of_one_unit():
    sources = ROOT / "cpp_extensions"
    units = [unit.read_text(encoding="utf-8") for unit in sources.glob("*.cpp")]
    parts = [
        name for unit in units for name in re.findall(r'^#include "(.*/.*\.cpp)"$', unit, re.M)
    ]
    assert sorted(parts) == sorted(str(p.relative_to(sources)) for p in sources.glob("*/**/*.cpp"))


def run(program: str, argument: Path, folder: Path) -> str:
    """What the program prints; it knows torch, but not the lab."""
    done = python(
        program, str(argument), cwd=folder, PYTHONPATH="", TORCH_DEVICE_BACKEND_AUTOLOAD="0"
    )
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout


def compiled(folder: Path) -> Path:
    """The library, from the cache or compiled now by a process that runs in `folder`."""
    sources = ROOT / "cpp_extensions"
    flags = ("as PyTorch's tests compile it",)
    recipe = build.Recipe.of(sources, build._read(sources), flags=flags)
    cache = Cache(default_folder())
    if found := cache.find(recipe.name):
        return found.library
    (folder / "cpp_extensions").symlink_to(sources)
    with cache.private_folder() as private:
        run(COMPILE, private, folder)
        found = cache.publish(recipe.name, private, private / LIBRARY, recipe.facts(0))
    cache.prune()
    return found.library


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict:
    """What a program sees that uses the device without the lab."""
    folder = tmp_path_factory.mktemp("upstream")
    return json.loads(run(USE, compiled(folder), folder).splitlines()[-1])


def test_streams_are_of_this_device_and_the_default_one_has_id_0(found):
    assert found["of the device module"] == found["generic"][0] == found["MTIA"]
    default, new = found["default, new"]
    assert default == 0 and 0 not in new and len(set(new)) == 2
    assert found["queries"] == [True, None, True]


def test_a_stream_and_a_device_are_current_within_their_context_only(found):
    assert found["current"] == [True, True, True]
    assert found["devices"] == [0, 1, 0] and found["by stream"] == [1, 0]


def test_events_get_an_id_when_they_are_recorded_and_keep_it(found):
    before, timed, untimed, again = found["ids"]
    assert before == 0 and 0 not in (timed, untimed) and timed != untimed and again == timed
    assert found["generic"][1] == "mtia" and isinstance(found["elapsed"], float)
    assert found["refused"].startswith("ValueError: Both events must be created with argument")
