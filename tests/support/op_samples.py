"""One entry of PyTorch's operator database, run on the device and on the CPU, and compared.

`op_db` (torch.testing._internal.common_methods_invocations) is what PyTorch tests its own backends
with: some 700 operators, each with sample inputs. Kernels here are the CPU's, so results are to be
equal, bit for bit, not merely close.
"""

import functools
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import torch
from filelock import FileLock
from sweeps.program import copy_to, tensors_in

# Nothing can be compared: uninitialized memory, and kernels compiled for CUDA.
_NOTHING_TO_COMPARE = ("empty", "new_empty", "jiterator")


@functools.cache
def entries() -> dict:
    """The entries by name. To import the database takes three seconds."""
    from torch.testing._internal.common_methods_invocations import op_db

    found = {op.formatted_name: op for op in op_db}
    return {k: op for k, op in found.items() if not k.startswith(_NOTHING_TO_COMPARE)}


def names(dtype: torch.dtype) -> list[str]:
    """Return the entries whose operator takes `dtype` on the CPU."""
    return [name for name, op in entries().items() if dtype in op.supported_dtypes("cpu")]


def names_to_collect(config) -> list[str]:
    """Return `names(torch.float32)`, which pytest keeps from one run to the next."""
    cache = getattr(config, "cache", None)
    if cache is None:  # it is switched off
        return names(torch.float32)
    key = f"operators/{torch.__version__}-{zlib.crc32(Path(__file__).read_bytes())}"
    with FileLock(cache.mkdir("operators") / "lock"):  # one of xdist's workers finds them for all
        found = cache.get(key, None)
        if not found:
            found = names(torch.float32)
            cache.set(key, found)
    return found


Tolerances = dict[str, float]  # "rtol", "atol" of torch.testing.assert_close; its own if empty


def difference(
    name: str,
    dtype: torch.dtype,
    *,
    backward: bool,
    close: Tolerances | None = None,
    at_most: int = 1000,
) -> str | None:
    """Run the samples of an entry on both sides and say where they differ.

    Args:
        name: an entry, as `names` gives it.
        dtype: of the samples.
        backward: compare gradients as well as results.
        close: if given, within these tolerances is near enough.
        at_most: how many samples to run.

    Returns:
        what differs first, or None.

    Raises:
        Exception: what the device raised where the CPU raised nothing.
    """
    op = entries()[name]
    _seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Not op.sample_inputs(), which looks at the whole stack for the name of the test.
        samples = op.sample_inputs_func(op, "mtia", dtype, backward)
        for number, sample in zip(range(at_most), samples, strict=False):
            made = [sample.input, sample.args, sample.kwargs]
            # Both are copies: a view that was to be a leaf is none, and its copy is.
            on_host = tuple(tensor for tensor in tensors_in(made) if tensor.is_cpu)
            here, there = copy_to("mtia", made, on_host), copy_to("cpu", made)
            for what, ours, theirs in _outcomes(op, here, there, backward):
                if problem := _unlike(ours, theirs, close):
                    return f"sample {number}, {what}: {problem}"
    return None


def _outcomes(op, here: list, there: list, backward: bool) -> Iterator[tuple[str, object, object]]:
    theirs, ours = _call(op, there), _call(op, here)
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        if not isinstance(theirs, Exception):
            raise ours
        yield "error", isinstance(ours, Exception), True
        return
    yield "result", ours, theirs
    if backward:
        theirs = _gradients(theirs, there)
        if not isinstance(theirs, Exception):  # else double backward of a sample the CPU refuses
            yield "gradient", _gradients(ours, here), theirs


def _seed(number: int) -> None:
    # torch.manual_seed() queues a call, with its stack, for each accelerator that is not there.
    torch.default_generator.manual_seed(number)
    torch.mtia.default_generators[0].manual_seed(number)


def _call(op, sample: list):
    _seed(7)
    try:
        return op.op(sample[0], *sample[1], **sample[2])
    except Exception as error:
        return error


def _gradients(results, sample: list):
    outputs = [t for t in tensors_in(results) if t.requires_grad]
    inputs = [t for t in tensors_in(sample) if t.requires_grad and t.is_leaf]
    if not outputs or not inputs:
        return []
    try:
        total = sum(t.abs().sum() if t.is_complex() else t.sum() for t in outputs)
        return torch.autograd.grad(total, inputs, allow_unused=True)
    except Exception as error:
        return error


def _unlike(ours, theirs, close: Tolerances | None) -> str | None:
    if isinstance(theirs, torch.Tensor):
        return _unlike_tensor(ours, theirs, close)
    if isinstance(theirs, dict):
        ours, theirs = list(ours.items()), list(theirs.items())
    if isinstance(theirs, list | tuple):
        if len(ours) != len(theirs):
            return f"{len(ours)} values instead of {len(theirs)}"
        problems = (_unlike(a, b, close) for a, b in zip(ours, theirs, strict=True))
        return next(filter(None, problems), None)
    same = ours == theirs or (ours != ours and theirs != theirs)  # not a number
    return None if same else f"{ours} instead of {theirs}"


def _unlike_tensor(ours, theirs: torch.Tensor, close: Tolerances | None) -> str | None:
    if not isinstance(ours, torch.Tensor):
        return f"{ours} instead of a tensor"
    form = (ours.shape, ours.dtype, ours.layout)
    if form != (theirs.shape, theirs.dtype, theirs.layout):
        return f"{form} instead of {(theirs.shape, theirs.dtype, theirs.layout)}"
    ours, theirs = ours.detach().cpu().resolve_conj(), theirs.detach().resolve_conj()
    if close is not None:
        torch.testing.assert_close(ours, theirs, equal_nan=True, **close)
        return None
    if ours.dtype.itemsize == 1 and ours.dtype.is_floating_point:  # 8 bits know no comparison
        ours, theirs = ours.view(torch.uint8), theirs.view(torch.uint8)
    equal = (ours == theirs) | ((ours != ours) & (theirs != theirs))
    return None if equal.all() else f"{(~equal).sum()} of {equal.numel()} elements differ"
