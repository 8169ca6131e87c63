"""Calls that are right, for every operator: what the sweeps then change in one thing at a time.

Most are recorded: the samples of PyTorch's operator database run on the CPU, and each call of an
overload that the dispatcher sees beneath them is kept. A call of `add.Tensor` is one of
`add_.Tensor` and `add.out` as well. An operator that no sample reaches is called with arguments
guessed from its schema, until the CPU takes some.
"""

import contextlib
import itertools
import os
import subprocess
import sys
import tempfile
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from sweeps.program import Program, copy_to

CALLS = 4  # looked at of an overload

# Fresh memory holds anything; these ask about the process, end it, or are another device's.
NOT_COMPARED = (
    "empty", "new_empty", "_cuda", "cuda", "cudnn", "_cudnn", "miopen", "_mps", "mkldnn", "_mkldnn",
    "_sparse", "sparse", "_nested", "to_sparse", "_to_sparse", "to_mkldnn", "quantize", "_quantize",
    "fbgemm", "qscheme", "q_", "int_repr", "dequantize", "_make_per", "_empty", "record_stream",
    "from_file", "_use_cudnn", "_nnpack", "_fw_", "_make_dual", "_pin_memory", "pin_memory",
    "is_pinned", "_print", "_assert", "sym_", "_version", "_cslt", "_xpu", "_validate_",
    "_coalesce", "_make_dep", "_to_cpu", "_add_batch_dim", "_remove_batch_dim",
    "get_device", "choose_qparams", "_gather_sparse", "_new_zeros_with_same_feature", "_foobar",
    "_convert_indices",
    "_test", "_backward", "backward", "data", "set_data", "retain_grad", "_spsolve", "_jagged",
    "_wrapped", "_weight_int4", "_dyn_quant", "_has_compatible", "_thnn_fused", "_lazy_clone",
)  # fmt: skip


@dataclass(frozen=True)
class Call:
    """An overload, and the values of its arguments by name."""

    overload: torch._ops.OpOverload
    values: dict

    def replace(self, /, **values) -> "Call":
        return Call(self.overload, self.values | values)

    def copy(self) -> "Call":
        """The same, on copies of the tensors, which may then be changed."""
        return Call(self.overload, copy_to("cpu", self.values))

    def program(self, name: str, **special) -> Program:
        """The call as a program; `name` says what is special about it, `special` does as well."""
        args, kwargs = [], {}
        for argument in self.overload._schema.arguments:
            if argument.name not in self.values:
                continue
            if argument.kwarg_only or len(args) < self._position(argument):
                kwargs[argument.name] = self.values[argument.name]
            else:
                args.append(self.values[argument.name])
        return Program(name, self.overload, tuple(args), kwargs, **special)

    def _position(self, argument) -> int:
        return [a.name for a in self.overload._schema.arguments].index(argument.name)

    def tensors(self) -> list[str]:
        """The names of the arguments that are one tensor."""
        return [name for name, value in self.values.items() if isinstance(value, torch.Tensor)]

    def is_written(self, name: str) -> bool:
        arguments = {a.name: a for a in self.overload._schema.arguments}
        info = arguments[name].alias_info
        return info is not None and info.is_write


def short(overload: torch._ops.OpOverload) -> str:
    """`add.Tensor`, `relu` for aten's; with the namespace for others."""
    return str(overload).removeprefix("aten.").removesuffix(".default")


def all_overloads() -> dict[str, torch._ops.OpOverload]:
    """Every overload of aten that takes or gives a tensor and can be compared, by short name."""
    found = {}
    for full in torch._C._dispatch_get_all_op_names():
        namespace, _, rest = full.partition("::")
        if namespace != "aten" or rest.startswith(NOT_COMPARED):
            continue
        name, _, overload = rest.partition(".")
        op = getattr(getattr(torch.ops.aten, name), overload or "default", None)
        if op is None or "Tensor" not in str(op._schema):
            continue
        found[short(op)] = op
    return dict(sorted(found.items()))


class Corpus:
    """Right calls by overload."""

    def __init__(self, recorded: list[tuple[str, dict]] = ()):
        self.overloads = all_overloads()
        self._by_kind: dict[tuple, list[Call]] = {}
        self._guessed: dict[str, list[Call]] = {}
        for name, values in recorded:
            overload = self.overloads[name]
            if "device" in names(overload) and "self" not in names(overload):
                values["device"] = torch.device("cpu")  # a factory makes it where it is asked
            if str(values.get("memory_format")).startswith("torch."):
                values["memory_format"] = getattr(torch, values["memory_format"][6:])
            self._by_kind.setdefault(kinds(overload)[0], []).append(Call(overload, values))

    @classmethod
    def read(cls, path: str) -> "Corpus":
        """The corpus of a file that `recorded` made."""
        return cls(torch.load(path, weights_only=False))

    def recorded(self, name: str) -> list[Call]:
        """The calls that the database gives of an overload, or of a variant of it."""
        overload = self.overloads[name]
        for kind in kinds(overload):
            if calls := self._by_kind.get(kind):
                return [_as(overload, call) for call in calls[:CALLS]]
        return []

    def calls(self, name: str) -> list[Call]:
        """Right calls of an overload: recorded, or else guessed; none if none was found."""
        if calls := self.recorded(name):
            return calls
        if name not in self._guessed:
            self._guessed[name] = list(itertools.islice(guesses(self.overloads[name]), 2))
        return self._guessed[name]


