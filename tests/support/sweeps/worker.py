"""The rows of some units of a sweep, run in a process that may die: a line of JSON for each step.

A unit is an operator in a sweep. `before` lines say what is about to run, so that the one that
reads them knows what killed the process.
"""

import importlib
import json
import os
import traceback
import warnings
from collections.abc import Iterator

import torch

import mtia_lab
from sweeps.compare import compare, refused, run
from sweeps.corpus import Corpus, in_sample
from sweeps.program import Program

MARK = "\x1e"


def prepare(calls: str) -> None:
    """Read the corpus, which all units share, before the processes are forked."""
    global corpus
    corpus = Corpus.read(calls)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that torch.jit.script is old, which this calls
        importlib.import_module("torch._decomp.decompositions_for_jvp")


def work(sweep: str, units: list[str], skip: list[str], one_in: int, only_cpu: bool) -> None:
    """Run the rows of `units`; those named in `skip` killed a process before."""
    mtia_lab.load()
    mtia_lab.configure(schedule="latest", poison=True)
    torch.set_warn_always(True)
    torch.set_num_threads(1)
    module = importlib.import_module(f"sweeps.{sweep}")
    for unit in units:
        if unit in skip:
            continue
        _say("before", unit, "the CPU")
        try:
            for program in _rows(module, unit, set(skip), one_in):
                _row(program, only_cpu)
                _say("before", unit, "the CPU")
        except Exception as error:  # of the sweep itself
            _say("broken", f"{sweep}/{unit}", "".join(traceback.format_exception(error)[-3:]))
    _say("end", "")


def _rows(module, unit: str, left_out: set[str], one_in: int) -> Iterator[Program]:
    names = set(left_out)
    by_hand = module.__name__ == "sweeps.written"
    for program in module.programs(corpus, unit):
        if program.name not in names and in_sample(program.name, 1 if by_hand else one_in):
            names.add(program.name)
            yield program


def _row(program: Program, only_cpu: bool) -> None:
    _say("before", program.name, "the CPU")
    theirs = run(program, "cpu") if program.refused is None else None
    if only_cpu:
        return
    _say("before", program.name, "the device", str(program)[:500])
    ours = run(program, "mtia")
    found = refused(program, ours) if theirs is None else compare(program, theirs, ours)
    problems = [[d.check, d.expected, d.got] for d in found]
    _say("after", program.name, str(program) if problems else "", problems)


def _say(*what) -> None:
    os.write(1, f"{MARK}{json.dumps(what)}\n".encode())
