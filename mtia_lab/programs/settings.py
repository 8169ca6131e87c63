"""Settings that last for a block, whatever happens in it; and back to what `load()` left."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from ..device import Configuration, Profile, configuration, configure, state
from ..log.block import block


@block(done="set")
def schedule(name: str) -> Iterator[None]:
    """Run a block under another schedule: `with mtia_lab.schedule("latest"):`.

    Settings change only while the devices are idle, so they are waited for before and after. After
    the block, however it ends, the schedule is the one before it; a random one begins anew.

    Args:
        name: as `mtia_lab.configure` takes it.

    Raises:
        RuntimeError: there is no such schedule; or kernels failed that nobody had waited for.
    """
    with configured(schedule=name):
        yield


@block(done="set")
def profile(costs: Profile) -> Iterator[None]:
    """Run a block on a device of other costs: `with mtia_lab.profile(mtia_lab.Profile(...)):`.

    It waits and restores as `mtia_lab.schedule` does.

    Args:
        costs: what the device costs in it.

    Raises:
        TypeError: that is no `Profile`.
        RuntimeError: kernels failed that nobody had waited for.
    """
    with configured(profile=costs):
        yield


@block(done="set")
def poison(wanted: bool = True) -> Iterator[None]:
    """Run a block in which fresh and freed memory is poisoned: `with mtia_lab.poison():`.

    It waits and restores as `mtia_lab.schedule` does; what is poison, `mtia_lab.configure` says.

    Args:
        wanted: False for a block without poison within one that has it.

    Raises:
        TypeError: that is no bool.
        RuntimeError: kernels failed that nobody had waited for.
    """
    with configured(poison=wanted):
        yield


@block(done="set")
def protect(wanted: bool = True) -> Iterator[None]:
    """Run a block in which the host may not touch device memory: `with mtia_lab.protect():`.

    It waits and restores as `mtia_lab.schedule` does; what happens to a program that touches it,
    `mtia_lab.configure` says.

    Args:
        wanted: False for a block without protection within one that has it.

    Raises:
        TypeError: that is no bool.
        RuntimeError: kernels failed that nobody had waited for, or the host touched device memory.
    """
    with configured(protect=wanted):
        yield


def reset() -> None:
    """Put the devices back to what `mtia_lab.load()` left, but for tensors that still live.

    It waits for all devices. Then schedule, profile, poison and protection are the defaults, device
    0 and the default streams are current on this thread, no memory is cached, figures about memory
    begin anew, and generators have the seed that they began with.

    Raises:
        RuntimeError: kernels failed that nobody had waited for. All else is done then.
    """
    try:
        idle()
    finally:
        configure(*Configuration())
        for device in reversed(range(len(state().streams))):
            torch.mtia.set_stream(torch.mtia.default_stream(device))  # makes its device current
            torch.accelerator.reset_peak_memory_stats(device)
            torch.accelerator.reset_accumulated_memory_stats(device)
        torch.accelerator.empty_cache()
        torch.mtia.record_memory_history(None)
        torch.mtia.manual_seed_all(torch.Generator().initial_seed())


@contextmanager
def configured(
    schedule: str | None = None,
    profile: Profile | None = None,
    poison: bool | None = None,
    protect: bool | None = None,
) -> Iterator[None]:
    """Under these settings; whatever happens, idle and as before afterwards.

    Raises:
        Whatever the block raises; if it raises nothing, what the kernels that it did not wait for
        raise at the end. If both do, the block's own exception has the kernels' as a note.
    """
    idle()
    before = configuration()
    configure(schedule, profile, poison, protect)
    try:
        yield
    except BaseException as error:
        try:
            idle()
        except Exception as failure:
            error.add_note(f"Kernels of the program failed as well: {failure}")
        raise
    else:
        idle()
    finally:
        configure(*before)


def idle() -> None:
    """Wait for every device, also if kernels of one of them failed; then raise."""
    with ExitStack() as devices:
        for device in range(len(state().streams)):  # torch would latch 0 before load()
            devices.callback(torch.accelerator.synchronize, device)
