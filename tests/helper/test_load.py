"""Loading: once per process, fast when built, refused with reasons when it cannot work."""
# ruff: noqa: F821 - the tests in new processes see the names of new_process.PRELUDE

import inspect
import os
import platform
import re
import shutil
import sys
import venv
import warnings

import pytest
import torch
from building import NASTY, ROOT, python
from new_process import Programs

from mtia_lab import build, doctor, errors, progress
from mtia_lab.load import LATCHING as NAMED
from mtia_lab.load import NEWEST, OLDEST, PIN, check_platform, check_torch, load

programs = Programs()


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """What became of the tests in new processes. They use the device in the user's cache."""
    built = build.ensure(build.Recipe.now(), progress=progress.Progress())
    return programs.run(f"""
BUILT = Path({str(built.library)!r})
def empty():
    return tempfile.mkdtemp(dir={str(tmp_path_factory.mktemp("load"))!r})
""")


# It works


@programs.test
def test_loading_twice_is_loading_once_and_the_device_is_there():
    first, second = mtia_lab.load(), mtia_lab.load(devices=2)
    assert first is second and first.devices == 2 and first.cached
    assert first.torch == torch.__version__ and first.library == BUILT
    assert repr(first) == "MTIA Lab: 2 simulated devices, ready"
    for part in (repr(first), first.torch, str(first.library), "cached", " s"):
        assert part in str(first)
    assert torch.mtia.device_count() == torch.accelerator.device_count() == 2
    assert torch.accelerator.current_accelerator() == torch.device("mtia")
    assert not torch.mtia.is_initialized()  # so that a fork is still possible


@programs.test
def test_one_device():
    assert repr(mtia_lab.load(devices=1)) == "MTIA Lab: 1 simulated device, ready"
    assert torch.mtia.device_count() == 1


@programs.test
def test_the_number_of_devices_is_fixed_by_the_first_load():
    mtia_lab.load(devices=3)
    with pytest.raises(errors.DeviceCountFixed, match=r"load\(devices=2\)") as caught:
        mtia_lab.load()
    assert "restart" in caught.value.todo
    assert torch.mtia.device_count() == 3


@programs.test
def test_it_loads_from_any_folder():
    os.chdir("/")
    assert mtia_lab.load().cached


@programs.test
def test_a_warm_load_starts_nothing_and_imports_nothing():
    modules, events = set(sys.modules), []
    sys.addaudithook(lambda event, arguments: events.append(event))
    assert mtia_lab.load().cached
    started = {"subprocess.Popen", "os.fork", "os.posix_spawn", "os.system", "os.exec"}
    assert not started & set(events) and "open" in events
    assert set(sys.modules) == modules


@programs.test
def test_the_package_itself_imports_nothing_slow():
    slow = ["torch.utils.cpp_extension", "ninja", "platformdirs", "IPython"]
    assert not [name for name in slow if name in sys.modules]


@programs.test
def test_threads_that_load_at_once_get_one_device():
    start, found = threading.Barrier(8), []

    def load():
        start.wait()
        found.append(mtia_lab.load())

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(map(id, found))) == 1


@programs.test
def test_a_load_that_was_interrupted_can_be_repeated():
    real = loading._initialize

    def interrupted(devices):
        raise KeyboardInterrupt

    loading._initialize = interrupted
    with pytest.raises(KeyboardInterrupt):
        mtia_lab.load()
    loading._initialize = real
    assert mtia_lab.load().devices == 2 == torch.mtia.device_count()


# It says why not


@programs.test
def test_before_load_the_lab_says_that_it_is_not_loaded():
    for use in (
        mtia_lab.launch,
        mtia_lab.state,
        mtia_lab.host_clock,
        mtia_lab.configure,
        mtia_lab.record().__enter__,
        mtia_lab.sanitizer().__enter__,
        lambda: mtia_lab.trial(lambda: None),
    ):
        with pytest.raises(errors.NotLoaded, match="call `mtia_lab.load"):
            use()
    mtia_lab.load()
    assert mtia_lab.state() == (0, 0, 0)


@pytest.mark.parametrize("devices", [0, -1, 17, 2.0, "2", True, None])
def test_a_number_of_devices_that_makes_no_sense(devices):
    with pytest.raises(errors.BadDeviceCount, match=f"devices={devices!r}"):
        load(devices)


def check_latched(before: str) -> None:
    """Run `before` and load twice: both say the same, and name what was run."""
    with contextlib.suppress(RuntimeError):  # torch.Stream() itself finds no accelerator
        exec(before)
    said = []
    for _ in range(2):
        with pytest.raises(errors.ProcessLatched, match="restart the kernel") as caught:
            mtia_lab.load()
        said.append(str(caught.value))
    assert said[0] == said[1]
    for use in USES:
        with pytest.raises(RuntimeError) as caught:
            exec(use)
        assert str(caught.value).startswith(said[0]), (use, str(caught.value))
    torch.ones(1, requires_grad=True).sum().backward()  # the CPU's own work goes on


