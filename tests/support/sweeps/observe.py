"""All that can be seen of a program's run: results, arguments after it, exceptions, warnings."""

import warnings
from dataclasses import dataclass, field

import torch
from torch.utils._pytree import tree_flatten

from sweeps.program import Program, tensors_in

AT_THE_CALL, LATER = "at the call", "at a synchronization"


@dataclass(frozen=True)
class Leaf:
    """A result, or a tensor argument as it is after the call. Texts, so that they print."""

    what: str
    device: str = ""
    dtype: str = ""
    sizes: tuple = ()
    strides: tuple = ()
    offset: int = 0
    flags: str = ""
    same_as: str = ""  # the leaf before it that is the same object
    shares_with: str = ""  # the leaf before it in the same storage
    value: object = None  # bytes of a tensor; whatever is no tensor


@dataclass
class Seen:
    """What a run showed.

    error: of the call, or later; None. `moment` says when it came.
    heard: categories and texts of the warnings, in order; `late` those that came after the call.
    """

    error: BaseException | None = None
    moment: str = AT_THE_CALL
    structure: str = ""
    leaves: list[Leaf] = field(default_factory=list)
    heard: list[tuple[str, str]] = field(default_factory=list)
    late: list[tuple[str, str]] = field(default_factory=list)


def seed() -> None:
    """Start random numbers anew, on both sides alike."""
    # torch.manual_seed() queues a call, with its stack, for each accelerator that is not there.
    torch.default_generator.manual_seed(7)
    if torch.mtia.is_initialized():
        torch.mtia.default_generators[0].manual_seed(7)


def run(program: Program, device: str) -> Seen:
    """Run `program` on `device` and look at everything."""
    seen = Seen()
    args, kwargs = program.make(device)
    wait(device)
    seed()
    results = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            results = program.function(*args, **kwargs)
        except Exception as error:
            seen.error = forget(error)
        seen.heard = _texts(caught)
        try:
            wait(device)
        except Exception as error:
            if seen.error is None:
                seen.error, seen.moment = forget(error), LATER
        seen.late = _texts(caught)[len(seen.heard) :]
    try:
        seen.structure, seen.leaves = _look(results, (args, kwargs), device, program.moved)
    except Exception as error:
        wait_for_nothing(device)
        if seen.error is None:
            seen.error, seen.moment = forget(error), "when the result is read"
    return seen


def look_at_arguments(program: Program) -> list[Leaf]:
    """The arguments before the call."""
    return _look(None, program.make("cpu"), "cpu", program.moved)[1]


def wait(device: str) -> None:
    """Wait for the device; what failed on it raises here."""
    if device != "cpu":
        torch.mtia.synchronize()


def wait_for_nothing(device: str) -> None:
    """Wait for the device, whatever has failed on it."""
    try:
        wait(device)
    except Exception as error:
        forget(error)


def forget(error: BaseException) -> BaseException:
    """Let go of the frames of an exception, and of the tensors they hold."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def _texts(caught: list) -> list[tuple[str, str]]:
    return [(w.category.__name__, str(w.message)) for w in caught]


def _look(results, arguments, device: str, moved: bool) -> tuple[str, list[Leaf]]:
    flat, structure = tree_flatten(results)
    named = [(f"result {i}", leaf) for i, leaf in enumerate(flat)]
    named += [(f"argument tensor {i}", leaf) for i, leaf in enumerate(tensors_in(arguments))]
    objects: dict[int, str] = {}
    storages: dict[int, str] = {}
    leaves = []
    # Arguments first: what a result shares with one is the argument's.
    for name, leaf in sorted(named, key=lambda pair: pair[0].startswith("result")):
        if not isinstance(leaf, torch.Tensor):
            leaves.append(Leaf(name, value=_plain(leaf, device)))
            continue
        asked = "cpu" if moved else device
        if not name.startswith("result"):
            asked = leaf.device.type  # it may be one of the host
        leaves.append(_leaf(name, leaf, objects, storages, asked))
    return str(structure), leaves


def _leaf(name: str, leaf: torch.Tensor, objects: dict, storages: dict, device: str) -> Leaf:
    if leaf.layout != torch.strided:
        return Leaf(name, dtype=str(leaf.dtype), sizes=tuple(leaf.shape), flags=str(leaf.layout))
    flags = {"conj": leaf.is_conj(), "neg": leaf.is_neg(), "grad": leaf.requires_grad}
    flags["inference"] = leaf.is_inference()
    storage = leaf.untyped_storage()
    return Leaf(
        name,
        "asked" if leaf.device.type == device else leaf.device.type,
        str(leaf.dtype).removeprefix("torch."),
        tuple(leaf.shape),
        tuple(leaf.stride()),
        leaf.storage_offset(),
        " ".join(flag for flag, is_set in flags.items() if is_set),
        objects.setdefault(id(leaf), name),
        storages.setdefault(storage._cdata, name),
        as_bytes(leaf),
    )


def as_bytes(tensor: torch.Tensor) -> torch.Tensor:
    """The elements on the host, as bytes."""
    plain = tensor.detach().cpu().resolve_conj().resolve_neg()
    return plain.flatten().clone(memory_format=torch.contiguous_format).view(torch.uint8)


def _plain(value, device: str) -> object:
    if isinstance(value, torch.device):
        return "asked" if value.type == device else str(value)
    return value if isinstance(value, int | float | str | bool | complex | None) else repr(value)
