"""The simulated device for tests that need it in their own process."""

import gc
import signal

import pytest
import slow_first
from hypothesis import HealthCheck, settings

# Nothing depends on how fast the machine is; and `lab` is for all examples of a test.
_UNCHECKED = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
settings.register_profile("lab", deadline=None, suppress_health_check=_UNCHECKED)


def pytest_configure(config):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell gives to what it runs by `&`
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collectstart():
    settings.load_profile("lab")  # again: PyTorch's own test utilities, once imported, load theirs


def pytest_runtest_setup():
    settings.load_profile("lab")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Leave what is imported and collected out of all collections of garbage: 0.3 s each else."""
    gc.disable()
    collected = yield
    gc.freeze()
    gc.enable()
    return collected


def pytest_collection_modifyitems(config, items):
    if config.getoption("--backwards"):
        cells = [item for item in items if item.path.suffix == ".ipynb"]  # these have an order
        items[:] = cells + [item for item in items[::-1] if item.path.suffix != ".ipynb"]
    items.sort(key=lambda item: slow_first.place(item.path.stem))


@pytest.hookimpl(optionalhook=True, wrapper=True)  # optional: pytest may run without xdist
def pytest_xdist_auto_num_workers():
    """Two more than there are cores: many tests wait for processes, or for time to pass."""
    cores = yield
    return cores + 2


def pytest_addoption(parser):
    parser.addoption(
        "--all-ops", action="store_true", help="all operators and programs, not a sample"
    )
    parser.addoption(
        "--backwards", action="store_true", help="the last test first: no test needs another one"
    )
    parser.addoption(
        "--one-row-in",
        type=int,
        default=8,
        metavar="N",
        help="with --all-ops, a fixed sample of one in N of the sweeps' rows (8); 1 for all",
    )


@pytest.fixture
def lab():
    """`mtia_lab`, loaded, idle, at its defaults and at device 0 with default streams."""
    import machines

    import mtia_lab

    mtia_lab.load()
    machines.idle_at_defaults()
    mtia_lab.configure(*mtia_lab.device.Configuration())
    yield mtia_lab
    machines.idle_at_defaults()


@pytest.fixture
def streams(lab):
    """Two new streams of mtia:0, which is idle."""
    import torch

    made = torch.Stream("mtia"), torch.Stream("mtia")
    torch.mtia.synchronize()
    return made


@pytest.fixture
def empty(lab):
    """The lab, with nothing allocated or cached on either device, and no figures or history."""
    import memory
    import torch

    memory.empty_devices()
    for device in (0, 1):
        torch.accelerator.reset_peak_memory_stats(device)
        torch.accelerator.reset_accumulated_memory_stats(device)
    yield lab
    torch.mtia.record_memory_history(None)


@pytest.fixture(scope="module")
def lab_built():
    """The device is compiled, for the processes in which guards are tried; none is left then."""
    from mtia_lab import build, progress
    from mtia_lab.guards import check

    build.ensure(build.Recipe.now(), progress=progress.Progress())
    yield
    check.server.stop()


@pytest.fixture(scope="session")
def digits():
    """Images and labels of scikit-learn's handwritten digits."""
    import torch
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return torch.tensor(images, dtype=torch.float32).view(-1, 1, 8, 8) / 16, torch.tensor(labels)