# Each refuses with the sentence of load(). (torch.mtia and torch.accelerator never ask the lab.)
USES = """\
torch.ones(2, device="mtia")
torch.ones(2).to("mtia")
torch.UntypedStorage(4, device="mtia")
torch.Stream("mtia")
torch.Event("mtia").record()
mtia_lab.launch()
mtia_lab.state()
mtia_lab.host_clock()
mtia_lab.configure(schedule="latest")
mtia_lab.configure(poison=True)
mtia_lab.record().__enter__()
mtia_lab.sanitizer().__enter__()
mtia_lab.trial(lambda: None)
""".splitlines()


LATCHING = {
    "torch.mtia.device_count()": "torch.mtia.device_count()",
    "torch.accelerator.is_available()": "torch.accelerator.is_available()",
    "torch.accelerator.current_accelerator()": "torch.accelerator.current_accelerator()",
    "torch.Stream()": "torch.Stream()",
    "torch.get_device_module()": "torch.get_device_module()",
    "torch.random.fork_rng()": "torch.random.fork_rng().__enter__()",
    ".is_pinned()": "torch.ones(1).is_pinned()",
    "CPU .backward()": "torch.ones(1, requires_grad=True).sum().backward()",
    "torch.compile": "torch.compile(torch.sin, backend='eager')(torch.ones(1))",
}
for number, call in enumerate(LATCHING.values()):
    source = f"USES = {USES!r}\n{inspect.getsource(check_latched)}"
    programs.sources[f"latched {number}"] = f"{source}check_latched({call!r})"


@pytest.mark.parametrize("name", LATCHING)
def test_what_latches_a_process_is_refused_and_named(name, ran):
    result = ran[f"latched {list(LATCHING).index(name)}"]
    assert result.ok, result.error
    assert name in NAMED


@programs.test
def test_what_does_not_latch_a_process_does_no_harm():
    assert torch.mtia.is_available() is False
    torch.manual_seed(7)
    assert (torch.ones(2) + 1).sum() == 4
    assert mtia_lab.load().devices == 2 == torch.mtia.device_count()


@programs.test
def test_another_mtia_backend_is_refused_before_anything_is_opened():
    other = shutil.copy(BUILT, empty())  # another file, so another library to the loader
    torch.ops.load_library(other)
    for _ in range(2):
        with pytest.raises(errors.OtherBackend, match="already registered"):
            mtia_lab.load()
    assert torch.ops.loaded_libraries == {other}


@programs.test
def test_a_privateuse1_backend_is_named_because_torch_prefers_it():
    torch.utils.rename_privateuse1_backend("rival")
    with pytest.warns(errors.PrivateUse1Warning, match="'rival'"):
        assert mtia_lab.load().devices == 2
    assert torch.Stream("mtia").device.type == "mtia"


@programs.test
def test_a_fork_before_initialization_works_and_one_after_is_refused():
    def forked(check) -> bool:
        if not (pid := os.fork()):
            os._exit(0 if check() else 1)
        return os.waitpid(pid, 0)[1] == 0

    def works() -> bool:
        good = mtia_lab.load().devices == 2
        torch.mtia.init()
        return good and torch.mtia.current_stream().stream_id == 0

    def refused() -> bool:
        with pytest.raises(errors.ForkedProcess, match="spawn"):
            mtia_lab.load()
        return True

    assert forked(works)  # not loaded
    mtia_lab.load()
    assert forked(works)  # loaded, not initialized
    torch.mtia.init()
    assert forked(refused)
    assert mtia_lab.load().devices == 2  # the parent goes on


def release(minor):
    """A release of torch, counted from the oldest or, below zero, behind the newest."""
    return ".".join(map(str, (OLDEST[0], minor, 1)))


def supported():
    return f"{release(OLDEST[1])[:-2]} to {release(NEWEST[1])[:-2]}"


@pytest.mark.parametrize("version", [release(OLDEST[1] - 1), "1.13.1"])
def test_a_torch_that_the_sources_do_not_support(version, monkeypatch):
    monkeypatch.setattr(torch, "__version__", version)
    with pytest.raises(errors.UnsupportedTorch, match=supported()) as caught:
        check_torch()
    assert version in caught.value.what and "pip install torch" in caught.value.todo


@pytest.mark.parametrize("version", [release(OLDEST[1]), f"{PIN}+cpu", release(NEWEST[1])])
def test_a_torch_that_the_sources_support(version, monkeypatch):
    monkeypatch.setattr(torch, "__version__", version)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_torch() is None


@pytest.mark.parametrize("version", [release(NEWEST[1] + 1), "3.0.0a0+git12"])
def test_a_torch_that_is_newer_than_all_that_were_tried(version, monkeypatch):
    monkeypatch.setattr(torch, "__version__", version)
    with pytest.warns(
        errors.TorchWarning, match=f"{supported()}, and this is {re.escape(version)}"
    ):
        check_torch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check = {result.item: result for result in doctor.examine()}["torch"]
    assert check.verdict == "warn" and f"torch=={PIN}" in check.todo


