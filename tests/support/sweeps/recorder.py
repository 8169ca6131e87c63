"""Records the calls of operators beneath the samples of PyTorch's operator database, on the CPU."""

import itertools
import warnings

import op_samples
import torch
from torch.testing._internal import common_methods_invocations as database
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sweeps.corpus import CALLS, all_overloads, in_sample, kinds, mark, short
from sweeps.program import copy_to, tensors_in

SAMPLES = 8  # of an entry
LARGEST = 4096  # elements of a tensor that is kept
DTYPES = (torch.float32, torch.int64, torch.complex64, torch.bool)


def record(one_in: int, path: str) -> None:
    """Save a list of the names of overloads and their arguments, which are right, to `path`.

    one_in: a fixed sample of the entries.
    """
    warnings.simplefilter("ignore")
    recorder = _Recorder()
    for dtype in DTYPES:
        for name, op in op_samples.entries().items():
            if in_sample(name, one_in) and dtype in op.supported_dtypes("cpu"):
                _run(op, dtype, recorder)
    for op in _foreach_entries() if one_in == 1 else []:
        _run_foreach(op, recorder)
    torch.save(recorder.calls, path)


def _run(op, dtype: torch.dtype, recorder: "_Recorder") -> None:
    backward = dtype.is_floating_point and op.supports_autograd
    torch.default_generator.manual_seed(3)
    samples = op.sample_inputs_func(op, "cpu", dtype, backward)
    for sample in itertools.islice(samples, SAMPLES):
        try:
            with recorder:
                result = op.op(sample.input, *sample.args, **sample.kwargs)
                wanted = [t for t in tensors_in(result) if t.requires_grad] if backward else []
                inputs = tensors_in((sample.input, sample.args, sample.kwargs))
                inputs = [t for t in inputs if t.requires_grad and t.is_leaf]
                if wanted and inputs:
                    total = sum(t.sum() for t in wanted if not t.is_complex())
                    torch.autograd.grad(total, inputs, allow_unused=True)
        except Exception:
            continue  # a sample of an error, or a view that a mode does not allow


def _foreach_entries() -> list:
    names = [n for n in vars(database) if n.startswith("foreach_") and n.endswith("_op_db")]
    return [op for name in names for op in getattr(database, name)]


def _run_foreach(op, recorder: "_Recorder") -> None:
    for sample in itertools.islice(op.sample_inputs("cpu", torch.float32, noncontiguous=False), 6):
        for function in (op.method_variant, op.inplace_variant):
            try:
                with recorder:
                    function(copy_to("cpu", sample.input), *sample.args, **sample.kwargs)
            except Exception:
                continue


class _Recorder(TorchDispatchMode):
    """Keeps the calls it sees: a few for each operator, and one more for each other dtype."""

    def __init__(self):
        super().__init__()
        self.calls: list[tuple[str, dict]] = []
        self._overloads = all_overloads()
        self._seen: set = set()
        self._counts: dict = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func.namespace == "aten" and short(func) in self._overloads:
            self._keep(func, args, kwargs)
        return func(*args, **kwargs)

    def _keep(self, overload, args: tuple, kwargs: dict) -> None:
        tensors = tensors_in((args, kwargs))
        if any(t.numel() > LARGEST or t.layout != torch.strided for t in tensors):
            return
        if not all(map(_can_be_kept, tree_leaves((args, kwargs)))):
            return
        names = [argument.name for argument in overload._schema.arguments]
        values = dict(zip(names, args, strict=False)) | kwargs
        kind = kinds(overload)[0]
        form = (kind, mark(values))
        alike = (kind, tuple(sorted({str(t.dtype) for t in tensors})))
        count = self._counts.get(kind, 0)
        if form in self._seen or (alike in self._seen and count >= CALLS):
            return
        self._seen |= {form, alike}
        self._counts[kind] = count + 1
        plain = {key: _plain(value) for key, value in values.items()}
        self.calls.append((short(overload), copy_to("cpu", plain)))


def _can_be_kept(value) -> bool:
    plain = bool | int | float | complex | str | None | torch.dtype | torch.device | torch.layout
    return type(value) in (torch.Tensor, torch.memory_format) or isinstance(value, plain)


def _plain(value):
    if isinstance(value, torch.Tensor):
        return value.detach()
    if isinstance(value, torch.memory_format):
        return str(value)  # it cannot be pickled
    return list(map(_plain, value)) if isinstance(value, list | tuple) else value
