"""Sweep 7. Lists of tensors: as arguments, as results, as `out`s, and from TorchScript."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from sweeps import change
from sweeps.corpus import Call, Corpus, outs
from sweeps.program import Program


def units(corpus: Corpus) -> list[str]:
    return [name for name, op in corpus.overloads.items() if "Tensor[]" in _text(op)]


def _text(op) -> str:
    return str(op._schema).replace("Tensor?[]", "Tensor[]").replace("Tensor(a!)[]", "Tensor[]")


CHANGES = {
    "as it is": lambda ts: ts,
    "of none": lambda ts: [],
    "of one": lambda ts: ts[:1],
    "the same twice": lambda ts: [ts[0], *ts],
    "reversed": lambda ts: ts[::-1],
    "one of another dtype": lambda ts: [*ts[:-1], ts[-1].to(torch.float64)],
    "all of int64": lambda ts: [t.to(torch.int64) for t in ts],
    "one strided": lambda ts: [change.strided(ts[0]) if ts[0].dim() else ts[0], *ts[1:]],
    "one transposed": lambda ts: [change.transposed(ts[0]) if ts[0].dim() > 1 else ts[0], *ts[1:]],
    "one of no element": lambda ts: [ts[0].reshape(-1)[:0], *ts[1:]],
    "one of no dimension": lambda ts: [change.scalar_of(ts[0]), *ts[1:]],
    "one bigger": lambda ts: [change.bigger(ts[0]), *ts[1:]],
    "overlapping": lambda ts: [*change.overlapping(ts[0]), *ts[2:]],
}


def programs(corpus: Corpus, unit: str) -> Iterator[Program]:
    for number, call in enumerate(corpus.calls(unit)):
        name = f"lists/{unit}/{number}"
        for key, value in call.values.items():
            whole = isinstance(value, list | tuple) and value
            if not whole or not all(isinstance(item, torch.Tensor) for item in value):
                continue
            for what, make in CHANGES.items():
                yield call.replace(**{key: make(list(value))}).program(f"{name}: {key} {what}")
        if not outs(call.overload) and (script := scripted(call.overload)) is not None:
            plain = call.program("")
            yield Program(f"{name}: in TorchScript", script, _in_order(call), {}, plain.host)


def _in_order(call: Call) -> tuple:
    arguments = call.overload._schema.arguments
    return tuple(call.values.get(a.name, a.default_value) for a in arguments)


@dataclass(frozen=True)
class Script:
    function: object
    source: str

    def __call__(self, *args):
        return self.function(*args)


@functools.cache
def scripted(overload) -> Script | None:
    """The overload as a function of TorchScript, whose lists have no static type of elements."""
    arguments = overload._schema.arguments
    given = ", ".join(f"%a{i} : {_script_type(a)}" for i, a in enumerate(arguments))
    passed = ", ".join(
        f"{a.name}=%a{i}" if a.kwarg_only else f"%a{i}" for i, a in enumerate(arguments)
    )
    count = len(overload._schema.returns)
    results = [f"%r{i}" for i in range(count)]
    types = [_script_type(r) for r in overload._schema.returns]
    left = ", ".join(f"{r} : {t}" for r, t in zip(results, types, strict=True))
    text = f"graph({given}):\n  {left} = {overload._schema.name}({passed})\n"
    if count == 0:
        return None
    if count > 1:
        text += f"  %t : ({', '.join(types)}) = prim::TupleConstruct({', '.join(results)})\n"
        results = ["%t"]
    text += f"  return ({results[0]})\n"
    try:
        graph = torch._C.parse_ir(text)
        function = torch._C._create_function_from_graph("f", graph)
    except RuntimeError:
        return None
    return Script(function, f"torch.jit: {overload}")


def _script_type(argument) -> str:
    def written(text: str) -> str:
        for outer, mark in (("List[", "[]"), ("Optional[", "?")):
            if text.startswith(outer):
                return written(text.removeprefix(outer).removesuffix("]")) + mark
        return {"number": "Scalar", "ScalarType": "int"}.get(text, text)

    return written(str(argument.type))