@pytest.mark.parametrize(
    ("system", "machine", "verdict"),
    [
        ("linux", "x86_64", "silent"),
        ("linux", "aarch64", "silent"),  # else every notebook has an output that is not stored
        ("linux", "riscv64", "warns"),
        ("darwin", "arm64", "warns"),
        ("win32", "AMD64", "refused"),
    ],
)
def test_platforms(system, machine, verdict, monkeypatch):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    if verdict == "refused":
        with pytest.raises(errors.UnsupportedPlatform, match="Windows Subsystem|Linux"):
            check_platform()
    elif verdict == "warns":
        with pytest.warns(
            errors.PlatformWarning, match="only been tried on Linux on x86-64 and arm64"
        ):
            assert machine in check_platform()
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert check_platform() is None


# A library that breaks


@programs.test
def test_a_library_that_cannot_be_opened_is_built_again_once():
    os.environ["MTIA_LAB_CACHE"] = empty()
    compiled = []

    def compile_library(files, origin, private, **how):
        compiled.append(private)
        library = private / cache.LIBRARY
        library.write_bytes(BUILT.read_bytes() if len(compiled) == 3 else b"no library")
        return library

    compiler.compile_library = compile_library
    with pytest.raises(errors.LibraryBroken, match="invalid ELF|file too short"):
        mtia_lab.load()
    assert len(compiled) == 2  # built, built again, given up
    assert not mtia_lab.load().cached and len(compiled) == 3


@programs.test
def test_a_library_that_lost_its_end_is_not_opened():
    os.environ["MTIA_LAB_CACHE"] = folder = empty()
    broken = Path(folder, BUILT.parent.name)
    shutil.copytree(BUILT.parent, broken)
    os.truncate(broken / cache.LIBRARY, 100_000)

    def compile_library(files, origin, private, **how):
        return Path(shutil.copy(BUILT, private))

    compiler.compile_library = compile_library
    assert not mtia_lab.load().cached


@programs.test
def test_a_library_deleted_between_finding_and_opening_is_built_again():
    os.environ["MTIA_LAB_CACHE"] = empty()

    def compile_library(files, origin, private, **how):
        return Path(shutil.copy(BUILT, private))

    def ensure(*arguments, **how):
        found = real(*arguments, **how)
        shutil.rmtree(found.library.parent)
        return found

    compiler.compile_library, real, build.ensure = compile_library, build.ensure, ensure
    assert mtia_lab.load().library.is_file()


# The real thing: twelve processes, an empty cache, and folders of any name


@pytest.fixture
def checkout(tmp_path):
    """A checkout with its .venv, in a folder with a difficult name."""
    folder = tmp_path / NASTY / "mtia lab"
    for name in ("mtia_lab", "cpp_extensions"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    venv.create(folder / ".venv", symlinks=True)
    # Installing torch a second time would take minutes; what counts is the path it is found by.
    packages = folder / ".venv" / "packages"
    packages.symlink_to(os.path.dirname(os.path.dirname(torch.__file__)))
    site = next(folder.glob(".venv/lib/python*/site-packages"))
    (site / "checkout.pth").write_text(f"{packages}\n{folder}\n", encoding="utf-8")
    return folder


TWELVE = """
import os, sys
import torch, mtia_lab
assert torch.__file__.startswith(os.getcwd()) and mtia_lab.__file__.startswith(os.getcwd())
gate, opened = os.pipe()
children = []
for _ in range(12):
    if not (pid := os.fork()):
        os.close(opened)
        os.read(gate, 1)  # until the parent lets all go at once
        status = mtia_lab.load(extra_include_paths=sys.argv[1:])
        good = torch.mtia.device_count() == 2 and torch.Event().query()
        os.write(1, f"{good} {status.cached}\\n".encode())
        os._exit(0)
    children.append(pid)
os.close(opened)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
"""


def test_twelve_processes_from_an_empty_cache_build_once_wherever_everything_lies(checkout):
    extra = [checkout / "path / with spaces in it", checkout / "path with quote'"]
    for path in extra:
        path.mkdir(parents=True)
    result = python(
        TWELVE,
        *map(str, extra),
        cwd=checkout,
        executable=checkout / ".venv" / "bin" / "python",
        PYTHONPATH="",
        MTIA_LAB_CACHE=str(checkout / "cache"),
        MTIA_LAB_CXXFLAGS="-O0",  # what is built does not matter here, and this is built sooner
    )
    assert result.returncode == 0, result.stderr
    assert sorted(result.stdout.splitlines()) == ["True False"] + ["True True"] * 11
    assert sorted(path.name[:6] for path in (checkout / "cache").iterdir()) == [".lock", "build-"]
