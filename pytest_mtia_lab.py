"""The pytest plugin of MTIA Lab: tests under the sanitizer, and under every schedule.

It does nothing until `--mtia-sanitize`, one of its marks or the contract kit asks for it, and is no
part of the package, so that pytest does not import torch for it until then. docs/testing.md and
docs/backend.md show its use.
"""

import re
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mtia_lab import Report

MARKS = (
    "sanitize: run the test under MTIA Lab's sanitizer; a hazard fails it",
    'schedules(name, ...): run the test under each of these schedules of MTIA Lab, or under "all", '
    "from a clean device",
)
KIT = re.compile(r"mtia_lab[./]contract")  # `pytest --pyargs mtia_lab.contract --device=cuda`
_BLOCK = pytest.StashKey[ExitStack]()  # what a test runs in, from before its fixtures to after them
_REPORT = pytest.StashKey["Report | None"]()


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    group = parser.getgroup("MTIA Lab")
    group.addoption(
        "--mtia-sanitize",
        action="store_true",
        help="load MTIA Lab's simulated device, and fail every test that has a hazard",
    )
    config = pluginmanager.get_plugin("pytestconfig")
    if config and any(KIT.search(str(word)) for word in config.invocation_params.args):
        # Names that other projects have for options of their own, so only for the kit.
        group.addoption("--device", default="mtia", help="the accelerator to hold to the contract")
        group.addoption("--setup", default="", help="a file of Python that imports its backend")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before a conftest.py or a test asks torch for its accelerator, as it is imported."""
    if early_config.known_args_namespace.mtia_sanitize:
        _load()


def pytest_configure(config: pytest.Config) -> None:
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    if config.option.mtia_sanitize:  # where the plugin comes from a conftest.py
        _load()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    mark = metafunc.definition.get_closest_marker("schedules")
    if mark is None:
        return
    from mtia_lab.programs.trials import SCHEDULES

    if not mark.args or mark.kwargs:
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid}: the mark names no schedules; write "
            '@pytest.mark.schedules("all"), or names such as ("latest", "random:7")'
        )
    names = [n for name in mark.args for n in (SCHEDULES if name == "all" else [name])]
    if "mtia_schedule" not in metafunc.fixturenames:
        metafunc.fixturenames.append("mtia_schedule")
    metafunc.parametrize("mtia_schedule", list(dict.fromkeys(names)), indirect=True)


@pytest.fixture
def mtia_schedule(request: pytest.FixtureRequest) -> str:
    """The name of the schedule that a test of the mark `schedules` runs under."""
    name: str = request.param
    return name


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    call = getattr(item, "callspec", None)
    schedule = call.params.get("mtia_schedule") if call else None
    if item.get_closest_marker("schedules") and schedule is None:
        pytest.fail("a method of unittest cannot run under several schedules", pytrace=False)
    sanitize = item.config.option.mtia_sanitize or item.get_closest_marker("sanitize")
    if schedule or sanitize:
        item.stash[_BLOCK] = block = ExitStack()
        item.stash[_REPORT] = block.enter_context(_prepared(schedule, bool(sanitize)))
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    if _BLOCK not in item.stash:
        return (yield)
    from mtia_lab.programs.settings import idle

    report = item.stash[_REPORT]
    try:
        yield
        idle()  # what fails on the device fails the test
    except BaseException:
        if report:
            item.add_report_section("call", "hazards", repr(report[:]))
        raise
    if report:
        pytest.fail(repr(report[:]), pytrace=False)
    return None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    try:
        return (yield)
    finally:
        if _BLOCK in item.stash:
            item.stash[_BLOCK].close()


@contextmanager
def _prepared(schedule: str | None, sanitize: bool) -> "Iterator[Report | None]":
    """A clean device under a schedule, with poison, which shows what was never written."""
    _load()
    import mtia_lab
    from mtia_lab.programs.settings import configured

    mtia_lab.reset()
    with configured(schedule, poison=schedule is not None):
        if sanitize:
            with mtia_lab.sanitizer() as report:
                yield report
        else:
            yield None


def _load() -> None:
    """Load the device, unless a conftest.py has, perhaps with another number of devices."""
    import mtia_lab

    try:
        mtia_lab.state()
    except mtia_lab.errors.NotLoaded:
        mtia_lab.load()
