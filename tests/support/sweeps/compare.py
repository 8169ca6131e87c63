"""What differs between the CPU's run of a program and the device's."""

import ctypes
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from sweeps.observe import AT_THE_CALL, Leaf, Seen, look_at_arguments, run
from sweeps.program import Program, copy_to, tensors_in

FORM = ("device", "dtype", "sizes", "strides", "offset", "flags", "same_as", "shares_with")
CHECK_OF = {"same_as": "sharing", "shares_with": "sharing", "offset": "strides"}
_libc = ctypes.CDLL(None)
_M_PERTURB = -6  # of mallopt()
NOT_FOR_READERS = ("Facebook", "INTERNAL ASSERT", "from the 'CPU' backend")
WEAK = {"text"}  # differences that are told, and fail nothing


@dataclass(frozen=True)
class Difference:
    """check: the kind: crash, missing, late, raised, type, text, warnings, structure, value or one
    of a tensor's form. expected, got: what the CPU shows, or what is promised, and the device."""

    check: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"[{self.check}] {self.expected}  !=  {self.got}"


def compare(program: Program, theirs: Seen, ours: Seen) -> Iterator[Difference]:
    """Yield how what the device showed differs from what the CPU showed."""
    yield from _errors(program, theirs, ours)
    if [*map(_without_devices, theirs.heard)] != [*map(_without_devices, ours.heard)]:
        yield Difference("warnings", str(theirs.heard), f"{ours.heard}, later {ours.late}")
    elif ours.late:
        yield Difference("warnings", "none after the call", str(ours.late))
    if (theirs.error is None) != (ours.error is None):
        return
    if ours.moment != AT_THE_CALL:
        return
    if ours.error is not None:
        yield from _after_an_error(program, theirs, ours)
        return
    if ours.structure != theirs.structure:
        yield Difference("structure", theirs.structure, ours.structure)
        return
    found = []
    for there, here in zip(theirs.leaves, ours.leaves, strict=True):
        found += [(there.what, difference) for difference in _unlike(there, here)]
    values = any(difference.check == "value" for _, difference in found)
    unsure = _uncertain(program) if values and not program.loose else set()
    for what, difference in found:
        if difference.check != "value" or not (program.loose or what in unsure):
            yield difference


def _after_an_error(program: Program, theirs: Seen, ours: Seen) -> Iterator[Difference]:
    """The CPU may have resized an argument before it raised; to have left it is right as well."""
    before = {leaf.what: leaf.sizes for leaf in look_at_arguments(program)}
    for there, here in zip(theirs.leaves, ours.leaves, strict=False):  # none: memory ran out
        if here.sizes not in (there.sizes, before.get(here.what, there.sizes)):
            yield Difference("sizes", f"{there.what}: {there.sizes}", f"{here.sizes}")


def _unlike(there: Leaf, here: Leaf) -> Iterator[Difference]:
    for field in FORM:
        one, other = getattr(there, field), getattr(here, field)
        if one != other:
            check = CHECK_OF.get(field, field)
            yield Difference(check, f"{there.what}: {field} {one}", f"{other}")
    if there.sizes == here.sizes and there.dtype == here.dtype and not _same(there, here):
        yield Difference("value", f"{there.what}: {_print(there)}", _print(here))


def _errors(program: Program, theirs: Seen, ours: Seen) -> Iterator[Difference]:
    if theirs.error is None:
        if ours.error is not None:
            yield Difference("raised", "no exception", f"{ours.moment}: {_words(ours.error)}")
        return
    if ours.error is None:
        yield Difference("missing", _words(theirs.error), "no exception, not even later")
        return
    if ours.moment != AT_THE_CALL and not depends_on_values(program, theirs):
        yield Difference("late", _words(theirs.error), f"{ours.moment}: {_words(ours.error)}")
    if isinstance(ours.error, torch.OutOfMemoryError) and "allocate memory" in str(theirs.error):
        return  # as on CUDA
    if type(ours.error) is not type(theirs.error):
        yield Difference("type", _words(theirs.error), f"{ours.moment}: {_words(ours.error)}")
    elif not _same_text(str(theirs.error), str(ours.error)):
        yield Difference("text", _words(theirs.error), _words(ours.error))