@contextlib.contextmanager
def recorded(one_in: int = 1) -> Iterator[str]:
    """Record the operator database, or one in so many of its entries; the path of a file of calls.

    Not in this process, where a backward pass on the CPU would settle what accelerator there is.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "calls")
        code = f"from sweeps import recorder; recorder.record({one_in}, {path!r})"
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "OMP_NUM_THREADS": "1",
        }
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
        yield path


def mark(values: dict) -> str:
    """Calls with the same mark differ in values only."""

    def form(value):
        if isinstance(value, torch.Tensor):
            return (str(value.dtype), tuple(value.shape), tuple(value.stride()))
        if isinstance(value, list | tuple):
            return tuple(map(form, value))
        return repr(value)

    return str({key: form(value) for key, value in values.items()})


_FACTORY = ("layout", "device", "pin_memory", "memory_format")


def kinds(overload) -> list[tuple]:
    """What the variants of one operator have in common: `add.Tensor`, `add_.Tensor`, `add.out`."""
    schema = overload._schema
    name = schema.name.partition("::")[2]
    name = name.removesuffix("_") if not name.endswith("__") else name
    given = [a for a in schema.arguments if not a.is_out and a.name not in _FACTORY]
    all_ = tuple((a.name, str(a.type)) for a in given)
    return [(name, all_), (name, tuple(pair for pair in all_ if pair[0] != "dtype"))]


def _as(overload, call: Call) -> Call:
    names = {argument.name for argument in overload._schema.arguments}
    return Call(overload, {key: value for key, value in call.values.items() if key in names})


def names(overload) -> list[str]:
    """The names of its arguments."""
    return [argument.name for argument in overload._schema.arguments]


def outs(overload) -> list[str]:
    return [argument.name for argument in overload._schema.arguments if argument.is_out]


def is_in_place(overload) -> bool:
    """Whether it writes to what is no `out`."""
    arguments = overload._schema.arguments
    return any(a.alias_info and a.alias_info.is_write and not a.is_out for a in arguments)


def in_sample(name: str, one_in: int) -> bool:
    """Whether a name belongs to a fixed sample of one in so many."""
    return zlib.crc32(name.encode()) % one_in == 0


# Guessing.

_SIZES = ((3,), (2, 3), (3, 3), (2, 3, 4, 4), (2, 3, 4), ())
_KINDS = (torch.float32, torch.int64, torch.bool, torch.complex64)


def _tensor(sizes: tuple, dtype: torch.dtype) -> torch.Tensor:
    count = 1
    for size in sizes:
        count *= size
    steps = torch.arange(count) % 3
    return steps.to(dtype).reshape(sizes)


def _candidates(argument, sizes: tuple, dtype: torch.dtype, number: int) -> list:
    text = str(argument.type)
    if argument.is_out:
        return [torch.empty(0, dtype=dtype)]
    if argument.name == "device":
        return [torch.device("cpu")]
    if argument.has_default_value():
        return [argument.default_value] if not text.startswith("Optional[Tensor") else [None]
    simple = {
        "Tensor": _tensor(sizes, dtype),
        "Optional[Tensor]": None,
        "List[Tensor]": [_tensor(sizes, dtype), _tensor(sizes, dtype)],
        "List[Optional[Tensor]]": [torch.tensor([0, 1])],
        "int": number,
        "float": 0.5,
        "bool": False,
        "number": 2,
        "str": "none",
        "ScalarType": torch.float32,
        "Device": torch.device("cpu"),
        "Layout": torch.strided,
        "MemoryFormat": torch.contiguous_format,
        "List[number]": [2, 3],
        "List[float]": [0.5],
        "List[bool]": [False, False, True],
    }
    if text in simple:
        return [simple[text]]
    if text.startswith("List[int]"):
        return [[number], [number + 1] * 2, list(sizes)]
    return [None] if text.startswith("Optional") else []


def guesses(overload) -> Iterator[Call]:
    """Yield calls that the CPU takes, tried in a fixed order."""
    arguments = overload._schema.arguments
    seen = set()
    for dtype, sizes, number in itertools.product(_KINDS, _SIZES, (1, 0, 2)):
        options = [_candidates(a, sizes, dtype, number) for a in arguments]
        for values in itertools.islice(itertools.product(*options), 9):
            call = Call(overload, dict(zip((a.name for a in arguments), values, strict=True)))
            if (form := mark(call.values)) not in seen and _runs(call):
                yield call
            seen.add(form)


def _runs(call: Call) -> bool:
    args, kwargs = call.program("").make("cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call.overload(*args, **kwargs)
        except Exception:
            return False
    return True