def refused(program: Program, ours: Seen) -> Iterator[Difference]:
    """Yield how a refusal that `program.refused` promises did not come."""
    if ours.error is None:
        yield Difference("missing", f"an exception: {program.refused}", "no exception")
    elif ours.moment != AT_THE_CALL:
        yield Difference("late", f"at the call: {program.refused}", _words(ours.error))
    elif program.refused not in str(ours.error):
        yield Difference("type", f"an exception: {program.refused}", _words(ours.error))
    elif any(text in str(ours.error) for text in NOT_FOR_READERS):
        yield Difference("type", "a sentence for readers", _words(ours.error))


def depends_on_values(program: Program, theirs: Seen) -> bool:
    """Whether the CPU's exception is absent, or another, when the tensors hold other values."""
    if program.late:
        return True
    for fill in (_zeros, _ones, _steps, _unit):
        again = run(_filled(program, fill), "cpu")
        if again.error is None or str(again.error) != str(theirs.error):
            return True
    return False


def _filled(program: Program, fill) -> Program:
    arguments = copy_to("cpu", (program.args, program.kwargs))
    for tensor in tensors_in(arguments):
        if tensor.layout == torch.strided and tensor.untyped_storage().nbytes():
            raw = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())
            with torch.no_grad():
                fill(raw, tensor)
    return replace(program, args=arguments[0], kwargs=arguments[1], host=())


def _zeros(raw, _):
    raw.zero_()


def _ones(raw, _):
    raw.copy_(torch.ones(raw.shape))


def _steps(raw, _):
    raw.copy_(torch.arange(1, raw.numel() + 1))


def _unit(raw, tensor):
    raw.zero_()
    if tensor.dim() >= 2:
        tensor.diagonal(dim1=-2, dim2=-1).copy_(torch.ones(()))


def _uncertain(program: Program) -> set[str]:
    """The leaves in which two runs of the CPU differ: nobody set them."""
    first = run(program, "cpu")
    _libc.mallopt(_M_PERTURB, 0x5A)  # fresh memory holds other bytes
    again = run(program, "cpu")
    _libc.mallopt(_M_PERTURB, 0)
    pairs = zip(first.leaves, again.leaves, strict=True)
    return {one.what for one, other in pairs if not _same(one, other)}


def _same(there, here) -> bool:
    one, other = there.value, here.value
    if not isinstance(one, torch.Tensor):
        return type(one) is type(other) and (one == other or (one != one and other != other))
    if torch.equal(one, other):
        return True
    dtype = getattr(torch, there.dtype)
    if not (dtype.is_floating_point or dtype.is_complex):
        return False
    part = dtype.to_real() if dtype.is_complex else dtype
    not_numbers = [_is_nan(raw.view(part)) for raw in (one, other)]  # equal whatever their bits
    equal = (one == other).reshape(-1, part.itemsize).all(1)
    return bool((equal | (not_numbers[0] & not_numbers[1])).all())


def _is_nan(numbers: torch.Tensor) -> torch.Tensor:
    numbers = numbers.float() if numbers.dtype.itemsize == 1 else numbers
    return numbers != numbers


def _print(leaf) -> str:
    if not isinstance(leaf.value, torch.Tensor):
        return repr(leaf.value)
    try:
        numbers = leaf.value.view(getattr(torch, leaf.dtype)).tolist()
    except (RuntimeError, TypeError, AttributeError):
        numbers = leaf.value.tolist()
    return str(numbers[:12])


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}"


def _same_text(theirs: str, ours: str) -> bool:
    plain = [" ".join(text.split()) for text in (theirs, ours)]
    if any(re.search(r"cpu|mtia", text, re.IGNORECASE) for text in plain):
        return True
    return plain[0] in plain[1]


def _without_devices(warning: tuple[str, str]) -> tuple[str, str]:
    category, text = warning
    return category, re.sub(r"\b(cpu|mtia(:\d)?)\b", "d", text, flags=re.IGNORECASE)
